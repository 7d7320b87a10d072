"""Records of jobs, sessions and batches: the core's facts, and what they carry."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from qiskit_modes.exceptions import StoreError
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

if TYPE_CHECKING:
    from qiskit_modes.runtime.workers.worker_process import Work

__all__ = [
    "Bodies",
    "EncodedResult",
    "Encoding",
    "JobMode",
    "JobRecord",
    "JobRequest",
    "JobStatus",
    "WorkloadRecord",
    "bytes_of",
]

_SHORT = 2**15
"""Characters of a result that stays in memory beside the store, as long as the inputs do."""

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
    def program_id(self) -> str:
        """The service's name of the program."""

    @property
    def params(self) -> str | None:
        """The program's parameters as JSON text; None once the inputs have been dropped."""

    @property
    def private(self) -> bool:
        """Tell whether the job's inputs are hidden, and its result can be read once."""

    @property
    def submission_key(self) -> str | None:
        """Key that its sender gave along: with the same key it is the same job."""

    @property
    def job_id(self) -> str | None:
        """The id that the job is to have; None for a new one."""

    @property
    def encode_result(self) -> Callable[[Any], str] | None:
        """Function that makes the program's answer of a result; None for the usual one."""

    def facts(self) -> dict[str, Any]:
        """Return what else is kept of it, as JSON."""

    def without_inputs(self) -> Self:
        """Return what stays of it when the inputs of the job are dropped."""


class Encoding(Protocol):
    """Texts of what a job is asked and comes to, in the service's own JSON."""

    def params(self, inputs: Mapping[str, Any]) -> str:
        """Return what was passed to ``run()`` as the parameters of the program."""

    def result(self, result: Any, inputs: Mapping[str, Any] | None) -> str:
        """Return the result as the text that the service answers with."""


class Bodies(Protocol):
    """Place where the texts of a job are kept beside it."""

    def read(self, job_id: str, kind: str) -> str | None:
        """Return the ``"params"``, ``"result"`` or ``"error"`` of a job, or None; may wait."""

    def drop(self, job_id: str, kind: str) -> bool:
        """Drop one of them, and return whether it was there; may wait."""


@dataclass(frozen=True)
class EncodedResult:
    """A result as the text that was kept of it; whoever wants the object decodes it."""

    text: str


def bytes_of(result: Any) -> int:
    """Return about how much memory the arrays of a result take; more than it may be if unclear."""
    if isinstance(result, EncodedResult):
        return len(result.text)
    try:
        return sum(
            int(getattr(getattr(value, "array", value), "nbytes", 0))
            for pub in result
            for value in pub.data.values()
        )
    except (TypeError, AttributeError):  # something else than the result of a primitive
        return sys.maxsize


@dataclass(eq=False)
class WorkloadRecord:
    """A session or batch, with the QPU that it is on."""

    core: Workload
    qpu: QPU
    backend: Any
    """The backend that the user passed; None if an earlier process had it and nobody offers it."""
    backend_name: str = ""
    """The name by which the backend was asked for."""
    is_refused: bool = False
    """Whether it could not be kept when it was opened; nobody knows its id."""

    @property
    def id(self) -> str:
        """Its id."""
        return self.core.id

    def forget(self) -> None:
        """Let the scheduler forget it; it must be closed."""
        with self.qpu.mutex:
            self.qpu.scheduler.forget_workload(self.id)


@dataclass(eq=False, slots=True, weakref_slot=True)
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
    backend_name: str = ""
    """The name by which its backend was asked for."""
    encoding: Encoding | None = None
    """Makes texts of its inputs and its result; None if they cannot be kept."""
    bodies: Bodies | None = None
    """Where its texts are kept; None if nothing outlives the process."""
    params_text: str | None = None
    """What was passed to ``run()`` as text, until it is kept; of a job without a request."""
    result_text: str | None = None
    """The result as text, from its making until it is kept."""
    text_bytes: int | None = None
    """How long its texts are, all together and about; None if that is not known."""
    result_lost: str | None = None
    """Why there is no text of a result; for people."""
    kept: int = 0
    """How much of it is in the store, as its archive counts; written by that alone."""
    result_is_kept: bool = False
    """Whether what came of it can be read from the store."""
    keep_error: BaseException | None = None
    """Why its end is not kept, although others were told of it."""
    core: Job = field(init=False)
    """The scheduler's facts; set when the scheduler has accepted the job."""
    span: ExecutionSpan | None = None
    worker_stamps: tuple[float, float] | None = None
    """When the worker began and ended, on the clock of the machine."""
    work: list[Work] = field(default_factory=list)
    """Who did which pieces of its program, and which heavy parts of its compilation, as far as
    they have been done."""
    result: Any = None
    error: BaseException | None = None
    """Why it failed: the exception of the step that raised it."""
    scripted: ScriptedSteps | None = None
    """If its steps last what somebody says, instead of being executed."""
    under_way: UnderWay = field(init=False)
    """What nobody needs once it has ended."""
    is_read: bool = False
    """Whether somebody was given its result, or why it has none."""
    _unread: list[None] = field(default_factory=lambda: [None])
    """Empty once the result of a private job has been read."""
    finished: Latch = field(default_factory=Latch)
    """Set when its ending is decided and what came of it can be read."""

    def __post_init__(self, steps: Steps | None) -> None:
        self.under_way = UnderWay(steps)

    def read_result(self) -> Any:
        """Return the result, or an ``EncodedResult``; that of a private job is gone afterwards.

        Raises:
            LookupError: If the job is private and its result has been read.
            StoreError: If it is not kept, and why.
        """
        self.is_read = True
        if not self.private:
            return self._kept_result() if self.result is None else self.result
        try:
            self._unread.pop()  # one of several threads that read at once gets it
        except IndexError:
            raise LookupError from None
        result, self.result = self.result, None
        if result is None and self.bodies is not None:
            result = self._kept_result()
        if self.bodies is not None and not self.bodies.drop(self.id, "result"):
            raise LookupError  # another handle, or another process, was first
        return result

    def _kept_result(self) -> Any:
        text = self.result_text
        if text is None and self.bodies is not None:
            text = self.bodies.read(self.id, "result")
        if text is not None:
            return EncodedResult(text)
        if self.bodies is None:
            return self.result  # which may be None, as a test wants it
        if self.private:
            raise LookupError
        raise StoreError(
            f"the result of job {self.id} was not kept: "
            + (self.result_lost or "the store has none of it")
        )

    def encode_params(self) -> None:
        """Make the text of the inputs that is kept, if anything is."""
        if self.request is not None or self.private or self.bodies is None:
            return
        if self.encoding is not None and self.inputs is not None:
            # What a user has made may have no text; then it is not shown later.
            with suppress(Exception):
                self.params_text = self.encoding.params(self.inputs)

    def drop_kept(self) -> None:
        """Forget texts that are kept elsewhere by now, and what they are easily made into."""
        self.params_text = None
        self.result_is_kept = True
        if self.result_text is not None:
            if self.private or len(self.result_text) > _SHORT:
                self.result_text = None  # a short one is likely to be asked for in a moment
            if self.request is not None:  # who sends requests reads texts
                self.result = None

    def encode_result(self) -> None:
        """Make the text of the result that is kept, if anything is; what fails is said later."""
        if self.bodies is None:
            return
        try:
            self.result_text = self.as_text(self.result)
            self.text_bytes = len(self.result_text)
        except Exception as error:  # of whatever a user has put into it
            self.result_lost = f"{type(error).__name__}: {error}"

    def as_text(self, result: Any) -> str:
        """Return a result of this job as the text that the service answers with.

        Raises:
            TypeError: If nothing is known that makes a text of it.
        """
        if isinstance(result, EncodedResult):
            return result.text
        if self.request is not None and self.request.encode_result is not None:
            return self.request.encode_result(result)
        if self.encoding is None:
            raise TypeError("nothing is known that makes a text of it")
        return self.encoding.result(result, self.inputs)

    def read_params(self) -> str | None:
        """Return the parameters of its program as JSON text; None if they are not kept."""
        if self.request is not None and self.request.params is not None:
            return self.request.params
        return None if self.bodies is None else self.bodies.read(self.id, "params")

    def drop_inputs(self) -> None:
        """Forget what it was asked to do, which may be large; what it came to stays."""
        self.inputs = None
        if self.result_is_kept:
            self.result_text = None
        if self.request is not None:
            self.request = self.request.without_inputs()

    def let_go(self) -> None:
        """Drop what a job needs no more that has ended; of what it made, only a result stays."""
        self.under_way.let_go()
        if not isinstance(self.core.ending, Completed):
            self.result = self.result_text = None

    @property
    def program_id(self) -> str:
        """The service's name of its program."""
        return self.primitive_id if self.request is None else self.request.program_id

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
