"""Parts of a job while it is under way: what its steps hand on, and where a step is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit_modes.runtime.steps import StepName, Steps
    from qiskit_modes.runtime.workers.pool import WorkerPool
    from qiskit_modes.runtime.workers.split_program import SplitProgram
    from qiskit_modes.runtime.workers.work_items import StepItem
    from qiskit_modes.simulation.run.program import Program, Samples

__all__ = ["UnderWay"]


@dataclass(eq=False, slots=True)
class UnderWay:
    """Parts of a job that nobody needs once it has ended.

    Whoever does a step writes what comes of it; a thread that ends the job abandons what is there.
    """

    steps: Steps | None
    """What the job does; None once it has ended."""
    program: Program | None = None
    """What to execute, until it has been executed."""
    notes: Any = None
    """What compilation found out and post-processing needs."""
    samples: Samples | None = None
    """What came from the QPU."""
    pieces: list[Program] = field(default_factory=list)
    """The program as it is divided among workers, until it has been executed."""
    is_light: bool = False
    """Whether it is executed where it was compiled, because that takes less than to send it."""
    split_program: SplitProgram | None = None
    """The pieces' way through the workers, while they are there."""
    step_item: StepItem | None = None
    """A heavy part of a classical step, while it waits for a place or is in a worker."""
    _scripted_step: set[StepName] = field(default_factory=set)
    _notice_of_compilation: set[bool] = field(default_factory=lambda: {True})

    def begin_scripted_step(self, step: StepName) -> None:
        """Note that a step has begun that lasts what somebody says."""
        self._scripted_step = {step}

    def take_scripted_step(self) -> bool:
        """Take away the scripted step that has begun; return whether there was one.

        Its end and its cancellation may come at once, from two threads: one of them gets it, and
        answers for it.
        """
        return _take(self._scripted_step)

    def take_notice_of_compilation(self) -> bool:
        """Take away the notice that it takes long to compile; return whether it was still there.

        A lane may foresee that and the timer see it at the same time: one of them gives notice.
        """
        return _take(self._notice_of_compilation)

    def abandon(self, workers: WorkerPool) -> bool:
        """Have the present step end sooner.

        Args:
            workers: Where it may be.

        Returns:
            Whether the step was a scripted one, for which the caller answers now. Workers answer
            for what is in them, a lane for what it does.
        """
        # Each once: the workers' answer takes it away.
        split_program, step_item = self.split_program, self.step_item
        if split_program is not None:
            split_program.abandon()
        elif step_item is not None:
            workers.abandon(step_item)
        else:
            return self.take_scripted_step()
        return False

    def was_executed(self) -> None:
        """Drop what only its execution needed."""
        self.split_program = self.program = None
        self.pieces = []

    def let_go(self) -> None:
        """Drop everything, for a job that has ended; what is in workers they answer for."""
        self.steps = self.program = self.notes = self.samples = None
        self.pieces = []


def _take(one: set[Any]) -> bool:
    """Take away the only element of a set; return whether it was there: of two threads, for one."""
    try:
        one.pop()
    except KeyError:
        return False
    return True
