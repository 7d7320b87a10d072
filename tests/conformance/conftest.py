"""What the conformance tests stand on: one user, one QPU with five lanes, and a manual clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from qiskit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.fake_provider import FakeQuitoV2

from qiskit_modes import LocalService, SamplerV2
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.testing import Scenario, Tenant

HOUR = 3600
DAY = 24 * HOUR
START = datetime(2026, 1, 1, tzinfo=UTC)


def seconds(moment: str | datetime | None) -> float | None:
    """A time as users are told it, in seconds of the clock."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return None if moment is None else (moment - START).total_seconds()


def times(job: RuntimeJobV2) -> dict[str, float | None]:
    """When a job was created, running and finished."""
    return {key: seconds(at) for key, at in job.metrics()["timestamps"].items()}


def on_qpu(job: RuntimeJobV2) -> tuple[float | None, float | None]:
    """When a job that is done had the QPU."""
    (span,) = job.result().metadata["execution"]["execution_spans"]
    return seconds(span.start), seconds(span.stop)


def states(jobs: Sequence[Any]) -> str:
    """The initials of the statuses, such as ``"RRQ"``; ``"-"`` for what is not submitted yet."""
    return "".join((job.status() or "-")[0] for job in jobs)


class World:
    """We, who run what a test says, and the time, which passes when a test says so."""

    def __init__(self, scenario: Scenario, backend: BackendV2) -> None:
        self.scenario = scenario
        self.backend = backend
        self.service = LocalService(runtime=scenario.runtime)
        self.circuit = QuantumCircuit(1, 1)
        self.circuit.measure(0, 0)

    @property
    def now(self) -> float:
        return self.scenario.clock.now()

    def until(self, moment: float) -> None:
        """Let time pass until ``moment``, in seconds since the start."""
        self.scenario.clock.advance(moment - self.now)

    def run(
        self,
        mode: Any = None,
        *,
        compile: float = 0.0,
        quantum: float = 1.0,
        post: float = 0.0,
        shots: int | None = None,
        **options: Any,
    ) -> RuntimeJobV2:
        """Submit a job whose steps last as long as said."""
        return self.run_with(
            SamplerV2(mode, options=options),
            compile=compile,
            quantum=quantum,
            post=post,
            shots=shots,
        )

    def run_with(
        self,
        primitive: SamplerV2,
        *,
        compile: float = 0.0,
        quantum: float = 1.0,
        post: float = 0.0,
        shots: int | None = None,
    ) -> RuntimeJobV2:
        """Submit a job with a primitive that exists already."""
        with self.scenario.next_job_lasts(
            compile_time=compile, quantum_time=quantum, post_process_time=post
        ):
            job = primitive.run([self.circuit], shots=shots)
        self.until(self.now)  # whatever follows at once has happened
        return job

    def other(self, name: str = "other", **instance: Any) -> Tenant:
        """Another user of the same QPU."""
        return self.scenario.tenant(name, self.backend, **instance)

    def fill_lanes(self, count: int = 5, *, compile: float = 0.0, quantum: float) -> list[Any]:
        """Let somebody else's jobs take lanes, now."""
        crowd = self.other("crowd")
        return [
            crowd.job(at=self.now, compile_time=compile, quantum_time=quantum) for _ in range(count)
        ]

    def calibration(self, *, at: float, lasts: float) -> None:
        self.scenario.calibration(self.backend, at=at, lasts=lasts)


@pytest.fixture(scope="session")
def quito() -> BackendV2:
    return FakeQuitoV2()


@pytest.fixture
def world(manila: BackendV2) -> Iterator[World]:
    with Scenario(autojump=False) as scenario:
        yield World(scenario, manila)
        for qpu in scenario.runtime.registry.all():
            with qpu.mutex:
                qpu.scheduler.validate()
