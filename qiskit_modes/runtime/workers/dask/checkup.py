"""A check-up of a cluster, worker by worker: what ``qiskit-modes doctor --cluster`` shows."""

from __future__ import annotations

import os
import statistics
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qiskit_modes.runtime.workers import worker_process
from qiskit_modes.runtime.workers.dask.direct import Direct
from qiskit_modes.runtime.workers.dask.examine import examine, members
from qiskit_modes.runtime.workers.dask.host import DaskHost, DaskWorker

if TYPE_CHECKING:
    from qiskit_modes.simulation.run.program import Program

__all__ = ["WorkerReport", "check_up"]

JOB_SECONDS = 60.0
"""How long one job may take on a worker, with the start of its child process."""

_ROUND_TRIPS = 7
"""Of which the median is shown."""


@dataclass(frozen=True)
class WorkerReport:
    """Report on one worker. What could not be found out is None."""

    name: str
    address: str
    threads: int
    memory_bytes: int
    """What it may take; 0 where it has no limit."""
    versions: dict[str, str | None]
    """Of Python and the packages that must be of one version everywhere."""
    problem: str | None
    """Why it would get no work, or what went wrong with its job."""
    keeps_memory: bool | None = None
    """Whether its process keeps freed memory for the next array, as those of this machine do."""
    round_trip_seconds: float | None = None
    """To its child process and back, with nothing to do there."""
    job_seconds: float | None = None
    """Of one job, the second one: the first has to send its circuits."""
    is_direct: bool | None = None
    """Whether it gets its pieces from this process, and not by way of the scheduler."""
    same_bits: bool | None = None
    """Whether the job's bits are those that this process gets for the same seed."""


def check_up(client: Any, program: Program) -> list[WorkerReport]:
    """Look at every worker of a cluster, and run a job on each that will do; waits for that.

    Args:
        client: Of the cluster, a `distributed.Client`.
        program: The job.
    """
    direct = Direct(client)
    try:
        return _looked_at(client, program, direct)
    finally:
        direct.close()


def _looked_at(client: Any, program: Program, direct: Direct) -> list[WorkerReport]:
    workers = members(client)
    found = examine(client, workers)
    reached = direct.open(a for a, examined in found.items() if examined.problem is None)
    here = worker_process.run_whole(program).samples
    reports = []
    for address, facts in workers.items():
        known: dict[str, Any] = {
            "name": str(facts["name"]),
            "address": address,
            "threads": int(facts["nthreads"]),
            "memory_bytes": int(facts["memory_limit"] or 0),
            "versions": found[address].versions,
        }
        problem = found[address].problem
        measured: dict[str, Any] = {}
        if problem is None:
            way = direct if address in reached else None
            known["is_direct"] = way is not None
            host = DaskHost(
                client, address, known["name"], known["threads"], known["memory_bytes"], way
            )
            try:
                measured = _measure(host, program, here)
            except FutureTimeoutError:
                problem = f"it did not answer within {JOB_SECONDS:.0f} s"
            except Exception as error:  # whatever it is, the others are looked at all the same
                problem = f"{type(error).__name__}: {error}"
        if measured.get("same_bits") is False:
            problem = "its bits are not those of this process for the same seed"
        reports.append(WorkerReport(**known, problem=problem, **measured))
    return reports


def _measure(host: DaskHost, program: Program, here: Any) -> dict[str, Any]:
    worker = DaskWorker(host)
    keys = tuple(program.circuits)
    try:
        samples = worker.run(program, keys, 1).result(JOB_SECONDS).samples
        kept = worker.call(os.getenv, "MALLOC_TRIM_THRESHOLD_", "0").result(JOB_SECONDS)
        trips = [_timed(worker, int) for _ in range(_ROUND_TRIPS)]
        start = time.perf_counter()
        worker.run(program, keys, 1).result(JOB_SECONDS)
        return {
            "keeps_memory": int(kept) >= _MUCH_BYTES,
            "round_trip_seconds": statistics.median(trips),
            "job_seconds": time.perf_counter() - start,
            "same_bits": _bits(samples) == _bits(here),
        }
    finally:
        worker.stop()


_MUCH_BYTES = 64 << 20
"""A process that gives back less than that at a time keeps its memory."""


def _timed(worker: DaskWorker, function: Any) -> float:
    start = time.perf_counter()
    worker.call(function).result(JOB_SECONDS)
    return time.perf_counter() - start


def _bits(samples: Any) -> list[tuple[str, bytes]]:
    return [
        (name, array.tobytes())
        for run in samples.runs
        for name, array in sorted(run.registers.items())
    ]
