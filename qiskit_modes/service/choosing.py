"""Choosing among backends: by what their configurations say, because a target takes long to make.

A fake makes its target when it is first asked for it, all of them together take seconds.
"""

from __future__ import annotations

from qiskit.providers import BackendV2
from qiskit_ibm_runtime.exceptions import IBMInputValueError

from qiskit_modes.primitives.backends.fractional import has_fractional_gates, with_fractional_gates
from qiskit_modes.service.fakes import fakes
from qiskit_modes.simulation.backends.kinds import describe

__all__ = ["can_branch", "num_qubits", "refuse_without_gates", "with_gates"]

_with_gates: dict[tuple[str, bool], BackendV2] = {}
"""Fakes with fractional gates, each made once, so that what is known of it stays known."""


def num_qubits(backend: BackendV2) -> int:
    """Return how many qubits a backend has."""
    said = describe(backend).configuration
    return int(backend.num_qubits if said is None else said.n_qubits)


def can_branch(backend: BackendV2) -> bool:
    """Return whether a backend runs dynamic circuits, those that branch on measured bits."""
    said = describe(backend).configuration
    if said is None:
        return "if_else" in backend.operation_names
    return "if_else" in (getattr(said, "supported_instructions", None) or ())


def with_gates(backend: BackendV2, use_fractional_gates: bool | None) -> BackendV2:
    """Return a fake as the service would: with its fractional gates if they are asked for.

    Args:
        backend: A backend of this process.
        use_fractional_gates: False for the backend as it is, True for one with fractional gates
            and without control flow, None for one with both, where there are any.
    """
    is_fake = describe(backend).configuration is not None
    if use_fractional_gates is False or not is_fake or not has_fractional_gates(backend):
        return backend
    key = (backend.name, use_fractional_gates is None)
    if fakes().get(backend.name) is not backend:
        return with_fractional_gates(backend, control_flow=key[1])
    if key not in _with_gates:
        _with_gates[key] = with_fractional_gates(backend, control_flow=key[1])
    return _with_gates[key]


def refuse_without_gates(backend: BackendV2, name: str) -> None:
    """Refuse a backend that was asked for with gates that its machine does not have.

    Raises:
        IBMInputValueError: As the service's client does.
    """
    if not has_fractional_gates(backend):
        some = [each for each in fakes() if has_fractional_gates(fakes()[each])]
        raise IBMInputValueError(
            f"Backend '{name}' does not support fractional gates, but use_fractional_gates was set "
            f"to True. These do: {', '.join(some)}."
        )
