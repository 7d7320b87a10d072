"""Operations of a circuit, once Qiskit, the backend and the noise have been read: plain data.

Qubits are numbered as in the circuit, which for a circuit in a backend's instruction set are the
device's own numbers. Classical bits are numbered as in the circuit; the bits of classical
variables follow after them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from qiskit_modes.simulation.classical import Expression
from qiskit_modes.simulation.pauli_basis import RealArray

__all__ = [
    "Block",
    "Branch",
    "Channel",
    "Jump",
    "Loop",
    "Measure",
    "Operation",
    "Rotation",
    "Store",
    "is_static",
]


@dataclass(frozen=True)
class Channel:
    """A constant channel: a gate, an error, a reset."""

    qubits: tuple[int, ...]
    matrix: RealArray
    """Pauli transfer matrix, shape (4^n, 4^n)."""
    forgets: bool = False
    """Whether the output does not depend on what these qubits were before."""


@dataclass(frozen=True)
class Rotation:
    """exp(-i θ/2 P) by an angle that depends on the circuit's parameters."""

    qubits: tuple[int, ...]
    paulis: str
    """One letter a qubit, in their order."""
    angle: int
    """Index into the circuit's `Angles`."""


@dataclass(frozen=True)
class Measure:
    """A measurement in the computational basis, recorded in one classical bit."""

    qubit: int
    clbit: int
    confusion: RealArray
    """Shape (2, 2): ``confusion[recorded, true]`` is the probability to record what was not."""


@dataclass(frozen=True)
class Store:
    """Write the value of a classical expression into bits."""

    clbits: tuple[int, ...]
    """Least significant first."""
    value: Expression


@dataclass(frozen=True)
class Branch:
    """Run the first block whose condition holds; an ``if``, an ``else``, a ``switch``."""

    arms: tuple[tuple[Expression, Block], ...]


@dataclass(frozen=True)
class Loop:
    """Run a block again and again while a condition holds, or once if there is no condition.

    A loop of a circuit becomes two of these: the loop itself, and inside it one that runs once
    for each round. To break is to leave both, to continue is to leave the inner one.
    """

    condition: Expression | None
    body: Block


@dataclass(frozen=True)
class Jump:
    """Leave so many of the loops around."""

    levels: int


Operation = Channel | Rotation | Measure | Store | Branch | Loop | Jump


@dataclass(frozen=True)
class Block:
    """Operations in order, and the bits that they touch."""

    operations: tuple[Operation, ...]
    qubits: frozenset[int] = field(init=False, compare=False)
    clbits: frozenset[int] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        qubits: set[int] = set()
        clbits: set[int] = set()
        for operation in self.operations:
            if isinstance(operation, Channel | Rotation):  # nearly all of them
                qubits.update(operation.qubits)
                continue
            touched_qubits, touched_clbits = touched(operation)
            qubits.update(touched_qubits)
            clbits.update(touched_clbits)
        object.__setattr__(self, "qubits", frozenset(qubits))
        object.__setattr__(self, "clbits", frozenset(clbits))


def touched(operation: Operation) -> tuple[frozenset[int], frozenset[int]]:
    """Return the qubits and the classical bits that an operation acts on or depends on."""
    match operation:
        case Channel() | Rotation():
            return frozenset(operation.qubits), frozenset()
        case Measure():
            return frozenset([operation.qubit]), frozenset([operation.clbit])
        case Store():
            return frozenset(), operation.value.clbits().union(operation.clbits)
        case Branch():
            blocks = [block for _, block in operation.arms]
            conditions = [condition.clbits() for condition, _ in operation.arms]
            return (
                frozenset().union(*(block.qubits for block in blocks)),
                frozenset().union(*conditions, *(block.clbits for block in blocks)),
            )
        case Loop():
            read = operation.condition.clbits() if operation.condition else frozenset[int]()
            return operation.body.qubits, operation.body.clbits | read
        case Jump():
            return frozenset(), frozenset()


def is_static(block: Block) -> bool:
    """Tell whether no operation depends on a measured value."""
    return all(isinstance(op, Channel | Rotation | Measure) for op in block.operations)
