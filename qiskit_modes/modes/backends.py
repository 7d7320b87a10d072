"""Backends that can be used here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qiskit.providers import BackendV2
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime import IBMBackend

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.scheduling import Instance
from qiskit_modes.simulation.backends.copies import copy_of

__all__ = [
    "Belonging",
    "belonging",
    "charge_to",
    "check_backend",
    "check_calibration",
    "instance_of",
    "is_backend",
]

_ATTRIBUTE = "qiskit_modes_belonging"


@dataclass(frozen=True)
class Belonging:
    """Note that a service has written on a backend that it gave away."""

    instance: Instance | None = None
    """To whom its use is charged; None for the runtime's own."""
    runtime: LocalRuntime | None = None
    """Where its jobs run; None for the runtime that is shared by all of the process."""
    name: str | None = None
    """The name by which it was asked for; None for its own."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Belonging:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Belonging, (self.instance, None, self.name)  # a runtime stays in its process


def charge_to(
    backend: BackendV2,
    instance: Instance,
    *,
    runtime: LocalRuntime | None = None,
    name: str | None = None,
) -> BackendV2:
    """Return a copy of a backend whose use is charged to ``instance``; it is the same QPU.

    Args:
        backend: Any backend, which stays as it is.
        instance: To whom its use is charged.
        runtime: Where its jobs run; None for the runtime that is shared by all of the process.
        name: The name by which it is known to whoever gets it; None for its own.
    """
    mine = copy_of(backend)
    setattr(mine, _ATTRIBUTE, Belonging(instance, runtime, name))
    return mine


def belonging(backend: BackendV2) -> Belonging:
    """Return what the service that gave a backend has written on it."""
    # Not getattr: what a fake backend does not have it looks for in all of its configuration.
    written: Belonging = getattr(backend, "__dict__", {}).get(_ATTRIBUTE, _NOTHING_WRITTEN)
    return written


_NOTHING_WRITTEN = Belonging()


def instance_of(backend: BackendV2, default: Instance) -> Instance:
    """Return to whom the use of a backend is charged."""
    return belonging(backend).instance or default


_simulated: dict[type, None] = {}
"""Classes of backends that can be simulated: each was asked once what it derives from."""


def check_backend(backend: Any) -> None:
    """Check that ``backend`` can be simulated on this machine.

    Raises:
        InvalidInputError: If it is a real machine, or no backend at all.
    """
    if backend.__class__ in _simulated:
        return
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
    _simulated[backend.__class__] = None


def is_backend(thing: Any) -> bool:
    """Tell whether something is a backend, of whatever kind."""
    return thing.__class__ in _simulated or isinstance(thing, BackendV2)


def check_calibration(calibration_id: str | None) -> None:
    """Raise if a calibration is asked for by its id: a backend has one here, without an id.

    Raises:
        QiskitBackendNotFoundError: As the service's client does for an unknown one.
    """
    if calibration_id is not None:
        raise QiskitBackendNotFoundError(
            f"No backend has a calibration {calibration_id!r}: a backend here has one, without an "
            "id. Leave calibration_id out"
        )
