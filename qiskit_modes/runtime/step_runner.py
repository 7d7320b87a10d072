"""Carries instructions out: steps in lanes and workers, or timed by a clock.

It knows no rules. Each step that it is told to begin is answered by exactly one event, when it has
ended, whatever happens in it::

    Compile, PostProcess ──▶ a lane thread ────▶ JobCompiled, JobPostProcessed ──┐
      (what is heavy of Compile: one at a time here, others in workers)          │
    Execute ───────────────▶ the workers ──────▶ JobExecuted ────────────────────┼──▶ report
      (what is light: the lane thread)                                           │
    Abandon ───────────────▶ what is under way ▶ (its end comes sooner) ─────────┤
                             whatever fails ───▶ JobFailed ──────────────────────┘
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any, assert_never

from qiskit_modes.exceptions import QiskitModesError, RefusedError, RuntimeClosedError
from qiskit_modes.runtime.clock import Clock
from qiskit_modes.runtime.keeping.archive import Archive
from qiskit_modes.runtime.offload import HeavySteps
from qiskit_modes.runtime.progress.long_compilation import CompilationWatch
from qiskit_modes.runtime.progress.notices import describe_length, describe_wait, give_notice
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.runtime.steps import ExecutionSpan, ScriptedSteps, StepName
from qiskit_modes.runtime.threads.step_threads import StepThreads
from qiskit_modes.runtime.workers.pool import WorkerPool
from qiskit_modes.runtime.workers.split_program import SplitProgram
from qiskit_modes.runtime.workers.work_items import Answer, ProgramAbandoned
from qiskit_modes.runtime.workers.worker import worker_error
from qiskit_modes.runtime.workers.worker_process import HERE, Execution, run_whole
from qiskit_modes.scheduling.events import (
    Event,
    JobCompiled,
    JobExecuted,
    JobFailed,
    JobPostProcessed,
)
from qiskit_modes.scheduling.instructions import (
    Abandon,
    Announce,
    Compile,
    Execute,
    Finish,
    Instruction,
    LookAgain,
    PostProcess,
    Refuse,
    Wait,
)
from qiskit_modes.scheduling.job import Fault

if TYPE_CHECKING:
    from qiskit_modes.simulation.run.program import Program

__all__ = ["StepRunner"]


_START_SECONDS = 30.0
"""How long the start of a worker is waited for; programs then wait for it on the QPU."""

_ALONE = 2
"""So many times as long a program may take to be light, if its job is alone: to a worker and back
it would still take half as long again."""

_SYSTEM_FAULTS = (QiskitModesError, ProgramAbandoned)
"""Failures that are not the user's: their time on the QPU is not charged."""


class StepRunner:
    """Runner of the steps of jobs.

    May be used from any thread; one thread at a time for each QPU calls `carry_out`.

    Args:
        clock: Whose time counts.
        workers: The processes that execute programs.
        archive: Where the records of jobs are found, and kept.
        call_at: Sets, replaces or (with None) takes away the deadline of a key.
        report: Told of the end of each step.
        let_in_result: Raises `RefusedError` if the result of a job, as text, is not to be kept.
        afterwards: See `StepThreads`.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        workers: WorkerPool,
        archive: Archive,
        call_at: Callable[[Hashable, float | None, Callable[[], None]], None],
        report: Callable[[QPU, Event], None],
        let_in_result: Callable[[JobRecord], None],
        afterwards: Callable[[Callable[[], object]], bool],
    ) -> None:
        self._clock = clock
        self._workers = workers
        self._archive = archive
        self._jobs = archive.jobs
        self._call_at = call_at
        self._report = report
        self._let_in_result = let_in_result
        self._threads = StepThreads(
            begins=clock.work_begins, ends=clock.work_ends, afterwards=afterwards
        )
        self._closed = False

    def carry_out(self, instruction: Instruction) -> None:
        """Do what an instruction says, or begin it; does not wait for the end of a step."""
        match instruction:  # first what every job needs
            case Compile(job_id):
                self._begin("compile", self._record(job_id))
            case Execute(job_id):
                self._begin("execute", self._record(job_id))
            case PostProcess(job_id):
                self._begin("post_process", self._record(job_id))
            case Finish(job_id):
                self._finish(self._record(job_id))
            case Abandon(job_id):
                self._abandon(self._record(job_id))
            case Announce(notice):
                self._announce(self._record(notice.job_id), notice)
            case Refuse() | LookAgain():
                raise AssertionError("a refusal is for the one who asked, usage for other QPUs")
            case _:
                assert_never(instruction)

    def close(self) -> None:
        """End the lane threads; returns when what they are doing has ended."""
        self._closed = True
        self._threads.close()

    def _record(self, job_id: str) -> JobRecord:
        job = self._jobs.get(job_id)
        assert job is not None, "a job is known until it has ended"
        return job

    # -- the beginning and the end of a step -----------------------------------------------------

    def _begin(self, step: StepName, job: JobRecord) -> None:
        if job.scripted is None:
            self._do(step, job)
        else:
            job.under_way.begin_scripted_step(step)
            ends_at = self._clock.now() + job.scripted.seconds(step)
            self._call_at(job.id, ends_at, partial(self._end_scripted, step, job))

    def _do(self, step: StepName, job: JobRecord) -> None:
        if step != "execute":
            in_lane = self._compile if step == "compile" else self._post_process
        elif job.under_way.is_light:
            in_lane = self._execute_here
        else:
            self._execute(job)
            return
        self._threads.do(partial(in_lane, job), job=job, otherwise=partial(self._no_lane, job))

    def _end_scripted(self, step: StepName, job: JobRecord) -> None:
        scripted = job.scripted
        assert scripted is not None
        if not job.under_way.take_scripted_step():
            return
        if scripted.fails_in == step:
            error = scripted.error or RuntimeError("the test says so")
            self._fail(job, error, code=scripted.code)
        else:
            self._do(step, job)

    def _abandon(self, job: JobRecord) -> None:
        if job.under_way.abandon(self._workers):
            self._call_at(job.id, None, lambda: None)
            self._fail(job, ProgramAbandoned())

    def _finish(self, job: JobRecord) -> None:
        job.let_go()
        self._jobs.finish(job)
        self._archive.ended(job, partial(self._tell_end, job))

    def _tell_end(self, job: JobRecord) -> None:
        job.finished.set()
        self._clock.changed()

    def _announce(self, job: JobRecord, notice: Wait) -> None:
        # In a lane: whoever reads the log may be slow, and others wait for this thread.
        self._threads.do_beside(lambda: give_notice("waits", job, describe_wait(job, notice)))

    # -- in a lane -------------------------------------------------------------------------------

    def _no_lane(self, job: JobRecord, error: RuntimeError) -> None:
        """Let a job fail whose step no thread can do."""
        if self._closed:
            why: QiskitModesError = RuntimeClosedError("the local runtime has been shut down")
        else:
            why = QiskitModesError(
                f"no thread could be started for the classical steps of job {job.id} ({error}); "
                "end other threads or raise the limit of this process, then submit the job again"
            )
            why.__cause__ = error
        self._fail(job, why)

    def _compile(self, job: JobRecord) -> None:
        way = job.under_way
        steps = way.steps
        try:
            if steps is not None:  # otherwise it has ended while it waited for a thread
                beside = self._threads.do_beside
                watch = CompilationWatch(job, self._clock, self._call_at, beside)
                try:
                    heavy = HeavySteps(job, self._workers, watch.foresee)
                    way.program, way.notes = steps.compile(heavy)
                finally:
                    watch.end()
                if job.scripted is None:
                    self._get_ready(job, way.program)
        except BaseException as error:  # whatever it is, the lane must be given back
            self._fail(job, error)
        else:
            self._report(job.qpu, JobCompiled(job.id))
        self._let_go_if_over(job)

    def _get_ready(self, job: JobRecord, program: Program) -> None:
        if self._is_light(program, alone=self._jobs.is_only_one_left()):
            job.under_way.is_light = True
            job.under_way.pieces = [program]
            return
        self._say_if_long(job, program)
        job.under_way.pieces = self._divide(program)
        for piece in job.under_way.pieces:
            self._workers.admit(piece)
        # The start of a worker is not the QPU's time: it is over before the lock.
        for started in self._workers.warm_up(self._jobs.busy_qpus()):
            # The pool was closed meanwhile; or a worker of a cluster hangs, and another one may do.
            with suppress(CancelledError, TimeoutError):
                started.exception(_START_SECONDS)

    def _is_light(self, program: Program, *, alone: bool) -> bool:
        """Tell whether a program is executed by a lane's thread.

        Nobody could stop it there, but it has ended before anybody would.

        Args:
            program: Which one.
            alone: Whether no other job is under way, whose steps it would hold up.
        """
        if not self._workers.light_seconds:
            return False
        seconds = _division().seconds_here(program)
        longest = self._workers.light_seconds * (_ALONE if alone else 1)
        return seconds is not None and seconds < longest

    def _say_if_long(self, job: JobRecord, program: Program) -> None:
        from qiskit_modes.simulation.run.estimate import estimate

        text = describe_length(job.id, estimate(program), self._workers.size)
        if text is not None:
            give_notice("long", job, text)

    def _divide(self, program: Program) -> list[Program]:
        """Return the pieces in which several workers can share a program."""
        return [program] if self._workers.size == 1 else _division().split(program)

    def _post_process(self, job: JobRecord) -> None:
        # In this order: what has ended loses its steps before what they need.
        way = job.under_way
        samples, notes, steps = way.samples, way.notes, way.steps
        try:
            if steps is not None:  # otherwise it has ended while it waited for a thread
                job.span = self._span(job)
                job.result = steps.post_process(samples, notes, job.span)  # type: ignore[arg-type]
                job.encode_result()
                self._let_in_result(job)
        except BaseException as error:  # whatever it is, the lane must be given back
            self._fail(job, error)
        else:
            self._report(job.qpu, JobPostProcessed(job.id))
        self._let_go_if_over(job)

    def _span(self, job: JobRecord) -> ExecutionSpan:
        started, stopped = job.worker_stamps or (0.0, 0.0)
        first, last = job.core.executing_at, job.core.released_at
        assert first is not None
        assert last is not None
        # Clocks of two processes may differ by their resolution: the lock's interval decides.
        start = min(max(started, first), last)
        stop = min(max(stopped, start), last)
        return ExecutionSpan(self._clock.utc(start), self._clock.utc(stop))

    # -- on the QPU ------------------------------------------------------------------------------

    def _execute(self, job: JobRecord) -> None:
        self._clock.work_begins()
        if job.scripted is not None:
            answer = self._scripted_execution(job.scripted, job.under_way.program)
            self._end_execution(job, answer)
            return
        try:
            pieces = job.under_way.pieces
            assert pieces, "a job is executed after it was compiled"
            job.under_way.split_program = SplitProgram(
                self._workers, pieces, partial(self._end_execution, job), source=job.qpu
            )
            job.under_way.split_program.start()
        except BaseException as error:  # whatever it is, the QPU must be given back
            self._end_execution(job, error)

    def _execute_here(self, job: JobRecord) -> None:
        """Execute a light program in this lane's thread; it is answered like any other."""
        answer: Answer
        try:
            pieces = job.under_way.pieces  # before the question: what has ended loses them
            if job.core.ending is None:
                (program,) = pieces
                answer = run_whole(program).signed(HERE)
                self._workers.tally.note(answer.work)
            else:
                answer = ProgramAbandoned()
        except BaseException as error:  # whatever it is, the QPU must be given back
            answer = error
        self._executed(job, answer)

    def _executed(self, job: JobRecord, answer: Answer) -> None:
        """Report the end of an execution."""
        job.under_way.was_executed()
        if isinstance(answer, BaseException):
            self._fail(job, worker_error(answer, f"executed job {job.id} died before it answered"))
        else:
            job.under_way.samples = answer.samples
            job.worker_stamps = (answer.started, answer.stopped)
            job.work += answer.work
            self._report(job.qpu, JobExecuted(job.id))
        self._let_go_if_over(job)

    def _end_execution(self, job: JobRecord, answer: Answer) -> None:
        """Report the end of an execution that no lane did; work began with it, and ends here."""
        try:
            self._executed(job, answer)
        finally:
            self._clock.work_ends()

    def _scripted_execution(self, scripted: ScriptedSteps, program: Program | None) -> Answer:
        now = self._clock.now()
        try:
            samples = scripted.samples(program)
        except Exception as error:  # a test's own function
            return error
        return Execution(samples, now - scripted.durations.execute, now)

    # -- what a step leaves ----------------------------------------------------------------------

    def _fail(self, job: JobRecord, error: BaseException, *, code: int | None = None) -> None:
        """Report that a step has ended without success."""
        if job.core.ending is None:
            job.error = error
        reason = f"{type(error).__name__}: {_words(error)}"
        is_system = isinstance(error, _SYSTEM_FAULTS) and not isinstance(error, RefusedError)
        fault = Fault.SYSTEM if is_system else Fault.USER
        self._report(job.qpu, JobFailed(job.id, fault, reason, code))

    def _let_go_if_over(self, job: JobRecord) -> None:
        """Drop what a step has made of a job that was cancelled meanwhile."""
        if job.core.ending is not None:
            job.let_go()


@cache
def _division() -> Any:
    """Return the module that divides programs, looked for once: each job needs it."""
    from qiskit_modes.simulation.run import division

    return division


def _words(error: BaseException) -> str:
    try:
        return str(getattr(error, "message", None) or error)
    except Exception:  # a user's own class: whatever it raises, the lane must be given back
        return "(its message cannot be read)"
