"""Deadlines: things that happen by themselves as time passes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import assert_never

from qiskit_modes.scheduling.job import RAN_TOO_LONG, Cancelled, Executing, Failed, Fault
from qiskit_modes.scheduling.ledger import ROUNDING_SECONDS
from qiskit_modes.scheduling.rules.dispatch import Dispatch
from qiskit_modes.scheduling.rules.waiting import CALIBRATION
from qiskit_modes.scheduling.state import NOTICE_SECONDS, Line
from qiskit_modes.scheduling.workload import TTL, Workload, WorkloadState

__all__ = ["Deadlines"]

_SESSION_ENDED = "its session or batch ended before the job could start"

Deadline = tuple[float, Callable[[float], None]]
"""When something is due, and what to call then with that time."""
_moment = itemgetter(0)


def _do_nothing(_: float) -> None:
    """Pass a deadline at which something may start: that is looked at after every deadline."""


class Deadlines(Dispatch):
    """The part of a scheduler that knows what is due, and acts on it."""

    def _overdue(self, now: float, *, time_passed: bool) -> Deadline | None:
        """Return what is due first of what must be acted on by ``now``.

        At one moment the QPU comes first, then the older workload. What ends at the very moment of
        its limit has not exceeded it. So at that moment nothing is stopped, unless time has passed
        and nothing has ended.
        """
        self._take_changes(self.now)
        slack = 0.0 if time_passed else ROUNDING_SECONDS
        due = [d for d in self._stops() if d[0] + slack <= now]
        due += [d for d in self._others() if d[0] <= now]
        return min(due, key=_moment, default=None)

    def _next_due(self) -> float | None:
        """Return when something is due next."""
        due = self._stops() + self._others()
        return min(map(_moment, due)) if due else None

    def _stops(self) -> list[Deadline]:
        due: list[Deadline] = []
        if self._executing is not None and isinstance(self._executing.state, Executing):
            due.append((self._executing.state.deadline, self._stop_executing))
        if self._limits.ranks and (first := self._limits.first()) is not None:
            at, instance = first
            due.append((max(at, self.now), partial(self._exhaust, instance)))
        return due

    def _others(self) -> list[Deadline]:
        due: list[Deadline] = []
        if self.maintained_until > self.now:
            due.append((self.maintained_until, _do_nothing))
        if self.calibration_ends_at is not None:
            due.append((self.calibration_ends_at, self._end_calibration))
        if self._ttls.ranks and (ttl := self._ttls.first()) is not None:
            (at, _), workload_id = ttl
            due.append((at, partial(self._run_out, self.workloads[workload_id])))
        relief = self.queue.next_relief(self.now) if self.queue.waiting else None
        if relief is not None:
            due.append((relief, _do_nothing))
        if self._notices.ranks and (notice := self._notices.first()) is not None:
            at, line = notice
            due.append((max(at, self.now), partial(self._have_waited, line)))
        return due

    def _stop_executing(self, at: float) -> None:
        assert self._executing is not None
        self._settle_early(self._executing, RAN_TOO_LONG, at)

    def _end_calibration(self, at: float) -> None:
        self.locks.qpu.release(CALIBRATION, at)
        self.calibration_ends_at = None

    def _run_out(self, workload: Workload, at: float) -> None:
        due = workload.next_ttl()
        assert due is not None, "a TTL that has run out runs"
        _, ttl = due
        match ttl:
            case TTL.INTERACTIVE:
                self._leave_active(workload, WorkloadState.INACTIVE, at)
            case TTL.ACTIVE_TTL:
                workload.yielding = True
                self._rest(workload, at)
            case TTL.UNUSED | TTL.MAX_TTL:
                self._end_of_ttl(workload, ttl, at)
            case _:
                assert_never(ttl)

    def _end_of_ttl(self, workload: Workload, ttl: TTL, at: float) -> None:
        reason = f"{_SESSION_ENDED}: {ttl.value}"
        fails = workload.instance.plan.queued_fail_at_ttl
        ending = Failed(Fault.USER, reason) if fails else Cancelled(reason)
        self._stop_accepting(workload.id, ttl.value, at, drop_queued=ending)

    def _have_waited(self, line: Line, at: float) -> None:
        """Let a line say whom it waits for, if its oldest job has waited long enough."""
        says_at = self._oldest(line).submitted_at + NOTICE_SECONDS
        if says_at > at:
            self._notices.set(line, says_at)
        else:
            self._notices.discard(line)
            self._due_notices[line] = None
