"""The interface to what is kept of jobs, sessions and batches; here, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from qiskit_modes.runtime.clock import Clock
from qiskit_modes.runtime.keeping.job_rows import ending_of
from qiskit_modes.runtime.keeping.job_table import JobTable
from qiskit_modes.runtime.keeping.listing import Listing
from qiskit_modes.runtime.keeping.workload_table import WorkloadTable
from qiskit_modes.runtime.records import JobRecord, WorkloadRecord
from qiskit_modes.scheduling.job import Failed
from qiskit_modes.scheduling.workload import Workload
from qiskit_modes.store.rows import JobQuery, WorkloadQuery, microseconds

if TYPE_CHECKING:
    from qiskit_modes.store.tokens import StoredTokens

__all__ = ["Archive"]


class Archive:
    """Jobs, sessions and batches of a runtime, in memory: of those that ended, the latest, and the
    jobs that nobody has read.

    All methods may be called from any thread.

    Args:
        clock: That of the runtime.
        keeps_unread: See `JobTable`.
    """

    store_name: str | None = None
    """Where things are kept beside memory; None for nowhere."""
    tokens: StoredTokens | None = None
    """The tokens of clients of a server; None if nothing outlives the process."""

    def __init__(self, clock: Clock, *, keeps_unread: bool = True) -> None:
        self._clock = clock
        self.jobs = JobTable(keeps_unread=keeps_unread)
        """The jobs that are under way, or held by somebody, or ended lately."""
        self.workloads = WorkloadTable()
        """The sessions and batches of this process that can be found by their ids."""

    @property
    def works(self) -> bool:
        """Tell whether jobs can be kept at present, as far as that is known."""
        return True

    # -- what the runtime tells it ---------------------------------------------------------------

    def prepare(self, job: JobRecord) -> None:
        """Make what is kept of a job that is about to be submitted."""

    def submitted(self, job: JobRecord) -> None:
        """Take note of a job that was accepted; returns when it is kept.

        Raises:
            StoreError: If it cannot be kept.
        """

    def ended(self, job: JobRecord, then: Callable[[], None]) -> None:  # noqa: ARG002 - a store's
        """Take note that the ending of a job is decided; does not wait.

        Args:
            job: Which one.
            then: Called when that is kept, from any thread: now others may be told.
        """
        then()

    def final(self, job_id: str) -> None:
        """Take note that nothing about a job will change; inside the mutex of its QPU."""

    def moved(self, workloads: Iterable[Workload]) -> None:
        """Take note that something of workloads has changed; inside the mutex of their QPU."""

    watches_workloads = False
    """Whether `moved` wants to be told."""

    def settle(self, job: JobRecord) -> None:
        """Wait until what is known of a job is kept.

        Raises:
            StoreError: If it cannot be kept.
        """

    def tagged(self, job: JobRecord, tags: Sequence[str]) -> None:
        """Take note that the tags of a job are replaced.

        Raises:
            StoreError: If they cannot be kept.
        """

    def freeze(self) -> None:
        """Keep nothing more of what happens: what has not ended is left for the next process."""

    def close(self) -> None:
        """Keep what there is to keep; what is there can be read on."""

    # -- jobs ------------------------------------------------------------------------------------

    def job(self, job_id: str) -> JobRecord | None:
        """Return a job by its id, or None if it is not known."""
        return self.jobs.get(job_id)

    def find(self, query: JobQuery) -> tuple[list[JobRecord], int]:
        """Return one page of the jobs that match, and how many match in all."""
        found = [job for job in self.jobs.all() if self._matches(job, query)]
        if query.newest_first:
            found.reverse()
        end = None if query.limit is None else query.skip + query.limit
        return found[query.skip : end], len(found)

    def list_jobs(self, query: JobQuery, listing: Listing) -> tuple[list[str], int]:
        """Return what is said of one page of the jobs that match, and how many match in all.

        Args:
            query: Which jobs.
            listing: Says it; of what has ended nobody is told before its end is kept.

        Raises:
            StoreError: If an end cannot be kept, or the store cannot be read.
        """
        found, count = self.find(query)
        return [listing.of(job) for job in found], count

    def lists_as(self, listing: Listing) -> None:
        """Have what lists say of jobs kept as soon as they are final."""

    def forget(self, job_id: str) -> None:
        """Drop a job that has ended; whoever holds it keeps it."""
        self.jobs.forget(job_id)

    def job_of_key(self, instance_id: str, key: str) -> JobRecord | None:
        """Return the job that an instance has submitted with a key, or None."""
        for job in self.jobs.all():
            request = job.request
            if job.instance.id == instance_id and request and request.submission_key == key:
                return job
        return None

    def _matches(self, job: JobRecord, query: JobQuery) -> bool:
        created = microseconds(self._clock.utc(job.core.submitted_at))
        workload = None if job.workload is None else job.workload.id
        return all(
            (
                query.qpu in (None, job.qpu.name),
                query.pending is None or query.pending == (job.core.ending is None),
                query.program in (None, job.program_id),
                query.instance in (None, job.instance.id),
                query.tags <= set(job.tags),
                query.workload in (None, workload),
                query.beside is None or query.beside != workload,
                query.created_from is None or created >= query.created_from,
                query.created_to is None or created <= query.created_to,
            )
        )

    # -- sessions and batches --------------------------------------------------------------------

    def opened(self, workload: WorkloadRecord) -> None:
        """Take in a session or batch. Of those that are closed the latest are kept in memory.

        Raises:
            StoreError: If it cannot be kept.
        """
        self.workloads.add(workload)

    def workload(self, workload_id: str) -> WorkloadRecord | None:
        """Return a session or batch by its id, or None if it is not known."""
        return self.workloads.get(workload_id)

    # -- workloads of all modes, for who looks after them ----------------------------------------

    def find_workloads(self, query: WorkloadQuery) -> tuple[list[JobRecord | WorkloadRecord], int]:
        """Return one page of the sessions, batches and jobs of job mode that match.

        Returns:
            The newest first, and how many match in all.
        """
        known: list[JobRecord | WorkloadRecord] = [*self.workloads.all()]
        known += [job for job in self.jobs.all() if job.workload is None]
        tags = self.tags_of_workloads([]) if query.text else {}
        found = [each for each in known if _is_wanted(each, query, tags)]
        found.sort(key=_began_at, reverse=True)
        end = None if query.limit is None else query.skip + query.limit
        return found[query.skip : end], len(found)

    def tags_of_workloads(self, ids: Collection[str]) -> dict[str, list[str]]:  # noqa: ARG002 - a store's
        """Return the tags of the jobs of sessions and batches, by the workload.

        Args:
            ids: Of those that are asked about; others may be among the answer.
        """
        found: dict[str, list[str]] = {}
        for job in self.jobs.all():
            if job.workload is not None:
                tags = found.setdefault(job.workload.id, [])
                tags += [tag for tag in job.tags if tag not in tags]
        return found

    def places_of(self, instances: Collection[str] | None) -> tuple[set[str], set[str]]:
        """Return the names of QPUs that were used, and the ids of the instances that used them.

        Args:
            instances: Only what these have used; None for all.
        """
        found = [(job.qpu.name, job.instance.id) for job in self.jobs.all()]
        found += [(each.qpu.name, each.core.instance.id) for each in self.workloads.all()]
        mine = {each for each in found if instances is None or each[1] in instances}
        return {qpu for qpu, _ in mine}, {name for _, name in mine}

    def states(self) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str, str]]]:
        """Return how many jobs are known by QPU and status, and workloads by QPU, mode and state.

        Workloads are sessions and batches here.
        """
        return (
            Counter((job.qpu.name, job.status) for job in self.jobs.all()),
            Counter(
                (each.qpu.name, str(each.core.mode), str(each.core.state))
                for each in self.workloads.all()
            ),
        )

    # -- what only a store has -------------------------------------------------------------------

    def secret(self, name: str, new: bytes) -> bytes:  # noqa: ARG002 - a store knows others
        """Return a secret that outlives the process if anything does; ``new`` if there is none."""
        return new

    count_of: Callable[[str, Collection[str]], tuple[int, int, dict[str, bool]]] | None = None
    """Counts what is kept of an instance, see `qiskit_modes.runtime.keeping.budgets.Budgets`; None
    if nothing outlives the process."""

    def token_used(self, token_id: str) -> None:
        """Take note that a client uses a token; does not wait."""

    def look_again(self, job: JobRecord) -> bool:  # noqa: ARG002 - a store's
        """Return whether another process has a job under way, brought up to date meanwhile.

        Raises:
            StoreError: If it was deleted there.
        """
        return False

    def refuse_cancel(self, job: JobRecord) -> None:
        """Check that a job is of this process, where it can be cancelled.

        Raises:
            RefusedError: If another process has it under way.
        """

    def give_up(self, job_id: str, ending: Failed) -> None:
        """End a job that was left unfinished and cannot run again."""

    def left_unfinished(self) -> list[JobRecord]:
        """Return the jobs that an earlier process has left, and that may run again here."""
        return []


def _began_at(record: JobRecord | WorkloadRecord) -> float:
    return record.core.submitted_at if isinstance(record, JobRecord) else record.core.opened_at


def _is_wanted(
    record: JobRecord | WorkloadRecord, query: WorkloadQuery, tags_of: Mapping[str, Sequence[str]]
) -> bool:
    tags: Sequence[str]
    if isinstance(record, JobRecord):
        mode, instance, tags = "job", record.instance.id, record.tags
        is_open = record.core.ending is None
        name, code = ending_of(record.core.ending)
        ends_so = query.endings is None or any(
            name == each and (code in codes) == are_meant
            for each, codes, are_meant in query.endings
        )
    else:
        mode, instance = str(record.core.mode), record.core.instance.id
        is_open, tags = record.core.closed_at is None, tags_of.get(record.id, ())
        ends_so = query.endings is None
    text = query.text.lower()
    return (
        ends_so
        and (query.modes is None or mode in query.modes)
        and (query.instances is None or instance in query.instances)
        and (query.qpus is None or record.qpu.name in query.qpus)
        and query.is_open in (None, is_open)
        and any(text in each.lower() for each in (record.id, *tags))
    )
