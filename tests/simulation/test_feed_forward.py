"""Feed-forward beyond what the property tests draw."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.classical import expr, types
from qiskit_aer import AerSimulator

from qiskit_modes.exceptions import QiskitModesError, UnsupportedCircuitError
from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.settings import Settings
from tests.examples import examples
from tests.simulation.comparing import assert_drawn_from, memory_counts, sample
from tests.simulation.devices import device
from tests.simulation.strategies import dynamic_circuits, static_devices

DIVIDING = Settings(only="division")
IDEAL = AerSimulator()


@settings(
    max_examples=examples(daily=10),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), name=static_devices)
def test_dividing_shots_draws_from_the_exact_distribution(data, name):
    circuit = data.draw(dynamic_circuits(name))
    expected = outcome_probabilities(compile_circuit(circuit, device(name)))
    registers = sample(circuit, device(name), shots=4000, settings=DIVIDING)
    assert_drawn_from(memory_counts(circuit, registers), expected)


def test_shots_are_divided_a_part_at_a_time():
    circuit = QuantumCircuit(1, 2)
    circuit.sx(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.sx(0)
    circuit.measure(0, 1)
    few = Settings(only="division", divided_elements=400)
    compiled = compile_circuit(circuit, IDEAL, few)
    assert compiled.components[0].block_shots == 100
    counts = memory_counts(circuit, sample(compiled, shots=4050))
    assert_drawn_from(counts, outcome_probabilities(compiled))


def exact(circuit):
    found = outcome_probabilities(compile_circuit(circuit, IDEAL))
    return {memory: p for memory, p in found.items() if p > 1e-12}


def test_a_condition_sees_what_was_recorded_and_not_what_was_true():
    from qiskit_aer.noise import NoiseModel, ReadoutError

    model = NoiseModel()
    model.add_readout_error(ReadoutError([[0.5, 0.5], [0.5, 0.5]]), [0])
    circuit = QuantumCircuit(2, 3)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure([0, 1], [2, 1])
    found = outcome_probabilities(compile_circuit(circuit, AerSimulator(noise_model=model)))
    # Qubit 1 follows the record; qubit 0 is still what it truly was, so a fresh record is new.
    assert {m: p for m, p in found.items() if p > 1e-12} == pytest.approx(
        {0b000: 0.25, 0b011: 0.25, 0b100: 0.25, 0b111: 0.25}
    )


def test_variables_and_unsigned_arithmetic():
    circuit = QuantumCircuit(2, 2)
    circuit.sx(0)
    circuit.measure(0, 0)
    count = circuit.add_var("count", expr.lift(6, types.Uint(3)))
    with circuit.while_loop(expr.less(expr.lift(5, types.Uint(3)), count)):
        circuit.x(1)
        circuit.store(count, expr.bit_xor(count, expr.lift(7, types.Uint(3))))
    with circuit.if_test(expr.equal(count, 1)):
        circuit.measure(1, 1)
    assert exact(circuit) == pytest.approx({0b10: 0.5, 0b11: 0.5})


def test_a_store_into_a_classical_bit_is_recorded():
    circuit = QuantumCircuit(1, 2)
    circuit.sx(0)
    circuit.measure(0, 0)
    circuit.store(circuit.clbits[1], expr.logic_not(circuit.clbits[0]))
    assert exact(circuit) == pytest.approx({0b10: 0.5, 0b01: 0.5})


def test_parameters_inside_control_flow_stay_open():
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(angle, 0)
    circuit.measure(0, 1)
    compiled = compile_circuit(circuit, IDEAL)
    assert outcome_probabilities(compiled, [3.141592653589793])[0b01] == pytest.approx(1)
    assert outcome_probabilities(compiled, [0.0])[0b11] == pytest.approx(1)


def test_a_box_is_what_is_in_it():
    circuit = QuantumCircuit(1, 1)
    with circuit.box():
        circuit.x(0)
    circuit.measure(0, 0)
    assert exact(circuit) == pytest.approx({1: 1.0})


def test_a_loop_without_end_is_an_error():
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.id(0)
    compiled = compile_circuit(circuit, IDEAL, Settings(max_loop_rounds=50))
    with pytest.raises(QiskitModesError, match="50 rounds"):
        sample(compiled)


def test_refused_by_name():
    circuit = QuantumCircuit(1, 1)
    circuit.delay(circuit.add_stretch("idle"), 0)
    circuit.measure(0, 0)
    with pytest.raises(UnsupportedCircuitError, match=r"delay|stretch|Duration"):
        compile_circuit(circuit, device("manila"))

    circuit = QuantumCircuit(1, 1)
    circuit.save_state()
    with pytest.raises(UnsupportedCircuitError, match="save_state"):
        compile_circuit(circuit, IDEAL)

    circuit = QuantumCircuit(1, 1)
    number = circuit.add_var("number", expr.lift(0.5, types.Float()))
    with circuit.if_test(expr.less(number, 1.0)):
        circuit.x(0)
    with pytest.raises(UnsupportedCircuitError, match="Float"):
        compile_circuit(circuit, IDEAL)

    from qiskit.circuit import Gate

    circuit = QuantumCircuit(1, 1)
    circuit.append(Gate("mystery", 1, []), [0])
    circuit.measure(0, 0)
    with pytest.raises(UnsupportedCircuitError, match="mystery"):
        compile_circuit(circuit, IDEAL)
