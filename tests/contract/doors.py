"""The doors to the engine, as a program that uses one of them sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest import mock

import qiskit_ibm_runtime
from qiskit_ibm_runtime import runtime_job_v2
from qiskit_ibm_runtime.executor_estimator import Estimator as ClientSideEstimator
from qiskit_ibm_runtime.executor_sampler import Sampler as ClientSideSampler

import qiskit_modes
from qiskit_modes.client import local_runtime
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.scheduling import Instance
from qiskit_modes.server import Server, serve
from qiskit_modes.wire import Platform

__all__ = ["DOORS", "Door", "close_servers"]

BACKENDS = ("fake_manila", "fake_quito", "fake_torino")


@dataclass(frozen=True)
class Door:
    """One way to the engine: what a program imports, and a service."""

    name: str
    service: Any
    session: Any
    batch: Any
    sampler: Any
    estimator: Any
    checks_circuits_itself: bool = True
    """Whether a circuit is looked at before it is sent; otherwise the service does it."""

    real_timeouts: bool = False
    """Whether ``result(timeout=...)`` counts real seconds, whatever clock the jobs go by."""

    @property
    def backend(self) -> Any:
        """The QPU of the tests."""
        return self.service.backend("fake_manila")


Opened = AbstractContextManager[Door]


@contextmanager
def native(runtime: LocalRuntime, instance: Instance | None) -> Iterator[Door]:
    with use_runtime(runtime):
        yield Door(
            "native",
            qiskit_modes.LocalService(runtime=runtime, instance=instance),
            qiskit_modes.Session,
            qiskit_modes.Batch,
            qiskit_modes.SamplerV2,
            qiskit_modes.EstimatorV2,
        )


@contextmanager
def client(runtime: LocalRuntime, instance: Instance | None) -> Iterator[Door]:
    instances = None if instance is None else [instance]
    with local_runtime(backends=BACKENDS, runtime=runtime, instances=instances) as service:
        yield Door(
            "client",
            service,
            qiskit_ibm_runtime.Session,
            qiskit_ibm_runtime.Batch,
            qiskit_ibm_runtime.SamplerV2,
            qiskit_ibm_runtime.EstimatorV2,
        )


@contextmanager
def client_side(runtime: LocalRuntime, instance: Instance | None) -> Iterator[Door]:
    instances = None if instance is None else [instance]
    with local_runtime(backends=BACKENDS, runtime=runtime, instances=instances) as service:
        yield Door(
            "client-side",
            service,
            qiskit_ibm_runtime.Session,
            qiskit_ibm_runtime.Batch,
            ClientSideSampler,
            ClientSideEstimator,
            checks_circuits_itself=False,
        )


@contextmanager
def http(runtime: LocalRuntime, instance: Instance | None) -> Iterator[Door]:
    instances = None if instance is None else [instance]
    server = _server()
    platform = Platform(runtime, backends=BACKENDS, instances=instances)
    with (
        server.app_state.using(platform),
        mock.patch.dict(os.environ, server.environment),
        mock.patch.object(runtime_job_v2, "time", _QuickTime),
    ):
        yield Door(
            "http",
            qiskit_ibm_runtime.QiskitRuntimeService(),
            qiskit_ibm_runtime.Session,
            qiskit_ibm_runtime.Batch,
            qiskit_ibm_runtime.SamplerV2,
            qiskit_ibm_runtime.EstimatorV2,
            real_timeouts=True,
        )


_servers = ExitStack()


@cache
def _server() -> Server:
    """One server for all tests, with another platform for each; `close_servers` ends it."""
    return _servers.enter_context(serve(backends=BACKENDS))


def close_servers() -> None:
    """End what the doors have started."""
    _servers.close()
    _server.cache_clear()


class _QuickTime:
    """The client polls jobs of job mode as often as those of sessions, so that tests are quick."""

    time = time.time

    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(min(seconds, 0.1))


DOORS: dict[str, Callable[[LocalRuntime, Instance | None], Opened]] = {
    "native": native,
    "client": client,
    "client-side": client_side,
    "http": http,
}
"""How to open each door to a runtime, for an instance or for the runtime's own."""
