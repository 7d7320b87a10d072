"""Failures on demand: a job that fails, a worker that dies, a session that is over too early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from qiskit_modes.exceptions import RefusedError, WorkerDiedError
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.runtime.steps import ScriptedSteps, StepName
from qiskit_modes.scheduling import Instance, Plan
from qiskit_modes.scheduling.instructions import Refusal

__all__ = ["Faults"]


class Faults:
    """A runtime that executes jobs, but for those that are to fail: they fail at once.

    Jobs are counted from 1, in the order in which they are submitted. `Scenario` can all of this
    too, on a clock of its own.

    Args:
        **settings: Of the `LocalRuntime`.

    Example:
        >>> from qiskit_modes import LocalService
        >>> faults = Faults()
        >>> faults.job_fails(2)
        >>> service = LocalService(runtime=faults.runtime)
        >>> _ = faults.runtime.shut_down()
    """

    def __init__(self, **settings: Any) -> None:
        self._special: dict[
            int, Callable[[JobRecord, ScriptedSteps | None], ScriptedSteps | None]
        ] = {}
        self._numbers = count(1)
        self.runtime = LocalRuntime(simulate=self._simulate, refused=self._refused, **settings)

    def _simulate(self, job: JobRecord) -> ScriptedSteps | None:
        return self._fated(job, None)

    def _refused(self, job: JobRecord) -> None:
        """Take note that a job was not accepted."""

    def _fated(self, job: JobRecord, steps: ScriptedSteps | None) -> ScriptedSteps | None:
        """Return what happens with a job whose steps would be ``steps``; None to execute it."""
        special = self._special.pop(next(self._numbers), None)
        return steps if special is None else special(job, steps)

    def job_fails(
        self,
        number: int,
        *,
        step: StepName = "execute",
        error: BaseException | None = None,
        code: int | None = None,
    ) -> None:
        """Let job ``number`` fail at the end of a step.

        Args:
            number: Of the job, counted from 1.
            step: ``"compile"``, ``"execute"`` or ``"post_process"``.
            error: What it fails with; by default a RuntimeError that says so.
            code: The service's code for it, as in ``Error code 1234; ...``.
        """
        error = error or RuntimeError(f"the scenario lets job {number} fail")
        self._special[number] = lambda _, steps: replace(
            steps or ScriptedSteps(), fails_in=step, error=error, code=code
        )

    def worker_dies(self, number: int) -> None:
        """Let the worker die that executes job ``number``; the system's fault, so not charged."""
        error = WorkerDiedError(f"the worker died that executed job {number}")
        self.job_fails(number, error=error)

    def job_is_refused(
        self,
        number: int,
        *,
        reason: str = "the scenario refuses it",
        refusal: Refusal | None = None,
    ) -> None:
        """Let the submission of job ``number`` be refused: its ``run()`` raises, as by a rule.

        Args:
            number: Of the job, counted from 1.
            reason: What the error says.
            refusal: Which rule it is; decides the status code at the service's doors.
        """

        def refuse(_: JobRecord, __: ScriptedSteps | None) -> ScriptedSteps | None:
            raise RefusedError(reason, refusal)

        self._special[number] = refuse

    def change_instance(
        self,
        name: str | None = None,
        *,
        plan: Plan | None = None,
        limit_seconds: float | None = None,
        allocation_seconds: float | None = None,
    ) -> Instance:
        """Give an instance other limits now, for all that it has and will have.

        So can be staged what the service does "until the limit is raised", and a change of plan.

        Args:
            name: Its id; None for that of the runtime.
            plan: Its plan from now on; None for the plan that it has, where it is the runtime's own
                or was changed before, or else for the runtime's.
            limit_seconds: Its limit of usage; None for that of the plan.
            allocation_seconds: Its share of time; None for that of the plan.

        Returns:
            The instance as it is now.
        """
        own = self.runtime.instance
        before = self.runtime.current(own if name in (None, own.id) else replace(own, id=str(name)))
        changed = Instance(before.id, plan or before.plan, allocation_seconds, limit_seconds)
        self.runtime.change_instance(changed)
        return changed

    def session_expires(self, *, before_job: int) -> None:
        """Let the session of job ``before_job`` be over when that job is submitted.

        What the job's ``run()`` raises is what it raises when a maximum TTL has run out.
        """

        def expire(job: JobRecord, steps: ScriptedSteps | None) -> ScriptedSteps | None:
            if job.workload is not None:
                self.runtime.expire_workload(job.workload)
            return steps

        self._special[before_job] = expire
