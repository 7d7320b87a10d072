"""Metrics of a job: its times, its charge, and who executed it."""

from __future__ import annotations

from typing import Any

import qiskit

from qiskit_modes.runtime.clock import Clock, iso
from qiskit_modes.runtime.records import JobRecord

__all__ = ["metrics_of"]


def metrics_of(record: JobRecord, clock: Clock) -> dict[str, Any]:
    """Return when a job was created, ran and finished, and what it is charged.

    Args:
        record: What is kept of the job, as it is now.
        clock: On which its times were taken.

    Returns:
        See `RuntimeJobV2.metrics`.
    """
    core, span = record.core, record.span
    times = {
        "created": core.submitted_at,
        "running": core.running_at,
        "finished": core.settled_at,
    }
    executed = 0.0 if span is None else (span.stop - span.start).total_seconds()
    return {
        "timestamps": {key: iso(clock.utc(at)) for key, at in times.items() if at is not None},
        "usage": {
            "qpu_charge_time_seconds": core.charged_seconds(clock.now()),
            "status": "complete" if core.final else "pending",
        },
        "circuits_execution_time_ns": round(executed * 1e9),
        "qiskit_version": qiskit.__version__,
        "workers": _seconds_by_worker(record, "execute"),
        "compile_workers": _seconds_by_worker(record, "compile"),
    }


def _seconds_by_worker(record: JobRecord, step: str) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for each in list(record.work):
        if each.step == step:
            seconds[each.worker] = seconds.get(each.worker, 0.0) + each.stopped - each.started
    # Of a job from a store the pieces begin at other numbers, which leaves other last digits.
    return {worker: round(each, 6) for worker, each in seconds.items()}
