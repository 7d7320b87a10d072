"""Circuits that come as OpenQASM 3 text: the only form that the service's REST guides know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qiskit import QuantumCircuit

from qiskit_modes.caches import BoundedCache
from qiskit_modes.wire.programs.params import unreadable

if TYPE_CHECKING:
    from openqasm3 import ast

__all__ = ["MOST_CHARACTERS", "read_openqasm"]

MOST_CHARACTERS = 2**20
"""Longest text of one circuit; some ten thousand gates. Reading it takes Python about a minute, and
a circuit in the client's encoding none of that."""

_MOST_BITS = 1_000_000
"""Most classical bits that a text may declare."""

_MOST_QUBITS = 10_000
"""Most qubits that a text may have for a simulator, which has no width; more than any simulates."""

_circuits: BoundedCache[tuple[str, int | None], QuantumCircuit] = BoundedCache(32)
"""Circuits that came lately; an optimisation sends the same one again and again."""


def read_openqasm(text: str, num_qubits: int | None, where: str) -> QuantumCircuit:
    """Return the circuit of a text, which may be shared: what it is read for copies it.

    Its parameters are the text's ``input`` variables. Physical qubits (``$3``) are those of the
    device; a circuit that has any is as wide as that. A gate that the text defines under the name
    of one of Qiskit's is Qiskit's, as it is the device's there.

    Args:
        text: OpenQASM 3.
        num_qubits: Of the device; None for a simulator without a width.
        where: Which part of the request it is; the start of what errors say.

    Raises:
        ApiError: If it cannot be read; status 400.
    """
    known = _circuits.get((text, num_qubits))
    if known is not None:
        return known
    if len(text) > MOST_CHARACTERS:
        raise unreadable(
            f"{where} is OpenQASM 3 of {len(text):,} characters, and at most {MOST_CHARACTERS:,} "
            "are read; send a circuit in the client's encoding"
        )
    try:
        circuit = _read(text, num_qubits)
    except RecursionError:
        raise unreadable(f"{where} is OpenQASM 3 that is nested too deeply") from None
    except Exception as error:  # parsers of foreign text fail in many ways
        raise unreadable(
            f"{where} is text, and no OpenQASM 3 that can be read: {type(error).__name__}: "
            f"{str(error)[:300]}"
        ) from error
    _circuits.put((text, num_qubits), circuit)
    return circuit


def _read(text: str, num_qubits: int | None) -> QuantumCircuit:
    import openqasm3
    import qiskit_qasm3_import

    program = openqasm3.parse(text)
    _check_sizes(program, num_qubits)
    circuit: QuantumCircuit = qiskit_qasm3_import.convert(program)
    if circuit.layout is not None:  # of physical qubits
        wide = QuantumCircuit(circuit.num_qubits if num_qubits is None else num_qubits)
        for register in circuit.cregs:
            wide.add_register(register)
        wide.add_bits([bit for bit in circuit.clbits if bit not in set(wide.clbits)])
        wide.compose(circuit, range(circuit.num_qubits), circuit.clbits, inplace=True)
        circuit = wide
    return _with_gates_of_qiskit(circuit)


def _check_sizes(program: ast.Program, width: int | None) -> None:
    """Check what a text declares before anything is made of it: a number takes a few characters.

    Raises:
        ValueError: If it is too much.
    """
    from openqasm3 import ast
    from openqasm3.visitor import QASMVisitor

    bits = qubits = 0
    most = _MOST_QUBITS if width is None else width
    whose = "that are read" if width is None else "of the device"

    class Sizes(QASMVisitor[None]):
        def visit_QubitDeclaration(self, node: ast.QubitDeclaration) -> None:  # noqa: N802
            nonlocal qubits
            qubits += 1 if node.size is None else number_in(node.size)
            if qubits > most:
                raise ValueError(f"it declares more qubits than the {most:,} {whose}")

        def visit_BitType(self, node: ast.BitType) -> None:  # noqa: N802
            nonlocal bits
            bits += 1 if node.size is None else number_in(node.size)
            if bits > _MOST_BITS:
                raise ValueError(f"it declares more than {_MOST_BITS:,} bits")

        def visit_Identifier(self, node: ast.Identifier) -> None:  # noqa: N802
            if node.name.startswith("$") and int(node.name[1:]) >= most:
                raise ValueError(f"{node.name} is not among the {most:,} qubits {whose}")

    def number_in(size: Any) -> int:
        if not isinstance(size, ast.IntegerLiteral):
            raise ValueError("the sizes of registers must be numbers")
        return int(size.value)

    Sizes().visit(program)


def _with_gates_of_qiskit(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit whose gates with the names of Qiskit's are Qiskit's."""
    from qiskit.circuit import ControlFlowOp, Gate
    from qiskit.circuit.library import get_standard_gate_name_mapping

    standard = get_standard_gate_name_mapping()
    result = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            blocks = [_with_gates_of_qiskit(block) for block in operation.blocks]
            operation = operation.replace_blocks(blocks)
        elif isinstance(operation, Gate) and operation.name in standard:
            usual = standard[operation.name]
            alike = (usual.num_qubits, len(usual.params))
            if alike == (operation.num_qubits, len(operation.params)):
                operation = type(usual)(*operation.params)
        result.append(operation, instruction.qubits, instruction.clbits)
    return result
