"""Circuits that are too wide are refused by their gates alone, before anything is made of them."""

import time
from unittest import mock

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke

from qiskit_modes import EstimatorV2, SamplerV2
from qiskit_modes.exceptions import SimulationTooLargeError
from qiskit_modes.primitives.estimator import mitigated_job
from qiskit_modes.primitives.estimator.prepare import prepare_estimator_job
from qiskit_modes.primitives.sampler import randomised_job
from qiskit_modes.primitives.sampler.prepare import prepare_sampler_job
from qiskit_modes.simulation import compile_circuit
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.compile import compile_with_noise
from qiskit_modes.simulation.compile.methods import SimulatorChoice
from qiskit_modes.simulation.compile.window.outlook import (
    Outlook,
    Prospect,
    check_prospects,
    outlook_of,
)

SMALL = SimulatorChoice(max_memory_mb=1)


def brickwork(size: int, layers: int) -> QuantumCircuit:
    rng = np.random.default_rng(size + 100 * layers)
    circuit = QuantumCircuit(size)
    for layer in range(layers):
        for qubit in range(size):
            circuit.rx(rng.uniform(0, 6), qubit)
        for qubit in range(layer % 2, size - 1, 2):
            circuit.cx(qubit, qubit + 1)
    return circuit


def measured(circuit: QuantumCircuit) -> QuantumCircuit:
    return circuit.measure_all(inplace=False)


@pytest.mark.parametrize("layers", [1, 6, 11, 12, 13, 14, 15, 16, 20])
def test_what_is_refused_by_its_gates_would_not_be_compiled(layers):
    circuit = measured(brickwork(30, layers))
    outlook = outlook_of(circuit, SMALL)
    assert outlook is not None
    refused = outlook.of_recorded(range(30)).refusal is not None
    assert refused == (layers >= 14)  # 2^15 amplitudes, three times, are more than 1 MB
    with mock.patch.object(compile_with_noise, "outlook_of", return_value=None):
        if refused:
            with pytest.raises(SimulationTooLargeError, match="have to be held at a time"):
                compile_circuit(circuit, AerSimulator(max_memory_mb=1))
        else:
            compile_circuit(circuit, AerSimulator(max_memory_mb=1))


def test_an_observable_is_as_wide_as_its_light_cone():
    outlook = outlook_of(brickwork(40, 16), SMALL)
    assert outlook is not None
    assert outlook.of_measured(range(40)).refusal is not None
    assert outlook_of(brickwork(40, 5), SMALL).of_measured([20]) == Prospect()


def ghz() -> QuantumCircuit:
    circuit = QuantumCircuit(60)
    for qubit in range(59):
        circuit.cx(qubit, 59 - qubit // 2 if qubit < 30 else qubit + 1)
    return measured(circuit)


def dynamic(layers: int) -> QuantumCircuit:
    circuit = brickwork(30, layers)
    circuit.add_register(ClassicalRegister(1))
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.rx(0.3, 1)
    return measured(circuit)


def looped(layers: int) -> QuantumCircuit:
    circuit = QuantumCircuit(30, 1)
    with circuit.for_loop(range(2)):
        circuit.compose(brickwork(30, layers), inplace=True)
        circuit.measure(0, 0)
        with circuit.if_test((0, 1)):
            circuit.break_loop()
    return measured(circuit)


def conditions_that_join(layers: int) -> QuantumCircuit:
    """No gate joins its qubits, but one register is read for all of them."""
    circuit = QuantumCircuit(30, 30)
    circuit.rx(0.3, range(30))
    circuit.measure(range(30), range(30))
    with circuit.if_test((circuit.cregs[0], 5)):
        for qubit in range(30):
            circuit.rx(0.1 * layers, qubit)
    return measured(circuit)


BY_VECTOR = {"method": "statevector"}
BY_DENSITY = {"method": "density_matrix"}


@pytest.mark.parametrize(
    ("circuit", "options"),
    [
        *((dynamic(layers), {}) for layers in (3, 20)),
        *((looped(layers), {}) for layers in (1, 3)),
        (conditions_that_join(1), {}),
        *((measured(brickwork(size, 5)), BY_VECTOR) for size in (14, 30)),
        *((measured(brickwork(30, layers)), BY_DENSITY) for layers in (1, 20)),
        *((dynamic(layers), BY_VECTOR) for layers in (2, 20)),
        (dynamic(3), BY_DENSITY),
        (measured(ghz()), BY_VECTOR),
    ],
)
def test_feed_forward_and_named_methods_are_refused_as_they_would_be_compiled(circuit, options):
    """One refuses at a glance if and only if the other would, but for what is left to it."""
    backend = AerSimulator(max_memory_mb=1, **options)
    outlook = outlook_of(circuit, describe(backend).choice)
    told = outlook is not None and outlook.of_recorded(range(circuit.num_clbits)).refusal
    with mock.patch.object(compile_with_noise, "outlook_of", return_value=None):
        if not told:
            compile_circuit(circuit, backend)
            return
        with pytest.raises(SimulationTooLargeError) as refused:
            compile_circuit(circuit, backend)
    assert (told.num_qubits, told.available_bytes) == (refused.value.num_qubits, 1 << 20)


def test_circuits_with_feed_forward_are_refused_before_they_are_read_with_their_noise():
    nothing = mock.Mock(side_effect=AssertionError("read"))
    with (
        mock.patch.object(compile_with_noise, "read_circuit", nothing),
        pytest.raises(SimulationTooLargeError, match="have to be held at a time"),
    ):
        compile_circuit(dynamic(20), AerSimulator(max_memory_mb=1))


def ghz_with_corrections() -> QuantumCircuit:
    circuit = ghz()
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(range(60))
    return circuit


def of_unknown_gates() -> QuantumCircuit:
    circuit = brickwork(30, 20)
    part = QuantumCircuit(2, name="mine")
    part.x(0)
    circuit.append(part.to_gate(), [0, 1])
    return circuit


@pytest.mark.parametrize(
    ("circuit", "choice"),
    [
        (ghz(), SMALL),
        (of_unknown_gates(), SMALL),
        (brickwork(30, 20), SimulatorChoice(max_memory_mb=1, method="matrix_product_state")),
        (ghz_with_corrections(), SMALL),
        (brickwork(12, 20), SMALL),
        (brickwork(8, 20), SimulatorChoice(max_memory_mb=1, density=True)),
    ],
    ids=[
        *("Clifford", "unknown gates", "matrix product state", "Clifford with corrections"),
        *("fits", "density matrix that fits"),
    ],
)
def test_what_gates_alone_do_not_tell_is_left_to_compilation(circuit, choice):
    assert outlook_of(circuit, choice) is None


def test_a_qubit_that_is_reset_is_a_new_one():
    circuit = QuantumCircuit(40, 400)
    for bit in range(0, 390, 39):
        circuit.reset(range(40))
        for qubit in range(39):
            circuit.rx(0.3, qubit)
            circuit.cx(qubit, qubit + 1)
        circuit.measure(range(39), range(bit, bit + 39))
    outlook = outlook_of(circuit, SMALL)
    assert outlook is not None
    found = outlook.of_recorded(range(400))
    assert found.refusal is None
    assert found.width == 2


def test_terms_that_take_longer_than_a_day_together_are_refused():
    each = Prospect(seconds_per_shot=1.0, width=20)
    check_prospects([each] * 80, shots=1000, available=5)
    with pytest.raises(
        SimulationTooLargeError, match=r"90 terms .* 20 qubits .* 25 hours"
    ) as found:
        check_prospects([each] * 90, shots=1000, available=5)
    assert found.value.available_bytes == 5
    assert "Ask for fewer terms" in str(found.value)


@pytest.fixture(scope="module")
def wide_and_native():
    backend = FakeSherbrooke()
    circuit = QuantumCircuit(127)
    rng = np.random.default_rng(3)
    pairs = sorted(pair for pair, each in backend.target["ecr"].items() if each.error < 0.9)
    for _ in range(35):
        for qubit in range(127):
            circuit.rz(rng.uniform(0, 6), qubit)
            circuit.sx(qubit)
        taken: set[int] = set()
        for place in rng.permutation(len(pairs)):
            if taken.isdisjoint(pairs[place]):
                circuit.ecr(*pairs[place])
                taken.update(pairs[place])
    return backend, circuit


TWIRLED = {"enable_gates": True, "enable_measure": True}


def test_an_estimators_job_is_refused_before_it_is_prepared(wide_and_native):
    backend, circuit = wide_and_native
    options = EstimatorV2(backend, options={"resilience_level": 2, "twirling": TWIRLED}).options
    observable = SparsePauliOp.from_sparse_list([("Z", [k], 1) for k in range(127)], 127)
    job = prepare_estimator_job([(circuit, observable)], options, backend, precision=None)
    nothing = mock.Mock(side_effect=AssertionError("prepared"))
    with (
        mock.patch.object(mitigated_job, "preparers_of", nothing),
        pytest.raises(SimulationTooLargeError, match=r"joins \d+ qubits"),  # of a term's cone
    ):
        job.steps.compile()


def test_a_samplers_job_is_refused_before_it_is_prepared(wide_and_native):
    backend, circuit = wide_and_native
    options = SamplerV2(backend, options={"twirling": TWIRLED}).options
    job = prepare_sampler_job([measured(circuit)], options, backend, shots=100)
    nothing = mock.Mock(side_effect=AssertionError("prepared"))
    with (
        mock.patch.object(randomised_job, "template_of", nothing),
        pytest.raises(SimulationTooLargeError, match="joins 122 qubits"),
    ):
        job.steps.compile()


def test_a_refusal_takes_a_moment(wide_and_native):
    backend, circuit = wide_and_native
    begin = time.process_time()
    with pytest.raises(SimulationTooLargeError):
        compile_circuit(measured(circuit), backend)
    assert time.process_time() - begin < 2.0
    assert isinstance(outlook_of(circuit, SimulatorChoice()), Outlook)
