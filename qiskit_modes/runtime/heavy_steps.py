"""What a lane does with the part of a step that may be heavy."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from qiskit_modes.exceptions import WorkerDiedError
from qiskit_modes.runtime.errand import Errand, ErrandAnswer, pack
from qiskit_modes.runtime.worker_process import Done, NotDone

if TYPE_CHECKING:
    from qiskit_modes.runtime.records import JobRecord
    from qiskit_modes.runtime.workers import WorkerPool

__all__ = ["HEAVY_SECONDS", "HeavySteps"]

HEAVY_SECONDS = 0.02
"""What takes less is done by the lane's own thread. The way to a worker and back takes 5 ms, half
of it in this process; and two threads contend for the interpreter no longer than this."""

Value = TypeVar("Value")


class HeavySteps:
    """The means by which the steps of one job have something done, see `Elsewhere`.

    Called in a lane's thread, which waits meanwhile.

    Args:
        job: Whose steps.
        workers: Where the places are.
    """

    def __init__(self, job: JobRecord, workers: WorkerPool) -> None:
        self._job = job
        self._workers = workers

    def __call__(self, seconds: float, function: Callable[..., Value], /, *args: Any) -> Value:
        """Return what ``function(*args)`` returns, or raise what it raises.

        Raises:
            WorkerDiedError: If the worker died that did it.
            RuntimeClosedError: If the runtime was shut down.
        """
        if seconds < HEAVY_SECONDS:
            return function(*args)
        workers = self._workers
        if not workers.take_here_nowait():
            travels = workers.takes_steps(function.__module__)
            answer = self._send(function, pack(function, args) if travels else None, seconds)
            if isinstance(answer, Done):
                value: Value = pickle.loads(answer.value)  # noqa: S301 - from a worker of ours
                return value
            if isinstance(answer, NotDone):
                answer = self._send(function, None, seconds)
            if isinstance(answer, BaseException):
                raise _of_worker(answer, self._job)
        try:
            return function(*args)
        finally:
            workers.leave_here()

    def _send(
        self, function: Callable[..., Any], call: bytes | None, seconds: float
    ) -> ErrandAnswer:
        answers: SimpleQueue[ErrandAnswer] = SimpleQueue()
        errand = Errand(function.__module__, call, answers.put, seconds)
        self._job.errand = errand
        try:
            self._workers.send_away(errand)
            # The race being closed: whoever cancelled the job meanwhile did not see the errand, or
            # saw it before it waited.
            if self._job.core.outcome is not None:
                self._workers.drop(errand)
            return answers.get()
        finally:
            self._job.errand = None


def _of_worker(error: BaseException, job: JobRecord) -> BaseException:
    """Return what a user is told of an error that came instead of what a step should give."""
    if not isinstance(error, BrokenExecutor):
        return error
    # It is not done again here: what it died of may have been the step, and this is the process
    # that the user's work is in.
    died = WorkerDiedError(
        f"the worker process that compiled job {job.id} died before it had done so "
        f"({type(error).__name__}); the job can be submitted again"
    )
    died.__cause__ = error
    return died
