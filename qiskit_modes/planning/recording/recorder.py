"""Recording a run: ``with qiskit_modes.record("run.json"):``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from qiskit_modes._mutex import new_mutex
from qiskit_modes.exceptions import QiskitModesWarning
from qiskit_modes.planning.recording.facts import JobFacts, make_recording
from qiskit_modes.planning.recording.recording import Recording
from qiskit_modes.planning.recording.whole_file import check_can_be_written
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.runtime.shared_runtime import default_runtime
from qiskit_modes.runtime.steps import Steps
from qiskit_modes.warn import warn

__all__ = ["NO_JOBS", "Recorder", "record", "record_and_tell"]

NO_JOBS = (
    "only jobs that are submitted in the process that records are seen; programs in other "
    "processes are recorded by `qiskit-modes run --record FILE PROGRAM`"
)
"""Why a recording is empty, and what to do."""


class Recorder:
    """Takes notes of everything that is submitted to a runtime.

    What a user waited for is told from what each thread has done: a submission comes after the one
    before it in its thread, and after all jobs whose ends the thread has seen since then, by
    ``result()``, ``wait_for_final_state()`` or a status that is final. The first submission of a
    thread comes after the last end that any thread has seen. It costs about a millisecond for each
    job; more for circuits that are new, or that mitigation makes of them.

    Args:
        runtime: What to listen to.
        one_user: Whether all threads are one user, as those of a server are for its one program.
    """

    def __init__(self, runtime: LocalRuntime, *, one_user: bool = False) -> None:
        self._runtime = runtime
        self._one_user = one_user
        self._origin = runtime.clock.now()
        self._mutex = new_mutex()
        """Guards everything below; nothing else is taken, and nobody called, while it is held."""
        self._facts: list[JobFacts] = []
        self._numbers: dict[str, int] = {}
        self._last_submission: dict[Hashable, int] = {}
        self._seen: dict[Hashable, dict[int, None]] = {}
        self._last_seen: int | None = None

    # -- what the runtime tells ------------------------------------------------------------------

    def job_submitted(self, job: JobRecord, steps: Steps | None) -> None:
        """See `qiskit_modes.runtime.observer.Listener`."""
        facts = JobFacts.of(job)
        me = self._user()
        with self._mutex:
            number = len(self._facts) + 1
            ends = tuple(self._seen.pop(me, ()))
            if me not in self._last_submission and not ends and self._last_seen is not None:
                ends = (self._last_seen,)
            facts.after_submission = self._last_submission.get(me)
            facts.after_ends = ends
            self._last_submission[me] = number
            self._numbers[job.id] = number
            self._facts.append(facts)
        facts.estimated_seconds = _estimate(job, steps)

    def job_seen(self, job: JobRecord) -> None:
        """See `qiskit_modes.runtime.observer.Listener`."""
        with self._mutex:
            number = self._numbers.get(job.id)
            if number is not None:  # otherwise it was submitted before the recording began
                self._seen.setdefault(self._user(), {})[number] = None
                self._last_seen = number

    def _user(self) -> Hashable:
        return "everybody" if self._one_user else threading.current_thread()

    # -- what comes of it ------------------------------------------------------------------------

    def recording(self) -> Recording:
        """Return what has been recorded so far; may be called at any time, from any thread."""
        with self._mutex:
            facts = list(self._facts)
        recording = make_recording(_in_order(facts), self._runtime, self._origin)
        # A test's other tenants may have more jobs than the user.
        mine = self._runtime.instance.id
        return replace(recording, user=mine) if mine in recording.instances else recording

    @property
    def is_of_this_process(self) -> bool:
        """Tell whether it records in this process, and not in the one from which it was forked."""
        return self._runtime.is_of_this_process

    def save(self, path: str | Path) -> int:
        """Write what has been recorded so far to a file, if there is a job in it.

        Returns:
            How many jobs there are; with none, nothing was written.
        """
        recording = self.recording()
        if recording.jobs:
            recording.save(path)
        return len(recording.jobs)


@contextmanager
def record(
    path: str | Path | None = None,
    *,
    runtime: LocalRuntime | None = None,
    one_user: bool = False,
) -> Iterator[Recorder]:
    """Record every job, session and batch of all threads while the ``with`` block lasts.

    At its end, also by an exception, the recording is written, if there is a job in it: a file that
    is there already is not replaced by nothing. Wait for your results inside of the block: of a job
    that has not ended then, the rest is missing.

    Args:
        path: Where to write it; None to write nothing.
        runtime: What to listen to; None for the runtime that is the default one at the beginning.
        one_user: Whether what any thread has seen is known to all of them; by default each thread
            waits for itself.

    Yields:
        The recorder; its ``recording()`` is what has been recorded so far.

    Raises:
        InvalidInputError: If there is no directory to write to; said before anything runs.

    Warns:
        QiskitModesWarning: If no job was submitted, so that nothing is written.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from qiskit_aer import AerSimulator
        >>> from qiskit_modes import SamplerV2
        >>> circuit = QuantumCircuit(1, 1)
        >>> _ = circuit.measure(0, 0)
        >>> with record() as recorder:
        ...     _ = SamplerV2(AerSimulator()).run([circuit]).result()
        >>> [job.outcome for job in recorder.recording().jobs]
        ['completed']
    """
    if path is not None:
        check_can_be_written(path)
    runtime = runtime or default_runtime()
    recorder = Recorder(runtime, one_user=one_user)
    runtime.listen(recorder)
    try:
        yield recorder
    finally:
        if runtime.is_of_this_process:  # otherwise it is that of a process which goes on recording
            _end(runtime, recorder, path)


def _end(runtime: LocalRuntime, recorder: Recorder, path: str | Path | None) -> None:
    runtime.stop_listening(recorder)
    if path is not None and not recorder.save(path):
        message = f"{path} was not written: no job was submitted; {NO_JOBS}"
        warn(message, QiskitModesWarning)


@contextmanager
def record_and_tell(
    path: str | Path,
    tell: Callable[[str], object],
    *,
    runtime: LocalRuntime | None = None,
    one_user: bool = False,
) -> Iterator[Recorder]:
    """Record to a file, and tell at the end, also after Ctrl-C, what was written and what is next.

    Args:
        path: Where to write; what is there stays if no job was submitted.
        tell: Called with a sentence, when the file has been written.
        runtime: See `record`.
        one_user: See `record`.

    Raises:
        InvalidInputError: If there is no directory to write to.
    """
    check_can_be_written(path)
    with record(runtime=runtime, one_user=one_user) as recorder:
        try:
            yield recorder
        finally:
            if recorder.is_of_this_process:
                jobs = recorder.save(path)
                many = f"{jobs} job{'s' * (jobs > 1)}"
                written = f"Recorded {many} in {path}; next: qiskit-modes compare {path}"
                tell(written if jobs else f"{path} was not written: no job was submitted")


def _in_order(facts: list[JobFacts]) -> list[JobFacts]:
    """Sort jobs by their submission: of two threads, the later one may have noted first."""
    order = sorted(range(len(facts)), key=lambda index: facts[index].core.submitted_at)
    new = {old + 1: position + 1 for position, old in enumerate(order)}
    return [
        replace(
            facts[index],
            after_submission=new.get(facts[index].after_submission or 0),
            after_ends=tuple(sorted(new[number] for number in _ended_before(index, facts))),
        )
        for index in order
    ]


def _ended_before(index: int, facts: list[JobFacts]) -> Iterator[int]:
    """Yield the jobs that a job comes after: what ended later was seen when it was noted only."""
    for number in facts[index].after_ends:
        settled_at = facts[number - 1].core.settled_at
        if settled_at is not None and settled_at <= facts[index].core.submitted_at:
            yield number


def _estimate(job: JobRecord, steps: Steps | None) -> float | None:
    """Return what hardware would charge for a job; None where that cannot be told."""
    from qiskit_modes.planning.estimate.estimate import estimate_steps

    try:
        return None if steps is None else estimate_steps(job, steps)
    except Exception:  # what cannot be prepared fails in the job itself, and not in run()
        return None
