"""What the cores of this machine gain at best: plain processes that compute and do nothing else."""

from concurrent.futures import wait

from qiskit_modes.runtime.workers.loky.process import loky_executor
from qiskit_modes.runtime.workers.worker_process import run_whole
from qiskit_modes.simulation.run.division import split
from tests.benchmarks.timing import timed

__all__ = ["seconds_of_plain_processes"]

_held = []
"""What a process has been given, and computes when it is told to."""


def _hold(programs):
    _held[:] = programs


def _compute():
    for program in _held:
        run_whole(program)


def seconds_of_plain_processes(programs, processes, repetitions):
    """Return the seconds of one process, and of several that share the pieces; the best of some.

    Nothing travels meanwhile, and nobody waits for what comes of it: no pool can be quicker.

    Args:
        programs: As a job has them, not divided.
        processes: How many.
        repetitions: Of which the quickest one counts.
    """
    pieces = [piece for program in programs for piece in split(program)]
    found = []
    for shares in ([programs], [pieces[which::processes] for which in range(processes)]):
        executors = [loky_executor() for _ in shares]
        try:
            for executor, share in zip(executors, shares, strict=True):
                executor.submit(_hold, share).result()
                executor.submit(_compute).result()
            found.append(
                min(
                    timed(lambda: wait([each.submit(_compute) for each in executors]))  # noqa: B023
                    for _ in range(repetitions)
                )
            )
        finally:
            for executor in executors:
                executor.shutdown(kill_workers=True)
    return found
