"""The rules: who gets a QPU, when, and for how long.

A pure state machine without threads, clock, files or Qiskit: events and the time go in, and
instructions come out. `Scheduler` is the whole of it; `LockManager` holds what can be held.
"""

from qiskit_modes.scheduling.ledger import Ledger
from qiskit_modes.scheduling.locks import Hold, Lock, LockManager, LockStatistics
from qiskit_modes.scheduling.plan import Budget, Instance, Plan
from qiskit_modes.scheduling.scheduler import Scheduler
from qiskit_modes.scheduling.workload import Mode, Workload, WorkloadState

__all__ = [
    "Budget",
    "Hold",
    "Instance",
    "Ledger",
    "Lock",
    "LockManager",
    "LockStatistics",
    "Mode",
    "Plan",
    "Scheduler",
    "Workload",
    "WorkloadState",
]
