"""The backends that there are, and their names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qiskit.providers import BackendV2

from qiskit_modes._mutex import cached_property
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.modes.backends import check_backend
from qiskit_modes.service import LocalService
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.backends.names import machine_name, other_name
from qiskit_modes.wire.answers.device_json import configuration_text, properties_text

__all__ = ["Backends", "Catalog", "Device"]

Backends = Iterable[str | BackendV2] | Mapping[str, str | BackendV2]
"""Backends by themselves or by their names, or with the names that the service should give them."""


@dataclass(frozen=True)
class Device:
    """A backend that the service offers."""

    name: str
    """What the service calls it."""
    backend: BackendV2
    same_as: Device | None = None
    """The device that this one is a second name of; it is found by it, and not listed."""

    @property
    def listed(self) -> bool:
        """Tell whether users see it among the others."""
        return self.same_as is None

    @cached_property
    def _configuration(self) -> str:
        return configuration_text(self.backend, self.name)

    @cached_property
    def _properties(self) -> str:
        return properties_text(self.backend, self.name)

    @cached_property
    def num_qubits(self) -> int:
        """Number of its qubits. Not asked of the backend: a fake makes all of its target then."""
        named = self.same_as or self
        return int(named.configuration()["n_qubits"])

    def configuration(self) -> dict[str, Any]:
        """Return its configuration; a new dictionary, which the client changes."""
        if describe(self.backend).configuration is not None:
            text = self._configuration
        else:  # whose target may have been given more since
            text = configuration_text(self.backend, self.name)
        configuration: dict[str, Any] = json.loads(text)
        return configuration

    def properties(self) -> dict[str, Any]:
        """Return its properties, a new dictionary; empty if it has no calibration."""
        properties: dict[str, Any] = json.loads(self._properties)
        return properties


class Catalog:
    """The backends of a service.

    Args:
        backends: Names as in `LocalService.backend`, backends, or both; or a mapping that gives
            them other names. None for every fake, under the name of the machine it stands for.

    Raises:
        InvalidInputError: If something is no backend, or two have one name.
        QiskitBackendNotFoundError: If there is no backend of a name.
    """

    def __init__(self, backends: Backends | None = None) -> None:
        self._devices: dict[str, Device] = {}
        if backends is None:
            for fake in LocalService().backends():
                self._add(machine_name(fake.name), fake)
        elif isinstance(backends, str):
            self._add(backends, _backend(backends))
        elif isinstance(backends, Mapping):
            for name, backend in backends.items():
                self._add(name, _backend(backend))
        else:
            for each in backends:
                backend = _backend(each)
                self._add(each if isinstance(each, str) else backend.name, backend)
        for device in self.listed():
            other = other_name(device.name)
            if other not in self._devices:
                self._devices[other] = Device(other, device.backend, same_as=device)

    def _add(self, name: str, backend: BackendV2) -> None:
        if not name or name in self._devices:
            raise InvalidInputError(
                f"Two backends have the name {name!r}, or it is empty; pass a dictionary that "
                "gives each a name of its own"
            )
        self._devices[name] = Device(name, backend)

    def listed(self) -> list[Device]:
        """Return the devices that users see."""
        return [device for device in self._devices.values() if device.listed]

    def all(self) -> list[Device]:
        """Return all devices, also those that are second names of others."""
        return list(self._devices.values())

    def backend(self, name: str) -> BackendV2 | None:
        """Return the backend of a name, or None if there is none."""
        device = self._devices.get(name)
        return None if device is None else device.backend

    def get(self, name: str) -> Device | None:
        """Return the device of a name, or None if there is none."""
        return self._devices.get(name)


def _backend(backend: Any) -> BackendV2:
    if isinstance(backend, str):
        return LocalService().backend(backend)
    check_backend(backend)
    return backend
