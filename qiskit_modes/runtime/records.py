"""Records of jobs, sessions and batches: the core's facts, and what they carry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import InitVar, dataclass, field
from typing import Any, Literal, Protocol, Self

from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.steps import ExecutionSpan, ScriptedSteps, Steps
from qiskit_modes.runtime.threads.latch import Latch
from qiskit_modes.runtime.under_way import UnderWay
from qiskit_modes.scheduling import Instance, Mode
from qiskit_modes.scheduling.job import (
    RAN_TOO_LONG,
    Cancelled,
    Completed,
    Failed,
    Job,
    Queued,
)
from qiskit_modes.scheduling.workload import Workload

__all__ = ["JobMode", "JobRecord", "JobRequest", "JobStatus", "WorkloadRecord"]

JobStatus = Literal["QUEUED", "RUNNING", "DONE", "ERROR", "CANCELLED"]


class JobMode(str):
    """Mode in which a job runs: ``"job"``, ``"batch"`` or ``"session"``; and why in this one.

    Args:
        mode: The mode.
        reason: One clause, for the user.

    Example:
        >>> mode = JobMode(Mode.BATCH, "the batch was passed as mode")
        >>> mode == "batch", mode.reason
        (True, 'the batch was passed as mode')
    """

    __slots__ = ("reason",)
    reason: str

    def __new__(cls, mode: Mode, reason: str) -> JobMode:  # noqa: D102 - see the class
        self = super().__new__(cls, mode.value)
        self.reason = reason
        return self

    def __getnewargs__(self) -> tuple[Mode, str]:  # type: ignore[override]  # copies, pickles
        return Mode(str(self)), self.reason


class JobRequest(Protocol):
    """Request that a job came with, as the door keeps it that took it."""

    @property
    def private(self) -> bool:
        """Tell whether the job's inputs are hidden, and its result can be read once."""

    def without_inputs(self) -> Self:
        """Return what stays of it when the inputs of the job are dropped."""


@dataclass(eq=False)
class WorkloadRecord:
    """A session or batch, with the QPU that it is on."""

    core: Workload
    qpu: QPU
    backend: Any
    """The backend that the user passed."""

    @property
    def id(self) -> str:
        """Its id."""
        return self.core.id

    def forget(self) -> None:
        """Let the scheduler forget it; it must be closed."""
        with self.qpu.mutex:
            self.qpu.scheduler.forget_workload(self.id)


@dataclass(eq=False)
class JobRecord:
    """A job from its submission on: what was asked for, how far it is, and what came of it.

    Its attributes may be read from any thread; they are written by the session executor alone.
    """

    id: str
    qpu: QPU
    steps: InitVar[Steps | None]
    """What it does; it is among what is `under_way`."""
    backend: Any
    """The backend whose noise counts."""
    instance: Instance
    mode: JobMode
    workload: WorkloadRecord | None = None
    primitive_id: str = "sampler"
    inputs: dict[str, Any] | None = field(default_factory=dict)
    """What was passed to ``run()``; None once it has been dropped."""
    tags: list[str] = field(default_factory=list)
    private: bool = False
    """Whether its inputs are hidden, and its result can be read once only."""
    log: Iterable[str] = ()
    """Lines that its steps wrote, each beginning with its time."""
    usage_estimation_seconds: float | None = None
    executions: int = 0
    """How often it executes a circuit, all circuits together."""
    request: JobRequest | None = None
    """The request that it came with; None for a job of this package's own primitives."""
    core: Job = field(init=False)
    """The scheduler's facts; set when the scheduler has accepted the job."""
    span: ExecutionSpan | None = None
    worker_stamps: tuple[float, float] | None = None
    """When the worker began and ended, on the clock of the machine."""
    result: Any = None
    error: BaseException | None = None
    """Why it failed: the exception of the step that raised it."""
    scripted: ScriptedSteps | None = None
    """If its steps last what somebody says, instead of being executed."""
    under_way: UnderWay = field(init=False)
    """What nobody needs once it has ended."""
    _unread: list[None] = field(default_factory=lambda: [None])
    """Empty once the result of a private job has been read."""
    finished: Latch = field(default_factory=Latch)
    """Set when its ending is decided and what came of it can be read."""

    def __post_init__(self, steps: Steps | None) -> None:
        self.under_way = UnderWay(steps)

    def read_result(self) -> Any:
        """Return the result; that of a private job is gone afterwards.

        Raises:
            LookupError: If the job is private and its result has been read.
        """
        if not self.private:
            return self.result
        try:
            self._unread.pop()  # one of several threads that read at once gets it
        except IndexError:
            raise LookupError from None
        result, self.result = self.result, None
        return result

    def drop_inputs(self) -> None:
        """Forget what it was asked to do, which may be large; what it came to stays."""
        self.inputs = None
        if self.request is not None:
            self.request = self.request.without_inputs()

    def let_go(self) -> None:
        """Drop what a job needs no more that has ended; of what it made, only a result stays."""
        self.under_way.let_go()
        if not isinstance(self.core.ending, Completed):
            self.result = None

    @property
    def status(self) -> JobStatus:
        """The state in the words of the service's client, derived from the scheduler's facts."""
        match self.core.ending:
            case None:
                return "QUEUED" if isinstance(self.core.state, Queued) else "RUNNING"
            case Completed():
                return "DONE"
            case Cancelled(code=RAN_TOO_LONG.code):
                return "ERROR"
            case Cancelled():
                return "CANCELLED"
            case Failed():
                return "ERROR"

    @property
    def reason(self) -> str | None:
        """Reason why it has no result, with the service's code if there is one."""
        match self.core.ending:
            case Failed(reason=reason, code=code) | Cancelled(reason=reason, code=code):
                return reason if code is None else f"Error code {code}; {reason}"
            case _:
                return None
