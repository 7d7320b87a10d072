"""A long queue: how fast it takes jobs in, and what each of them costs while it waits."""

import gc
import threading
import tracemalloc
import uuid
from concurrent.futures import ThreadPoolExecutor

from qiskit_aer import AerSimulator

from qiskit_modes.runtime import JobMode, JobRecord, LocalRuntime, Steps, WorkerPool
from qiskit_modes.scheduling import Instance, Mode, Scheduler
from qiskit_modes.scheduling.events import JobSubmitted
from qiskit_modes.simulation.program import Program
from tests.benchmarks.timing import Row, timed

__all__ = ["long_queue"]

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

    steps = Steps(compile=lambda _: compile(), post_process=lambda samples, span: samples)

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
