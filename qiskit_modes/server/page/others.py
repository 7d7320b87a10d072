"""Instances with what they have used, and the workers that compute."""

from __future__ import annotations

from dataclasses import dataclass

from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.server.page.words import duration
from qiskit_modes.wire import Platform

__all__ = ["InstanceLook", "WorkersLook", "instances", "workers"]


@dataclass(frozen=True)
class InstanceLook:
    """An instance as the page shows it."""

    name: str
    plan: str
    used: str
    most: str
    """Its limit, or its allocation; empty without."""
    most_is: str
    part: float | None
    """How much of that is used."""
    is_limited: bool
    pending: int
    """Jobs that have not ended."""
    open_workloads: int
    window: str


@dataclass(frozen=True)
class WorkersLook:
    """The workers as the page shows them."""

    kind: str
    size: int
    rows: list[tuple[str, str]]
    """Of each worker, its number and what it does."""
    dashboard: str | None
    """Address of Dask's own page, where the workers are Dask's."""


def instances(platform: Platform) -> list[InstanceLook]:
    """Return the instances of a server."""
    runtime = platform.runtime
    unfinished = [job for job in runtime.jobs() if job.core.ending is None]
    open_ = [each for each in runtime.workloads() if each.core.closed_at is None]
    found = []
    for described in platform.instances():
        instance = runtime.current(platform.api(described["crn"]).instance)
        used = runtime.used(instance)
        most = instance.allocation if instance.limit is None else instance.limit
        window = instance.plan.window_seconds
        found.append(
            InstanceLook(
                instance.id,
                instance.plan.name,
                duration(used),
                "" if most is None else duration(most),
                "allocation" if instance.limit is None else "limit",
                None if most is None else (min(used / most, 1.0) if most else 1.0),
                runtime.is_limited(instance),
                sum(job.instance.id == instance.id for job in unfinished),
                sum(each.core.instance.id == instance.id for each in open_),
                "" if window is None else f"in {window / 86400:.0f} days",
            )
        )
    return found


def workers(runtime: LocalRuntime) -> WorkersLook:
    """Return the workers of a runtime."""
    pool = runtime.workers
    rows = [(f"{number}", state) for number, state in enumerate(pool.states(), 1)]
    return WorkersLook(pool.engine.kind, pool.size, rows, pool.engine.dashboard())
