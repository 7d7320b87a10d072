"""Runs heavy parts of steps elsewhere, for the lane of one job."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from qiskit_modes.runtime.workers.switching import letting_others_in
from qiskit_modes.runtime.workers.work_items import (
    ProgramAbandoned,
    StepAnswer,
    StepItem,
    Turn,
    pack,
)
from qiskit_modes.runtime.workers.worker import worker_error
from qiskit_modes.runtime.workers.worker_process import HERE, Done, NotDone, Work
from qiskit_modes.scheduling import Mode

if TYPE_CHECKING:
    from qiskit_modes.runtime.records import JobRecord
    from qiskit_modes.runtime.workers.pool import WorkerPool

__all__ = ["HEAVY_SECONDS", "HeavySteps"]

HEAVY_SECONDS = 0.02
"""What takes less is done by the lane's own thread. The way to a worker and back takes 5 ms, half
of it in this process; and two threads contend for the interpreter no longer than this."""

_BATCH = Mode.BATCH.value

Value = TypeVar("Value")


class HeavySteps:
    """The means by which the steps of one job have something done, see `Elsewhere`.

    Called in a lane's thread, which waits meanwhile.

    Args:
        job: Whose steps.
        workers: Where the places are.
        foreseen: Told how many seconds something takes that is heavy, before it begins.
    """

    def __init__(
        self, job: JobRecord, workers: WorkerPool, foreseen: Callable[[float], None]
    ) -> None:
        self._job = job
        self._workers = workers
        self._foreseen = foreseen
        self._is_of_batch = job.mode == _BATCH

    def __call__(self, seconds: float, function: Callable[..., Value], /, *args: Any) -> Value:
        """Return what ``function(*args)`` returns, or raise what it raises.

        Raises:
            WorkerDiedError: If the worker died that did it.
            RuntimeClosedError: If the runtime had been shut down before.
            ProgramAbandoned: If that, or the cancelling of the job, ended the waiting.
        """
        if self._job.core.ending is not None:
            raise ProgramAbandoned  # nobody waits for what would come of it
        if seconds < HEAVY_SECONDS:
            return function(*args)
        self._foreseen(seconds)
        # What takes long to compile is seldom executed in no time: a worker can start meanwhile.
        self._workers.warm_up()
        with letting_others_in():
            answer = self._find_place(seconds, function, args)
            if isinstance(answer, NotDone):
                answer = self._send(seconds, function, None)
            match answer:
                case Done(pickled, work=work):
                    if work is not None:
                        self._job.work.append(work)
                    value: Value = pickle.loads(pickled)  # noqa: S301 - by a worker of ours
                    return value
                case BaseException():
                    # It is not done again here: what a worker died of may have been the step, and
                    # this is the process that the user's work is in.
                    fate = f"compiled job {self._job.id} died before it had done so"
                    raise worker_error(answer, fate)
            started = time.monotonic()
            try:
                return function(*args)
            finally:
                self._workers.leave_here()
                work = Work(HERE, started, time.monotonic(), "compile")
                self._job.work.append(work)
                self._workers.tally.note([work])

    def _find_place(
        self, seconds: float, function: Callable[..., Any], args: tuple[Any, ...]
    ) -> StepAnswer:
        """Return what came of it in a worker, or that the place here is its own now."""
        is_ready = self._workers.takes_steps(function.__module__)
        call = pack(function, args) if is_ready and self._is_of_batch else None
        if call is None:
            if self._workers.take_here_nowait():
                return Turn.HERE
            call = pack(function, args) if is_ready else None
        return self._send(seconds, function, call)

    def _send(self, seconds: float, function: Callable[..., Any], call: bytes | None) -> StepAnswer:
        answers: SimpleQueue[StepAnswer] = SimpleQueue()
        step = StepItem(function.__module__, call, seconds, self._is_of_batch, on_done=answers.put)
        self._job.under_way.step_item = step
        try:
            self._workers.send_away(step)
            # The race being closed: whoever cancelled the job meanwhile did not see the step, or
            # saw it before it waited.
            if self._job.core.ending is not None:
                self._workers.abandon(step)
            return answers.get()
        finally:
            self._job.under_way.step_item = None
