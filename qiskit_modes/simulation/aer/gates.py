"""Gates as Aer is to execute them: what they are, and not what Aer makes of their names.

A gate is its matrix or else its definition, whatever it is called, as where circuits are read here;
one that is a name and nothing else is the gate of that name. Aer goes by the name alone, so others
are written for it as gates of Clifford circuits, as unitaries, or as what their definitions say.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitError, Gate, Instruction, ParameterExpression
from qiskit.circuit.library import (
    DiagonalGate,
    MCPhaseGate,
    MCXGate,
    MCXGrayCode,
    PauliGate,
    UCGate,
    UnitaryGate,
)
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Clifford, Kraus, SuperOp

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.circuits.aer_instructions import (
    NO_GATES,
    closed_controls,
    gate_of_name,
    noise_label,
)
from qiskit_modes.simulation.circuits.gates import is_standard

__all__ = ["with_whole_model", "written_for_aer", "written_with_label"]

Steps = Iterator[tuple[Instruction, tuple[int, ...]]]
"""Instructions with the positions of their qubits among those of the original instruction."""

LARGEST_MATRIX_QUBITS = 3
"""A gate on more qubits goes by its definition if it has one, as where circuits are read."""

_BY_CLASS = {
    MCXGate: "mcx",
    MCXGrayCode: "mcx_gray",
    MCPhaseGate: "mcphase",
    DiagonalGate: "diagonal",
    UCGate: "multiplexer",
    PauliGate: "pauli",
    UnitaryGate: "unitary",
}
"""Classes that are no standard gates and whose name and parameters say all that Aer needs."""

_BY_NAME_ONLY = frozenset({"diagonal", "multiplexer", "pauli"})
"""Gates whose errors Aer looks up by other things than their label."""

_SILENT = "part of a gate"
"""The label of a gate whose errors are those of the gate around it: no error has this label."""


def written_for_aer(operation: Instruction, known: frozenset[str]) -> Steps:
    """Yield an instruction, without its error, as instructions that Aer executes as they are.

    Args:
        operation: A gate with closed controls, see `closed_controls`, or another instruction.
        known: The names that Aer's method knows.

    Raises:
        UnsupportedCircuitError: If there is no way to tell Aer what the gate does.
    """
    everything = tuple(range(operation.num_qubits))
    if operation.name == "superop":  # no state vector takes it as it is
        yield Kraus(SuperOp(operation.params[0])).to_instruction(), everything
    elif _is_aers(operation, known):
        yield operation, everything
    elif not operation.num_qubits:
        return  # a phase of everything
    else:
        yield from _other(operation, known)


def _is_aers(operation: Instruction, known: frozenset[str]) -> bool:
    """Tell whether Aer, which looks at the name, takes an instruction for what it is."""
    if not isinstance(operation, Gate):
        return (
            operation.name in NO_GATES
            or hasattr(operation, "_quantum_error")
            or operation.definition is None
        )
    if operation.name not in known:
        return False
    if is_standard(operation):
        return True
    kind = getattr(operation, "base_class", type(operation))
    if kind in _BY_CLASS:
        return operation.name == _BY_CLASS[kind]
    return not _says_what_it_does(operation) and gate_of_name(operation) is not None


def _says_what_it_does(gate: Gate) -> bool:
    return hasattr(gate, "__array__") or gate.definition is not None


def _other(operation: Instruction, known: frozenset[str]) -> Steps:
    is_open = any(isinstance(value, ParameterExpression) for value in operation.params)
    if (
        isinstance(operation, Gate)
        and operation.num_qubits <= LARGEST_MATRIX_QUBITS
        and not is_open
    ):
        with suppress(CircuitError):  # it has no matrix; perhaps it has a definition
            yield from _matrix(operation, np.asarray(operation.to_matrix()), known)
            return
    definition = operation.definition
    if definition is None and not hasattr(operation, "__array__"):
        definition = getattr(gate_of_name(operation), "definition", None)
    if definition is None:
        raise _unknown(operation)
    for step in definition.data:
        if step.name == "barrier":
            continue
        places = [definition.find_bit(qubit).index for qubit in step.qubits]
        for closed, inner in closed_controls(step.operation):
            for each, positions in written_for_aer(closed, known):
                yield each, tuple(places[inner[position]] for position in positions)


def _matrix(gate: Gate, matrix: Any, known: frozenset[str]) -> Steps:
    """Yield what a matrix does: Clifford gates, which every method knows, or a unitary."""
    try:
        circuit = Clifford.from_matrix(matrix).to_circuit()
    except QiskitError:
        if gate.name not in known and "unitary" not in known:
            yield gate, tuple(range(gate.num_qubits))  # to be refused by its name
            return
        if "unitary" not in known:
            raise _unknown(gate) from None
        try:
            yield UnitaryGate(matrix), tuple(range(gate.num_qubits))
        except ValueError as error:
            raise UnsupportedCircuitError(
                f"Gate {gate.name!r} has a matrix that is not unitary: {error}"
            ) from error
        return
    for step in circuit.data:
        yield step.operation, tuple(circuit.find_bit(qubit).index for qubit in step.qubits)


def _unknown(operation: Instruction) -> UnsupportedCircuitError:
    return UnsupportedCircuitError(
        f"The circuit contains {operation.name!r} on {operation.num_qubits} qubits, which is left "
        "to Aer, and is none of the gates that Aer's method knows nor made of them. Decompose it "
        "first, or choose another method."
    )


def written_with_label(circuit: QuantumCircuit, known: frozenset[str]) -> QuantumCircuit:
    """Return a circuit whose gates are for Aer what they are, for a noise model that acts by label.

    What a gate is written as has no errors; after it stands a place for the error of its label.

    Args:
        circuit: The circuit, control flow included; not modified.
        known: The names that Aer's method knows.

    Raises:
        UnsupportedCircuitError: If there is no way to tell Aer what a gate does.
    """
    written = circuit.copy_empty_like()
    for step in circuit.data:
        operation = step.operation
        blocks = getattr(operation, "blocks", ())
        if blocks:
            inner = [written_with_label(block, known) for block in blocks]
            written.append(operation.replace_blocks(inner), step.qubits, step.clbits)
        elif _is_aers(operation, known) and operation.name != "superop":
            written.append(step, copy=False)
        else:
            for each, positions in closed_controls(operation):
                qubits = [step.qubits[position] for position in positions]
                for one, places in _labelled(each, known):
                    written.append(one, [qubits[place] for place in places], step.clbits)
    return written


def _labelled(operation: Instruction, known: frozenset[str]) -> Steps:
    everything = tuple(range(operation.num_qubits))
    if _is_aers(operation, known):
        yield operation, everything
        return
    for each, positions in written_for_aer(operation, known - _BY_NAME_ONLY):
        if isinstance(each, Gate):
            each = each.to_mutable()
            each.label = _SILENT
        yield each, positions
    label = noise_label(operation)
    if label is not None:
        yield Instruction("qerror_loc", operation.num_qubits, 0, [], label=label), everything


def with_whole_model(
    circuit: QuantumCircuit, model: Any, known: frozenset[str]
) -> tuple[QuantumCircuit, Any]:
    """Return a circuit and its noise model as Aer is to have them.

    The passes of a model are asked about the gates that the user wrote, so that where Aer runs
    them, a last pass does the writing.

    Args:
        circuit: The circuit, without open parameters.
        model: The noise model, a copy that may be changed.
        known: The names that Aer's method knows.
    """
    if not (model._custom_noise_passes and _has_delay(circuit)):  # noqa: SLF001 - as Aer does
        return written_with_label(circuit, known), model
    model._custom_noise_passes.append(_writing_pass(known))  # noqa: SLF001
    return circuit, model


def _has_delay(circuit: QuantumCircuit) -> bool:
    from qiskit_modes.simulation.noise.passes import contains_delay

    return contains_delay(circuit)


@cache
def _writing_pass(known: frozenset[str]) -> Any:
    from qiskit.converters import circuit_to_dag, dag_to_circuit
    from qiskit.transpiler.basepasses import TransformationPass

    class WriteForAer(TransformationPass):
        """Writes gates as Aer is to execute them."""

        def run(self, dag: Any) -> Any:
            circuit = dag_to_circuit(dag, copy_operations=False)
            return circuit_to_dag(written_with_label(circuit, known), copy_operations=False)

    return WriteForAer()
