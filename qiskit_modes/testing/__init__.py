"""For tests of code that uses sessions, batches and jobs: time that a test moves, and scenarios."""

from qiskit_modes.testing.manual_clock import Deadlock, ManualClock
from qiskit_modes.testing.scenario import Scenario
from qiskit_modes.testing.tenant import Tenant, TenantJob, TenantWorkload

__all__ = ["Deadlock", "ManualClock", "Scenario", "Tenant", "TenantJob", "TenantWorkload"]
