"""Items of work: programs, heavy classical steps, and the imports that steps need.

Each kind says how a worker begins it and what becomes of it when the worker could not; so the pool
treats all of them alike.
"""

from __future__ import annotations

import enum
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from qiskit_modes.runtime.workers import worker_process
from qiskit_modes.runtime.workers.worker_process import (
    Done,
    Execution,
    NotDone,
    UnknownCircuits,
    Work,
)

if TYPE_CHECKING:
    from qiskit_modes.runtime.workers.worker import Worker
    from qiskit_modes.simulation.run.program import Program

__all__ = [
    "Answer",
    "Import",
    "ProgramAbandoned",
    "ProgramItem",
    "StepAnswer",
    "StepItem",
    "Turn",
    "WorkItem",
    "WorkQueue",
    "pack",
]


class ProgramAbandoned(Exception):  # noqa: N818 - named for what happened
    """A program was given up before a worker had run it."""


class Turn(enum.Enum):
    """Answers to a step that gets a place in this process."""

    HERE = enum.auto()
    """Whoever waits for it does it now, and gives the place back."""


Answer = Execution | BaseException
"""What comes of a program."""

StepAnswer = Done | NotDone | Turn | BaseException
"""What comes of a step: what a worker answered, the place here, or why it was not done."""


class WorkQueue(Protocol):
    """A place where items of one kind wait. Without threads: the pool calls it under its mutex."""

    def put_back(self, item: Any) -> None:
        """Let an item wait again that had its turn already, before the others."""

    def remove(self, item: Any) -> bool:
        """Take an item out; return whether it was there."""

    def answered(self, item: Any, worker: Worker, answer: Any) -> None:
        """Take note of what came of an item."""


@dataclass(eq=False, kw_only=True)
class WorkItem(ABC):
    """Something that a worker does: waiting for one, in one, or answered."""

    is_step: ClassVar[bool] = False
    """Whether it is a classical step, or belongs to one: such take no QPU's time."""
    readies: ClassVar[bool] = False
    """Whether it gets a worker ready for steps, which is long."""
    on_done: Callable[[Any], None]
    """Called exactly once, on any thread."""
    queue: WorkQueue | None = None
    """Where it waits; set by the pool."""
    peak_bytes: int = 0
    """Most memory that it takes at a time, roughly."""
    worker: Worker | None = None
    abandoned: bool = False
    refused: int = 0
    """By how many workers that turned out to be dead."""
    deaths: int = 0
    """Of how many workers that died while they had it, and were no processes of this machine."""

    @abstractmethod
    def begin(self, worker: Worker) -> Future[Any]:
        """Have a worker begin it; what it answers is the future's."""

    def gets_ready_for(self, module: str) -> bool:  # noqa: ARG002 - of most kinds for none
        """Return whether it gets a worker ready for the steps of a module."""
        return False

    def signed(self, answer: Any, worker: Worker) -> Any:  # noqa: ARG002 - of most nobody asks
        """Return an answer with the name of who gave it, where somebody will ask for that."""
        return answer

    def work_of(self, answer: Any) -> tuple[Work, ...]:  # noqa: ARG002 - of most kinds none
        """Return what an answer says who has done, as far as that is of a job."""
        return ()

    def is_asked_again(self, answer: Any) -> bool:  # noqa: ARG002 - of most kinds it never is
        """Return whether the worker could not do it for want of something that can be sent."""
        return False


@dataclass(eq=False)
class ProgramItem(WorkItem):
    """One program."""

    program: Program
    source: Hashable = None
    """Who takes turns with others: the QPU."""
    threads: int = 1
    """How many of the cores are free for it."""
    keys: tuple[str, ...] = field(init=False)
    """Of its circuits. What is no program fails here, before anybody has it."""

    def __post_init__(self) -> None:
        self.keys = tuple(self.program.circuits)

    def begin(self, worker: Worker) -> Future[Any]:
        """See `WorkItem`."""
        return worker.run(self.program, self.keys, self.threads)

    def signed(self, answer: Any, worker: Worker) -> Any:
        """See `WorkItem`."""
        return answer.signed(worker.name) if isinstance(answer, Execution) else answer

    def work_of(self, answer: Any) -> tuple[Work, ...]:
        """See `WorkItem`."""
        return answer.work if isinstance(answer, Execution) else ()

    def is_asked_again(self, answer: Any) -> bool:
        """See `WorkItem`."""
        return isinstance(answer, UnknownCircuits)


@dataclass(eq=False)
class StepItem(WorkItem):
    """One heavy classical step."""

    is_step: ClassVar[bool] = True

    module: str
    """Where its function is defined: a worker must have imported that."""
    call: bytes | None
    """The function and its arguments; None if it can be done in this process only."""
    seconds: float = 0.0
    """How long it takes, roughly."""
    of_batch: bool = False
    """Whether it rather waits for a worker that is ready than takes the place in this process."""

    def begin(self, worker: Worker) -> Future[Any]:
        """See `WorkItem`."""
        assert self.call is not None, "it can be done in this process only"
        return worker.call(worker_process.do, self.call)

    def signed(self, answer: Any, worker: Worker) -> Any:
        """See `WorkItem`."""
        return answer.signed(worker.name) if isinstance(answer, Done) else answer

    def work_of(self, answer: Any) -> tuple[Work, ...]:
        """See `WorkItem`."""
        has_some = isinstance(answer, Done) and answer.work is not None and not self.readies
        return (answer.work,) if has_some else ()

    def describe(self) -> str:
        """Return who compiles, or that it waits for somebody; may be called from any thread."""
        worker = self.worker
        if worker is not None and worker.item is self:
            return f"compiled by {worker.name}"
        return "waits to be compiled"


class Import(StepItem):
    """The import that a worker needs before it can do steps of a module."""

    readies: ClassVar[bool] = True

    def __init__(
        self,
        module: str,
        queue: WorkQueue,
        on_done: Callable[[StepAnswer], None] = lambda _: None,
    ) -> None:
        call = pickle.dumps((worker_process.get_ready, (module,)))
        super().__init__(module, call, on_done=on_done, queue=queue)

    def gets_ready_for(self, module: str) -> bool:
        """See `WorkItem`."""
        return module == self.module


def pack(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes | None:
    """Return a call as it travels; None if it does not."""
    # Here and not by the executor: its pickler takes twice as long, and fails on another thread.
    try:
        return pickle.dumps((function, args), pickle.HIGHEST_PROTOCOL)
    except Exception:  # whatever objects raise that are not made for it
        return None
