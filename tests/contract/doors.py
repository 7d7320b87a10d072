"""The doors to the engine, as a program that uses one of them sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import qiskit_ibm_runtime
from qiskit_ibm_runtime.executor_estimator import Estimator as ClientSideEstimator
from qiskit_ibm_runtime.executor_sampler import Sampler as ClientSideSampler

import qiskit_modes
from qiskit_modes.client import local_runtime
from qiskit_modes.runtime.local_runtime import LocalRuntime, use_runtime
from qiskit_modes.scheduling import Instance

__all__ = ["DOORS", "Door"]

BACKENDS = ("fake_manila", "fake_quito")


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


DOORS: dict[str, Callable[[LocalRuntime, Instance | None], Opened]] = {
    "native": native,
    "client": client,
    "client-side": client_side,
}
"""How to open each door to a runtime, for an instance or for the runtime's own."""
