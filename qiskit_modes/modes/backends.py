"""Which backends can be used here."""

from __future__ import annotations

import copy
from typing import Any

from qiskit.providers import BackendV2
from qiskit_ibm_runtime import IBMBackend

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.scheduling import Instance

__all__ = ["charge_to", "check_backend", "instance_of"]

_ATTRIBUTE = "qiskit_modes_instance"


def charge_to(backend: BackendV2, instance: Instance) -> BackendV2:
    """Return a copy of a backend whose use is charged to ``instance``; it is the same QPU."""
    mine = copy.copy(backend)
    setattr(mine, _ATTRIBUTE, instance)
    return mine


def instance_of(backend: BackendV2, default: Instance) -> Instance:
    """Return to whom the use of a backend is charged."""
    instance: Instance = getattr(backend, _ATTRIBUTE, default)
    return instance


def check_backend(backend: Any) -> None:
    """Check that ``backend`` can be simulated on this machine.

    Raises:
        InvalidInputError: If it is a real machine, or no backend at all.
    """
    if isinstance(backend, IBMBackend):
        raise InvalidInputError(
            f"{backend.name} is a real QPU of the service, and nothing here leaves your machine. "
            "Make a local twin of it and pass that: "
            "`from qiskit_aer import AerSimulator; backend = AerSimulator.from_backend(backend)`"
        )
    if not isinstance(backend, BackendV2):
        advice = (
            f"; `LocalService().backend({backend!r})` gives the backend of that name"
            if isinstance(backend, str)
            else "; pass for example qiskit_ibm_runtime.fake_provider.FakeTorino()"
        )
        raise InvalidInputError(
            f"Invalid backend type {type(backend)}: expected a Qiskit BackendV2{advice}"
        )
