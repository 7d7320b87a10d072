"""Instances with what they have used, and the workers that compute."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from qiskit_modes.memory import size_of
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.server.monitoring.metrics import budget_lines
from qiskit_modes.server.page.words import day_of, duration
from qiskit_modes.store.tokens import TokenRow
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
    window: str
    budget: list[tuple[str, str, float | None]]
    """What it keeps and has under way: of each a word, how much with the limit, and how much of the
    limit that is; None without one."""
    tokens: list[tuple[str, str, str]]
    """Of each token that opens it and is valid: its beginning, what it is for, and how long it
    is valid and when it was used."""


@dataclass(frozen=True)
class WorkersLook:
    """The workers as the page shows them."""

    kind: str
    size: int
    rows: list[tuple[str, str]]
    """Of each worker, its name and what it does."""
    dashboard: str | None
    """Address of Dask's own page, where the workers are Dask's."""


def instances(platform: Platform, seen: Collection[str] | None) -> list[InstanceLook]:
    """Return the instances of a server.

    Args:
        platform: Whose.
        seen: Ids of those that may be seen, without the tokens that open them; None for all.
    """
    runtime = platform.runtime
    kept = [] if runtime.tokens is None or seen is not None else runtime.tokens.all()
    tokens = [each for each in kept if each.is_valid]
    found = []
    for described in platform.instances(seen):
        instance = runtime.current(platform.api(described["crn"], among=seen).instance)
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
                "" if window is None else f"in {window / 86400:.0f} days",
                [_budget_line(*line) for line in budget_lines(runtime, instance)],
                [
                    (each.prefix, each.name, _life_of(each))
                    for each in tokens
                    if each.instances is None or instance.id in each.instances
                ],
            )
        )
    return found


_THINGS = {
    "bytes": "inputs and results",
    "jobs": "jobs kept",
    "pending_jobs": "jobs not ended",
    "open_workloads": "sessions and batches open",
}


def _budget_line(what: str, used: int, most: int | None) -> tuple[str, str, float | None]:
    said = size_of if what == "bytes" else "{:,}".format
    text = said(used) if most is None else f"{said(used)} of {said(most)}"
    part = None if most is None else (min(used / most, 1.0) if most else 1.0)
    return _THINGS[what], text, part


def _life_of(token: TokenRow) -> str:
    opens = "all instances; " if token.instances is None else ""
    ends = "does not expire" if token.expires_at is None else f"until {day_of(token.expires_at)}"
    used = "never used" if token.used_at is None else f"used {day_of(token.used_at)}"
    return f"{opens}{ends}, {used}"


def workers(runtime: LocalRuntime) -> WorkersLook:
    """Return the workers of a runtime."""
    pool = runtime.workers
    return WorkersLook(pool.engine.kind, pool.size, pool.states(), pool.engine.dashboard())
