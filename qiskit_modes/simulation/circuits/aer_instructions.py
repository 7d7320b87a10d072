"""Instructions that Aer executes, the labels of their errors, and their meaning.

Aer goes by names: a backend of Aer's executes every instruction of its method, whatever gates its
noise model knows of. The gates of a noise model are those to transpile to, and no limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from qiskit.circuit import Gate, Instruction
from qiskit.circuit.library import (
    CUGate,
    PhaseGate,
    RGate,
    RXGate,
    RYGate,
    RZGate,
    SwapGate,
    SXGate,
    U2Gate,
    UGate,
    XGate,
    YGate,
    ZGate,
    get_standard_gate_name_mapping,
)
from qiskit.providers import BackendV2

__all__ = [
    "NO_GATES",
    "closed_controls",
    "executed_by",
    "executed_by_method",
    "gate_of_name",
    "name_without_state",
    "noise_label",
]

_EVERYWHERE = frozenset({"barrier", "measure", "store"})
"""Not among what each method lists, because Aer takes them apart itself or never asks."""
_UNLISTED = {"matrix_product_state": frozenset({"cu1"})}
"""What a method executes beside what it lists."""
_ON_ANY_DEVICE = frozenset({"unitary", "diagonal", "multiplexer", "pauli"})
"""What a simulator that was made of a device executes although its device has no such gates."""


def executed_by(backend: BackendV2) -> frozenset[str]:
    """Return the names of the instructions that a backend of Aer's executes.

    Beside these it executes gates whose controls are open, see `name_without_state`.
    """
    from qiskit_aer import AerSimulator

    if not isinstance(backend, AerSimulator):  # an older simulator, of one method
        return frozenset(type(backend)().configuration().basis_gates) | _EVERYWHERE
    names = executed_by_method(backend.options.method or "automatic")
    if backend._target is None:  # noqa: SLF001 - the condition by which Aer decides
        return names
    device = {*backend.configuration().basis_gates, *backend.operation_names}
    return names & (device | _ON_ANY_DEVICE | _EVERYWHERE)


@lru_cache(maxsize=16)
def executed_by_method(method: str) -> frozenset[str]:
    """Return the names of the instructions that a method of Aer's executes."""
    from qiskit_aer import AerSimulator

    # Without a noise model, which would narrow the list.
    listed = AerSimulator(method=method).configuration().basis_gates
    return frozenset(listed) | _UNLISTED.get(method, frozenset()) | _EVERYWHERE


NO_GATES = frozenset(
    {"barrier", "measure", "reset", "delay", "store", "initialize", "kraus", "superop"}
    | {"if_else", "for_loop", "while_loop", "switch_case", "box", "break_loop", "continue_loop"}
)
"""Instructions that are no gates, and are told by their names."""


def name_without_state(name: str) -> str:
    """Return the name that a controlled gate has when all of its controls are closed.

    Example:
        >>> name_without_state("ccx_o1"), name_without_state("ccx")
        ('ccx', 'ccx')
    """
    return re.sub(r"_o\d+$", "", name) if "_o" in name else name


def noise_label(operation: Instruction) -> str | None:
    """Return the name by which Aer looks up the error of an instruction, None if it does not."""
    match operation.name:
        case "pauli" if operation.params and isinstance(operation.params[0], str):
            return str(operation.params[0])  # Aer takes the letters for the name
        case "measure" | "reset" | "initialize" | "diagonal" | "multiplexer" as name:
            return name  # whatever their label
        case "kraus" | "superop":
            return operation.label
    return operation.label or operation.name


def closed_controls(operation: Instruction) -> list[tuple[Instruction, tuple[int, ...]]]:
    """Return an instruction as Aer executes it, with the positions of each step's qubits.

    Where controls are open, Aer writes X gates before and after the common gate, which have the
    gate's label and errors of their own. (After a gate on two targets it also writes one on a
    target, so that a swap with open controls is another gate there; here it is what it says.)
    """
    controls = getattr(operation, "num_ctrl_qubits", 0)
    state = getattr(operation, "ctrl_state", 0)
    everything = tuple(range(operation.num_qubits))
    if not controls or state == (1 << controls) - 1:
        return [(operation, everything)]
    closed = operation.to_mutable()
    closed.ctrl_state = None
    opened: list[tuple[Instruction, tuple[int, ...]]] = [
        (XGate(label=operation.label), (control,))
        for control in range(controls)
        if not state >> control & 1
    ]
    return [*opened, (closed, everything), *opened]


_CONTROLLED: Mapping[str, tuple[Callable[..., Gate], int, int]] = {
    "cu2": (U2Gate, 2, 0),
    "mcx": (XGate, 0, 0),
    "mcx_gray": (XGate, 0, 0),
    "mcy": (YGate, 0, 0),
    "mcz": (ZGate, 0, 0),
    "mcsx": (SXGate, 0, 0),
    "mcp": (PhaseGate, 1, 0),
    "mcphase": (PhaseGate, 1, 0),
    "mcu1": (PhaseGate, 1, 0),
    "mcu2": (U2Gate, 2, 0),
    "mcu3": (UGate, 3, 0),
    "mcu": (CUGate, 4, 1),  # with a phase, which only a controlled gate shows
    "mcr": (RGate, 2, 0),
    "mcrx": (RXGate, 1, 0),
    "mcry": (RYGate, 1, 0),
    "mcrz": (RZGate, 1, 0),
    "mcswap": (SwapGate, 0, 0),
}
"""What Aer's gates on any number of controls do to their targets: a gate, how many parameters it
has, and how many of the controls are its own. Qiskit has no classes that describe most of them."""


def gate_of_name(gate: Gate) -> Gate | None:
    """Return what Aer executes for a gate that has nothing but a name; None if it executes nothing.

    Args:
        gate: A gate without a matrix and without a definition.
    """
    standard = get_standard_gate_name_mapping().get(gate.name)
    if standard is not None:
        if (standard.num_qubits, len(standard.params)) != (gate.num_qubits, len(gate.params)):
            return None
        return type(standard)(*gate.params)
    if gate.name not in _CONTROLLED:
        return None
    kind, num_parameters, own = _CONTROLLED[gate.name]
    if len(gate.params) != num_parameters:
        return None
    base = kind(*gate.params)
    controls = gate.num_qubits - base.num_qubits
    if controls < 1 - own:
        return None
    return base.control(controls, annotated=False) if controls else base
