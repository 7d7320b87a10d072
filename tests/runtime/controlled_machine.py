"""A session executor and its QPU whose threads an `Exploration` controls."""

import uuid
from collections import Counter
from contextlib import suppress
from functools import partial
from types import SimpleNamespace

from qiskit_modes.exceptions import RefusedError, RuntimeClosedError
from qiskit_modes.runtime import qpu
from qiskit_modes.runtime.clock import SystemClock
from qiskit_modes.runtime.keeping import job_table
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.records import JobMode, JobRecord, WorkloadRecord
from qiskit_modes.runtime.session_executor import SessionExecutor
from qiskit_modes.runtime.steps import StepFunctions
from qiskit_modes.runtime.under_way import UnderWay
from qiskit_modes.runtime.workers import split_program
from qiskit_modes.runtime.workers.work_items import ProgramAbandoned
from qiskit_modes.runtime.workers.worker_process import Execution
from qiskit_modes.scheduling import Instance, Ledger, Mode
from qiskit_modes.scheduling.events import WorkloadOpened
from qiskit_modes.scheduling.instructions import Refuse
from qiskit_modes.simulation.run.program import Program
from tests.runtime.stand_ins import Shared


def program():
    return Program({}, (), 0)


class StillClock(SystemClock):
    """Time that a scenario sets; counts the steps that are under way."""

    def __init__(self):
        super().__init__()
        self.time, self.working, self.deadlines, self.closed = 1.0, 0, {}, False

    def now(self):
        return self.time

    def work_begins(self):
        self.working += 1

    def work_ends(self):
        self.working -= 1

    def new_timer(self):
        return self

    def set(self, key, deadline, callback, *, last=False):
        self.deadlines.pop(key, None)
        if deadline is not None and not self.closed:
            self.deadlines[key] = callback

    def close(self):
        self.closed = True
        self.deadlines.clear()


class Hands:
    """Who does the steps: threads of the run, or nobody until `finish` is called.

    Args:
        run: Whose threads.
        live: Whether steps are done during the run, by a thread each.
        stubborn: Whether programs end only when they are abandoned.
    """

    size = 1

    def __init__(self, run, *, live, stubborn=False):
        self.run, self.live, self.stubborn = run, live, stubborn
        self.held, self.threads, self.closed = [], [], False

    def _do(self, function, name):
        if self.live:
            self.threads.append(self.run.spawn(function, name))
        else:
            self.held.append(function)

    def finish(self):
        """Do what was not done, one after the other."""
        self.live = False
        while self.held:
            self.held.pop(0)()


class Lanes(Hands):
    def submit(self, function, *args):
        self.run.point("lanes", "read")
        if self.closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        self._do(partial(function, *args), "lane")

    def shutdown(self, *, wait):
        self.run.point("lanes")
        self.closed = True
        for thread in self.threads:
            self.run.point(("end of", thread.number), when=lambda each=thread: each.finished)
        held, self.held = self.held, []
        for function in held:
            function()


class Programs(Hands):
    error = None
    """What comes instead of samples."""
    light_seconds = 0.0

    def warm_up(self, count=1):
        return []

    def admit(self, program):
        """Have memory for everything."""

    def submit(self, program, on_done, *, source=None):
        self.run.point("programs", "read")
        if self.closed:
            raise RuntimeClosedError("closed")
        ticket = SimpleNamespace(abandoned=False, name=self.run.named("ticket"))
        self._do(partial(self._run, ticket, on_done), "worker")
        return ticket

    def _run(self, ticket, on_done):
        self.run.point(ticket.name, when=lambda: ticket.abandoned or not self.stubborn)
        if self.error is not None:
            on_done(self.error)
        else:
            on_done(ProgramAbandoned() if ticket.abandoned else Execution("samples", 0.0, 0.0))

    def abandon(self, ticket):
        self.run.point(ticket.name)
        ticket.abandoned = True

    def close(self):
        self.run.point("programs")
        self.closed = True
        held, self.held = self.held, []
        for function in held:
            function()


class SharedJob(JobRecord):
    """A record that threads share: a point before each use of what they all change."""

    run = None

    def __str__(self):
        return self.id

    def __post_init__(self, steps):
        self.under_way = SharedUnderWay(steps, job=self)

    @property
    def core(self):
        # The scheduler changes it under the mutex of the QPU; others look at it without.
        self.run.point(self.qpu.mutex._name, "read")
        return self.__dict__["core"]

    @core.setter
    def core(self, core):
        self.__dict__["core"] = core


class SharedUnderWay(UnderWay):
    """What is under way of such a job, with a point before each use."""

    def __init__(self, *args, job):
        self.job = job
        super().__init__(*args)

    @property
    def run(self):
        return self.job.run

    def __str__(self):
        return str(self.job)

    def take_scripted_step(self):
        self.run.point((str(self), "scripted step"))
        return super().take_scripted_step()


class SharedExecutor(SessionExecutor):
    """A session executor whose door has a point in front of it."""

    run = None

    def __str__(self):
        return "executor"


def _with_a_point(name):
    def read(self):
        if self.run is not None:
            self.run.point((str(self), name), "read")
        return self.__dict__[name]

    def write(self, value):
        if self.run is not None:
            self.run.point((str(self), name))
        self.__dict__[name] = value

    return property(read, write)


SharedExecutor._closed = _with_a_point("_closed")
for _name in ("split_program", "steps", "samples"):
    setattr(SharedUnderWay, _name, _with_a_point(_name))


class Machine:
    """A session executor and its QPU, whose threads a run controls; and what is true at the end."""

    def __init__(self, run, patch, *, lanes=5, live=False, stubborn=False):
        self.run = run
        patch(qpu, leaves=False)
        for module in (job_table, split_program):
            patch(module, leaves=True)
        self.clock = StillClock()
        self.lanes = Lanes(run, live=live)
        self.programs = Programs(run, live=live, stubborn=stubborn)
        self.executor = SharedExecutor(clock=self.clock, workers=self.programs)
        self.executor.uninterrupted.close()  # what the scenario's own thread does is done by it
        self.executor.run = run
        self.executor._runner.close()
        self.executor._runner._closed = False
        self.executor._runner._threads._pool = self.lanes
        self.qpu = QPU("controlled", lanes=lanes, ledger=Ledger())
        self.qpu.outbox = Shared()
        self.qpu.outbox.run, self.qpu.outbox.name = run, "outbox"
        self.jobs, self.given, self.carried, self.finishes = [], [], [], Counter()
        self._listen()

    def _listen(self):
        scheduler, runner = self.qpu.scheduler, self.executor._runner
        handle, carry_out = scheduler.handle, runner.carry_out

        def handled(event, now):
            instructions = handle(event, now)
            self.given += [i for i in instructions if not isinstance(i, Refuse)]
            return instructions

        def carried(instruction):
            self.carried.append(instruction)
            carry_out(instruction)

        scheduler.handle, runner.carry_out = handled, carried

    def job(self, workload=None, scripted=None):
        job_id = f"job {len(self.jobs)}"
        job = SharedJob(
            id=job_id,
            qpu=self.qpu,
            steps=StepFunctions(lambda _: program(), lambda samples, span: samples),
            backend=None,
            instance=Instance(),
            mode=JobMode(Mode.JOB, "the test says so"),
            workload=workload,
            scripted=scripted,
            finished=SimpleNamespace(set=partial(self.finishes.update, [job_id])),
        )
        job.run = self.run
        self.jobs.append(job)
        return job

    def submit(self, job, **more):
        self.executor.submit(job, **more)
        return job

    def open(self, mode=Mode.SESSION):
        event = WorkloadOpened(str(uuid.uuid4()), mode, Instance())
        return WorkloadRecord(self.executor.open_workload(event, self.qpu), self.qpu, None)

    def finish(self):
        """Let everything end, and check what must be true then."""
        while self.lanes.held or self.programs.held:
            self.lanes.finish()
            self.programs.finish()
        assert self.carried == self.given, "in the order in which they were given, none lost"
        assert not self.qpu.outbox
        assert not self.qpu.carrying.held
        accepted = [job for job in self.jobs if "core" in job.__dict__]
        assert self.finishes == {job.id: 1 for job in accepted}
        assert self.qpu.scheduler.locks.lanes.idle
        assert self.qpu.scheduler.locks.qpu.idle
        assert not self.executor.jobs.unfinished()
        assert not self.qpu.scheduler.jobs, "what has ended is forgotten"
        for job in accepted:
            assert job.under_way.split_program is None
            assert job.under_way.steps is None
            assert job.under_way.samples is None
        self.qpu.scheduler.validate()
        assert self.clock.working == 0
        return [job.status for job in accepted]


def quietly(function, *errors):
    """Return ``function``, whose refusals are answers too."""

    def call():
        with suppress(*errors or [RefusedError]):
            function()

    return call


def on_the_qpu(machine, **more):
    """A job whose program is about to end, and what ends it."""
    job = machine.submit(machine.job(), **more)
    machine.lanes.held.pop()()
    assert job.core.executing_at is not None
    return job
