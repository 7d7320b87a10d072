"""What the service's own client costs in process, and how much of that is its own code."""

import json
from contextlib import contextmanager
from functools import partial
from unittest import mock

import qiskit_ibm_runtime
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import RuntimeEncoder
from qiskit_ibm_runtime.executor_sampler import Sampler

from qiskit_modes import LocalService, SamplerV2
from qiskit_modes.client import local_runtime
from qiskit_modes.client.api_client import LocalClient
from tests.benchmarks.timing import Row, median_ms, timed
from tests.benchmarks.workloads import SHOTS

__all__ = ["client_door"]

JOBS = 200

_REQUESTS = ("cloud_usage", "job_get", "job_results", "keep_job", "program_run", "wait_for_job")


def client_door():
    """D1: what a job costs by the service's own client, in process: its own part, and all of it."""
    circuit = QuantumCircuit(2, 2)
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    with local_runtime(backends=["ibm_manila"]) as service:
        backend = service.backend("ibm_manila")
        samplers = {
            "native": SamplerV2(mode=LocalService().backend("fake_manila")),
            "older primitives": qiskit_ibm_runtime.SamplerV2(mode=backend),
            "client-side primitives": Sampler(mode=backend),
        }
        seconds = {name: [] for name in samplers}
        for _ in range(JOBS):  # in turns, so that all of them meet the same machine
            for name, sampler in samplers.items():
                seconds[name].append(timed(partial(_run_once, sampler, circuit)))
        native = median_ms(seconds.pop("native"))
        for (name, measured), target in zip(seconds.items(), (1, 3), strict=True):
            with _answered_at_once(partial(_run_once, samplers[name], circuit)) as job:
                alone = median_ms(timed(job) for _ in range(JOBS))
            yield Row(
                "D1",
                f"the service's client in process, {name}: a job whose requests are answered",
                f"{alone:.1f} ms",
                f"<= {target} ms",
                alone <= target,
                "its own polling would add up to 500 ms",
            )
            added = median_ms(measured) - native
            yield Row(
                "D1",
                f"the same, {name}: all that it adds to a job of this package's sampler",
                f"+ {added:.1f} ms",
                f"<= {target} ms",
                added <= target,
                f"native {native:.1f} ms, client {median_ms(measured):.1f} ms",
            )


def _run_once(sampler, circuit):
    sampler.run([circuit], shots=SHOTS).result()


@contextmanager
def _answered_at_once(job):
    """Yield a job whose requests are encoded, and get the answers that they had the first time."""
    answers = {}

    def recording(name, send):
        def request(self, *args, **kwargs):
            answers[name] = send(self, *args, **kwargs)
            return answers[name]

        return request

    def replaying(name):
        def request(*_, params=None, **kwargs):
            if params is not None:
                json.dumps(params, cls=RuntimeEncoder)
            return answers[name]

        return request

    sent = {name: recording(name, getattr(LocalClient, name)) for name in _REQUESTS}
    with mock.patch.multiple(LocalClient, **sent):
        job()
    with mock.patch.multiple(LocalClient, **{name: replaying(name) for name in _REQUESTS}):
        yield job
