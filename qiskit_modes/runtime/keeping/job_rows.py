"""A job as a row of a store, and a row as the job that it was."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from qiskit_modes.exceptions import RefusedError
from qiskit_modes.runtime.clock import Clock
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import (
    Bodies,
    JobMode,
    JobRecord,
    JobStatus,
    WorkloadRecord,
)
from qiskit_modes.runtime.steps import ExecutionSpan
from qiskit_modes.runtime.workers.worker_process import Work
from qiskit_modes.scheduling import Instance, Mode
from qiskit_modes.scheduling.job import (
    RAN_TOO_LONG,
    Cancelled,
    Completed,
    EndedBy,
    Ending,
    Failed,
    Fault,
    Finished,
    Job,
    Queued,
)
from qiskit_modes.store.rows import UNFINISHED, JobRow, UsageRow, microseconds, moment

__all__ = [
    "ENDINGS",
    "Calendar",
    "KeptJob",
    "KeptRequest",
    "as_ended",
    "charge_of",
    "ending_of",
    "job_of",
    "job_row",
    "new_texts",
    "work_of",
]

_TOO_LONG = (RAN_TOO_LONG.code or 0,)

ENDINGS: dict[JobStatus, tuple[tuple[str, tuple[int, ...], bool], ...]] = {
    "DONE": (("completed", (), False),),
    "ERROR": (("failed", (), False), ("cancelled", _TOO_LONG, True)),
    "CANCELLED": (("cancelled", _TOO_LONG, False),),
}
"""The endings that users see as each status, as `qiskit_modes.store.rows.WorkloadQuery` has them.
"""

_WORK_KEYS: dict[Literal["compile", "execute"], str] = {
    "execute": "work",
    "compile": "compile_work",
}
"""Where the parts of each step stand that workers did."""


class Calendar:
    """Calendar times as rows have them, and a clock's own.

    Args:
        clock: Which one.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._epoch = microseconds(clock.utc(0.0))

    def row_time(self, at: float) -> int:
        """Return a time of the clock in microseconds."""
        return microseconds(self._clock.utc(at))

    def row_times(self, times: Mapping[str, float | None]) -> dict[str, int]:
        """Return those times of the clock that there are, in microseconds."""
        return {name: self.row_time(at) for name, at in times.items() if at is not None}

    def clock_time(self, at: int | None) -> float | None:
        """Return what the clock shows at a time in microseconds; below 0 before it began."""
        return None if at is None else (at - self._epoch) / 1_000_000

    def now(self) -> int:
        """Return the present time in microseconds."""
        return self.row_time(self._clock.now())


@dataclass
class KeptJob(Job):
    """Facts of a job that an earlier process has had, or another one has."""

    held: float = 0.0
    charged: float = 0.0

    def held_seconds(self, now: float) -> float:  # noqa: ARG002 - nothing of it runs
        """Return for how long it held the QPU lock."""
        return self.held

    def charged_seconds(self, now: float) -> float:  # noqa: ARG002 - nothing of it runs
        """Return the usage of the job alone."""
        return self.charged


@dataclass(frozen=True)
class KeptRequest:
    """Request that an earlier process, or another one, was sent; its door knows how to read it."""

    program_id: str
    private: bool
    submission_key: str | None
    asked: Mapping[str, Any]
    """What its `facts` were."""
    params: None = None
    job_id: None = None
    encode_result: None = None

    def facts(self) -> dict[str, Any]:
        """Return what else is kept of it, as JSON."""
        return dict(self.asked)

    def without_inputs(self) -> Self:
        """Return it as it is: its inputs are beside its job."""
        return self


# -- a job as a row ------------------------------------------------------------------------------


def job_row(job: JobRecord, head: str, calendar: Calendar) -> JobRow:
    """Return the row of a job as it is now; nobody changes it meanwhile.

    Args:
        job: Which one.
        head: In which process it is.
        calendar: Of its runtime.
    """
    core, request = job.core, job.request
    ending, why = _ending_facts(core.ending)
    facts: dict[str, Any] = {
        "mode": str(job.mode),
        "mode_reason": job.mode.reason,
        "primitive": job.primitive_id,
        "backend": job.backend_name,
        "executions": job.executions,
        "estimated_seconds": job.usage_estimation_seconds,
        "max_execution_seconds": core.max_execution_seconds,
        "times": calendar.row_times(
            {
                "running": core.running_at,
                "executing": core.executing_at,
                "released": core.released_at,
                "settled": core.settled_at,
            }
        ),
        "story": [[calendar.row_time(at), state] for at, state in core.story],
        **why,
    }
    if job.private:
        facts["private"] = True
    if request is not None:
        facts["request"] = request.facts()
    if ending != UNFINISHED:
        now = core.settled_at or core.submitted_at
        facts |= {
            "held_seconds": core.held_seconds(core.released_at or now),
            "charged_seconds": core.charged_seconds(core.released_at or now),
            "log": list(job.log),
        }
        for step, key in _WORK_KEYS.items():
            done = [
                [each.worker, calendar.row_time(each.started), each.stopped - each.started]
                for each in job.work
                if each.step == step
            ]
            if done:
                facts[key] = done
        if job.span is not None:
            facts["span"] = [microseconds(job.span.start), microseconds(job.span.stop)]
        if job.result_lost is not None:
            facts["result_lost"] = job.result_lost
    return JobRow(
        id=job.id,
        head=head,
        instance=job.instance.id,
        qpu=job.qpu.name,
        program=job.program_id,
        created_at=calendar.row_time(core.submitted_at),
        workload=None if job.workload is None else job.workload.id,
        ending=ending,
        is_final=core.final,
        ended_at=None if core.settled_at is None else calendar.row_time(core.settled_at),
        tags=tuple(job.tags),
        submission_key=None if request is None else request.submission_key,
        facts=facts,
    )


def new_texts(job: JobRecord, row: JobRow, *, is_new: bool) -> dict[str, str]:
    """Return what is kept beside a job and was not before, by its kind.

    Args:
        job: Which one.
        row: What is written of it now; it may have gone on since.
        is_new: Whether nothing of it has been kept yet.
    """
    texts: dict[str, str] = {}
    if is_new and not job.private:
        params = job.params_text if job.request is None else job.request.params
        if params is not None:
            texts["params"] = params
    if job.result_text is not None and row.ending == "completed":
        texts["result"] = job.result_text
    # A result that was refused for want of room takes none.
    has_traceback = job.error is not None and not isinstance(job.error, RefusedError)
    if has_traceback and row.ending != UNFINISHED:
        texts["error"] = "".join(traceback.format_exception(job.error))
    return texts


def charge_of(row: JobRow) -> list[UsageRow]:
    """Return what a job is charged, if that is known for good: at most one row.

    In a session nothing is: the session is charged its windows.
    """
    seconds = row.facts.get("charged_seconds", 0.0)
    if not row.is_final or not seconds or row.facts["mode"] == Mode.SESSION:
        return []
    at = row.facts["times"].get("released") or row.ended_at or row.created_at
    return [UsageRow(row.id, 0, row.instance, at, seconds)]


def as_ended(row: JobRow, ending: Ending, at: int) -> JobRow:
    """Return the row of a job of a dead process with the way in which it ends.

    Args:
        row: Of the job, as its process has left it.
        ending: How it ends.
        at: When, in microseconds.
    """
    name, why = _ending_facts(ending)
    story = [*row.facts["story"], [at, "Finished"]]
    times = {**row.facts["times"], "settled": at}
    facts = {**row.facts, **why, "story": story, "times": times, "log": []}
    return replace(row, ending=name, is_final=True, ended_at=at, facts=facts)


def ending_of(ending: Ending | None) -> tuple[str, int]:
    """Return the name of an ending as rows have it, and its code; 0 for none."""
    name, why = _ending_facts(ending)
    return name, why.get("code") or 0


def _ending_facts(ending: Ending | None) -> tuple[str, dict[str, Any]]:
    match ending:
        case None:
            return UNFINISHED, {}
        case Completed():
            return "completed", {}
        case Failed(fault, reason, code):
            return "failed", {"reason": reason, "code": code, "fault": fault.name.lower()}
        case Cancelled(reason, code, by):
            return "cancelled", {"reason": reason, "code": code, "by": by.name.lower()}


# -- a row as a job ------------------------------------------------------------------------------


def job_of(
    row: JobRow,
    *,
    calendar: Calendar,
    bodies: Bodies,
    instance: Instance,
    qpu: QPU,
    backend: Any,
    workload: WorkloadRecord | None,
) -> JobRecord:
    """Return the job that a row says.

    Args:
        row: From the store.
        calendar: Of the runtime that shows it.
        bodies: Where its texts are.
        instance: To whom it was charged.
        qpu: Where it ran.
        backend: What it ran on; None if nobody offers that now.
        workload: Its session or batch.
    """
    facts = row.facts
    job = JobRecord(
        id=row.id,
        qpu=qpu,
        steps=None,
        backend=backend,
        instance=instance,
        mode=JobMode(Mode(facts["mode"]), facts["mode_reason"]),
        workload=workload,
        primitive_id=facts["primitive"],
        inputs=None,
        tags=list(row.tags),
        private=bool(facts.get("private")),
        log=list(facts.get("log", ())),
        usage_estimation_seconds=facts["estimated_seconds"],
        executions=facts["executions"],
        request=_request(row),
        backend_name=facts["backend"],
        bodies=bodies,
        result_lost=facts.get("result_lost"),
        text_bytes=row.size,
    )
    if "span" in facts:
        job.span = ExecutionSpan(*map(moment, facts["span"]))
    job.work += work_of(facts, calendar)
    job.core = _core(row, instance, calendar)
    if job.core.ending is not None:
        job.finished.set()
    return job


def work_of(facts: Mapping[str, Any], calendar: Calendar) -> Iterator[Work]:
    """Yield who did which parts of a job, by the facts in its row."""
    for step, key in _WORK_KEYS.items():
        for worker, at, seconds in facts.get(key, ()):
            started = calendar.clock_time(at) or 0.0
            yield Work(worker, started, started + seconds, step)


def _request(row: JobRow) -> KeptRequest | None:
    asked = row.facts.get("request")
    if asked is None:
        return None
    private = bool(row.facts.get("private"))
    return KeptRequest(row.program, private, row.submission_key, asked)


def _core(row: JobRow, instance: Instance, calendar: Calendar) -> KeptJob:
    facts, ending = row.facts, _ending(row)
    times = {name: calendar.clock_time(at) for name, at in facts["times"].items()}
    submitted = calendar.clock_time(row.created_at)
    assert submitted is not None, "a job was submitted at some time"
    return KeptJob(
        id=row.id,
        instance=instance,
        workload_id=row.workload,
        max_execution_seconds=facts["max_execution_seconds"],
        submitted_at=submitted,
        state=Queued() if ending is None else Finished(ending),
        running_at=times.get("running"),
        executing_at=times.get("executing"),
        released_at=times.get("released"),
        settled_at=times.get("settled"),
        story=[(calendar.clock_time(at) or 0.0, state) for at, state in facts["story"]],
        held=facts.get("held_seconds", 0.0),
        charged=facts.get("charged_seconds", 0.0),
    )


def _ending(row: JobRow) -> Ending | None:
    facts = row.facts
    match row.ending:
        case "completed":
            return Completed()
        case "failed":
            return Failed(Fault[facts["fault"].upper()], facts["reason"], facts["code"])
        case "cancelled":
            return Cancelled(facts["reason"], facts["code"], EndedBy[facts["by"].upper()])
        case _:
            return None
