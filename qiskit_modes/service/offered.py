"""Backends that a service offers: every fake and an ideal simulator, as its instance has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qiskit.providers import BackendV2
from qiskit.providers.exceptions import QiskitBackendNotFoundError

from qiskit_modes.modes.backends import charge_to
from qiskit_modes.primitives.backends.fractional import has_fractional_gates
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.scheduling import Instance
from qiskit_modes.service.choosing import refuse_without_gates, with_gates
from qiskit_modes.service.fakes import fakes, like
from qiskit_modes.service.filters import matching_backends
from qiskit_modes.simulation.backends.names import fake_name

__all__ = ["OfferedBackends"]


class OfferedBackends:
    """Backends by their names, and chosen among by what they and their QPUs are.

    Args:
        runtime: Whose QPUs they stand for.
        instance: To whom their use is charged.
        is_default: Whether the runtime is the one that jobs run in unless told otherwise.
    """

    def __init__(self, runtime: LocalRuntime, instance: Instance, *, is_default: bool) -> None:
        self._runtime = runtime
        self._instance = instance
        self._is_default = is_default

    def named(self, name: str, *, use_fractional_gates: bool | None = False) -> BackendV2:
        """Return the backend of a name.

        Raises:
            QiskitBackendNotFoundError: If there is none.
            IBMInputValueError: If fractional gates are asked for and it has none.
        """
        found = _named(name)
        if use_fractional_gates:
            refuse_without_gates(found, name)
        return self._made_out(found, use_fractional_gates)

    def matching(
        self,
        name: str | None,
        *,
        use_fractional_gates: bool | None,
        min_num_qubits: int | None,
        dynamic_circuits: bool | None,
        filters: Callable[[BackendV2], bool] | None,
        others: dict[str, Any],
    ) -> list[BackendV2]:
        """Return the backends that match, in the order of their names.

        Raises:
            InvalidInputError: If a filter cannot be used, or no backend knows it.
        """
        found = [*fakes().values()]
        if name:
            try:
                found = [_named(name)]
            except QiskitBackendNotFoundError:
                return []
        return matching_backends(
            found,
            given=lambda backend: self._made_out(backend, use_fractional_gates),
            status=self._status,
            min_num_qubits=min_num_qubits,
            dynamic_circuits=dynamic_circuits,
            filters=filters,
            others=others,
        )

    def least_busy(self, found: list[BackendV2], *, with_gates: bool) -> BackendV2:
        """Return the one of several on whose QPU the fewest jobs are unfinished.

        Args:
            found: The backends to choose among.
            with_gates: Whether only those with fractional gates are meant.

        Raises:
            QiskitBackendNotFoundError: If there is none.
        """
        busy = [
            (self._status(backend)["pending_jobs"], backend)
            for backend in found
            if not with_gates or has_fractional_gates(backend)
            if self._status(backend)["status_msg"] == "active"
        ]
        if not busy:
            raise QiskitBackendNotFoundError(
                "No backend matches the criteria. All are operational, none is a simulator; "
                "LocalService().backends() lists them"
            )
        return min(busy, key=lambda pair: pair[0])[1]

    def _made_out(self, backend: BackendV2, use_fractional_gates: bool | None) -> BackendV2:
        """Return a backend that is used in this runtime, on account of this instance."""
        backend = with_gates(backend, use_fractional_gates)
        if self._is_default and self._instance == self._runtime.instance:
            return backend
        runtime = None if self._is_default else self._runtime
        return charge_to(backend, self._instance, runtime=runtime)

    def _status(self, backend: BackendV2) -> dict[str, Any]:
        """Return what the service tells of a backend; none that is offered is a simulator."""
        qpu = self._runtime.qpu(backend)
        return {
            "operational": True,
            "simulator": False,
            "status_msg": "maintenance" if self._runtime.is_maintained(qpu) else "active",
            "pending_jobs": self._runtime.unfinished_jobs(qpu),
        }


def _named(name: str) -> BackendV2:
    if name == "aer_simulator":
        from qiskit_aer import AerSimulator

        return AerSimulator()
    found = fakes().get(fake_name(name)) if isinstance(name, str) else None
    if found is None:
        raise QiskitBackendNotFoundError(
            f"No backend matches the name {name!r}{like(name)}; LocalService().backends(), or "
            "`qiskit-modes backends`, lists them all"
        )
    return found
