"""A recording: what was run, when each step of it happened, and what its user waited for.

It is a JSON document in a documented format, version 1. All times are seconds since the beginning
of the recording, with nine decimals; all numbers of jobs and workloads count from 1::

    {
      "format": "qiskit_modes recording", "version": 1,
      "created": "2026-11-22T10:00:00Z", "seconds": 12.3,
      "qpus": {"fake_torino": {"lanes": 5}},
      "instances": {"local": {"plan": {"name": "local"}}},
      "workloads": [{"number": 1, "mode": "session", "qpu": "fake_torino", ...}],
      "jobs": [{"number": 1, "times": {"queued": 0.1, "compiling": 0.1, "ready": ...}, ...}]
    }

What is None, empty or a plan's default is left out. The fields of a workload and of a job are those
of `RecordedWorkload` and `RecordedJob`; a job's ``times`` say when it entered each state.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.planning.recording.recorded_job import STATES, RecordedJob
from qiskit_modes.planning.recording.whole_file import whole_file
from qiskit_modes.scheduling import Instance, Mode, Plan

__all__ = ["DECIMALS", "FORMAT", "VERSION", "RecordedWorkload", "Recording"]

FORMAT = "qiskit_modes recording"
"""What stands in the file, so that it is not mistaken for another one."""

VERSION = 1
"""Raised when an older version of this package could not read a new recording."""

DECIMALS = 9
"""Nanoseconds: finer than any clock, and short in a file."""


@dataclass(frozen=True)
class RecordedWorkload:
    """One session or batch."""

    number: int
    """Counted from 1, in the order of their first jobs."""
    id: str
    mode: Mode
    qpu: str
    instance: str
    opened_at: float
    max_ttl_seconds: float
    interactive_ttl_seconds: float
    windows: tuple[tuple[float, float | None], ...] = ()
    """The intervals in which it was active; None for an end that is yet to come."""
    closing_at: float | None = None
    """When its user closed or cancelled it; None if nobody did."""
    cancelled: bool = False
    """Whether it was cancelled, so that what waited did not run."""
    closed_at: float | None = None
    """Time when it was closed for good."""
    usage_seconds: float = 0.0
    """What it was charged by the end of the recording."""


@dataclass(frozen=True)
class Recording:
    """Jobs, sessions and batches, with the times of everything that happened to them.

    Made by `qiskit_modes.record`, or with `load` from a file.
    """

    created: str
    """When it began, as an ISO time in UTC."""
    seconds: float
    """Length in seconds."""
    qpus: dict[str, int]
    """Each QPU with its number of lanes."""
    instances: dict[str, Instance]
    workloads: tuple[RecordedWorkload, ...] = ()
    jobs: tuple[RecordedJob, ...] = ()
    calibrations: tuple[tuple[str, float, float], ...] = field(default=())
    """Calibrations: the QPU, and when it began and ended."""
    work: dict[int, tuple[tuple[str, float, float], ...]] = field(default_factory=dict)
    """Of each job the pieces that workers did: the worker's name, and when it began and ended."""
    compile_work: dict[int, tuple[tuple[str, float, float], ...]] = field(default_factory=dict)
    """The same of the heavy parts of its compilation."""
    user: str = ""
    """The instance whose recording it is; empty for the one with most of the jobs."""

    # -- asking it -------------------------------------------------------------------------------

    def job(self, number: int) -> RecordedJob:
        """Return a job by its number."""
        return self.jobs[number - 1]

    def workload(self, number: int) -> RecordedWorkload:
        """Return a session or batch by its number."""
        return self.workloads[number - 1]

    def jobs_of(self, workload: RecordedWorkload) -> list[RecordedJob]:
        """Return the jobs of a session or batch, in the order of submission."""
        return [job for job in self.jobs if job.workload == workload.number]

    def workers_of(self, job: RecordedJob) -> tuple[str, ...]:
        """Return the names of the workers that executed a job, each once."""
        return tuple(dict.fromkeys(name for name, *_ in self.work.get(job.number, ())))

    def compilers_of(self, job: RecordedJob) -> tuple[str, ...]:
        """Return the names of those that did heavy parts of a job's compilation, each once."""
        return tuple(dict.fromkeys(name for name, *_ in self.compile_work.get(job.number, ())))

    def main_instance(self) -> str:
        """Return the instance whose recording it is: the one with most jobs, unless it is said."""
        if self.user:
            return self.user
        counts: dict[str, int] = {}
        for job in self.jobs:
            counts[job.instance] = counts.get(job.instance, 0) + 1
        return max(counts, key=lambda name: counts[name], default=next(iter(self.instances), ""))

    # -- reading and writing ---------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return it as the documented format has it, ready for JSON."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "created": self.created,
            "seconds": round(self.seconds, DECIMALS),
            "qpus": {name: {"lanes": lanes} for name, lanes in self.qpus.items()},
            "instances": {name: _instance_as_dict(each) for name, each in self.instances.items()},
            "workloads": [_without_defaults(each) for each in self.workloads],
            "jobs": [_without_defaults(each) for each in self.jobs],
            "calibrations": [list(each) for each in self.calibrations],
            **({"work": _as_lists(self.work)} if self.work else {}),
            **({"compile_work": _as_lists(self.compile_work)} if self.compile_work else {}),
            **({"user": self.user} if self.user else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the recording that `to_dict` has written.

        Raises:
            InvalidInputError: If it is not a recording, or one of a newer version.
        """
        _check_format(data)
        try:
            return cls(
                created=str(data["created"]),
                seconds=float(data["seconds"]),
                qpus={name: int(each["lanes"]) for name, each in data["qpus"].items()},
                instances={n: _instance_of(n, each) for n, each in data["instances"].items()},
                workloads=tuple(_workload_of(each) for each in data["workloads"]),
                jobs=tuple(_job_of(each) for each in data["jobs"]),
                calibrations=tuple((q, a, b) for q, a, b in data.get("calibrations", ())),
                work=_work_of(data.get("work", ())),
                compile_work=_work_of(data.get("compile_work", ())),
                user=data.get("user", ""),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInputError(
                f"the recording cannot be read: {type(error).__name__}: {error}; was it edited?"
            ) from error

    def save(self, path: str | Path) -> None:
        """Write it to a file, one line for each job.

        A file that is there is replaced by the whole of it or, if it cannot be written, not at all.

        Raises:
            OSError: If it cannot be written; the message names the file.
        """
        data = self.to_dict()
        jobs, workloads = data.pop("jobs"), data.pop("workloads")
        head = json.dumps(data, ensure_ascii=False)[:-1]
        lists = {"workloads": workloads, "jobs": jobs}
        parts = [
            f'"{name}": [\n' + ",\n".join(json.dumps(e, ensure_ascii=False) for e in each) + "\n]"
            for name, each in lists.items()
        ]
        with whole_file(path) as file:
            file.write_text(head + ",\n" + ",\n".join(parts) + "}\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read it from a file.

        Raises:
            InvalidInputError: If there is no such file, or it is no recording.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InvalidInputError(f"cannot read {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise InvalidInputError(f"{path} is not a recording: it is not JSON") from error
        return cls.from_dict(data)


def _check_format(data: Any) -> None:
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise InvalidInputError(
            'this is not a recording; one is made by `with qiskit_modes.record("run.json"):`'
        )
    if data.get("version") != VERSION:
        raise InvalidInputError(
            f"the recording has version {data.get('version')!r}, and this version of qiskit_modes "
            f"reads version {VERSION}; record it again, or update qiskit_modes"
        )


def _without_defaults(thing: RecordedJob | RecordedWorkload) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for each in fields(thing):
        value = getattr(thing, each.name)
        if each.default is MISSING or value != each.default:
            kept[each.name] = _rounded(value)
    return kept


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DECIMALS)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_rounded(each) for each in value]
    return value


def _job_of(data: Mapping[str, Any]) -> RecordedJob:
    times = {name: float(at) for name, at in data["times"].items()}
    if "queued" not in times or not set(times) <= set(STATES):
        raise ValueError(f"job {data.get('number')} has times for {sorted(times)}")
    values = {**data, "mode": Mode(data["mode"]), "times": times}
    for name in ("tags", "after_ends"):
        values[name] = tuple(data.get(name, ()))
    return RecordedJob(**values)


def _as_lists(work: Mapping[int, Iterable[tuple[str, float, float]]]) -> list[Any]:
    return [[n, *_rounded(piece)] for n, pieces in work.items() for piece in pieces]


def _work_of(pieces: Iterable[Any]) -> dict[int, tuple[tuple[str, float, float], ...]]:
    found: dict[int, tuple[tuple[str, float, float], ...]] = {}
    for number, name, start, end in pieces:
        found[number] = (*found.get(number, ()), (str(name), float(start), float(end)))
    return found


def _workload_of(data: Mapping[str, Any]) -> RecordedWorkload:
    windows = tuple((start, end) for start, end in data.get("windows", ()))
    return RecordedWorkload(**{**data, "mode": Mode(data["mode"]), "windows": windows})


def _instance_as_dict(instance: Instance) -> dict[str, Any]:
    usual = asdict(Plan())
    plan = {
        name: value
        for name, value in asdict(instance.plan).items()
        if name == "name" or value != usual[name]
    }
    own = {
        "allocation_seconds": instance.allocation_seconds,
        "limit_seconds": instance.limit_seconds,
    }
    return {"plan": plan, **{name: value for name, value in own.items() if value is not None}}


def _instance_of(name: str, data: Mapping[str, Any]) -> Instance:
    own = {key: value for key, value in data.items() if key != "plan"}
    return Instance(name, Plan(**data["plan"]), **own)
