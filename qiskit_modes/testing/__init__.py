"""Tools to test code that uses sessions, batches and jobs: a clock to move, and scenarios.

``plugin`` is what pytest finds by itself when this package is installed: fixtures and a marker.
"""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.testing.faults import Faults
    from qiskit_modes.testing.lock_history import LockHistory
    from qiskit_modes.testing.manual_clock import Deadlock, ManualClock
    from qiskit_modes.testing.scenario import Scenario
    from qiskit_modes.testing.tenant import Tenant, TenantJob, TenantWorkload

__all__ = [
    "Deadlock",
    "Faults",
    "LockHistory",
    "ManualClock",
    "Scenario",
    "Tenant",
    "TenantJob",
    "TenantWorkload",
]

_HOMES = {
    "Deadlock": "qiskit_modes.testing.manual_clock",
    "Faults": "qiskit_modes.testing.faults",
    "LockHistory": "qiskit_modes.testing.lock_history",
    "ManualClock": "qiskit_modes.testing.manual_clock",
    "Scenario": "qiskit_modes.testing.scenario",
    "Tenant": "qiskit_modes.testing.tenant",
    "TenantJob": "qiskit_modes.testing.tenant",
    "TenantWorkload": "qiskit_modes.testing.tenant",
}

__getattr__, __dir__ = lazy(__name__, _HOMES)
