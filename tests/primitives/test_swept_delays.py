"""Delays whose durations are parameters relax as Aer's do when the values are in the circuit."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.exceptions import IBMInputValueError
from samplomatic import build
from samplomatic.transpiler import generate_boxing_pass_manager

from qiskit_modes import EstimatorV2, Executor, QuantumProgram, SamplerV2, estimate_usage
from qiskit_modes.simulation.circuits.durations import open_delays, with_durations
from tests.simulation.aer_oracle import aer_distribution
from tests.simulation.devices import device, noise_model

T, A = Parameter("t"), Parameter("a")
SHOTS = 4000


@pytest.fixture(params=["device", "simulator"], scope="module")
def backend(request: pytest.FixtureRequest) -> Any:
    manila = device("manila")
    return manila if request.param == "device" else AerSimulator.from_backend(manila)


def decay(duration: Any, unit: str) -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.delay(duration, 0, unit)
    circuit.measure(0, 0)
    return circuit


def ramsey() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.sx([0, 1])
    circuit.delay(T, 0, "us")
    circuit.delay(2 * T + 1, 1, "us")
    circuit.rz(A, [0, 1])
    circuit.cx(0, 1)
    circuit.sx([0, 1])
    circuit.measure([0, 1], [0, 1])
    return circuit


# Circuits, and values of their parameters in the order of their names.
SWEEPS: dict[str, tuple[QuantumCircuit, list[list[float]]]] = {
    "dt": (decay(T, "dt"), [[0], [100_000], [1_000_000]]),
    "seconds": (decay(T, "s"), [[0], [3e-5], [2e-4]]),
    "ms": (decay(T, "ms"), [[0], [3e-2], [2e-1]]),
    "us": (decay(T, "us"), [[0], [30], [200], [30]]),
    "ns": (decay(T, "ns"), [[0], [3e4], [2e5]]),
    "ps": (decay(T, "ps"), [[0], [3e7], [2e8]]),
    "an expression": (decay(T * T / 4, "us"), [[0], [7.0], [20]]),
    "whole samples by an expression": (decay(1000 * T, "dt"), [[0], [500], [7]]),
    "ramsey": (ramsey(), [[0.0, 0.0], [0.4, 20.0], [1.3, 20.0], [0.4, 70.0]]),
}
TWIRLED = {"twirling": {"enable_gates": True, "enable_measure": True}}


def exact(circuit: QuantumCircuit, values: list[float]) -> dict[int, float]:
    return aer_distribution(circuit.assign_parameters(values), noise_model(device("manila")))


@cache
def expected_of(name: str) -> list[dict[int, float]]:
    circuit, values = SWEEPS[name]
    return [exact(circuit, each) for each in values]


@pytest.mark.parametrize("name", SWEEPS)
def test_samplers(name, backend):
    circuit, values = SWEEPS[name]
    expected = expected_of(name)
    for options in ({}, TWIRLED):
        sampler = SamplerV2(backend, options={**options, "simulator": {"seed_simulator": 9}})
        found = sampler.run([(circuit, values)], shots=SHOTS).result()[0].data.c
        shots = found.num_shots
        for index, distribution in enumerate(expected):
            counts = found[index].get_int_counts()
            for outcome in range(1 << circuit.num_clbits):
                probability = distribution.get(outcome, 0.0)
                # Gates of a twirled circuit err otherwise: each qubit has two pulses more.
                slack = 5 * math.sqrt(probability / shots) + (0.02 if options else 0.003)
                assert abs(counts.get(outcome, 0) / shots - probability) < slack


@pytest.mark.parametrize("level", [0, 1])
def test_estimators(level, backend):
    circuit, values = SWEEPS["ramsey"]
    circuit = circuit.remove_final_measurements(inplace=False)
    options = {"resilience_level": level, "simulator": {"seed_simulator": 5}}
    together = [(circuit, [["ZI"], ["IX"]], values)]
    data = EstimatorV2(backend, options=options).run(together, precision=0.02).result()[0].data
    singly = [
        (circuit.assign_parameters(each), observable)
        for observable in ("ZI", "IX")
        for each in values
    ]
    result = EstimatorV2(backend, options=options).run(singly, precision=0.02).result()
    expected = np.reshape([float(each.data.evs) for each in result], (2, len(values)))
    assert data.evs.shape == expected.shape
    np.testing.assert_allclose(data.evs, expected, atol=0.12)


def test_executors(backend):
    circuit, values = SWEEPS["us"]
    program = QuantumProgram(SHOTS)
    program.append_circuit_item(circuit, circuit_arguments=np.array(values))
    (item,) = Executor(backend).run(program).result()
    assert item["c"].shape == (len(values), SHOTS, 1)
    for index, each in enumerate(values):
        assert item["c"][index].mean() == pytest.approx(exact(circuit, each)[1], abs=0.05)


@pytest.mark.parametrize("settings", [{}, {"resilience_level": 1}, TWIRLED])
def test_the_same_seed_gives_the_same(settings, backend):
    options = {**settings, "simulator": {"seed_simulator": 2}}
    circuit, values = SWEEPS["ramsey"]
    if "resilience_level" in settings:
        bare = circuit.remove_final_measurements(inplace=False)
        runs = [EstimatorV2(backend, options=options).run([(bare, "ZZ", values)]) for _ in range(2)]
        first, second = (run.result()[0].data.evs for run in runs)
    else:
        runs = [SamplerV2(backend, options=options).run([(circuit, values)]) for _ in range(2)]
        first, second = (run.result()[0].data.c.array for run in runs)
    np.testing.assert_array_equal(first, second)


def test_shapes(backend):
    circuit, values = SWEEPS["ramsey"]
    table = np.reshape(values, (2, 2, 2))
    found = SamplerV2(backend).run([(circuit, table)], shots=SHOTS).result()[0].data.c
    assert found.shape == (2, 2)
    for place in np.ndindex(2, 2):
        probability = exact(circuit, table[place].tolist()).get(0, 0.0)
        assert found[place].get_int_counts().get(0, 0) / SHOTS == pytest.approx(
            probability, abs=0.05
        )


def test_control_flow_and_loops(backend):
    """A delay of a loop's own parameter has another duration in every round."""
    circuit = QuantumCircuit(1, 2)
    circuit.x(0)
    with circuit.for_loop(range(1, 4)) as number:
        circuit.delay(number * T, 0, "us")
    with circuit.if_test((circuit.clbits[1], 0)):
        circuit.delay(T, 0, "us")
    circuit.measure(0, 0)
    found = SamplerV2(backend).run([(circuit, [[0], [20]])], shots=SHOTS).result()[0].data.c
    for index, total in enumerate([0.0, 7 * 20.0]):
        probability = exact(SWEEPS["us"][0], [total])[1]
        assert found[index].get_int_counts()[1] / SHOTS == pytest.approx(probability, abs=0.05)


def test_loops_without_open_durations(backend):
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    with circuit.for_loop(range(3)) as number:
        circuit.delay(number * 20, 0, "us")
    circuit.measure(0, 0)
    found = SamplerV2(backend).run([circuit], shots=SHOTS).result()[0].data.c
    probability = exact(SWEEPS["us"][0], [60])[1]
    assert found.get_int_counts()[1] / SHOTS == pytest.approx(probability, abs=0.05)


NONE_SUCH = {
    "negative": (decay(T, "us"), [[3], [-1]], r"-1\.0 us; expected a finite number .* of set 1"),
    "not whole": (decay(T, "dt"), [[3], [1.5]], r"1\.5 dt; samples are counted by whole numbers"),
    "no number": (decay(T, "us"), [[1], [math.nan]], "finite"),
    "infinite": (decay(T, "us"), [[math.inf]], "finite"),
    "of an expression": (decay(1 / T, "us"), [[1], [0]], "expected a finite number"),
    "complex": (decay(T**0.5, "us"), [[-4]], "expected a finite number"),
}


@pytest.mark.parametrize("name", NONE_SUCH)
def test_what_is_no_duration_is_said_at_once(name, backend):
    circuit, values, words = NONE_SUCH[name]
    with pytest.raises(IBMInputValueError, match=words):
        SamplerV2(backend).run([(circuit, values)])
    with pytest.raises(IBMInputValueError, match=words):
        EstimatorV2(backend).run([(circuit, "Z", values)])
    program = QuantumProgram(10)
    program.append_circuit_item(circuit, circuit_arguments=np.array(values, dtype=float))
    with pytest.raises(IBMInputValueError, match=words):
        Executor(backend).run(program)


@pytest.mark.parametrize("duration", [math.nan, math.inf])  # Qiskit refuses what is negative
def test_durations_that_are_written_in_the_circuit(duration, backend):
    circuit = decay(duration, "us")
    with pytest.raises(IBMInputValueError, match="expected a finite number that is not negative"):
        SamplerV2(backend).run([circuit])


def test_templates_of_strangers_have_no_durations(backend):
    boxes = generate_boxing_pass_manager(enable_measures=True).run(decay(T, "us"))
    program = QuantumProgram(10)
    program.append_samplex_item(*build(boxes), shape=(3,))
    with pytest.raises(IBMInputValueError, match="samplomatic gives it neither a value"):
        Executor(backend).run(program)


def test_decoupling_wants_a_schedule():
    options = {"dynamical_decoupling": {"enable": True}}
    with pytest.raises(IBMInputValueError, match="before the durations of its delays are known"):
        SamplerV2(device("manila"), options=options).run([(decay(T, "us"), [1])])


def test_usage_is_estimated_with_the_durations():
    short, long = (
        estimate_usage([(decay(T, "us"), [[each]])], device("manila"), shots=1000).seconds
        for each in (0.0, 1000.0)
    )
    assert long - short == pytest.approx(1.0)


def test_circuits_without_open_durations_stay_as_they_are():
    circuit = decay(3, "us")
    circuit.rx(A, 0)
    (fixed,) = with_durations(circuit, b"key", np.zeros((4, 1)))
    assert (fixed.circuit, fixed.content, fixed.rows) == (circuit, b"key", None)
    assert open_delays(circuit) == []
    assert len(open_delays(ramsey())) == 2
    parts = with_durations(ramsey(), b"key", np.array(SWEEPS["ramsey"][1]))
    assert [part.rows.tolist() for part in parts] == [[0], [1, 2], [3]]
    assert len({part.content for part in parts}) == 3
