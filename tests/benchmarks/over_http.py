"""What a job costs over HTTP, from another process as users have it."""

import json
import os
import subprocess
import sys

from qiskit_modes.server import serve
from tests.benchmarks.timing import Row

__all__ = ["over_http"]

JOBS = 40

_PROGRAM = """
import json, statistics, sys, time, warnings
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session
from qiskit_ibm_runtime.executor_sampler import Sampler

warnings.simplefilter("ignore")
circuit = QuantumCircuit(2, 2)
circuit.sx(0)
circuit.cx(0, 1)
circuit.measure([0, 1], [0, 1])
service = QiskitRuntimeService()
backend = service.backend("ibm_manila")


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def median_of(sampler):
    run = lambda: sampler.run([circuit], shots=1024).result()
    run()
    return statistics.median(seconds(run) for _ in range(int(sys.argv[1])))


found = {"older primitives": median_of(SamplerV2(mode=backend))}
found["client-side primitives"] = median_of(Sampler(mode=backend))
with Session(backend) as session:
    found["older primitives, in a session"] = median_of(SamplerV2())
found["request"] = statistics.median(seconds(service.usage) for _ in range(int(sys.argv[1])))
print(json.dumps(found))
"""


def measured(**arguments):
    """Return what jobs of each kind take, and one request, in seconds.

    Args:
        arguments: Of the server.
    """
    with serve(backends=["ibm_manila"], **arguments) as server:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(JOBS)],
            env={**os.environ, **server.environment},
            capture_output=True,
            text=True,
            check=True,
        )
    return json.loads(done.stdout)


def over_http():
    """D2: a job by the service's client over HTTP, with the client's own polling."""
    found = measured()
    request = found.pop("request")
    for name, seconds in found.items():
        yield Row(
            "D2",
            f"a job by the service's client over HTTP, {name}",
            f"{seconds * 1e3:.1f} ms",
            "<= 100 ms",  # the client's own polling would make 500 ms of it
            seconds <= 0.1,
            f"one request {request * 1e3:.1f} ms, five to six for a job",
        )
