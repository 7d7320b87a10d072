from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister
from qiskit.primitives import BackendSamplerV2, StatevectorSampler
from qiskit.primitives.containers import BitArray, PrimitiveResult, SamplerPubResult
from qiskit.providers import BackendV2
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.execution_span import ExecutionSpans

from qiskit_modes.primitives.backends.seed import draw_seed
from qiskit_modes.runtime.steps import ExecutionSpan

Sample = Callable[..., PrimitiveResult]


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, metadata={"name": "bell"})
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def two_registers() -> QuantumCircuit:
    """Nine qubits in one register, of which 0 and 8 are 1; one rotated qubit in the other."""
    circuit = QuantumCircuit(
        QuantumRegister(10), ClassicalRegister(9, "wide"), ClassicalRegister(1, "narrow")
    )
    circuit.x([0, 8])
    circuit.ry(Parameter("angle"), 9)
    circuit.measure(range(9), range(9))
    circuit.measure(9, 9)
    return circuit


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3)])
def test_results_have_the_form_of_qiskits_samplers(shape: tuple[int, ...], ideal, sample: Sample):
    values = np.linspace(0, np.pi, max(1, int(np.prod(shape)))).reshape((*shape, 1))
    pubs = [(two_registers(), values), (bell(), None, 7)]
    ours = sample(ideal, pubs, shots=50)
    for theirs in (
        StatevectorSampler().run(pubs, shots=50).result(),
        BackendSamplerV2(backend=AerSimulator()).run(pubs, shots=50).result(),
    ):
        assert type(ours) is type(theirs)
        assert ours.metadata["version"] == theirs.metadata["version"]
        for mine, other in zip(ours, theirs, strict=True):
            assert type(mine) is type(other) is SamplerPubResult
            assert mine.data.shape == other.data.shape
            assert list(mine.data) == list(other.data)
            for name in mine.data:
                one, two = mine.data[name], other.data[name]
                assert type(one) is type(two) is BitArray
                assert (one.shape, one.num_bits, one.num_shots) == (
                    two.shape,
                    two.num_bits,
                    two.num_shots,
                )
                assert (one.array.dtype, one.array.shape) == (two.array.dtype, two.array.shape)
            assert mine.metadata["shots"] == other.metadata["shots"]
            assert mine.metadata["circuit_metadata"] == other.metadata["circuit_metadata"]


def test_outcomes_of_an_ideal_circuit_are_right(ideal, sample: Sample):
    first, second = sample(ideal, [(two_registers(), [[0.0], [np.pi]]), bell()], shots=200)
    assert first.data.wide.get_counts(0) == first.data.wide.get_counts(1) == {"100000001": 200}
    assert first.data.narrow.get_counts(0) == {"0": 200}
    assert first.data.narrow.get_counts(1) == {"1": 200}
    counts = second.data.meas.get_counts()
    assert set(counts) == {"00", "11"}
    assert 50 < counts["00"] < 150
    assert second.join_data().num_bits == 2


def test_the_metadata_says_what_was_done_and_when(ideal, sample: Sample, span: ExecutionSpan):
    pubs = [(two_registers(), np.zeros((2, 3, 1)), 10), (bell(), None, 20)]
    result = sample(ideal, pubs, options={"simulator": {"seed_simulator": 5}})
    assert result[1].metadata["shots"] == 20
    assert result[1].metadata["circuit_metadata"] == {"name": "bell"}
    assert {"noise", "methods"} <= set(result[1].metadata["simulation"])
    assert result.metadata["simulation"] == {"seed_simulator": 5}
    spans = result.metadata["execution"]["execution_spans"]
    assert isinstance(spans, ExecutionSpans)
    assert (spans.start, spans.stop, spans.duration) == (span.start, span.stop, 2.0)
    assert spans.pub_idxs == [0, 1]
    assert spans[0].size == 2 * 3 * 10 + 20
    assert spans[0].mask(0).shape == (2, 3, 10)
    assert spans[0].mask(0).all()


def test_a_measured_bit_decides_what_follows(sample: Sample):
    circuit = QuantumCircuit(
        QuantumRegister(2), ClassicalRegister(1, "mid"), ClassicalRegister(2, "end")
    )
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure([0, 1], [1, 2])
    data = sample(AerSimulator(), [circuit], shots=100)[0].data
    mid, end = data.mid.array.ravel(), data.end.array.ravel()
    assert set(mid) == {0, 1}
    np.testing.assert_array_equal(end, 3 * mid)


@pytest.mark.parametrize("seed", [0, 7])
def test_a_seed_gives_the_same_bits(seed: int, manila, sample: Sample):
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.measure_all()
    options = {"simulator": {"seed_simulator": seed}}
    one, two = (sample(manila, [circuit], options=options)[0].data.meas for _ in range(2))
    assert one == two


def test_without_a_seed_the_metadata_has_the_one_that_was_drawn(manila, sample: Sample):
    circuit = QuantumCircuit(1)
    circuit.sx(0)
    circuit.measure_all()
    one, two = (sample(manila, [circuit]) for _ in range(2))
    assert one[0].data.meas != two[0].data.meas
    again = sample(manila, [circuit], options={"simulator": one.metadata["simulation"]})
    assert again[0].data.meas == one[0].data.meas


def test_zero_is_a_seed():
    assert draw_seed(0) == 0
    assert draw_seed(None) != draw_seed(None)


def test_equal_circuits_travel_once(ideal, sample: Sample):
    programs: list[Any] = []
    circuit = two_registers()
    sample(ideal, [(circuit, [0.0]), (circuit.copy(), [1.0]), bell()], programs=programs)
    (program,) = programs
    assert len(program.circuits) == 2
    assert [run.circuit for run in program.runs].count(program.runs[0].circuit) == 2


def test_noise_is_that_of_the_backend(manila: BackendV2, sample: Sample):
    circuit = QuantumCircuit(2)
    circuit.x(0)
    circuit.measure_all()
    shots = 20_000
    seed = {"simulator": {"seed_simulator": 3}}
    ours = sample(manila, [circuit], shots=shots, options=seed)[0].data.meas.get_counts()
    reference = AerSimulator.from_backend(manila, seed_simulator=4)
    aer = reference.run(circuit, shots=shots).result().get_counts()
    for outcome in ("00", "01", "10", "11"):
        share = aer.get(outcome, 0) / shots
        sigma = np.sqrt(2 * share * (1 - share) / shots) + 1e-4
        assert abs(ours.get(outcome, 0) / shots - share) < 6 * sigma


def test_a_pub_with_nothing_to_sample_gives_an_empty_result(ideal, sample: Sample):
    programs: list[Any] = []
    pubs = [(two_registers(), np.zeros((0, 1))), bell()]
    result = sample(ideal, pubs, shots=5, programs=programs)
    assert len(programs[0].runs) == 1
    assert result[0].data.wide.shape == (0,)
    assert result[0].data.wide.num_shots == 5
    assert result[1].data.meas.num_shots == 5
    assert result.metadata["execution"]["execution_spans"].pub_idxs == [1]


def test_nothing_to_sample_at_all_is_a_program_without_runs(ideal, sample: Sample):
    programs: list[Any] = []
    result = sample(ideal, [(two_registers(), np.zeros((0, 1)))], programs=programs)
    assert programs[0].runs == ()
    assert len(result.metadata["execution"]["execution_spans"]) == 0
