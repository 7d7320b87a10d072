"""Telling before a circuit is read or prepared that it is too wide for any method.

What decides is which qubits are joined in which order, and that stands in the circuit's gates
alone: neither noise nor angles, neither folding nor twirling change it. So a circuit of thousands
of gates is looked through in a moment, where to prepare and to compile it takes seconds. Only what
is certainly refused is refused here; all else is left to compilation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, ParameterExpression
from qiskit.circuit.library import get_standard_gate_name_mapping

from qiskit_modes.exceptions import SimulationTooLargeError, UnsupportedCircuitError
from qiskit_modes.simulation.aer.costs import may_be_done
from qiskit_modes.simulation.circuits.measurements import is_measurement, is_reset
from qiskit_modes.simulation.compile.clifford import may_be_clifford
from qiskit_modes.simulation.compile.components import final_measurements, prune, split
from qiskit_modes.simulation.compile.contraction import largest_state
from qiskit_modes.simulation.compile.merge import Group, continues
from qiskit_modes.simulation.compile.methods import (
    SimulatorChoice,
    available_bytes,
    density_fits,
    density_too_large,
    too_large,
)
from qiskit_modes.simulation.compile.stages import staged
from qiskit_modes.simulation.compile.window.lives import lives_apart
from qiskit_modes.simulation.compile.window.merging import to_draw
from qiskit_modes.simulation.compile.window.order import MOST_STARTS, ordered
from qiskit_modes.simulation.compile.window.window_builder import window_work
from qiskit_modes.simulation.compile.window.window_planner import (
    BY_PROPAGATION,
    LONGEST_SHOT_SECONDS,
    best_way,
    too_wide,
)
from qiskit_modes.simulation.noise.source import IdealNoise
from qiskit_modes.simulation.operations import (
    Block,
    Channel,
    Measure,
    Operation,
    Rotation,
    is_static,
    touched,
)
from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.read.read_circuit import read_circuit
from qiskit_modes.simulation.run.estimate import readable_seconds
from qiskit_modes.simulation.run.window.component import state_bytes
from qiskit_modes.simulation.settings import DEFAULT_SETTINGS, Settings

__all__ = [
    "Outlook",
    "Prospect",
    "check_prospects",
    "check_width",
    "may_be_too_wide",
    "outlook_of",
    "seconds_to_check",
    "with_first_values",
]

MARGIN = 2
"""What is refused here takes so many times as long as what compilation refuses: the order of what
is compiled may be a little better than that of the gates."""

LONGEST_SECONDS = 86_400.0
"""Terms that take longer together are refused, as a circuit is of which a thousand shots do."""

SECONDS_PER_INSTRUCTION = 20e-6

_ROUNDING = 1e-6
"""Angles that are a multiple of π/2 but for so many quarter turns may be taken for one."""
_GATES = {name: gate.num_qubits for name, gate in get_standard_gate_name_mapping().items()}
_ON_ONE = frozenset(name for name, number in _GATES.items() if number == 1)
_ON_ONE -= frozenset(["barrier", "delay", "measure", "reset"])
_CLIFFORD = frozenset(["barrier", "delay", "id", "x", "y", "z", "h", "s", "sdg", "sx", "sxdg"])
_CLIFFORD |= frozenset(["cx", "cy", "cz", "dcx", "ecr", "iswap", "swap"])
_CLIFFORD_AT_QUARTERS = frozenset(["rz", "rx", "ry", "p", "u1", "rzz", "rxx", "ryy", "rzx"])
_NO_MATRIX: RealArray = np.zeros((0, 0))


@dataclass(frozen=True)
class Prospect:
    """Estimate of what it takes to measure some qubits of a circuit."""

    seconds_per_shot: float = 0.0
    """Infinity if there is no memory for it; 0 if it is not wide."""
    width: int = 0
    """How many qubits are held at a time."""
    refusal: SimulationTooLargeError | None = None
    """What compilation will raise; None if it may find a way."""


class Outlook:
    """The gates of a circuit, as far as they decide whether it is too wide.

    Args:
        operations: What joins, measures and resets, and what depends on measured values.
        choice: How the user chose to simulate it.
    """

    def __init__(self, operations: Iterable[Operation], choice: SimulatorChoice) -> None:
        self._operations = tuple(operations)
        self._choice = choice
        self.available = available_bytes(choice, DEFAULT_SETTINGS)
        """How many bytes one simulation may take."""

    def of_recorded(self, clbits: Iterable[int], *, quick: bool = False) -> Prospect:
        """Return what it would take to record some classical bits.

        Args:
            clbits: Which.
            quick: Whether the first order that will do suffices, which is no good estimate.
        """
        return self._worst(Block(self._operations), clbits, quick=quick)

    def of_measured(
        self, qubits: Iterable[int], *, narrow: bool = False, quick: bool = False
    ) -> Prospect:
        """Return what it would take to measure some qubits at the end.

        Args:
            qubits: Which.
            narrow: Whether to look at joined qubits, too, that fit into memory in any case.
            quick: As for `of_recorded`.
        """
        free = 1 + max(Block(self._operations).clbits, default=-1)
        added = [Measure(qubit, free + at, _NO_MATRIX) for at, qubit in enumerate(qubits)]
        block = Block((*self._operations, *added))
        return self._worst(block, range(free, free + len(added)), narrow=narrow, quick=quick)

    def _worst(
        self, block: Block, clbits: Iterable[int], *, narrow: bool = False, quick: bool = False
    ) -> Prospect:
        parts = split(prune(block, clbits))
        fits = {id(part): self._fits(len(part.qubits)) for part in parts}
        found = [self._prospect(part, quick=quick) for part in parts if not fits[id(part)]]
        if narrow:
            small = [self._prospect(part) for part in parts if fits[id(part)]]
            found += [replace(each, refusal=None) for each in small]
        return max(found, key=lambda each: each.seconds_per_shot, default=Prospect())

    def _fits(self, num_qubits: int) -> bool:
        if self._choice.density:
            return density_fits(4**num_qubits, self.available, DEFAULT_SETTINGS)
        return may_be_done(self._choice.method or "statevector", num_qubits, self.available)

    def _prospect(self, part: Block, *, quick: bool = False) -> Prospect:
        if self._choice.method:
            refusal = too_large(self._choice.method, part.qubits, self.available)
            return Prospect(math.inf, len(part.qubits), refusal)
        if self._choice.density:
            if self._has_density(part):
                return Prospect()
            refusal = density_too_large(part.qubits, self.available)
            return Prospect(math.inf, len(part.qubits), refusal)
        part = part if is_static(part) else staged(part)
        before, finals = to_draw(*final_measurements(lives_apart(part)))
        groups = list(_joining(before))
        for most_starts in (0, MOST_STARTS) if quick else (MOST_STARTS,):
            work = window_work(ordered(groups, most_starts=most_starts), finals)
            as_vector, cost = best_way(work, 0.0, self.available)
            seconds = cost.per_shot
            if state_bytes(work.width, 1, as_vector) > self.available:
                seconds = math.inf
            if seconds <= MARGIN * LONGEST_SHOT_SECONDS:
                return Prospect(seconds, work.width)
        if self._has_density(part):
            return Prospect()
        refusal = too_wide(part, work, cost, self.available)
        return Prospect(seconds, work.width, refusal)

    def _has_density(self, part: Block) -> bool:
        """Tell whether there is memory for the density matrix of qubits that come late and go."""
        if not is_static(part):
            return False  # then all are there, all the time
        before, finals = final_measurements(lives_apart(part))
        groups = ordered(list(_joining(before)), {measure.qubit for measure in finals})
        return density_fits(largest_state(groups, finals), self.available, DEFAULT_SETTINGS)


def outlook_of(
    circuit: QuantumCircuit,
    choice: SimulatorChoice,
    settings: Settings = DEFAULT_SETTINGS,
    *,
    clifford: bool = False,
) -> Outlook | None:
    """Return the outlook of a circuit; None if nothing can be told without compiling it.

    So it is where it fits into memory in any case, with instructions that nobody knows, and where
    all gates are Clifford gates, unless the user named a method.

    Args:
        circuit: In the backend's instruction set; open angles are taken for no multiples of π/2.
        choice: How the user chose to simulate it.
        settings: Which optimisations are on; but with those that are by default nothing is told.
        clifford: Whether to tell, too, what takes Clifford gates if their noise is not Pauli's.
    """
    if settings != DEFAULT_SETTINGS or not may_be_too_wide(circuit, choice):
        return None
    named = choice.method is not None or choice.density
    if any(step.is_control_flow() for step in circuit.data):
        operations = _read(circuit)
        if not (named or clifford) and may_be_clifford(
            Block(tuple(operations)), clifford_angles=False
        ):
            return None
    elif not (named or clifford) and all(map(_is_clifford, circuit.data)):
        return None
    else:
        operations = _gates(circuit)
    return Outlook(operations, choice) if operations else None


def _read(circuit: QuantumCircuit) -> list[Operation]:
    """Return what a circuit with control flow does without noise; nothing if it cannot be read."""
    try:
        return list(read_circuit(circuit, IdealNoise())[0].operations)
    except UnsupportedCircuitError:
        return []  # compilation says so, or knows a way


def _gates(circuit: QuantumCircuit) -> list[Operation]:
    """Return what joins, measures and resets in a circuit; nothing if an instruction is unknown."""
    places = {qubit: at for at, qubit in enumerate(circuit.qubits)}
    bits = {clbit: at for at, clbit in enumerate(circuit.clbits)}
    operations: list[Operation] = []
    for step in circuit.data:
        if step.name in _ON_ONE:
            if step.clbits or len(step.qubits) != 1:
                return []
            continue
        on = tuple(places[qubit] for qubit in step.qubits)
        if step.name in {"barrier", "delay"}:
            continue
        if is_measurement(step):
            operations.append(Measure(on[0], bits[step.clbits[0]], _NO_MATRIX))
        elif is_reset(step):
            operations += [Channel((qubit,), _NO_MATRIX, forgets=True) for qubit in on]
        elif _GATES.get(step.name) != len(on) or step.clbits:
            return []
        elif len(on) > 1:
            operations.append(Channel(on, _NO_MATRIX))
    return operations


def may_be_too_wide(circuit: QuantumCircuit, choice: SimulatorChoice) -> bool:
    """Tell at a glance whether a circuit needs to be looked at."""
    method = "density_matrix" if choice.density else choice.method or "statevector"
    available = available_bytes(choice, DEFAULT_SETTINGS)
    if may_be_done(method, circuit.num_qubits, available):
        return False  # whichever of its qubits are used
    used = {
        qubit
        for step in circuit.data
        if len(step.qubits) > 1 or step.is_control_flow()
        for qubit in step.qubits
    }
    return not may_be_done(method, len(used), available)


def check_width(
    circuit: QuantumCircuit,
    choice: SimulatorChoice,
    values: RealArray,
    measured: Sequence[Sequence[int]] | None = None,
) -> None:
    """Refuse a circuit that is too wide to be simulated, however it will be prepared.

    A pure function, for `Elsewhere`.

    Args:
        circuit: In the backend's instruction set.
        choice: How the user chose to simulate it.
        values: Of its parameters, shape (sets, parameters).
        measured: Qubits that are measured together at the end; None for what the circuit records.

    Raises:
        SimulationTooLargeError: With the window, the time, the memory, and the ways out.
    """
    outlook = outlook_of(with_first_values(circuit, values), choice)
    if outlook is None:
        return
    prospects = (
        [outlook.of_recorded(range(circuit.num_clbits), quick=True)]
        if measured is None
        else (outlook.of_measured(qubits, quick=True) for qubits in measured)
    )
    for prospect in prospects:
        if prospect.refusal is not None:
            raise prospect.refusal


def check_prospects(prospects: Iterable[Prospect], shots: int, available: int) -> None:
    """Refuse terms that are measured apart, if one is too wide or all take longer than a day.

    Args:
        prospects: Those of each term.
        shots: How many shots each is measured with, all parameter sets together.
        available: How many bytes one simulation may take.

    Raises:
        SimulationTooLargeError: Saying how long it would take, and what would do.
    """
    worst, terms, total = Prospect(), 0, 0.0
    for prospect in prospects:
        if prospect.refusal is not None:
            raise prospect.refusal
        worst = max(worst, prospect, key=lambda each: each.seconds_per_shot)
        terms += 1
        total += prospect.seconds_per_shot * shots
    if total > LONGEST_SECONDS:
        raise SimulationTooLargeError(
            f"The observables have {terms} terms whose light cones are simulated apart from each "
            f"other, the widest with {worst.width} qubits at a time in about "
            f"{readable_seconds(worst.seconds_per_shot)} for each shot: all of them take about "
            f"{readable_seconds(total)} on one core. Ask for fewer terms or for those with "
            f"smaller light cones{BY_PROPAGATION}; use fewer layers of gates or fewer shots, or "
            "AerSimulator.from_backend(backend, method='matrix_product_state'), which keeps the "
            "backend's noise and suits weakly entangled circuits. Clifford gates with Pauli noise "
            "are never too large.",
            num_qubits=worst.width,
            needed_bytes=state_bytes(worst.width, 1, as_vector=True),
            available_bytes=available,
        )


def with_first_values(circuit: QuantumCircuit, values: RealArray) -> QuantumCircuit:
    """Return a circuit with its first parameter set, if it has parameters.

    All sets, of shape (sets, parameters), are run by one template: one set that is not of Clifford
    gates decides for all.
    """
    if circuit.num_parameters and len(values):
        return circuit.assign_parameters(values[0])
    return circuit


def seconds_to_check(circuit: QuantumCircuit) -> float:
    """Return roughly how long `check_width` takes."""
    return SECONDS_PER_INSTRUCTION * len(circuit.data)


def _is_clifford(step: CircuitInstruction) -> bool:
    if step.name in _CLIFFORD or is_measurement(step) or is_reset(step):
        return True
    if step.name not in _CLIFFORD_AT_QUARTERS:
        return False
    (angle,) = step.params
    if isinstance(angle, ParameterExpression) and angle.parameters:
        return False
    turns = float(angle) / (math.pi / 2)
    return abs(turns - round(turns)) < _ROUNDING


def _joining(operations: Iterable[Operation]) -> Iterator[Group]:
    """Yield groups as merging would leave them, without what they do."""
    last: dict[int, Group] = {}
    for operation in operations:
        if isinstance(operation, Channel | Rotation):
            qubits = operation.qubits
            before = last.get(qubits[0])
            if len(qubits) == 1 or (before is not None and continues(qubits, before, last)):
                continue
            group = Group(qubits)
        else:
            group = Group(tuple(sorted(touched(operation)[0])), lone=operation)
        last.update(dict.fromkeys(group.qubits, group))
        yield group
