"""The duration of a circuit is the length of its ALAP schedule."""

import warnings

import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import Parameter
from qiskit.circuit.library import efficient_su2
from qiskit.circuit.random import random_circuit
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import ALAPScheduleAnalysis, PadDelay
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2, FakeTorino

from qiskit_modes.planning.estimate.circuit_duration import circuit_duration

MANILA = FakeManilaV2().target


def scheduled(circuit, target):
    """What Qiskit says of the circuit after its own passes have scheduled it."""
    passes = PassManager([ALAPScheduleAnalysis(target=target), PadDelay(target=target)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return passes.run(circuit).estimate_duration(target, unit="s")


@pytest.mark.parametrize("seed", range(8))
def test_as_qiskit_schedules_it(seed):
    circuit = random_circuit(4, 8, max_operands=2, measure=True, seed=seed)
    isa = generate_preset_pass_manager(1, target=MANILA, seed_transpiler=seed).run(circuit)
    duration = circuit_duration(isa, MANILA)
    assert duration.seconds == pytest.approx(scheduled(isa, MANILA), rel=1e-6)
    assert duration.assumptions == ()


def test_open_parameters_and_a_large_device():
    target = FakeTorino().target
    ansatz = efficient_su2(6, reps=2)
    ansatz.measure_all()
    isa = generate_preset_pass_manager(1, target=target, seed_transpiler=1).run(ansatz)
    bound = isa.assign_parameters([0.5] * isa.num_parameters)
    assert circuit_duration(isa, target).seconds == pytest.approx(scheduled(bound, target))


def of(name, *qubits):
    return MANILA[name][qubits].duration


def test_gates_on_different_qubits_overlap():
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.sx(0)
    circuit.x(1)
    assert circuit_duration(circuit, MANILA).seconds == pytest.approx(2 * of("sx", 0))
    circuit.barrier()
    circuit.cx(0, 1)
    assert circuit_duration(circuit, MANILA).seconds == pytest.approx(
        2 * of("sx", 0) + of("cx", 0, 1)
    )


@pytest.mark.parametrize(("delay", "unit"), [(1000, "dt"), (1, "us"), (0.001, "ms"), (1e-6, "s")])
def test_delays_count_in_any_unit(delay, unit):
    circuit = QuantumCircuit(1)
    circuit.delay(delay, 0, unit)
    seconds = 1000 * MANILA.dt if unit == "dt" else 1e-6
    assert circuit_duration(circuit, MANILA).seconds == pytest.approx(seconds)


def test_of_branches_the_longest_one_counts():
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.sx(1)
        circuit.sx(1)
    duration = circuit_duration(circuit, MANILA)
    assert duration.seconds == pytest.approx(of("measure", 0) + 2 * of("sx", 1))
    assert duration.assumptions == ("Of the branches of control flow, the longest one counts.",)


def test_a_for_loop_counts_as_often_as_it_runs():
    circuit = QuantumCircuit(1)
    with circuit.for_loop(range(5)):
        circuit.x(0)
    assert circuit_duration(circuit, MANILA).seconds == pytest.approx(5 * of("x", 0))


def test_a_while_loop_counts_once_and_says_so():
    circuit = QuantumCircuit(1, 1)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.x(0)
    duration = circuit_duration(circuit, MANILA)
    assert duration.seconds == pytest.approx(of("x", 0))
    assert duration.assumptions == ("A while loop counts once.",)


def test_what_has_no_duration_is_named():
    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("a"), 0)
    duration = circuit_duration(circuit, AerSimulator().target)
    assert duration.seconds == 0
    assert duration.assumptions == ("The target has no duration for ry: they count as instant.",)
