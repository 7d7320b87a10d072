"""A machine room: QPUs, their executor and its workers.

`LocalRuntime` is the only way in. Each of its methods may be called from any thread and from the
handler of a signal, whatever the main thread is doing then; Ctrl-C ends the waiting for one and
nothing else; and in a child that was forked from the process each says so, but for what can be
known there. Whoever calls them need not know how.
"""

from __future__ import annotations

import os
import weakref
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from qiskit_modes.exceptions import RefusedError, StoreError
from qiskit_modes.runtime.clock import Clock, SystemClock
from qiskit_modes.runtime.ending import end_with_process
from qiskit_modes.runtime.keeping.budgets import Budgets, Used
from qiskit_modes.runtime.keeping.listing import Listing
from qiskit_modes.runtime.keeping.opening import open_archive
from qiskit_modes.runtime.observer import Listener, Listeners
from qiskit_modes.runtime.progress.progress import Surface, find_surface
from qiskit_modes.runtime.progress.waits import Waits
from qiskit_modes.runtime.qpu import QPU, Offers, QPURegistry
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.runtime.session_executor import SessionExecutor
from qiskit_modes.runtime.shared_ledger import SharedLedger
from qiskit_modes.runtime.snapshot import Snapshot, take_snapshot
from qiskit_modes.runtime.steps import ScriptedSteps
from qiskit_modes.runtime.workers.choose import pool_of
from qiskit_modes.scheduling import Instance
from qiskit_modes.scheduling.events import WorkloadOpened
from qiskit_modes.scheduling.job import Failed, Fault
from qiskit_modes.store.rows import JobQuery, WorkloadQuery

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from distributed import Client

    from qiskit_modes.runtime.workers.pool import WorkerPool
    from qiskit_modes.store.tokens import StoredTokens

__all__ = ["LocalRuntime", "living_runtimes"]

_Answer = TypeVar("_Answer")


class LocalRuntime:
    """QPUs with the rules of the service, on this machine.

    All methods may be called from any thread and from handlers of signals. Usable as a context
    manager, which shuts it down.

    Args:
        lanes: How many jobs of one QPU are in progress at once.
        clock: Whose time counts; None for the machine's.
        workers: What executes programs: how many processes of this machine, started when they are
            needed; or a Dask cluster, by the address of its scheduler (``"tcp://head:8786"``), by a
            `dask.distributed.Client` or, for one on this machine, as ``"local:2"``; or a function
            that makes the `concurrent.futures.Executor` of one worker. None for the cluster of
            which ``QISKIT_MODES_CLUSTER`` tells the address, or else one process per core.
        instance: To whom usage is charged unless a session or backend says otherwise.
        surface: Returns where users see how it is going while they wait, or None for nowhere. By
            default the terminal or notebook of the process; nowhere for another ``clock``.
        simulate: For each job that is submitted, how long its steps last on the clock instead of
            being executed, or None to execute them; for tests.
        refused: Called with each job that ``simulate`` was asked about and that was not accepted.
        store: Where jobs, sessions, batches and usage outlive the process: a URL or a file, see
            `qiskit_modes.store.locations.location_of`. None, or ``"memory"``, for nowhere.
        serves: Whether this is the one server of the store: what it has not finished at its end is
            left to the next one, where other runtimes cancel it.
        resumes: Whether jobs that an earlier server has left are kept for `left_unfinished`.
        waits: Told for whom the opening of the store waits, if it does.
    """

    def __init__(
        self,
        *,
        lanes: int = 5,
        clock: Clock | None = None,
        workers: WorkerPool | int | str | Client | Callable[[], Executor] | None = None,
        instance: Instance | None = None,
        surface: Callable[[], Surface | None] | None = None,
        simulate: Callable[[JobRecord], ScriptedSteps | None] = lambda _: None,
        refused: Callable[[JobRecord], None] = lambda _: None,
        store: str | os.PathLike[str] | None = None,
        serves: bool = False,
        resumes: bool = False,
        waits: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.instance = instance or Instance()
        self.ledger = SharedLedger()
        self.registry = QPURegistry(lanes=lanes, ledger=self.ledger)
        present = SystemClock() if clock is None else clock
        self._serves = serves
        # What may not answer comes first: nobody else gets at a store that is open here.
        pool = pool_of(workers)
        try:
            self.archive = open_archive(
                present,
                store,
                registry=self.registry,
                ledger=self.ledger,
                whole=self._whole,
                serves=serves,
                resumes=resumes,
                waits=waits,
            )
            """What is kept of jobs and workloads."""
            self.budgets = Budgets(self.archive.count_of)
            self.budgets.check(self.instance)
        except BaseException:
            if pool is not workers:
                pool.close()
            raise
        self.executor = SessionExecutor(
            clock=present,
            workers=pool,
            qpus=self.registry.all,
            archive=self.archive,
            let_in_result=partial(_let_in_result, self.budgets, self.ledger),
        )
        self._listeners = Listeners()
        if surface is None and clock is None:
            surface = find_surface
        self._waits = Waits(present, self.archive, surface, self.executor.uninterrupted)
        self._offers = Offers()
        self._simulate = simulate
        self._refused = refused
        self.executor.workers.on_start = self._end_with_process = partial(
            end_with_process, weakref.ref(self)
        )
        self._has_had_jobs = False
        self.process_id = os.getpid()
        _runtimes.add(self)
        if self.store is not None:
            self._end_with_process()

    @property
    def store(self) -> str | None:
        """Place where jobs outlive the process, without a password; None for nowhere."""
        return self.archive.store_name

    @property
    def is_open(self) -> bool:
        """Tell whether it takes work: it is of this process, and was not shut down."""
        return self.is_of_this_process and not self.executor.is_closed

    @property
    def takes_jobs(self) -> bool:
        """Tell whether jobs are taken: it is open, and can write into its store if it has one."""
        return self._whole(lambda: self.is_open and self.archive.works)

    def __enter__(self) -> LocalRuntime:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self.is_of_this_process:  # a forked child leaves what it has inherited as it is
            self.shut_down()

    def __deepcopy__(self, memo: dict[int, Any]) -> LocalRuntime:
        return self  # what has locks and processes is there once

    def __copy__(self) -> LocalRuntime:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            "a LocalRuntime stays in its process, with its QPUs and workers; open one in the other "
            "process, or offer this one to several with `qiskit-modes serve`"
        )

    @property
    def is_of_this_process(self) -> bool:
        """Tell whether it runs in this process, and not in the one from which it was forked."""
        return self.process_id == os.getpid()

    def check_process(self) -> None:
        """Check that it runs in this process.

        Raises:
            OtherProcessError: If this process was forked from the one where it does.
        """
        self.executor.uninterrupted.check_process()

    def _whole(self, call: Callable[[], _Answer]) -> _Answer:
        """Make a call that no signal cuts in two, in the process where it means something."""
        return self.executor.uninterrupted(call)

    @property
    def clock(self) -> Clock:
        """Clock whose time counts."""
        return self.executor.clock

    def warm_up(self) -> None:
        """Start a worker, without waiting for it, so that the first job finds it ready."""
        self._whole(self.executor.workers.warm_up)

    def submit(self, job: JobRecord, *, max_execution_seconds: float | None = None) -> None:
        """Hand a job in; does not wait for it.

        Raises:
            RefusedError: If the rules do not allow it.
            RuntimeClosedError: If the runtime was shut down.
            StoreError: If it cannot be kept; then it is cancelled.
        """
        steps = job.under_way.steps  # which a job drops that ends before this method does
        self.check_process()
        if not self._has_had_jobs:  # the program may end before a worker has started
            self._has_had_jobs = True
            self._end_with_process()
        self.archive.prepare(job)
        try:
            job.scripted = self._simulate(job)
            self._whole(partial(self._submit, job, max_execution_seconds))
        except BaseException:
            self._refused(job)
            raise
        try:
            self.archive.submitted(job)
        except StoreError:
            self._whole(partial(self.budgets.turn_away, job))
            with suppress(RefusedError):
                self.cancel(job)
            raise
        if self.archive.count_of is not None:
            self._whole(partial(self.budgets.is_kept, job))
        for listener in self._listeners:
            listener.job_submitted(job, steps)

    def _submit(self, job: JobRecord, max_execution_seconds: float | None) -> None:
        self.budgets.let_in(self.ledger.current(job.instance), job)
        try:
            self.executor.submit_whole(job, max_execution_seconds)
        except BaseException:
            self.budgets.turn_away(job)
            raise

    def tell_seen(self, job: JobRecord) -> None:
        """Let the present thread know that a job has ended; for the doors.

        Returns when that is kept, and tells the listeners.

        Raises:
            StoreError: If it cannot be kept.
        """
        self.archive.settle(job)
        for listener in self._listeners:
            listener.job_seen(job)

    def listen(self, listener: Listener) -> None:
        """Tell somebody of all jobs from now on."""
        self._whole(partial(self._listeners.add, listener))

    def stop_listening(self, listener: Listener) -> None:
        """Tell somebody of no more jobs."""
        self._whole(partial(self._listeners.remove, listener))

    def wait(self, job: JobRecord, timeout: float | None = None) -> bool:
        """Wait until a job has ended, and show how it is going if that takes long.

        Args:
            job: Which one.
            timeout: Longest time to wait in seconds; None for no limit.

        Returns:
            Whether it has ended.
        """
        if job.finished.is_set():
            return True
        self.check_process()
        return self._waits.wait(job, timeout)

    def wait_unseen(self, job: JobRecord, timeout: float | None = None) -> bool:
        """Wait as `wait` does, on behalf of somebody who does not look at this process."""
        if not job.finished.is_set():
            self.check_process()
        return self._waits.wait_unseen(job, timeout)

    # -- QPUs ----------------------------------------------------------------------------------

    def qpu(self, backend: Any) -> QPU:
        """Return the QPU that ``backend`` stands for."""
        return self.registry.qpu(backend)

    def qpus(self) -> list[QPU]:
        """Return every QPU that has been used and whose backend still exists."""
        return self.registry.all()

    @property
    def workers(self) -> WorkerPool:
        """Workers that execute programs."""
        return self.executor.workers

    def offer(self, find: Callable[[str], Any | None]) -> None:
        """Take note of a service whose jobs run here.

        Args:
            find: Returns the backend that the service offers by a name, or None. Held weakly if it
                is a method, so that the service can go.
        """
        self._whole(partial(self._offers.add, find))

    def find_offered(self, name: str) -> Any | None:
        """Return the backend that a service here offers by a name, the latest of them first."""
        return self._whole(partial(self._offers.find, name))

    def current(self, instance: Instance) -> Instance:
        """Return an instance with the limits that it has now; see `change_instance`."""
        self.check_process()
        return self.ledger.current(instance)  # takes nothing, so no thread has to stand in

    def change_instance(self, instance: Instance) -> None:
        """Let an instance have other limits, or another plan, from now on.

        They hold for all that it has, also for what waits, and for all that it will have, whatever
        limits the `Instance` has with which that is opened or submitted. What is open keeps its
        TTLs.

        Args:
            instance: It has the id of the one that changes.
        """
        self._whole(partial(self._change_instance, instance))

    def _change_instance(self, instance: Instance) -> None:
        self.budgets.check(instance)
        self.ledger.change(instance, self.clock.now())
        self.executor.change_instance(instance)

    def at_one_moment(self, qpu: QPU, look: Callable[[], _Answer]) -> _Answer:
        """Return what ``look()`` returns, while nothing else happens on a QPU.

        Args:
            qpu: Which one.
            look: Looks at its jobs and workloads; it calls nothing of the runtime.
        """
        return self._whole(partial(_with_mutex_of, qpu, look))

    def snapshot(self, qpu: QPU) -> Snapshot:
        """Return what a QPU is doing now, see `qiskit_modes.runtime.snapshot.take_snapshot`."""
        return self._whole(partial(take_snapshot, qpu, self.clock))

    def unfinished_jobs(self, qpu: QPU) -> int:
        """Return how many jobs of all instances have not ended on a QPU."""
        return self._whole(qpu.unfinished_jobs)

    def is_maintained(self, qpu: QPU) -> bool:
        """Return whether a QPU is out of service."""
        now = self.clock.now()
        return self.at_one_moment(qpu, lambda: qpu.scheduler.maintained_until > now)

    def calibrate(self, qpu: QPU, seconds: float) -> None:
        """Let a calibration become due; it takes the QPU between two jobs, never in a session."""
        self.executor.calibrate(qpu, seconds)

    def maintain(self, qpu: QPU, seconds: float) -> None:
        """Take a QPU out of service: what is on it ends, nothing more gets it meanwhile."""
        self.executor.maintain(qpu, seconds)

    # -- sessions and batches ------------------------------------------------------------------

    def open_workload(
        self,
        event: WorkloadOpened,
        backend: Any,
        *,
        listed: bool = True,
        backend_name: str | None = None,
    ) -> WorkloadRecord:
        """Open a session or batch.

        Args:
            event: What to open.
            backend: What it runs on.
            listed: Whether it is remembered, so that it can be found by its id. Of those that are
                closed the latest are kept; the others go, and their backends with them.
            backend_name: The name by which the backend was asked for; None for that of its QPU.

        Raises:
            RefusedError: If the plan does not allow it.
            RuntimeClosedError: If the runtime was shut down.
            StoreError: If it cannot be kept.
        """
        return self._whole(
            partial(self._open_workload, event, backend, listed=listed, name=backend_name)
        )

    def _open_workload(
        self, event: WorkloadOpened, backend: Any, *, listed: bool, name: str | None
    ) -> WorkloadRecord:
        qpu = self.qpu(backend)
        with self.budgets.opening(self.ledger.current(event.instance)) as count_in:
            core = self.executor.open_workload(event, qpu)
            count_in(core)
        record = WorkloadRecord(core, qpu, backend, name or qpu.name)
        if listed:
            try:
                self.archive.opened(record)
            except StoreError:
                self.executor.cancel_workload(record)
                raise
        return record

    def workload(self, workload_id: str) -> WorkloadRecord | None:
        """Return a session or batch by its id, or None if it is not known."""
        return self._whole(partial(self.archive.workload, workload_id))

    def workloads(self) -> list[WorkloadRecord]:
        """Return every session and batch of this process, in the order of their opening."""
        return self._whole(self.archive.workloads.all)

    def close_workload(self, workload: WorkloadRecord) -> None:
        """Let a session or batch accept nothing more; what it has still runs."""
        self.executor.close_workload(workload)

    def cancel_workload(self, workload: WorkloadRecord) -> None:
        """Let a session or batch accept nothing more, and drop what has not started."""
        self.executor.cancel_workload(workload)

    def expire_workload(self, workload: WorkloadRecord) -> None:
        """Let the maximum TTL of a session or batch be over before its time; for tests."""
        self.executor.expire_workload(workload)

    def workload_usage(self, workload: WorkloadRecord) -> float | None:
        """Return the seconds that a session or batch has used so far; None if it never began."""
        core, now = workload.core, self.clock.now()
        return self.at_one_moment(
            workload.qpu, lambda: core.usage_seconds(now) if core.windows else None
        )

    # -- instances -----------------------------------------------------------------------------

    def used(self, instance: Instance) -> float:
        """Return the seconds that count against an instance's limit; see `Ledger.used`."""
        return self._whole(partial(self.ledger.used, instance, self.clock.now()))

    def budget_used(self, instance: Instance) -> Used:
        """Return what an instance uses of its budget."""
        return self._whole(partial(self.budgets.used, instance))

    def is_limited(self, instance: Instance) -> bool:
        """Return whether an instance has reached its limit of usage."""
        if self.current(instance).limit is None:
            return False
        return self._whole(partial(self.ledger.is_limited, instance, self.clock.now()))

    # -- jobs ----------------------------------------------------------------------------------

    def job(self, job_id: str) -> JobRecord | None:
        """Return a job by its id, or None if it is not known."""
        return self._whole(partial(self.archive.job, job_id))

    def why_gone(self, job_id: str) -> str | None:
        """Return why a job is not known any more, as a clause; None if nothing is known of it."""
        return self._whole(partial(self.archive.jobs.why_gone, job_id))

    def jobs(self) -> list[JobRecord]:
        """Return every job that is known, oldest first; all that the store has, if there is one."""
        return self.find_jobs(JobQuery())[0]

    def jobs_at_hand(self) -> list[JobRecord]:
        """Return every job that is in memory, oldest first: all that are under way here."""
        return self._whole(self.executor.jobs.all)

    def find_jobs(self, query: JobQuery) -> tuple[list[JobRecord], int]:
        """Return one page of the jobs that match, and how many match in all."""
        return self._whole(partial(self.archive.find, query))

    def list_jobs(self, query: JobQuery, listing: Listing) -> tuple[list[str], int]:
        """Return what is said of one page of the jobs that match, and how many match in all.

        Args:
            query: Which jobs.
            listing: Says it, as the text of a JSON object for each.

        Raises:
            StoreError: If a job has ended and that cannot be kept, or the store cannot be read.
        """
        return self._whole(partial(self.archive.list_jobs, query, listing))

    def lists_as(self, listing: Listing) -> None:
        """Have what lists say of jobs kept as soon as they are final, if there is a store."""
        self._whole(partial(self.archive.lists_as, listing))

    def find_workloads(self, query: WorkloadQuery) -> tuple[list[JobRecord | WorkloadRecord], int]:
        """Return one page of the sessions, batches and jobs of job mode that match.

        Returns:
            The newest first, and how many match in all.
        """
        return self._whole(partial(self.archive.find_workloads, query))

    def tags_of_workloads(self, ids: Collection[str]) -> dict[str, list[str]]:
        """Return the tags of the jobs of sessions and batches, by the workload."""
        return self._whole(partial(self.archive.tags_of_workloads, ids))

    def places_of(self, instances: Collection[str] | None) -> tuple[set[str], set[str]]:
        """Return the names of QPUs that were used, and the ids of the instances that used them.

        Args:
            instances: Only what these have used; None for all.
        """
        return self._whole(partial(self.archive.places_of, instances))

    def states(self) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str, str]]]:
        """Return how many jobs are known by QPU and status, and workloads by QPU, mode and state.

        Workloads are sessions and batches here.
        """
        return self._whole(self.archive.states)

    def job_of_key(self, instance_id: str, key: str) -> JobRecord | None:
        """Return the job that an instance has submitted with a key, or None."""
        return self._whole(partial(self.archive.job_of_key, instance_id, key))

    def left_unfinished(self) -> list[JobRecord]:
        """Return, once, the jobs that an earlier server has left and that may run again."""
        return self._whole(self.archive.left_unfinished)

    def give_up(self, job: JobRecord, reason: str) -> None:
        """End a job that an earlier server has left, and that cannot run again.

        Args:
            job: One of `left_unfinished`.
            reason: For people.
        """
        self._whole(partial(self.archive.give_up, job.id, Failed(Fault.SYSTEM, reason)))

    def secret(self, name: str, new: bytes) -> bytes:
        """Return a secret that outlives the process if anything does.

        Args:
            name: Of the secret.
            new: What it is to be, if there is none yet.
        """
        return self._whole(partial(self.archive.secret, name, new))

    @property
    def tokens(self) -> StoredTokens | None:
        """Tokens of the clients of a server, in the store; None without one."""
        self.check_process()
        return self.archive.tokens

    def token_used(self, token_id: str) -> None:
        """Take note that a client uses a token; does not wait."""
        self._whole(partial(self.archive.token_used, token_id))

    def forget_job(self, job_id: str) -> None:
        """Drop a job that has ended; whoever holds it keeps it."""
        self._whole(partial(self.archive.forget, job_id))

    def set_tags(self, job: JobRecord, tags: list[str]) -> None:
        """Replace the tags of a job.

        Raises:
            StoreError: If they cannot be kept; then it has the tags that it had.
        """
        self.check_process()
        self.archive.tagged(job, tags)
        job.tags = tags

    def cancel(self, job: JobRecord) -> None:
        """End a job before its time: stop it wherever it is.

        Raises:
            RefusedError: If it has already ended.
        """
        self.executor.cancel(job)

    def facts(self, job: JobRecord) -> JobRecord:
        """Return a job whose facts are about to be read.

        Raises:
            OtherProcessError: If this process was forked from the one where it runs, and the job
                had not ended then: here nobody learns how it goes on.
        """
        if not job.finished.is_set():
            self.check_process()
            self._waits.is_elsewhere(job)
        return job

    def shut_down(self) -> list[JobRecord]:
        """End everything: jobs that have not finished are cancelled and returned."""
        self.check_process()
        self._waits.close()
        if self._serves:
            self.archive.freeze()
        outstanding = self.executor.shut_down()
        self.archive.close()
        return outstanding


def _let_in_result(budgets: Budgets, ledger: SharedLedger, job: JobRecord) -> None:
    budgets.let_in_result(ledger.current(job.instance), job)


def _with_mutex_of(qpu: QPU, look: Callable[[], _Answer]) -> _Answer:
    with qpu.mutex:
        return look()


def living_runtimes() -> list[LocalRuntime]:
    """Return the runtimes of this process, in no particular order."""
    return [runtime for runtime in list(_runtimes) if runtime.is_of_this_process]


_runtimes: weakref.WeakSet[LocalRuntime] = weakref.WeakSet()
"""All that there are."""
_of_the_parent: list[LocalRuntime] = []
"""Those that a forked child has inherited; they are kept, since no thread of it may end them."""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _of_the_parent.extend(_runtimes))
