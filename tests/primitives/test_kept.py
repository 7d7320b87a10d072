"""What is kept is used again exactly while all that it was made from is the same."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit.library import HGate, SdgGate
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import InstructionProperties
from qiskit_aer import AerSimulator
from qiskit_aer.noise import LocalNoisePass, NoiseModel, pauli_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import estimate_usage
from qiskit_modes.exceptions import NotISAError
from qiskit_modes.primitives.estimator.prepare import prepare_estimator_job
from qiskit_modes.primitives.inputs.pubs import coerce_sampler_pubs
from qiskit_modes.primitives.sampler.prepare import prepare_sampler_job
from qiskit_modes.simulation import compile_circuit, execute, fingerprint, outcome_probabilities

DECOUPLED = {"dynamical_decoupling": {"enable": True}, "simulator": {"seed_simulator": 5}}


@pytest.fixture
def device():
    """A Manila that the test may change."""
    return FakeManilaV2()


def idle(backend) -> QuantumCircuit:
    """A qubit that waits while two others are busy."""
    circuit = QuantumCircuit(3)
    circuit.h(range(3))
    for _ in range(4):
        circuit.cx(0, 1)
        circuit.sx(0)
    circuit.cx(1, 2)
    circuit.measure_all()
    passes = generate_preset_pass_manager(0, backend, initial_layout=[0, 1, 2], seed_transpiler=1)
    return passes.run(circuit)


def slower(backend, times: float) -> None:
    """Let the two-qubit gate of `idle` last longer."""
    for qubits in ((0, 1), (1, 0)):
        before = backend.target["cx"][qubits]
        seconds = before.duration * times
        changed = InstructionProperties(duration=seconds, error=before.error)
        backend.target.update_instruction_properties("cx", qubits, changed)


def slower_in_place(backend, times: float) -> None:
    for qubits in ((0, 1), (1, 0)):
        backend.target["cx"][qubits].duration *= times


def shorter_samples(backend, times: float) -> None:
    backend.target.dt /= times


def executed(backend, circuit: QuantumCircuit, options: dict) -> list[bytes]:
    """The keys of what a sampler's job would execute."""
    job = prepare_sampler_job([circuit], options, backend, shots=64)
    return [fingerprint(each.circuit) for each in job.steps.executions()]


@pytest.mark.parametrize("twirling", [False, True])
@pytest.mark.parametrize("change", [slower, slower_in_place, shorter_samples])
def test_a_schedule_is_that_of_the_durations_of_now(device, change, twirling):
    options = {**DECOUPLED, "twirling": {"enable_gates": twirling}}
    circuit = idle(device)
    before = executed(device, circuit, options)
    assert executed(device, circuit, options) == before
    change(device, 2)
    after = executed(device, circuit, options)
    fresh = FakeManilaV2()
    change(fresh, 2)
    assert after != before
    assert after == executed(fresh, circuit, options)


@pytest.mark.parametrize("change", [slower, slower_in_place])
def test_an_estimate_of_usage_counts_the_durations_of_now(device, change):
    circuit = idle(device)
    before = estimate_usage([circuit], device, shots=10_000).seconds
    change(device, 10)
    fresh = FakeManilaV2()
    change(fresh, 10)
    after = estimate_usage([circuit], device, shots=10_000).seconds
    assert after > before
    assert after == estimate_usage([circuit], fresh, shots=10_000).seconds


def plus(backend) -> tuple[QuantumCircuit, str]:
    circuit = QuantumCircuit(2)
    circuit.rz(0.3, 0)
    circuit.sx(0)
    return circuit, "IX"


def test_an_instruction_that_the_target_was_given_since_is_used():
    backend = GenericBackendV2(2, basis_gates=["rz", "sx", "x", "cx"], seed=1)
    options = {"resilience_level": 0, "simulator": {"seed_simulator": 5}}

    def names() -> set[str]:
        job = prepare_estimator_job([plus(backend)], options, backend, precision=0.1)
        return set(job.steps.executions()[0].circuit.count_ops())

    assert "h" not in names()
    with pytest.raises(NotISAError):
        coerce_sampler_pubs([hadamard()], backend, shots=10, default_shots=10)
    nowhere = {(qubit,): InstructionProperties(1e-8, 1e-4) for qubit in range(2)}
    backend.target.add_instruction(HGate(), nowhere)
    backend.target.add_instruction(SdgGate(), dict(nowhere))
    assert "h" in names()
    coerce_sampler_pubs([hadamard()], backend, shots=10, default_shots=10)


def hadamard() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.measure_all()
    return circuit


@pytest.mark.parametrize("level", [0, 1, 2])
def test_what_another_job_measured_changes_nothing(span, level):
    options = {"resilience_level": level, "simulator": {"seed_simulator": 5}, "default_shots": 256}
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)

    def values(backend, observables: list[str]):
        isa = generate_preset_pass_manager(0, backend, seed_transpiler=1).run(circuit)
        pubs = [(isa, SparsePauliOp(each).apply_layout(isa.layout)) for each in observables]
        job = prepare_estimator_job(pubs, options, backend, precision=None)
        program, notes = job.steps.compile()
        results = job.steps.post_process(execute(program), notes, span)
        return [(float(each.data.evs), float(each.data.stds)) for each in results]

    jobs = [["ZZI", "IIZ"], ["ZZI"], ["IIZ"], ["IIZ", "ZII"], ["ZZI", "XXX"], ["IIZ"]]
    device = FakeManilaV2()
    after = [values(device, job) for job in jobs]
    alone = [values(FakeManilaV2(), job) for job in jobs]
    assert after == alone


def test_a_noise_pass_is_asked_anew_because_it_may_read_anything():
    state = {"axis": "X"}
    model = NoiseModel()
    model._custom_noise_passes.append(
        LocalNoisePass(lambda *_: pauli_error([(state["axis"], 1.0)]))
    )
    backend = AerSimulator(noise_model=model)
    circuit = QuantumCircuit(1, 1)
    circuit.delay(10, 0)
    circuit.measure(0, 0)
    before = compile_circuit(circuit, backend)
    state["axis"] = "Z"
    after = compile_circuit(circuit, backend)
    chances = [outcome_probabilities(each).get(1, 0) for each in (before, after)]
    assert chances == pytest.approx([1, 0])


def test_relaxation_of_a_noise_model_is_known_until_it_changes():
    backend = AerSimulator.from_backend(FakeManilaV2())
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.delay(100, 0, unit="us")
    circuit.measure(0, 0)
    before = compile_circuit(circuit, backend)
    assert compile_circuit(circuit, backend) is before
    (relaxation,) = backend.options.noise_model._custom_noise_passes
    relaxation._t1s[0] /= 10
    relaxation._t2s[0] = relaxation._t1s[0]
    after = compile_circuit(circuit, backend)
    assert outcome_probabilities(after)[1] < outcome_probabilities(before)[1] / 2
    assert np.isclose(sum(outcome_probabilities(after).values()), 1)
