"""Budgets of instances: what each keeps and has under way, and what is refused for it."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NoReturn

from qiskit_modes.exceptions import InvalidInputError, RefusedError, StoreError
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.scheduling import Instance
from qiskit_modes.scheduling.instructions import Refusal
from qiskit_modes.scheduling.job import Completed
from qiskit_modes.scheduling.workload import Workload

__all__ = ["Budgets", "Used"]

_COUNTED_FOR = 20.0
"""A count of what is kept holds for so many times the time that it took, so that counting takes a
twentieth of the time at most; and for a second at least. Before something is refused it is counted
again in any case, since somebody may just have deleted something."""

_COUNTED_AT_LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class Used:
    """Share of its budget that an instance uses."""

    bytes: int
    jobs: int
    pending_jobs: int
    open_workloads: int


@dataclass
class _Account:
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Held while something of the instance is let in, also while what it keeps is counted: its own
    submissions wait then, nobody else's."""
    pending: list[weakref.ref[JobRecord]] = field(default_factory=list)
    """Jobs that were let in; those that have ended are sorted out now and then, and are not held
    until then."""
    open: list[weakref.ref[Workload]] = field(default_factory=list)
    """The same of sessions and batches."""
    jobs: int = 0
    bytes: int = 0
    """Of what is kept, as it was counted last and with what was let in since."""
    uncounted: dict[str, int] = field(default_factory=dict)
    """Jobs that were let in since, with the bytes of their inputs."""
    kept: set[str] = field(default_factory=set)
    """Those of them that are in the store: the next count finds them, or they were deleted."""
    results: dict[str, tuple[weakref.ref[JobRecord], int]] = field(default_factory=dict)
    """Results that were let in since, with their bytes, by the ids of their jobs."""
    counted_at: float = float("-inf")
    took: float = 0.0

    def sort_out(self) -> None:
        """Forget what has ended."""
        self.pending = [job for job in self.pending if not _has_ended(job())]
        self.open = [each for each in self.open if not _is_closed(each())]

    def sort_out_results(self) -> None:
        """Forget results that the next count finds, or that are never kept."""
        self.results = {
            job_id: (job, size) for job_id, (job, size) in self.results.items() if _is_due(job())
        }


class Budgets:
    """Accounts of what instances use, in one process. May be used from any thread.

    Args:
        count: Returns, for the id of an instance and the ids of jobs, how many jobs are kept of
            it, the bytes of their inputs and results, and which of the jobs are among them, each
            with whether its result is; waits for the store. None without one.
    """

    def __init__(
        self, count: Callable[[str, Collection[str]], tuple[int, int, dict[str, bool]]] | None
    ) -> None:
        self._count = count
        self._mutex = threading.Lock()
        """Guards the dictionary."""
        self._accounts: dict[str, _Account] = {}

    def check(self, instance: Instance) -> None:
        """Check that the budget of an instance can be kept.

        Raises:
            InvalidInputError: If it needs a store, and there is none.
        """
        if instance.budget.needs_store and self._count is None:
            raise InvalidInputError(
                f"The budget of instance {instance.id!r} limits what is kept, and nothing is kept "
                "without a store: pass one, or leave max_bytes and max_jobs out"
            )

    def let_in(self, instance: Instance, job: JobRecord) -> None:
        """Count a job in that is about to be submitted.

        Args:
            instance: Whose it is, with its present limits.
            job: With the texts of its inputs. One that runs again was let in before.

        Raises:
            RefusedError: If it does not fit into the budget; then nothing has changed.
        """
        self.check(instance)
        # A look into the dictionary is one step.
        account = self._accounts.get(instance.id) or self._account(instance.id)
        budget = instance.budget
        is_new = job.request is None or job.request.job_id is None
        with account.turn:
            _tidy(account, len(account.pending))
            if is_new and budget.max_pending_jobs is not None:
                self._check_pending(instance, account, budget.max_pending_jobs)
            if is_new and budget.needs_store:
                self._check_kept(instance, account, _input_bytes(job))
                account.uncounted[job.id] = _input_bytes(job)
            account.pending.append(weakref.ref(job))

    def let_in_result(self, instance: Instance, job: JobRecord) -> None:
        """Count the result of a job in that is about to end with it.

        Args:
            instance: Whose it is, with its present limits.
            job: With the text of its result; without one nothing is counted.

        Raises:
            RefusedError: If it does not fit into the budget; then nothing has changed.
        """
        if instance.budget.max_bytes is None or job.result_text is None:
            return
        account, size = self._account(instance.id), _bytes(job.result_text)
        with account.turn:
            with suppress(StoreError):  # what was executed is not lost because it cannot be counted
                self._check_room(instance, account, size, of_result=True)
            account.bytes += size
            account.results[job.id] = weakref.ref(job), size

    def is_kept(self, job: JobRecord) -> None:
        """Take note that a job that was let in is in the store."""
        account = self._account(job.instance.id)
        with account.turn:
            if job.id in account.uncounted:
                account.kept.add(job.id)

    def turn_away(self, job: JobRecord) -> None:
        """Take a job out again that was not accepted."""
        account = self._account(job.instance.id)
        with account.turn:
            account.pending = [each for each in account.pending if each() is not job]
            size = account.uncounted.pop(job.id, None)
            if size is not None:
                account.jobs -= 1
                account.bytes -= size

    @contextmanager
    def opening(self, instance: Instance) -> Iterator[Callable[[Workload], None]]:
        """Open a session or batch of an instance in the block; others of it wait meanwhile.

        Args:
            instance: With its present limits.

        Yields:
            What counts it in, once it is open.

        Raises:
            RefusedError: If as many are open as may be.
        """
        account, most = self._account(instance.id), instance.budget.max_open_workloads
        with account.turn:
            _tidy(account, len(account.open))
            if most is not None and len(account.open) >= most:
                account.sort_out()
                if len(account.open) >= most:
                    _refuse(
                        instance,
                        f"{len(account.open):,} of {most:,} sessions and batches open",
                        "close one, or wait for one to end",
                        Refusal.BUSY,
                    )
            yield lambda workload: account.open.append(weakref.ref(workload))

    def used(self, instance: Instance) -> Used:
        """Return what an instance uses; what is kept is known only if there is a store."""
        account = self._account(instance.id)
        with account.turn:
            account.sort_out()
            if self._count is not None:
                self._count_now_and_then(instance.id, account)
            return Used(account.bytes, account.jobs, len(account.pending), len(account.open))

    def _account(self, name: str) -> _Account:
        with self._mutex:
            account = self._accounts.get(name)
            if account is None:
                account = self._accounts[name] = _Account()
            return account

    @staticmethod
    def _check_pending(instance: Instance, account: _Account, most: int) -> None:
        if len(account.pending) >= most:
            account.sort_out()
        if len(account.pending) >= most:
            _refuse(
                instance,
                f"{len(account.pending):,} of {most:,} jobs that have not ended",
                "wait for one of them, or cancel one",
                Refusal.BUSY,
            )

    def _check_kept(self, instance: Instance, account: _Account, size: int) -> None:
        self._check_room(instance, account, size, of_result=False)
        account.jobs += 1
        account.bytes += size

    def _check_room(
        self, instance: Instance, account: _Account, size: int, *, of_result: bool
    ) -> None:
        self._count_now_and_then(instance.id, account)
        full = _full(instance, account, size, of_result=of_result)
        if full is not None:
            self._count_again(instance.id, account)
            full = _full(instance, account, size, of_result=of_result)
        if full is not None:
            again = ", and submit this one again" if of_result else ""
            _refuse(
                instance,
                full,
                "read and delete jobs with service.delete_job(), or ask who looks after the server "
                f"to prune its store{again}",
                Refusal.FULL,
            )

    def _count_now_and_then(self, name: str, account: _Account) -> None:
        holds = max(_COUNTED_FOR * account.took, _COUNTED_AT_LEAST_SECONDS)
        if time.monotonic() - account.counted_at >= holds:
            self._count_again(name, account)

    def _count_again(self, name: str, account: _Account) -> None:
        assert self._count is not None, "it was checked"
        began = time.monotonic()
        account.sort_out_results()
        named = account.uncounted.keys() | account.results.keys()
        jobs, size, there = self._count(name, named)
        account.results = {
            job_id: result for job_id, result in account.results.items() if not there.get(job_id)
        }
        account.uncounted = {
            job_id: size
            for job_id, size in account.uncounted.items()
            if job_id not in there and job_id not in account.kept
        }
        account.kept.clear()
        account.jobs = jobs + len(account.uncounted)
        account.bytes = size + sum(account.uncounted.values())
        account.bytes += sum(size for _, size in account.results.values())
        account.counted_at = time.monotonic()
        account.took = account.counted_at - began


def _has_ended(job: JobRecord | None) -> bool:
    if job is None:
        return True
    core = getattr(job, "core", None)  # without one the scheduler has not accepted it yet
    return core is not None and core.ending is not None


def _is_due(job: JobRecord | None) -> bool:
    """Return whether the result of a job is on its way into the store."""
    if job is None or job.result_is_kept:
        return False
    return job.core.ending is None or isinstance(job.core.ending, Completed)


def _is_closed(workload: Workload | None) -> bool:
    return workload is None or workload.closed_at is not None


def _tidy(account: _Account, count: int) -> None:
    """Sort out what has ended when there may be much of it: at each doubling, all in all."""
    if count >= 64 and count & (count - 1) == 0:
        account.sort_out()


def _input_bytes(job: JobRecord) -> int:
    text = job.params_text if job.request is None else job.request.params
    if text is None or job.private:
        return 0
    return _bytes(text)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _full(instance: Instance, account: _Account, size: int, *, of_result: bool) -> str | None:
    """Return what is full, and how full; None if what comes has room."""
    budget = instance.budget
    if not of_result and budget.max_jobs is not None and account.jobs >= budget.max_jobs:
        return f"{account.jobs:,} of {budget.max_jobs:,} jobs that are kept"
    if budget.max_bytes is not None and account.bytes + size > budget.max_bytes:
        return (
            f"{account.bytes:,} of {budget.max_bytes:,} bytes of inputs and results, and "
            f"{'the result of this job' if of_result else 'this job'} brings {size:,} more"
        )
    return None


def _refuse(instance: Instance, how_full: str, what_to_do: str, refusal: Refusal) -> NoReturn:
    raise RefusedError(
        f"the budget of instance {instance.id!r} is used up: it has {how_full}; {what_to_do}",
        refusal,
    )
