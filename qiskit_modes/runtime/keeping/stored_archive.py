"""An archive with a store behind it, which outlives the process."""

from __future__ import annotations

import logging
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any

from qiskit_modes.exceptions import NotStorableError, RefusedError, StoreError
from qiskit_modes.runtime.clock import Clock
from qiskit_modes.runtime.keeping.archive import Archive
from qiskit_modes.runtime.keeping.job_rows import ENDINGS, Calendar, as_ended
from qiskit_modes.runtime.keeping.listing import Listing
from qiskit_modes.runtime.keeping.recovery import bury_the_dead, enter
from qiskit_modes.runtime.keeping.row_reader import RowReader
from qiskit_modes.runtime.keeping.row_writer import RowWriter
from qiskit_modes.runtime.keeping.workload_rows import instance_of
from qiskit_modes.runtime.keeping.writer import Change, Writer
from qiskit_modes.runtime.qpu import QPURegistry
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.scheduling import Instance, Ledger, WorkloadState
from qiskit_modes.scheduling.instructions import Refusal
from qiskit_modes.scheduling.job import Failed, PostProcessing
from qiskit_modes.scheduling.workload import Workload
from qiskit_modes.store.heads import BEAT_SECONDS, new_head
from qiskit_modes.store.job_queries import in_parts
from qiskit_modes.store.rows import (
    UNFINISHED,
    JobQuery,
    JobRow,
    ListedJob,
    WorkloadQuery,
)
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.store.tokens import StoredTokens, note_use
from qiskit_modes.store.writing import Transaction

__all__ = ["StoredArchive"]

logger = logging.getLogger("qiskit_modes")

_PATIENCE_SECONDS = 60.0
"""How long the end of a job may be on its way into the store before whoever asks is told so."""

_EARLIER_JOBS, _EARLIER_WORKLOADS = 1_000, 100
"""Of earlier servers, that a server has at hand when it begins; what is asked for is looked up."""

_WINDOW_SECONDS = 28 * 24 * 3600.0
"""Usage of this time is taken over charge by charge; what is older, as a sum."""


class StoredArchive(Archive):
    """Jobs, sessions and batches of a runtime in a store. May be used from any thread.

    Args:
        clock: That of the runtime.
        store: Which one; it is closed with the archive.
        registry: The QPUs of the runtime.
        ledger: Charged with what the store knows.
        whole: Makes a call that no signal cuts in two.
        serves: Whether this is the store's one server.
        resumes: Whether jobs of an earlier server that had not ended are left to be run again.
        waits: Told for whom the opening waits, if it does.

    Raises:
        StoreError: If the store cannot be read or written, or has another server.
    """

    watches_workloads = True

    def __init__(
        self,
        clock: Clock,
        store: SqlStore,
        *,
        registry: QPURegistry,
        ledger: Ledger,
        whole: Callable[[Callable[[], Any]], Any],
        serves: bool = False,
        resumes: bool = False,
        waits: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(clock, keeps_unread=False)
        self.store_name = store.name
        self.store = store
        self.tokens = StoredTokens(store)
        self.count_of = store.count_of
        self._whole = whole
        self._calendar = Calendar(clock)
        self._reader = RowReader(store, registry, self._calendar)
        self._seen: dict[str, tuple[int, bool]] = {}
        """What was last written of open workloads. Guarded by the mutex of their QPU."""
        self._ended = weakref.WeakValueDictionary[str, JobRecord]()
        """Jobs that have ended here; one may be deleted before it is known what it is charged."""
        self._frozen = self._closed = False
        self._head = new_head(serves=serves)
        self._rows = RowWriter(self._head.id, self._calendar)
        enter(store, self._head, wait=waits)
        self._left = bury_the_dead(store, self._head, resumes=resumes)
        self._take_over_usage(ledger)
        self._earlier = self._load_earlier() if serves else []
        """Jobs of earlier servers that are held in memory, so that they are among the latest."""
        self._writer = Writer(
            store, committed=self._rows.committed, beat=self._beat, beat_seconds=BEAT_SECONDS
        )

    def _load_earlier(self) -> list[JobRecord]:
        for row in self.store.workloads(latest=_EARLIER_WORKLOADS):
            self.workloads.add(self._reader.workload(row))
        query = JobQuery(pending=False, newest_first=True, limit=_EARLIER_JOBS)
        return [self._record(row) for row in self.store.find_jobs(query)[0]]

    def _take_over_usage(self, ledger: Ledger) -> None:
        instances = {
            name: instance_of(name, facts) for name, facts in self.store.instances().items()
        }
        windows = [each.plan.window_seconds or 0.0 for each in instances.values()]
        now = self._calendar.now()  # a window may be longer than there have been charges
        since = now - int(min(max([_WINDOW_SECONDS, *windows]) * 1e6, now))
        for row in self.store.usage(since):
            at = self._calendar.clock_time(row.ended_at)
            assert at is not None, "a charge has a time"
            ledger.charge(instances.get(row.instance, Instance(row.instance)), row.seconds, at)

    @property
    def works(self) -> bool:
        """Tell whether jobs can be kept at present, as far as that is known."""
        return self._writer.works

    # -- what the runtime tells it ---------------------------------------------------------------

    def prepare(self, job: JobRecord) -> None:
        """Make the texts that are kept of a job that is about to be submitted."""
        job.bodies = self
        job.encode_params()

    def submitted(self, job: JobRecord) -> None:
        """Take note of a job that was accepted; returns when it is in the store.

        Raises:
            StoreError: If it cannot be kept.
        """
        is_kept = False

        def refuse() -> None:
            nonlocal is_kept
            is_kept = not self._rows.refuse(job)

        try:
            self._writer.write(partial(self._rows.job, job), otherwise=refuse)
        except StoreError:
            if not is_kept:
                raise

    def ended(self, job: JobRecord, then: Callable[[], None]) -> None:
        """Take note that the ending of a job is decided; does not wait."""
        if self._frozen:
            then()
            return
        self._ended[job.id] = job
        self._clock.work_begins()

        def done(error: BaseException | None) -> None:
            try:
                job.keep_error = error
                if error is None:
                    job.drop_kept()
                then()
            finally:
                self._clock.work_ends()

        def at_last() -> None:
            job.keep_error = None
            job.drop_kept()

        self._put(job, done, at_last)

    def final(self, job_id: str) -> None:
        """Take note that nothing about a job will change; inside the mutex of its QPU."""
        job = self.jobs.get(job_id) or self._ended.get(job_id)
        if job is not None and not self._frozen:
            self._put(job, lambda _: None, lambda: None)

    def _put(
        self,
        job: JobRecord,
        done: Callable[[BaseException | None], None],
        at_last: Callable[[], None],
    ) -> None:
        write, instead = partial(self._rows.job, job), partial(self._rows.without_result, job)
        self._writer.put(Change(write, done, must=True, at_last=at_last, instead=instead))

    def moved(self, workloads: Iterable[Workload]) -> None:
        """Take note that something of workloads has changed; inside the mutex of their QPU."""
        for core in workloads:
            seen = len(core.timestamps), core.accepting_jobs
            record = self.workloads.get(core.id)
            if record is not None and self._seen.get(core.id) != seen and not self._frozen:
                self._seen[core.id] = seen
                if core.closed_at is not None:
                    del self._seen[core.id]
                write = partial(self._rows.workload, record)
                self._writer.put(Change(write, lambda _: None, must=True))

    def settle(self, job: JobRecord) -> None:
        """Wait until what is known of a job is in the store.

        Raises:
            StoreError: If it is not.
        """
        if job.core.ending is None:
            return
        if not job.finished.wait(_PATIENCE_SECONDS):
            raise StoreError(f"the end of job {job.id} is not in the store yet; ask again")
        if job.keep_error is not None:
            if isinstance(job.keep_error, NotStorableError):
                raise job.keep_error
            raise StoreError(
                f"the end of job {job.id} is not in the store yet ({job.keep_error}); ask again"
            ) from job.keep_error

    def tagged(self, job: JobRecord, tags: Sequence[str]) -> None:
        """Take note that the tags of a job are replaced; returns when that is in the store."""
        self._write(lambda changes: changes.set_tags(job.id, tags))

    def freeze(self) -> None:
        """Keep nothing more of what happens: what has not ended is left for the next process."""
        self._frozen = True
        self._writer.flush()

    def close(self) -> None:
        """Write what is left, and the end of this process; what is there can be read on."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._frozen = True
        try:
            left = self.store.unfinished(self._head.id)
            with self.store.writing() as changes:
                if left or self.store.open_workloads(self._head.id):
                    changes.release_head(self._head.id)
                else:
                    changes.end_head(self._head.id, self._calendar.now())
        except StoreError as error:
            logger.error("The end of this process is not in the store: %s", error)
        self.store.close()

    def _beat(self) -> None:
        with self.store.writing() as changes:
            if not changes.see_head(self._head.id, self._calendar.now()):
                logger.error("The store takes this process for dead; was this machine asleep?")

    # -- jobs ------------------------------------------------------------------------------------

    def job(self, job_id: str) -> JobRecord | None:
        """Return a job by its id, or None if it is not known."""
        known = self.jobs.get(job_id)
        if known is not None:
            return known
        row = self.store.job(job_id)
        return None if row is None else self._record(row)

    def find(self, query: JobQuery) -> tuple[list[JobRecord], int]:
        """Return one page of the jobs that match, and how many match in all."""
        self._writer.flush()
        rows, count = self.store.find_jobs(query)
        return [self.jobs.get(row.id) or self._record(row) for row in rows], count

    def list_jobs(self, query: JobQuery, listing: Listing) -> tuple[list[str], int]:
        """Return what is said of one page of the jobs that match, and how many match in all."""
        self._writer.flush()
        found, count = self.store.list_jobs(query, listing.form)
        said: list[str] = []
        unkept: dict[str, str] = {}
        for each in found:
            if isinstance(each, ListedJob):
                said.append(listing.with_tags(each.text, each.tags))
                continue
            if each.is_final:
                # As the store has it, which may have taken this process for dead, and its job too.
                job = self._made(each)
                unkept[each.id] = text = listing.text_of(job)
                said.append(listing.with_tags(text, job.tags))
                continue
            job = self.jobs.get(each.id) or self._record(each)
            text = listing.of(job)
            try:
                self.settle(job)
            except StoreError:  # nobody is told before its end is kept; the others are listed
                text = listing.of(self._as_kept(each))
            said.append(text)
        for some in in_parts(list(unkept)):
            texts = {job_id: unkept[job_id] for job_id in some}
            keep = partial(Transaction.keep_listed, texts=texts, form=listing.form)
            self._writer.put(Change(keep, lambda _: None))
        return said, count

    def lists_as(self, listing: Listing) -> None:
        """Have what lists say of jobs kept as soon as they are final."""
        self._rows.listing = listing

    def forget(self, job_id: str) -> None:
        """Drop a job that has ended; what it was charged stays."""
        self._writer.flush()
        self._write(lambda changes: changes.delete_jobs([job_id]))
        super().forget(job_id)

    def job_of_key(self, instance_id: str, key: str) -> JobRecord | None:
        """Return the job that an instance has submitted with a key, or None."""
        row = self.store.job_of_key(instance_id, key)
        return None if row is None else self.jobs.get(row.id) or self._record(row)

    def _as_kept(self, row: JobRow) -> JobRecord:
        """Return a job that has ended as the store has it, which does not know that yet."""
        job = self._made(row)
        if job.core.ending is None:
            job.core.state = PostProcessing()
        return job

    def _record(self, row: JobRow) -> JobRecord:
        job = self._made(row)
        # One that another process has under way, or in the QPU, is looked at anew each time.
        return self.jobs.hold(job) if row.is_final else job

    def _made(self, row: JobRow) -> JobRecord:
        workload = None if row.workload is None else self.workload(row.workload)
        return self._reader.job(row, workload, bodies=self)

    def _is_elsewhere(self, job: JobRecord) -> bool:
        return self.jobs.get(job.id) is None and job.core.ending is None

    def look_again(self, job: JobRecord) -> bool:
        """Return whether another process has a job under way, brought up to date meanwhile.

        Raises:
            StoreError: If it was deleted there.
        """
        if not self._is_elsewhere(job):
            return False
        bury_the_dead(self.store, self._head, resumes=False)  # it may be dead by now
        row = self.store.job(job.id)
        if row is None:
            raise StoreError(f"job {job.id} of another process was deleted from the store")
        now = self._record(row)
        job.core, job.log, job.span, job.work = now.core, now.log, now.span, now.work
        job.result_lost, job.tags = now.result_lost, now.tags
        if row.ending == UNFINISHED:
            return True
        job.finished.set()
        return False

    def refuse_cancel(self, job: JobRecord) -> None:
        """Check that a job is of this process, where it can be cancelled.

        Raises:
            RefusedError: If another process has it under way.
        """
        if self._is_elsewhere(job):
            raise RefusedError(
                f"job {job.id} is under way in another process, where it can be cancelled",
                Refusal.NOT_ACCEPTING,
            )

    # -- texts beside jobs -----------------------------------------------------------------------

    def read(self, job_id: str, kind: str) -> str | None:
        """Return a text that is kept beside a job; see `qiskit_modes.runtime.records.Bodies`."""
        text: str | None = self._whole(partial(self.store.body, job_id, kind))
        return text

    def drop(self, job_id: str, kind: str) -> bool:
        """Drop such a text, and return whether it was there."""
        dropped: list[bool] = []
        self._write(lambda changes: dropped.append(changes.drop_body(job_id, kind)))
        return dropped[-1]

    def _write(self, write: Callable[[Transaction], None]) -> None:
        def at_once() -> None:
            with self.store.writing() as changes:
                write(changes)

        self._whole(at_once)

    # -- sessions and batches --------------------------------------------------------------------

    def opened(self, workload: WorkloadRecord) -> None:
        """Take in a session or batch; returns when it is in the store.

        Raises:
            StoreError: If it cannot be kept.
        """
        super().opened(workload)
        self._writer.write(
            partial(self._rows.workload, workload),
            otherwise=partial(self._rows.refuse_workload, workload),
        )

    def workload(self, workload_id: str) -> WorkloadRecord | None:
        """Return a session or batch by its id, or None if it is not known."""
        known = super().workload(workload_id)
        if known is not None:
            return known
        row = self.store.workload(workload_id)
        if row is None:
            return None
        return self._reader.workload(row)

    # -- workloads of all modes, for who looks after them ----------------------------------------

    def find_workloads(self, query: WorkloadQuery) -> tuple[list[JobRecord | WorkloadRecord], int]:
        """Return one page of the sessions, batches and jobs of job mode that match."""
        self._writer.flush()
        rows, count = self.store.find_workloads(query)
        found: list[JobRecord | WorkloadRecord] = []
        for row in rows:
            if isinstance(row, JobRow):
                found.append(self.jobs.get(row.id) or self._record(row))
            else:
                found.append(self.workloads.get(row.id) or self._reader.workload(row))
        return found, count

    def tags_of_workloads(self, ids: Collection[str]) -> dict[str, list[str]]:
        """Return the tags of the jobs of sessions and batches, by the workload."""
        return self.store.tags_of_workloads(ids)

    def places_of(self, instances: Collection[str] | None) -> tuple[set[str], set[str]]:
        """Return the names of QPUs that were used, and the ids of the instances that used them."""
        return self.store.places_of(instances)

    def states(self) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str, str]]]:
        """Return how many jobs and workloads are known, in memory or in the store."""
        jobs = Counter[tuple[str, str]]()
        for job in self.jobs.unfinished():
            jobs[job.qpu.name, job.status] += 1
        codes = [code for _, codes, _ in ENDINGS["ERROR"] for code in codes]
        ended, too_long = self.store.endings_on_qpus(codes)
        status = {"completed": "DONE", "failed": "ERROR", "cancelled": "CANCELLED"}
        for (qpu, ending), count in ended.items():
            jobs[qpu, status[ending]] += count
        for qpu, count in too_long.items():
            jobs[qpu, "CANCELLED"] -= count
            jobs[qpu, "ERROR"] += count
        workloads = Counter(
            (each.qpu.name, str(each.core.mode), str(each.core.state))
            for each in self.workloads.all()
            if each.core.closed_at is None
        )
        for (qpu, mode), count in self.store.closed_on_qpus().items():
            workloads[qpu, mode, str(WorkloadState.CLOSED)] += count
        return +jobs, workloads

    # -- what only a store has -------------------------------------------------------------------

    def secret(self, name: str, new: bytes) -> bytes:
        """Return a secret; the first who ever asked for it has given it."""
        return self.store.secret(name, new)

    def token_used(self, token_id: str) -> None:
        """Take note that a client uses a token; does not wait."""
        now = self._calendar.now()
        self._writer.put(Change(lambda changes: note_use(changes, token_id, now), lambda _: None))

    def left_unfinished(self) -> list[JobRecord]:
        """Return the jobs that an earlier process has left, and that may run again here."""
        left, self._left = self._left, []
        return [self._record(row) for row in left]

    def give_up(self, job_id: str, ending: Failed) -> None:
        """End a job that was left unfinished and cannot run again."""
        row = self.store.job(job_id)
        if row is not None:
            ended = as_ended(row, ending, self._calendar.now())

            def give_up(changes: Transaction) -> None:
                changes.end_job(ended, {})

            self._write(give_up)
