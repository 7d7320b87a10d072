"""Finds the backend a test means: the one it passes, or the one behind it at a door."""

from __future__ import annotations

from typing import Any

from qiskit.providers import BackendV2
from qiskit_ibm_runtime import IBMBackend

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.modes.backends import belonging, check_backend
from qiskit_modes.runtime.local_runtime import LocalRuntime

__all__ = ["offered"]


def offered(runtime: LocalRuntime, backend: Any) -> BackendV2:
    """Return the backend on whose QPU a runtime runs what is given ``backend``.

    Args:
        runtime: Of the scenario.
        backend: A native backend, or the client's, which the runtime's service offers by its name.

    Raises:
        InvalidInputError: If it is no backend, or what is given it runs elsewhere, so that a test
            would pass or fail for another reason than it seems to.
    """
    if isinstance(backend, IBMBackend):
        behind = runtime.find_offered(backend.name)
        if behind is None:
            raise InvalidInputError(
                f"{backend.name} is the client's backend, and no service on this scenario's "
                "runtime offers one of that name; pass runtime=scenario.runtime to local_runtime, "
                "and keep it open"
            )
        return behind
    check_backend(backend)
    theirs = belonging(backend).runtime
    if theirs is not None and theirs is not runtime:
        raise InvalidInputError(
            f"the jobs of this {backend.name} run on another runtime than the scenario's: it comes "
            "from a service that was made outside of it; take it from "
            "LocalService(runtime=scenario.runtime), or make that service inside the scenario"
        )
    native: BackendV2 = backend
    return native
