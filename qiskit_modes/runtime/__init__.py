"""The shell around the rules: clock, threads, worker processes, QPUs, and the records of jobs.

`SessionExecutor` carries out what the scheduler decides; `LocalRuntime` is a machine room with all
that belongs together, and `default_runtime` the one that is used unless told otherwise.
"""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.runtime.clock import Clock, SystemClock
    from qiskit_modes.runtime.local_runtime import LocalRuntime
    from qiskit_modes.runtime.records import JobMode, JobRecord, WorkloadRecord
    from qiskit_modes.runtime.shared_runtime import default_runtime, use_runtime
    from qiskit_modes.runtime.steps import ExecutionSpan, StepFunctions, Steps
    from qiskit_modes.runtime.workers.pool import WorkerPool

__all__ = [
    "Clock",
    "ExecutionSpan",
    "JobMode",
    "JobRecord",
    "LocalRuntime",
    "StepFunctions",
    "Steps",
    "SystemClock",
    "WorkerPool",
    "WorkloadRecord",
    "default_runtime",
    "use_runtime",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Clock": "qiskit_modes.runtime.clock",
        "ExecutionSpan": "qiskit_modes.runtime.steps",
        "JobMode": "qiskit_modes.runtime.records",
        "JobRecord": "qiskit_modes.runtime.records",
        "LocalRuntime": "qiskit_modes.runtime.local_runtime",
        "StepFunctions": "qiskit_modes.runtime.steps",
        "Steps": "qiskit_modes.runtime.steps",
        "SystemClock": "qiskit_modes.runtime.clock",
        "WorkerPool": "qiskit_modes.runtime.workers.pool",
        "WorkloadRecord": "qiskit_modes.runtime.records",
        "default_runtime": "qiskit_modes.runtime.shared_runtime",
        "use_runtime": "qiskit_modes.runtime.shared_runtime",
    },
)
