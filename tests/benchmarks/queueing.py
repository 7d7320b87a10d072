"""A long queue: how fast it takes jobs in, and what each of them costs while it waits."""

import gc
import logging
import threading
import tracemalloc
import uuid
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from qiskit_aer import AerSimulator

from qiskit_modes.runtime import JobMode, JobRecord, LocalRuntime, StepFunctions, WorkerPool
from qiskit_modes.runtime.steps import Durations, ScriptedSteps
from qiskit_modes.scheduling import Instance, Mode, Scheduler
from qiskit_modes.scheduling.events import (
    JobCompiled,
    JobExecuted,
    JobPostProcessed,
    JobSubmitted,
    WorkloadClosed,
    WorkloadOpened,
)
from qiskit_modes.scheduling.instructions import Compile, Execute, PostProcess
from qiskit_modes.simulation.run.program import Program
from qiskit_modes.testing import ManualClock
from qiskit_modes.testing.zero_samples import zero_samples
from tests.benchmarks.timing import Row, timed

__all__ = ["long_queue", "waiting_workloads"]

_SUCCESS = {Compile: JobCompiled, Execute: JobExecuted, PostProcess: JobPostProcessed}

JOBS = 10_000
RATE = 5_000
"""Jobs a second, into the scheduler."""
KILOBYTES = 10
"""For each queued job, beyond its inputs."""


def long_queue():
    """P9: ten thousand jobs behind one that does not end."""
    rate = JOBS / min(_seconds_into_the_scheduler() for _ in range(3))
    yield Row(
        "P9",
        f"{JOBS:,} jobs queued, submit rate into the scheduler",
        f"{rate:,.0f} / s",
        f">= {RATE:,} / s",
        rate >= RATE,
        f"{1e6 / rate:.0f} us a job, its next deadline included",
    )
    kilobytes, through_the_runtime = _kilobytes_and_rate_through_the_runtime()
    yield Row(
        "P9",
        f"{JOBS:,} jobs queued, memory for each beyond its inputs",
        f"{kilobytes:.1f} kB",
        f"<= {KILOBYTES} kB",
        kilobytes <= KILOBYTES,
        f"submitted through the runtime at {through_the_runtime:,.0f} / s",
    )


WAITING = 10_000
INSTANCES = 100
DRAIN_RATE = 1_000
"""Jobs a second: ends of jobs, which let others start, from a queue of as many workloads."""


def waiting_workloads():
    """P9b: ten thousand sessions and batches of one job each wait, and are worked off."""
    few, many = (number / _seconds_to_drain(number) for number in (WAITING // 10, WAITING))
    yield Row(
        "P9b",
        f"{WAITING:,} waiting workloads of {INSTANCES} instances, drained in the scheduler",
        f"{many:,.0f} / s",
        f">= {DRAIN_RATE:,} / s",
        many >= DRAIN_RATE,
        f"{WAITING // 10:,} of them at {few:,.0f} / s; grows no faster than their logarithm: "
        f"{few / many:.2f} times",
    )
    rate = WAITING / _seconds_on_the_manual_clock(WAITING)
    yield Row(
        "P9b",
        f"{WAITING:,} waiting workloads of {INSTANCES} instances, drained on the manual clock",
        f"{rate:,.0f} / s",
        f">= {DRAIN_RATE:,} / s",
        rate >= DRAIN_RATE,
        "three steps each, through the runtime; nothing is simulated",
    )


def _tenants():
    return [Instance(f"tenant {n}", allocation_seconds=100.0 + n) for n in range(INSTANCES)]


def _seconds_to_drain(number):
    """Return how long it takes to answer all steps; their jobs have the QPU for a second each."""
    scheduler, steps, now = Scheduler(), deque(), 0.0
    tenants = _tenants()

    def handle(event):
        for instruction in scheduler.handle(event, now):
            if type(instruction) in _SUCCESS:
                steps.append(_SUCCESS[type(instruction)](instruction.job_id))
        return scheduler.next_deadline()

    for n in range(number):
        tenant, mode = tenants[n % INSTANCES], (Mode.BATCH, Mode.SESSION)[n % 2]
        handle(WorkloadOpened(f"workload {n}", mode, tenant))
        handle(JobSubmitted(f"job {n}", tenant, f"workload {n}"))
        handle(WorkloadClosed(f"workload {n}"))

    def drain():
        nonlocal now
        ended = 0
        while ended < number:
            assert steps, "somebody is next"
            event = steps.popleft()
            now += isinstance(event, JobExecuted)
            ended += isinstance(event, JobPostProcessed)
            handle(event)

    gc.collect()
    return timed(drain)


def _seconds_on_the_manual_clock(number):
    clock = ManualClock()
    steps = ScriptedSteps(Durations(execute=1.0), samples=zero_samples)
    with LocalRuntime(clock=clock, simulate=lambda _: steps) as runtime:
        backend, tenants = AerSimulator(), _tenants()
        qpu = runtime.qpu(backend)
        for n in range(number):
            tenant, mode = tenants[n % INSTANCES], (Mode.BATCH, Mode.SESSION)[n % 2]
            event = WorkloadOpened(str(uuid.uuid4()), mode, tenant)
            workload = runtime.open_workload(event, backend)
            record = JobRecord(
                id=str(uuid.uuid4()),
                qpu=qpu,
                steps=StepFunctions(
                    compiling=lambda _: Program({}, (), 0), post_processing=lambda *_: None
                ),
                backend=backend,
                instance=tenant,
                mode=JobMode(mode, "a benchmark"),
                workload=workload,
            )
            runtime.submit(record)
            runtime.close_workload(workload)
        gc.collect()
        logger = logging.getLogger("qiskit_modes")
        level, _ = logger.level, logger.setLevel(logging.ERROR)  # each says once whom it waits for
        try:
            seconds = timed(lambda: clock.advance(2 * number))
        finally:
            logger.setLevel(level)
        assert not runtime.executor.jobs.unfinished()
    return seconds


def _seconds_into_the_scheduler():
    scheduler, instance = Scheduler(), Instance()
    events = [JobSubmitted(f"job{number}", instance) for number in range(JOBS)]

    def submit():
        for moment, event in enumerate(events):
            scheduler.handle(event, moment * 1e-4)
            scheduler.next_deadline()

    gc.collect()
    return timed(submit)


def _kilobytes_and_rate_through_the_runtime():
    """Submit twice: once to see how fast it is, once to see what it takes, which is slower."""
    going_on = threading.Event()
    pool = WorkerPool(1, new_executor=lambda: ThreadPoolExecutor(1))
    with LocalRuntime(lanes=1, workers=pool) as runtime:
        backends = [AerSimulator(), AerSimulator()]
        submit = [_submitter(runtime, backend, going_on) for backend in backends]
        for each in submit:
            each()  # this one has the lane and does not end
        rate = JOBS / timed(lambda: [submit[0]() for _ in range(JOBS)])
        gc.collect()
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(JOBS):
                submit[1]()
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            going_on.set()
            runtime.shut_down()
    return (after - before) / JOBS / 1e3, rate


def _submitter(runtime, backend, going_on):
    """Return a function that submits a job to the QPU of ``backend``; none compiles by itself."""
    qpu, instance = runtime.qpu(backend), Instance()

    def compile():
        going_on.wait()
        return Program({}, (), 0)

    steps = StepFunctions(
        compiling=lambda _: compile(), post_processing=lambda samples, span: samples
    )

    def submit():
        record = JobRecord(
            id=str(uuid.uuid4()),
            qpu=qpu,
            steps=steps,
            backend=backend,
            instance=instance,
            mode=JobMode(Mode.JOB, "a benchmark"),
        )
        runtime.submit(record)

    return submit
