"""The facade that people query: backends, jobs and usage, on this machine."""

from qiskit_modes.service.local_service import LocalService
from qiskit_modes.service.qiskit_runtime_service import QiskitRuntimeService

__all__ = ["LocalService", "QiskitRuntimeService"]
