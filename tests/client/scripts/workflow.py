"""A program for IBM's service as its users write them: nothing here knows where it runs.

It runs on the service as it stands, on a `qiskit_modes.client.local_runtime`, and on the HTTP
service. Prints what it did as one line of JSON.

    python workflow.py legacy      with SamplerV2 and EstimatorV2 of the service's client
    python workflow.py client      with the client-side Sampler and Estimator
"""

import json
import sys
import time
import warnings
from datetime import datetime, timedelta

import numpy as np
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import Batch, Executor, QiskitRuntimeService, QuantumProgram, Session
from qiskit_ibm_runtime.exceptions import (
    IBMInputValueError,
    IBMRuntimeError,
    RuntimeInvalidStateError,
    RuntimeJobNotFound,
)

family = sys.argv[1] if len(sys.argv) > 1 else "legacy"
left_out = ""
if family == "legacy":
    from qiskit_ibm_runtime import EstimatorV2 as Estimator
    from qiskit_ibm_runtime import SamplerV2 as Sampler

    warnings.filterwarnings("ignore", "The (SamplerV2|EstimatorV2) class is deprecated")
else:
    try:
        from qiskit_ibm_runtime.executor_estimator import Estimator
        from qiskit_ibm_runtime.executor_sampler import Sampler
    except ImportError:
        # Before release 0.50 they tell their executor the machine, and not the session or batch
        # that they were given: their jobs are in one only while its block is open.
        left_out = "a session or batch as `mode=`"
        from qiskit_ibm_runtime.executor_estimator import EstimatorV2 as Estimator
        from qiskit_ibm_runtime.executor_sampler import SamplerV2 as Sampler

began = datetime.now() - timedelta(seconds=1)
service = QiskitRuntimeService()
backend = service.least_busy(operational=True, simulator=False, min_num_qubits=2)
assert backend.status().operational
pass_manager = generate_preset_pass_manager(backend=backend, optimization_level=1)

# What is run: a Bell pair to sample, and a small ansatz to optimise.
bell = QuantumCircuit(2)
bell.h(0)
bell.cx(0, 1)
bell.measure_all()
bell = pass_manager.run(bell)

theta = Parameter("theta")
ansatz = QuantumCircuit(2)
ansatz.ry(theta, 0)
ansatz.cx(0, 1)
ansatz = pass_manager.run(ansatz)
energy = SparsePauliOp(["IZ", "XX"], [1.0, 0.5]).apply_layout(ansatz.layout)

# Job mode.
sampler = Sampler(mode=backend, options={"default_shots": 500})
single = sampler.run([bell])
assert single.session_id is None
counts = single.result()[0].data.meas.get_counts()
assert sum(counts.values()) == 500
assert counts.get("00", 0) + counts.get("11", 0) > 300, counts
metrics = single.metrics()
assert metrics["timestamps"]["created"] <= metrics["timestamps"]["finished"]
assert single.usage() == metrics["usage"]["qpu_charge_time_seconds"]

# A session: a search in which each step waits for the one before.
with Session(backend=backend, max_time="10m") as session:
    estimator = Estimator(options={"default_precision": 0.05})
    estimator.options.environment.job_tags = ["search"]
    values = []
    for angle in np.linspace(0, np.pi, 3):
        step = estimator.run([(ansatz, energy, [angle])])
        values.append(float(np.ravel(step.result()[0].data.evs)[0]))
    details = session.details()
    assert details["mode"] == "dedicated"
    assert details["accepting_jobs"]
    assert session.status() == "In progress, accepting new jobs", session.status()

    # Another handle on the same session, as from another program.
    same = Session.from_id(session.session_id, service)
    assert same.backend() == session.backend()
    if not left_out:
        assert Sampler(mode=same).run([bell], shots=100).session_id == session.session_id
assert values[0] > values[1] > values[2], values

if not left_out:
    try:
        estimator.run([(ansatz, energy, [0.0])])
        raise AssertionError("a closed session took a job")
    except IBMRuntimeError as error:
        assert "The session is closed" in str(error)

try:
    Session.from_id("no-such-session", service)
    raise AssertionError("a session was found that there is not")
except IBMInputValueError:
    pass

# Errors cancelled, with noise that was learned before, and with noise that is learned on the way.
if family == "legacy":
    from qiskit_ibm_runtime.noise_learner import NoiseLearner

    warnings.filterwarnings("ignore", "The NoiseLearner class is deprecated")
    bound = ansatz.assign_parameters([np.pi])
    learned = NoiseLearner(mode=backend, options={"max_layers_to_learn": 2}).run([bound]).result()
    assert [sorted(layer.qubits) for layer in learned], learned
    assert learned[0].error.rates.max() > 0
    cancelling = Estimator(mode=backend, options={"default_precision": 0.05})
    cancelling.options.resilience.pec_mitigation = True
    for noise in (learned, list(learned), None):
        cancelling.options.resilience.layer_noise_model = noise
        mitigated = cancelling.run([(bound, energy)]).result()[0].data
        assert abs(float(mitigated.evs) + 1) < 0.5, mitigated.evs

# A batch: jobs that do not depend on each other. The last of them is not wanted after all.
with Batch(backend=backend) as batch:
    sampler = Sampler()
    jobs = [sampler.run([(bell, None)] * 4, shots=2_000) for _ in range(6)]
    unwanted = sampler.run([bell], shots=5_000_000)
    unwanted.cancel()
assert unwanted.status() == "CANCELLED", unwanted.status()
try:
    unwanted.result()
    raise AssertionError("a cancelled job has a result")
except RuntimeInvalidStateError:
    pass
for job in jobs:
    assert job.result()[0].data.meas.num_shots == 2_000
while batch.status() != "Closed":  # the cancelled job may be on its way out
    time.sleep(0.05)
assert batch.details()["mode"] == "batch"
assert batch.usage() >= max(job.usage() for job in jobs)

# A quantum program, which comes back as it was measured.
program = QuantumProgram(shots=64)
program.append_circuit_item(bell)
executor = Executor(mode=backend)
executor.options.environment.job_tags = ["program"]
measured = executor.run(program)
assert measured.result()[0]["meas"].shape == (64, 2)

# What the service knows of all this.
found = service.job(single.job_id())
assert found.result()[0].data.meas.get_counts() == counts
assert found.primitive_id == single.primitive_id
assert found.backend().name == backend.name
in_batch = service.jobs(session_id=batch.session_id, limit=None)
assert [job.job_id() for job in in_batch] == [
    job.job_id() for job in [unwanted, *reversed(jobs)]
], "the newest comes first"
tagged = service.jobs(job_tags=["search"], created_after=began, descending=False)
assert len(tagged) >= 3
assert tagged[-1].update_tags(["search", "last"]) is not None
assert set(service.job(tagged[-1].job_id()).tags) == {"search", "last"}
assert service.jobs(program_id="executor", job_tags=["program"])[0].job_id() == measured.job_id()
service.delete_job(unwanted.job_id())
try:
    service.job(unwanted.job_id())
    raise AssertionError("a deleted job was found")
except RuntimeJobNotFound:
    pass

print(
    json.dumps(
        {
            "family": family,
            "left_out": left_out,
            "backend": backend.name,
            "session": [session.status(), session.usage()],
            "batch": [batch.status(), batch.usage()],
            "values": values,
            "consumed": service.usage()["usage_consumed_seconds"],
        }
    )
)
