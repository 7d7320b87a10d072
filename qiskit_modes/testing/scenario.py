"""A runtime whose jobs last what a test says, with other tenants, faults and calibrations."""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Self

from qiskit.providers import BackendV2

from qiskit_modes.durations import seconds_of
from qiskit_modes.primitives.options.table import PROGRAMS
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.runtime.steps import ScriptedSteps
from qiskit_modes.scheduling import Instance
from qiskit_modes.testing.faults import Faults
from qiskit_modes.testing.job_durations import JobDurations
from qiskit_modes.testing.lock_history import LockHistory
from qiskit_modes.testing.manual_clock import ManualClock
from qiskit_modes.testing.offered import offered
from qiskit_modes.testing.tenant import Duration, Tenant, durations_of
from qiskit_modes.testing.zero_samples import zero_samples

__all__ = ["Scenario"]


class Scenario(Faults):
    """A runtime on a manual clock, for tests of code that uses sessions, batches and jobs.

    Nothing is simulated: circuits are checked and compiled, but every bit of every shot is 0. The
    steps of jobs take the time that the scenario says, on its clock. Inside its ``with`` block
    everything that is opened and submitted, in all threads, goes to it. Jobs are counted from 1, in
    the order in which they are submitted by the code under test.

    Args:
        lanes: How many jobs are in progress at once.
        autojump: See `ManualClock`; on by default, so that waiting for a result moves the time.
        compile_time: How long the classical step before the QPU lasts.
        quantum_time: How long a job has the QPU.
        post_process_time: How long the classical step after it lasts.
        instance: To whom usage is charged, and whose plan counts; None for one without limits.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from qiskit_aer import AerSimulator
        >>> from qiskit_modes import SamplerV2, Session
        >>> circuit = QuantumCircuit(1, 1)
        >>> _ = circuit.measure(0, 0)
        >>> with Scenario(quantum_time=3) as scenario, Session(AerSimulator()) as session:
        ...     job = SamplerV2().run([circuit])
        ...     print(job.result()[0].data.c.num_shots, job.usage())
        ...     scenario.clock.advance("61s")
        ...     print(session.details()["state"], session.usage())
        4096 3.0
        inactive 63.0
    """

    def __init__(
        self,
        *,
        lanes: int = 5,
        autojump: bool = True,
        compile_time: Duration = 0.0,
        quantum_time: Duration = 1.0,
        post_process_time: Duration = 0.0,
        instance: Instance | None = None,
    ) -> None:
        self.clock = ManualClock(autojump=autojump)
        super().__init__(lanes=lanes, clock=self.clock, instance=instance)
        usual = durations_of(compile_time, quantum_time, post_process_time)
        self._durations = JobDurations(usual, zero_samples)
        self._timer = self.clock.new_timer()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(use_runtime(self.runtime))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()
        self._timer.close()
        if self.runtime.is_of_this_process:
            self.runtime.shut_down()

    # -- how long jobs last ----------------------------------------------------------------------

    def jobs_last(
        self,
        *,
        compile_time: Duration = 0.0,
        quantum_time: Duration = 1.0,
        post_process_time: Duration = 0.0,
        tag: str | None = None,
        primitive: str | None = None,
    ) -> None:
        """Say how long the steps last of all jobs that are submitted from now on, or of some.

        What is said of a tag goes before what is said of a primitive, and both before what is said
        of all. So the jobs of several threads can be told apart, in whatever order they come.

        Args:
            compile_time: How long the classical step before the QPU lasts.
            quantum_time: How long a job has the QPU.
            post_process_time: How long the classical step after it lasts.
            tag: Only of jobs with this tag (``options.environment.job_tags``).
            primitive: Only of jobs of this primitive: ``"sampler"``, ``"estimator"``,
                ``"executor"`` or ``"noise-learner"``.
        """
        durations = durations_of(compile_time, quantum_time, post_process_time)
        self._durations.set(durations, tag, _known(primitive))

    def next_job_lasts(
        self,
        *,
        compile_time: Duration = 0.0,
        quantum_time: Duration = 1.0,
        post_process_time: Duration = 0.0,
        tag: str | None = None,
        primitive: str | None = None,
    ) -> AbstractContextManager[object]:
        """Say how long the steps last of the next job only; of the one after it, if said again.

        A submission that is refused does not count: it stays said of the next one, unless it is
        said for a ``with`` block, at whose end it is forgotten.

        Args:
            compile_time: How long the classical step before the QPU lasts.
            quantum_time: How long a job has the QPU.
            post_process_time: How long the classical step after it lasts.
            tag: Of the next one with this tag.
            primitive: Of the next one of this primitive; see `jobs_last`.

        Returns:
            For a ``with`` block; otherwise not needed.
        """
        durations = durations_of(compile_time, quantum_time, post_process_time)
        return self._durations.set_next(durations, tag, _known(primitive))

    def thinking(self) -> AbstractContextManager[None]:
        """Hold time while the present thread computes; see `ManualClock.thinking`.

        Example:
            >>> with Scenario() as scenario, scenario.thinking():
            ...     scenario.clock.now()
            0.0
        """
        return self.clock.thinking()

    # -- who else is there -----------------------------------------------------------------------

    def tenant(self, name: str, backend: BackendV2, **instance: Any) -> Tenant:
        """Return another tenant of a backend's QPU, whose jobs, batches and sessions can be set.

        Args:
            name: Of its instance.
            backend: Whose QPU it uses; a native backend, or the client's.
            **instance: Further fields of its `Instance`: ``plan``, ``allocation_seconds``.
        """
        return Tenant(self.runtime, self._timer, name, offered(self.runtime, backend), instance)

    def calibration(self, backend: BackendV2, *, at: Duration, lasts: Duration) -> None:
        """Let a calibration become due; it takes the QPU between two jobs, and in no session.

        Args:
            backend: Whose QPU.
            at: When, on the scenario's clock.
            lasts: For how long it has the QPU.
        """
        qpu, seconds = self._qpu(backend), seconds_of(lasts)
        calibrate = self.runtime.calibrate
        self._timer.set(uuid.uuid4(), seconds_of(at), lambda: calibrate(qpu, seconds))

    def maintenance(self, backend: BackendV2, *, at: Duration, lasts: Duration) -> None:
        """Let a QPU be out of service for a while; what is on it then still ends.

        It waits for an active session, see `Plan.maintenance_interrupts_sessions`.

        Args:
            backend: Whose QPU.
            at: From when on, on the scenario's clock.
            lasts: For how long.
        """
        qpu, seconds = self._qpu(backend), seconds_of(lasts)
        maintain = self.runtime.maintain
        self._timer.set(uuid.uuid4(), seconds_of(at), lambda: maintain(qpu, seconds))

    def lock_history(self, backend: BackendV2) -> LockHistory:
        """Return who has held the lanes, the QPU lock and the reservation of a QPU, and when.

        Args:
            backend: Whose QPU.
        """
        return LockHistory.of(self.runtime, self._qpu(backend))

    def _qpu(self, backend: BackendV2) -> QPU:
        return self.runtime.qpu(offered(self.runtime, backend))

    def _simulate(self, job: JobRecord) -> ScriptedSteps | None:
        if job.scripted is not None:  # another tenant's
            return job.scripted
        return self._fated(job, self._durations.take(job))

    def _refused(self, job: JobRecord) -> None:
        self._durations.refused(job)


def _known(primitive: str | None) -> str | None:
    """Return the name of a primitive.

    Raises:
        ValueError: If there is none of this name.
    """
    if primitive is not None and primitive not in PROGRAMS:
        raise ValueError(f"expected one of {', '.join(PROGRAMS)} as primitive, found {primitive!r}")
    return primitive
