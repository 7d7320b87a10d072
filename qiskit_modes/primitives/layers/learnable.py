"""Layers, read from boxes: what a box holds, and whether its noise can be learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import BoxOp, CircuitInstruction, QuantumRegister
from qiskit.providers import BackendV2
from samplomatic import InjectNoise, Twirl
from samplomatic.annotations import GroupMode
from samplomatic.utils import get_annotation, undress_box

from qiskit_modes.exceptions import InvalidInputError, NotISAError
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.simulation.circuits.measurements import is_measurement
from qiskit_modes.simulation.noise.source import IdealNoise
from qiskit_modes.simulation.read.channels import channels_of

__all__ = ["Layer", "kind_of_box", "read_layer"]

_MOST_QUBITS = 512
"""A simulator without a width is asked for no more; the widest devices have some hundred."""

_PAULI_TWIRLS = frozenset({GroupMode.PAULI, GroupMode.BALANCED, GroupMode.LOCAL_PAULI})


@dataclass(frozen=True)
class Layer:
    """A box that was checked: its noise can be learned."""

    kind: Literal["gates", "measurement"]
    qubits: tuple[int, ...]
    """The device's qubits in ascending order."""
    gates: tuple[tuple[Any, tuple[int, ...]], ...]
    """The gates of the content and the device's qubits that they act on."""
    twirl: Twirl
    site: Literal["before", "after"]
    """On which side of the content its noise is wanted; after it unless the box says otherwise."""

    def circuit(self) -> QuantumCircuit:
        """Return its gates as a circuit on its qubits."""
        place = {qubit: index for index, qubit in enumerate(self.qubits)}
        circuit = QuantumCircuit(len(self.qubits))
        for operation, qubits in self.gates:
            circuit.append(operation, [place[qubit] for qubit in qubits])
        return circuit


def read_layer(
    instruction: CircuitInstruction,
    backend: BackendV2,
    where: str,
    places: Sequence[int] | None = None,
) -> Layer:
    """Check an instruction and return what is to be learned of it.

    Args:
        instruction: A box with a ``Twirl``, on qubits of the register ``q`` of the device.
        backend: The backend whose noise is to be learned.
        where: Names the instruction at the start of messages.
        places: Which qubits of the device the instruction acts on, where its qubits do not say.

    Raises:
        InvalidInputError: If it is no such box, or its noise is not of Pauli-Lindblad form.
        NotISAError: If the backend does not have its gates.
    """
    if not isinstance(getattr(instruction, "operation", None), BoxOp):
        name = getattr(instruction, "name", type(instruction).__name__)
        raise InvalidInputError(f"{where}: expected a box, not {name!r}.")
    box = instruction.operation
    twirl = get_annotation(box, Twirl)
    if twirl is None:
        raise InvalidInputError(f"{where}: the box has no Twirl annotation; give it one.")
    if twirl.group not in _PAULI_TWIRLS:
        raise InvalidInputError(
            f"{where}: the box is twirled with the group {twirl.group.value!r}, but only a twirl "
            "with all Paulis turns noise into Pauli noise. Use Twirl(group='pauli')."
        )
    body = undress_box(box).body
    kind = _kind_of(body)
    if kind is None:
        raise InvalidInputError(
            f"{where}: the box holds other things than gates alone or measurements alone. Divide "
            "it into boxes that hold one kind."
        )
    if places is None:
        places = _device_qubits(instruction, backend, where)
    own = dict(zip(body.qubits, places, strict=True))
    content = [
        (step.operation, tuple(own[qubit] for qubit in step.qubits))
        for step in body.data
        if step.name != "barrier"
    ]
    _check_content(content, kind, backend, where)
    _check_dressing(twirl, places, backend, where)
    inject = get_annotation(box, InjectNoise)
    return Layer(
        kind=kind,
        qubits=tuple(sorted(places)),
        gates=tuple(content),
        twirl=twirl,
        site="after" if inject is None else inject.site.value,
    )


def kind_of_box(instruction: CircuitInstruction) -> Literal["gates", "measurement"] | None:
    """Tell what a box holds beside its dressing; None if both or something else."""
    return _kind_of(undress_box(instruction.operation).body)


def _kind_of(body: QuantumCircuit) -> Literal["gates", "measurement"] | None:
    """Tell what the body of an undressed box holds."""
    steps = [step for step in body.data if step.name != "barrier"]
    if steps and all(map(is_measurement, steps)):
        return "measurement"
    if all(step.is_standard_gate() for step in steps):
        return "gates"
    return None


def _device_qubits(
    instruction: CircuitInstruction, backend: BackendV2, where: str
) -> tuple[int, ...]:
    """Return which qubits of the device an instruction acts on."""
    num_qubits = instruction_set_of(backend).num_qubits
    # A simulator without a width runs circuits of any.
    widths = [num_qubits] if num_qubits else range(1, _MOST_QUBITS + 1)
    for width in widths:
        place = {qubit: index for index, qubit in enumerate(QuantumRegister(width, "q"))}
        if all(qubit in place for qubit in instruction.qubits):
            return tuple(place[qubit] for qubit in instruction.qubits)
    raise InvalidInputError(
        f"{where}: its qubits are not those of the device, QuantumRegister({widths[-1]}, 'q'). "
        "Transpile the circuit to the backend before putting it into boxes."
    )


def _check_content(
    content: Sequence[tuple[Any, tuple[int, ...]]],
    kind: Literal["gates", "measurement"],
    backend: BackendV2,
    where: str,
) -> None:
    busy = [qubit for _, qubits in content for qubit in qubits]
    if len(set(busy)) < len(busy):
        raise InvalidInputError(
            f"{where}: the box holds more than one operation on a qubit. Divide it into boxes "
            "that hold one layer each."
        )
    known = instruction_set_of(backend)
    for operation, qubits in content:
        if not known.supports(operation.name, qubits):
            raise NotISAError(
                f"{where}: the backend does not have {operation.name!r} on qubits {list(qubits)}. "
                "Transpile the circuit to the backend before putting it into boxes."
            )
        if kind == "gates" and not _is_clifford(operation, len(qubits)):
            raise InvalidInputError(
                f"{where}: the gate {operation.name!r} is not a Clifford gate on one or two "
                "qubits, so a twirl with Paulis does not turn its noise into Pauli noise. Leave "
                "it out of the boxes to be learned."
            )


def _is_clifford(operation: Any, num_qubits: int) -> bool:
    if num_qubits > 2:
        return False
    circuit = QuantumCircuit(num_qubits)
    circuit.append(operation, range(num_qubits))
    if circuit.num_parameters:
        return False
    (matrix,) = channels_of(circuit, IdealNoise(), [range(num_qubits)])
    return bool(np.allclose(matrix, matrix.round(), atol=1e-9))


def _check_dressing(twirl: Twirl, qubits: Sequence[int], backend: BackendV2, where: str) -> None:
    known = instruction_set_of(backend)
    names = ("rz", "sx") if twirl.decomposition.value == "rzsx" else ("rz", "rx")
    for qubit in qubits:
        for name in names:
            if not known.supports(name, (qubit,)):
                raise NotISAError(
                    f"{where}: the twirl's gate {name!r} is not in the backend's instruction set "
                    f"for qubit {qubit}. Choose another decomposition in Twirl(decomposition=...)."
                )
