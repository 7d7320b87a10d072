"""Recordings of what comes through the door of the service's own client."""

from qiskit import QuantumCircuit
from qiskit_ibm_runtime import SamplerV2, Session

from qiskit_modes import compare_modes, record
from qiskit_modes.client import local_runtime


def test_a_run_of_the_services_own_client_is_recorded():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with local_runtime(backends=["fake_manila"]) as service, record() as recorder:
        backend = service.backend("fake_manila")
        with Session(backend) as session:
            sampler = SamplerV2(mode=session)
            for _ in range(3):
                sampler.run([circuit], shots=100).result()
    recording = recorder.recording()
    assert [job.outcome for job in recording.jobs] == ["completed"] * 3
    assert [job.mode for job in recording.jobs] == ["session"] * 3
    assert [job.after_ends for job in recording.jobs] == [(), (1,), (2,)]
    assert recording.workload(1).closing_at is not None
    assert recording.jobs[0].estimated_seconds is not None
    comparison = compare_modes(recording)
    assert comparison.jobs == 3
    assert comparison.outcome("session").refusal is None
