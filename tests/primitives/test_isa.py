from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from math import pi
from typing import Any
from unittest import mock

import pytest
from qiskit.circuit import Instruction, Parameter, QuantumCircuit
from qiskit.circuit.library import QFTGate
from qiskit.providers import BackendV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes.exceptions import NotISAError
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.inputs.isa import check_isa
from qiskit_modes.simulation import fingerprint
from qiskit_modes.simulation.backends.aer_simulator import AerDescription
from qiskit_modes.simulation.circuits.aer_instructions import executed_by


def check(circuit: QuantumCircuit, backend: BackendV2) -> Any:
    return check_isa(circuit, backend, fingerprint(circuit))


def with_gate(apply: Callable[[QuantumCircuit], Any], num_qubits: int = 5) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits, 1)
    apply(circuit)
    return circuit


def conditional(num_qubits: int, qubits: list[int]) -> QuantumCircuit:
    """An ``if_else`` whose body puts a cx on the two qubits in reverse."""
    body = QuantumCircuit(2)
    body.cx(1, 0)
    circuit = QuantumCircuit(num_qubits, 1)
    circuit.measure(0, 0)
    circuit.if_test((circuit.clbits[0], 1), body, qubits, [])
    return circuit


SUPPORTED = {
    "cx along the coupling map": lambda c: c.cx(0, 1),
    "sx": lambda c: c.sx(4),
    "barrier": lambda c: c.barrier(),
    "delay": lambda c: c.delay(100, 0),
    "measure": lambda c: c.measure(0, 0),
    "reset": lambda c: c.reset(0),
    "rz with a parameter": lambda c: c.rz(Parameter("a"), 0),
}

UNSUPPORTED = {
    "h": (lambda c: c.h(3), r"'h' on qubit 3 is not supported: fake_manila knows "),
    "cx elsewhere": (lambda c: c.cx(0, 4), r"'cx' on qubits 0, 4 .*not on these qubits"),
    "unitary": (lambda c: c.unitary([[0, 1], [1, 0]], 0), "'unitary' on qubit 0"),
    "a block": (lambda c: c.append(QFTGate(2), [0, 1]), "'qft' on qubits 0, 1"),
}


@pytest.mark.parametrize("case", SUPPORTED)
def test_instructions_of_the_target_pass(case: str, manila: BackendV2):
    check(with_gate(SUPPORTED[case]), manila)


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_other_instructions_are_named_with_the_line_that_transpiles(case: str, manila: BackendV2):
    apply, words = UNSUPPORTED[case]
    circuit = with_gate(apply)
    for _ in range(2):  # what failed once is not taken for checked
        with pytest.raises(NotISAError, match=words) as refused:
            check(circuit, manila)
    hint = "generate_preset_pass_manager(backend=backend, optimization_level=1).run(circuit)"
    assert hint in refused.value.message
    assert "\n" not in refused.value.message


def test_the_line_that_transpiles_does(manila: BackendV2):
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.measure_all()
    check(generate_preset_pass_manager(backend=manila, optimization_level=1).run(circuit), manila)


def test_a_circuit_wider_than_the_device_is_refused(manila: BackendV2):
    with pytest.raises(NotISAError, match="has 6 qubits, but fake_manila has only 5") as caught:
        check(QuantumCircuit(6), manila)
    assert "larger backend" in caught.value.message
    assert "Transpile it" not in caught.value.message


def test_bodies_of_control_flow_are_checked_on_the_outer_qubits(torino: BackendV2):
    backend = GenericBackendV2(3, coupling_map=[[0, 1], [1, 2]], control_flow=True)
    check(conditional(3, [1, 0]), backend)
    with pytest.raises(NotISAError, match=r"'cx' on qubits 1, 0"):
        check(conditional(3, [0, 1]), backend)
    with pytest.raises(NotISAError, match=r"'cx' on qubits 1, 0 .*fake_torino knows"):
        check(conditional(3, [0, 1]), torino)


def test_the_angle_of_rzz_must_be_calibrated():
    backend = GenericBackendV2(2, basis_gates=["rzz", "rz", "sx", "x"])
    check(with_gate(lambda c: c.rzz(pi / 2, 0, 1), 2), backend)
    for angle in (-0.1, 2.0):
        with pytest.raises(NotISAError, match=rf"angle {angle}, but the hardware"):
            check(with_gate(lambda c, angle=angle: c.rzz(angle, 0, 1), 2), backend)


def test_the_angle_of_rzz_is_checked_with_the_values_too(sampler_inputs):
    backend = GenericBackendV2(2, basis_gates=["rzz", "rz", "sx", "x"])
    for _ in range(2):  # the second circuit equals the first, but has parameters of its own
        a, b = Parameter("a"), Parameter("b")
        circuit = with_gate(lambda c, a=a, b=b: (c.rz(a, 0), c.rzz(2 * b, 0, 1)), 2)
        sampler_inputs([(circuit, [[9, 0.1], [9, 0.2]])], backend)
        with pytest.raises(NotISAError, match=r"PUB 0: .*angle 1.8.*values of set 1"):
            sampler_inputs([(circuit, [[9, 0.1], [9, 0.9]])], backend)


def test_aer_takes_any_instruction_it_knows_on_any_qubits(ideal: BackendV2):
    circuit = QuantumCircuit(40, 1)
    circuit.h(39)
    circuit.rzz(5.0, 0, 39)
    circuit.ccx(0, 1, 30)
    circuit.measure(39, 0)
    check(circuit, ideal)
    check(conditional(2, [0, 1]), ideal)


def test_names_unknown_to_aer_are_found_before_the_job(ideal: BackendV2):
    with pytest.raises(NotISAError, match=r"'qft' on qubits 0, 1 .*aer_simulator knows"):
        check(with_gate(lambda c: c.append(QFTGate(2), [0, 1])), ideal)


@pytest.mark.parametrize("saving", sorted(n for n in executed_by(AerSimulator()) if "save" in n))
def test_what_saves_a_state_is_refused_before_the_job(saving: str, ideal: BackendV2):
    """Every such instruction of Aer's, which only `AerSimulator.run` has a place for."""
    circuit = QuantumCircuit(1)
    circuit.append(Instruction(saving, 1, 0, []), [0])
    circuit.measure_all()
    with pytest.raises(NotISAError, match=f"'{saving}'.*AerSimulator.run"):
        check_isa(circuit, ideal, fingerprint(circuit))


def test_a_noise_model_forbids_no_gate():
    """Aer asks no noise model what it may execute; tests/simulation compares gate by gate."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    backend = AerSimulator(noise_model=model)
    for apply in (
        lambda c: c.h(0),
        lambda c: c.ry(0.3, 0),
        lambda c: c.mcx([0, 1, 2], 3),
        lambda c: c.unitary([[0, 1], [1, 0]], 0, label="mine"),
        lambda c: c.ccx(0, 1, 2, ctrl_state=1),
    ):
        check(with_gate(apply), backend)
    with pytest.raises(NotISAError, match=r"'qft' .* circuit.decompose"):
        check(with_gate(lambda c: c.append(QFTGate(2), [0, 1])), backend)


def test_a_changed_simulator_is_looked_at_anew():
    backend = AerSimulator()
    circuit = with_gate(lambda c: c.ccz(0, 1, 2))
    check(circuit, backend)
    backend.set_options(method="density_matrix")
    with pytest.raises(NotISAError, match="'ccz' on qubits 0, 1, 2"):
        check(circuit, backend)


def test_a_simulator_of_a_device_has_the_devices_gates(manila: BackendV2):
    backend = AerSimulator.from_backend(manila)
    check(with_gate(lambda c: c.cx(0, 4)), backend)
    with pytest.raises(NotISAError, match="'h' on qubit 0") as refused:
        check(with_gate(lambda c: c.h(0)), backend)
    assert "Transpile it" in refused.value.message
    with pytest.raises(NotISAError, match="has 6 qubits"):
        check(QuantumCircuit(6), backend)


def test_what_is_known_of_a_backend_dies_with_it():
    backend = FakeManilaV2()
    known = instruction_set_of(backend)
    assert instruction_set_of(backend) is known
    assert instruction_set_of(FakeManilaV2()) is not known
    ends = weakref.ref(backend)
    del backend
    gc.collect()
    assert ends() is None


def test_a_circuit_is_walked_once(manila: BackendV2):
    circuit = with_gate(lambda c: c.sx(0))
    assert check(circuit, manila) is check(circuit.copy(), manila)
    circuit.h(0)
    with pytest.raises(NotISAError):
        check(circuit, manila)


@pytest.mark.parametrize(
    "backend",
    [
        AerSimulator(),
        AerSimulator(method="stabilizer"),
        AerSimulator(coupling_map=[[0, 1], [1, 2]]),
        AerSimulator.from_backend(FakeManilaV2()),
        AerSimulator(noise_model=NoiseModel.from_backend(FakeManilaV2())),
    ],
    ids=["plain", "of a method", "with a coupling map", "of a device", "with a device's noise"],
)
def test_whether_a_simulator_has_a_coupling_map_is_found_without_building_its_target(backend):
    assert AerDescription(backend)._is_uncoupled() == (backend.coupling_map is None)
    if AerDescription(backend)._is_uncoupled() and type(backend) is AerSimulator:
        unread = mock.PropertyMock(side_effect=OSError("it was read"))
        with mock.patch.object(AerSimulator, "coupling_map", unread):
            assert AerDescription(backend)._is_uncoupled()
