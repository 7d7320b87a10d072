"""Whatever instruction of a device measures is a measurement, with the error that it has there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit.circuit import Instruction, Measure, QuantumCircuit
from qiskit.circuit.library import XGate
from qiskit.transpiler import InstructionProperties
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.circuit.library import (
    MeasureReset,
    MidCircuitMeasure,
    MidCircuitReset,
)
from qiskit_ibm_runtime.fake_provider import FakeKingston, FakeManilaV2

from qiskit_modes import EstimatorV2, Executor, QuantumProgram, SamplerV2
from qiskit_modes.service.fakes import fakes
from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.circuits.measurements import (
    is_measurement,
    is_reset,
    measures_and_resets,
)
from qiskit_modes.simulation.settings import Settings
from tests.simulation.comparing import assert_drawn_from, memory_counts, sample

TRAJECTORIES = Settings(only="trajectories")


@pytest.fixture(scope="module")
def kingston() -> Any:
    return FakeKingston()


@pytest.fixture
def distinct() -> Any:
    """Manila with one more instruction that measures, and errs otherwise on each qubit."""
    backend = FakeManilaV2()
    errors = {(qubit,): InstructionProperties(1e-6, 0.1 + qubit / 50) for qubit in range(5)}
    backend.target.add_instruction(MidCircuitMeasure(), errors)
    backend.target.add_instruction(MeasureReset(), {(qubit,): None for qubit in range(5)})
    backend.target.add_instruction(MidCircuitReset(), {(qubit,): None for qubit in range(5)})
    return backend


def test_every_instruction_of_every_fake_that_takes_a_bit_is_a_measurement():
    found = set()
    for backend in fakes().values():
        for operation in backend.operations:
            if not isinstance(operation, Instruction) or operation.name in {"delay", "barrier"}:
                continue  # control flow, which targets hold as classes
            found.add(operation.name)
            assert is_measurement(operation) == (operation.num_clbits > 0)
            assert is_reset(operation) == operation.name.startswith("reset")
    assert {"measure", "measure_2", "reset", "reset_2"} <= found


def test_the_instructions_of_ibms_library():
    assert is_measurement(MidCircuitMeasure("measure_7"))
    assert is_reset(MidCircuitReset("reset_7"))
    assert measures_and_resets(MeasureReset())
    assert not is_measurement(MeasureReset())
    composite = QuantumCircuit(1, 1, name="measure_it")
    composite.x(0)
    composite.measure(0, 0)
    assert not is_measurement(composite.to_instruction())


def probabilities(circuit: QuantumCircuit, backend: Any) -> dict[int, float]:
    return dict(outcome_probabilities(compile_circuit(circuit, backend)))


def excited(*measuring: Instruction) -> QuantumCircuit:
    circuit = QuantumCircuit(5, len(measuring))
    circuit.append(XGate(label="silent"), [2])  # a label without an error
    for bit, operation in enumerate(measuring):
        circuit.append(operation, [2], [bit])
    return circuit


@pytest.mark.parametrize("name", ["measure", "measure_2"])
def test_its_error_is_the_one_that_the_target_has_for_it(name, distinct):
    operation = Measure() if name == "measure" else MidCircuitMeasure(name)
    error = distinct.target[name][(2,)].error
    found = probabilities(excited(operation), distinct)
    assert found[0] == pytest.approx(error)
    assert found[1] == pytest.approx(1 - error)


def test_two_kinds_on_one_qubit(distinct):
    circuit = excited(MidCircuitMeasure(), Measure())
    fast, slow = (distinct.target[name][(2,)].error for name in ("measure_2", "measure"))
    expected = {
        0b11: (1 - fast) * (1 - slow),
        0b10: fast * (1 - slow),
        0b01: (1 - fast) * slow,
        0b00: fast * slow,
    }
    assert probabilities(circuit, distinct) == pytest.approx(expected)
    compiled = compile_circuit(circuit, distinct, TRAJECTORIES)
    assert all(method.startswith("Aer's") for method in compiled.metadata["methods"])
    assert_drawn_from(memory_counts(circuit, sample(compiled, shots=20000)), expected)


def test_feed_forward_sees_its_outcome(distinct):
    circuit = QuantumCircuit(5, 3)
    circuit.sx(1)
    circuit.append(MidCircuitMeasure(), [1], [0])
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.append(MidCircuitMeasure(), [1], [1])
        circuit.x(2)
    circuit.measure([1, 2], [1, 2])
    expected = probabilities(circuit, distinct)
    assert sum(expected.values()) == pytest.approx(1)
    shots = sample(compile_circuit(circuit, distinct, TRAJECTORIES), shots=20000)
    assert_drawn_from(memory_counts(circuit, shots), expected)


@pytest.mark.parametrize("settings", [Settings(), TRAJECTORIES])
def test_measuring_and_resetting_in_one(settings, distinct):
    circuit = QuantumCircuit(5, 2)
    circuit.append(XGate(label="silent"), [2])
    circuit.append(MeasureReset(), [2], [0])
    circuit.measure(2, 1)
    readout = distinct.target["measure"][(2,)].error
    # The instruction's own error is not in the target, so the first bit is right.
    shots = sample(compile_circuit(circuit, distinct, settings), shots=4000)
    assert_drawn_from(memory_counts(circuit, shots), {0b01: 1 - readout, 0b11: readout})


def test_a_reset_of_another_name_resets(distinct):
    circuit = QuantumCircuit(5, 1)
    circuit.x(2)
    circuit.append(MidCircuitReset(), [2])
    circuit.append(Measure(), [2], [0])
    readout = distinct.target["measure"][(2,)].error
    assert probabilities(circuit, distinct)[1] == pytest.approx(readout)


def test_noise_of_a_model(distinct):
    """Aer itself runs no such instruction, but its model of the device has readout errors."""
    backend = AerSimulator.from_backend(distinct)
    circuit = QuantumCircuit(1, 1)
    circuit.append(MidCircuitMeasure(), [0], [0])
    plain = QuantumCircuit(1, 1)
    plain.measure(0, 0)
    assert probabilities(circuit, backend) == pytest.approx(probabilities(plain, backend))


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "twirled": {"twirling": {"enable_gates": True, "enable_measure": True}},
    "decoupled": {"dynamical_decoupling": {"enable": True}},
}


def flipped_twice() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.append(MidCircuitMeasure(), [0], [0])
    circuit.x(0)
    circuit.cz(0, 1)
    circuit.measure(0, 1)
    return circuit


@pytest.mark.parametrize("name", OPTIONS)
def test_samplers(name, kingston):
    options = {**OPTIONS[name], "simulator": {"seed_simulator": 3}}
    result = SamplerV2(kingston, options=options).run([flipped_twice()], shots=4000).result()
    bits = result[0].data.c.to_bool_array(order="little").mean(axis=0)
    fast, slow = (kingston.target[each][(0,)].error for each in ("measure_2", "measure"))
    np.testing.assert_allclose(bits, [1 - fast, slow], atol=0.02)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_estimators(level, kingston):
    options = {"resilience_level": level, "simulator": {"seed_simulator": 3}}
    result = EstimatorV2(kingston, options=options).run([(flipped_twice(), "IZ")]).result()
    assert float(result[0].data.evs) == pytest.approx(1, abs=0.05)


def test_executors(kingston):
    program = QuantumProgram(2000)
    program.append_circuit_item(flipped_twice())
    program.append_circuit_item(flipped_twice())
    for item in Executor(kingston).run(program).result():
        np.testing.assert_allclose(item["c"].mean(axis=0), [0.98, 0.01], atol=0.02)
