"""Instructions of a backend: whether it has those of a circuit, on the circuit's qubits.

The rules are those of the service's client: every instruction, also inside control flow, must be in
the backend's target for exactly those qubits (barriers and stores always are), and ``rzz`` angles
must lie in [0, π/2]. A backend of Aer executes the instructions that it knows by name on any qubits
and with any noise model, so there only the names are checked, but they are checked before the job
and not in the middle of it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import filterfalse
from typing import Any, NamedTuple

from qiskit.circuit import ControlFlowOp, ParameterExpression, QuantumCircuit, Qubit
from qiskit.circuit.classical import expr
from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES
from qiskit.providers import BackendV2
from qiskit.transpiler import Target

from qiskit_modes._mutex import cached_property
from qiskit_modes.caches import BoundedCache, FactCache, PerObject
from qiskit_modes.exceptions import NotISAError
from qiskit_modes.primitives.backends.fractional import FRACTIONAL_GATES
from qiskit_modes.simulation.backends.description import BackendDescription
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.circuits.aer_instructions import name_without_state
from qiskit_modes.simulation.circuits.durations import Durations, check_duration
from qiskit_modes.simulation.circuits.ending import Ending
from qiskit_modes.simulation.circuits.variables import check_values
from qiskit_modes.simulation.noise.remarks import Place

__all__ = [
    "MAX_RZZ_ANGLE",
    "CheckedCircuit",
    "InstructionSet",
    "RzzAngle",
    "instruction_set_of",
    "last_instruction_set_of",
    "rzz_message",
]

_ALWAYS_SUPPORTED = frozenset({"barrier", "store"})
_READ_BEFORE = frozenset({"break_loop", "continue_loop", "delay", "store"})
"""What has more to be checked than its name, beside control flow."""
MAX_RZZ_ANGLE = math.pi / 2 + 1e-10
"""In radians; the service tolerates this much rounding."""

_LATER = (ParameterExpression, expr.Expr)
"""Durations that are known, or refused, later."""

_CHECKED_CIRCUITS = 1024  # a few dozen bytes each
_ENDINGS = 1024  # some kB each, for a hundred qubits
_TEMPLATES = 256  # some 100 kB each
_DURATIONS = 1024  # a few dozen bytes each
# One line, because Qiskit's errors print their message as a Python literal.
_TRANSPILE_HINT = (
    "Transpile it first, with qiskit.transpiler: isa_circuit = "
    "generate_preset_pass_manager(backend=backend, optimization_level=1).run(circuit)"
)
_DECOMPOSE_HINT = (
    "Write it in gates that Aer executes, for example with circuit.decompose(). Transpiling does "
    "that too, but with a noise model into the gates that the model knows, so that other errors act"
)


class RzzAngle(NamedTuple):
    """An ``rzz`` whose angle is only known once parameter values are given."""

    qubits: tuple[int, ...]
    """Indices on the circuit."""

    angle: ParameterExpression
    """The angle, in radians."""


@dataclass(frozen=True)
class CheckedCircuit:
    """A circuit that passed, and what remains to be checked against parameter values."""

    rzz_angles: tuple[RzzAngle, ...]
    """The parametric ``rzz`` angles; empty where the backend takes any angle."""
    places: tuple[Place, ...]
    """What it uses of the backend, each once."""

    durations: Durations | None
    """The parametric durations of delays; None if there are none."""


_NOTHING_TO_CHECK = CheckedCircuit((), (), None)


class InstructionSet:
    """Instructions of one backend, and what was worked out for circuits made of them.

    It lives as long as its backend does. Any thread may use it. ``endings`` keeps the
    measurements in each basis, in the gates of this backend, by the basis and the register;
    ``templates`` what randomisation and mitigation make of circuits, and ``durations`` how long
    circuits take, both while the durations that they were made from last; ``checked`` what passed
    `check`, by its fingerprint, and ``told`` what users were warned of.

    Args:
        name: The backend's name, for messages.
        target: The backend's target, what circuits are transpiled to; or what makes it when it is
            first asked for.
        num_qubits: The width of the device, or None for a simulator without one.
        executed: For a backend of Aer what it executes, on whatever qubits; None for others, which
            execute what is in their target.
        reported: Where errors are reported; None where they are not.
        plain_target: For a backend that has fractional gates because they were asked for, its
            target without them.
    """

    def __init__(
        self,
        name: str,
        target: Target | Callable[[], Any],
        num_qubits: int | None,
        *,
        executed: frozenset[str] | None = None,
        reported: Target | None = None,
        plain_target: Target | None = None,
    ) -> None:
        self.name = name
        self._target = target
        self.num_qubits = num_qubits
        self._plain_target = plain_target
        self.names_only = executed is not None
        self.reported = reported
        self._fractional = plain_target is not None
        known = frozenset(self.target.operation_names) if executed is None else executed
        self._names = frozenset(filterfalse(_saves, known)) | _ALWAYS_SUPPORTED
        self._stateless = frozenset(n for n in self._names if n == name_without_state(n))
        self.endings: BoundedCache[Hashable, Ending] = BoundedCache(_ENDINGS)
        self.templates: FactCache[Hashable, Any] = FactCache(_TEMPLATES)
        self.durations: FactCache[bytes, Any] = FactCache(_DURATIONS)
        self.checked: BoundedCache[bytes, CheckedCircuit] = BoundedCache(_CHECKED_CIRCUITS)
        self.told: BoundedCache[Hashable, bool] = BoundedCache(_CHECKED_CIRCUITS)

    @cached_property
    def target(self) -> Target:
        """The target of the backend."""
        return self._target if isinstance(self._target, Target) else self._target()

    @property
    def written_in(self) -> Target:
        """Gates in which is written what is not in users' circuits, such as a change of basis."""
        return self._plain_target or self.target

    def supports(self, name: str, qubits: tuple[int, ...]) -> bool:
        """Return whether the instruction ``name`` can be executed on these qubits."""
        if self.names_only or name in _ALWAYS_SUPPORTED:
            return name_without_state(name) in self._names
        return bool(self.target.instruction_supported(name, qubits))

    def is_native(self, name: str, qubits: tuple[int, ...]) -> bool:
        """Return whether the transpiler may write the instruction ``name`` on these qubits.

        A simulator executes more than that, but what is measured in a basis, say, is measured by
        gates that have the errors of the noise model.
        """
        where = None if self.names_only else qubits
        return bool(self.written_in.instruction_supported(name, where))

    def check(self, circuit: QuantumCircuit, fingerprint: bytes) -> CheckedCircuit:
        """Raise unless the circuit can be executed as it is; fast for one already checked.

        Args:
            circuit: The circuit, not modified.
            fingerprint: That of the circuit.

        Raises:
            NotISAError: If an instruction is not supported, or the circuit is too wide.
            InvalidInputError: If a variable is read that may have no value, or a delay has no
                duration.
        """
        if self.num_qubits is None and self._is_known_by_names(circuit):
            return _NOTHING_TO_CHECK  # seen about as soon as it would be found among the others
        checked = self.checked.get(fingerprint)
        if checked is None:
            checked = self._check(circuit)
            self.checked.put(fingerprint, checked)
        return checked

    def _check(self, circuit: QuantumCircuit) -> CheckedCircuit:
        if self.num_qubits is not None and circuit.num_qubits > self.num_qubits:
            raise NotISAError(
                f"The circuit has {circuit.num_qubits} qubits, but {self.name} has only "
                f"{self.num_qubits}. Transpiling cannot change that: use fewer qubits, or a larger "
                "backend."
            )
        if self._is_known_by_names(circuit):
            return _NOTHING_TO_CHECK
        check_values(circuit)
        qubits = {qubit: index for index, qubit in enumerate(circuit.qubits)}
        rzz_angles: list[RzzAngle] = []
        places: dict[Place, None] = {}
        self._check_block(circuit, qubits, rzz_angles, places)
        if self._fractional:
            _check_fractional(places)
        durations = Durations(circuit)
        return CheckedCircuit(
            tuple(rzz_angles), tuple(places), durations if durations.delays else None
        )

    def _is_known_by_names(self, circuit: QuantumCircuit) -> bool:
        """Tell whether the names of a circuit's instructions say that nothing is wrong with it.

        They do where instructions act on any qubits and nothing is reported of them, if there are
        no bodies with others in them, no variables that are read and no durations.
        """
        if not self.names_only or self.reported is not None or circuit.has_control_flow_op():
            return False
        names = circuit.count_ops()
        return _READ_BEFORE.isdisjoint(names) and (
            self._stateless.issuperset(names)
            or all(name_without_state(name) in self._names for name in names)
        )

    def _check_block(
        self,
        block: QuantumCircuit,
        indices: Mapping[Qubit, int],
        rzz_angles: list[RzzAngle],
        places: dict[Place, None],
    ) -> None:
        for instruction in block.data:
            name = instruction.name
            qubits = tuple(indices[qubit] for qubit in instruction.qubits)
            if (name, qubits) not in places and not self.supports(name, qubits):
                raise NotISAError(self._unsupported(name, qubits))
            places[name, qubits] = None
            if name == "rzz" and not self.names_only:
                angle = instruction.params[0]
                if isinstance(angle, ParameterExpression):
                    rzz_angles.append(RzzAngle(qubits, angle))
                elif not 0.0 <= angle <= MAX_RZZ_ANGLE:
                    raise NotISAError(rzz_message(qubits, angle))
            if name == "delay" and not isinstance(instruction.params[0], _LATER):
                check_duration(instruction.params[0], instruction.operation.unit)
            operation = instruction.operation if instruction.is_control_flow() else None
            if isinstance(operation, ControlFlowOp):
                for inner in operation.blocks:
                    outer = {
                        q: indices[o] for q, o in zip(inner.qubits, instruction.qubits, strict=True)
                    }
                    self._check_block(inner, outer, rzz_angles, places)

    def _unsupported(self, name: str, qubits: tuple[int, ...]) -> str:
        if name == "box":
            return (
                f"The circuit has a box on qubits {', '.join(map(str, qubits))}, and primitives "
                "take circuits without boxes: twirling makes boxes of its own. Remove the boxes, "
                "or run the boxed circuit as an item of a QuantumProgram with the Executor."
            )
        if _saves(name):
            return (
                f"The circuit contains '{name}', and a primitive's result has no place for what is "
                "saved. Remove it, or run the circuit with AerSimulator.run."
            )
        where = f"on qubit{'s' if len(qubits) > 1 else ''} {', '.join(map(str, qubits))}"
        if name in self._names:
            why = f"{self.name} has '{name}', but not on these qubits"
        else:
            known = sorted(self._names - _ALWAYS_SUPPORTED)
            shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
            why = f"{self.name} knows {shown}"
        hint = _DECOMPOSE_HINT if self.names_only and self.num_qubits is None else _TRANSPILE_HINT
        return f"The instruction '{name}' {where} is not supported: {why}. {hint}"


def _saves(name: str) -> bool:
    """Tell whether an instruction of Aer's saves a state, or what is computed of it."""
    return name.startswith("save_")


def _check_fractional(places: Iterable[Place]) -> None:
    """Refuse a circuit with fractional gates and control flow, as the service's compiler does."""
    names = {name for name, _ in places}
    gates, flow = names & FRACTIONAL_GATES, names & CONTROL_FLOW_OP_NAMES - {"box"}
    if gates and flow:
        raise NotISAError(
            f"The circuit has fractional gates ({', '.join(sorted(gates))}) and control flow "
            f"({', '.join(sorted(flow))}), which exclude each other. Transpile it for "
            "service.backend(name), without use_fractional_gates."
        )


def rzz_message(qubits: tuple[int, ...], angle: float) -> str:
    """Return what is wrong with an angle of an ``rzz``, and what to do."""
    return (
        f"The instruction 'rzz' on qubits {', '.join(map(str, qubits))} has the angle {angle}, but "
        "the hardware calibrates it for angles in [0, pi/2] only. Transpile the circuit with its "
        "parameters bound, or write the rotation with another gate."
    )


@dataclass
class _Known:
    """An instruction set, and the state of its backend when it was read."""

    last: tuple[Hashable, InstructionSet] | None = None


# Races are harmless: the loser's instruction set is used once.
_known = PerObject(_Known)


def instruction_set_of(backend: BackendV2) -> InstructionSet:
    """Return what ``backend`` can execute; the same object as long as the backend is unchanged.

    A backend that makes a new target for every access gets a new instruction set every time: right,
    but nothing is remembered for it.
    """
    described = describe(backend)
    state = described.instructions_state
    known = _known.of(backend)
    last = known.last
    if last is None or last[0] != state:
        last = known.last = (state, _instruction_set(described))
    return last[1]


def _later(backend: BackendV2) -> Callable[[], Target]:
    """Return what reads a backend's target, without keeping the backend itself alive."""
    alike = copy.copy(backend)
    return lambda: describe(alike).target


def last_instruction_set_of(backend: BackendV2) -> InstructionSet:
    """Return what ``backend`` could execute when that was last asked for; it is not looked at."""
    last = _known.of(backend).last
    return instruction_set_of(backend) if last is None else last[1]


def _instruction_set(described: BackendDescription) -> InstructionSet:
    return InstructionSet(
        described.name,
        _later(described.backend) if described.builds_its_target else described.target,
        described.num_qubits,
        executed=described.executed,
        reported=described.reported,
        plain_target=described.plain_target,
    )
