"""Compiling a circuit without noise: its state vector instead of a density matrix.

A circuit that ends in measurements and does nothing but gates before has a pure state, of 2^n
amplitudes where a density matrix has 4^n numbers. Circuits that begin alike and are measured in
different bases share that state, see `Beginning`.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TypeVar, cast

from qiskit import QuantumCircuit

from qiskit_modes.caches import BoundedCache
from qiskit_modes.simulation.angles import Angles
from qiskit_modes.simulation.circuits.content import describe
from qiskit_modes.simulation.circuits.ending import Ending
from qiskit_modes.simulation.compile.blocks import dressed, gathered, runs_of_one
from qiskit_modes.simulation.compile.components import Part, parts_of, places_of, pruned
from qiskit_modes.simulation.compile.costs import (
    known_cost,
    stabilizer_cost,
    state_cost,
    state_seconds,
)
from qiskit_modes.simulation.compile.methods import (
    SimulatorChoice,
    available_bytes,
    state_fits,
)
from qiskit_modes.simulation.compile.multiply import multiplied, side_by_side
from qiskit_modes.simulation.compile.stabilizers import outcome_space, words_of
from qiskit_modes.simulation.packing import Layout
from qiskit_modes.simulation.pauli_basis import ComplexArray
from qiskit_modes.simulation.read.read_ideal import (
    IdealCircuit,
    IdealGate,
    Turn,
    ground_of,
    read_ideal_circuit,
)
from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit
from qiskit_modes.simulation.run.ideal.few_qubits import (
    FEW_QUBITS,
    FewQubits,
    KnownComponent,
    known_component,
)
from qiskit_modes.simulation.run.ideal.stabilizer_component import StabilizerComponent
from qiskit_modes.simulation.run.ideal.state_component import StateComponent
from qiskit_modes.simulation.run.ideal.state_vector import StateEvolution, evolution_steps
from qiskit_modes.simulation.run.ideal.towers import Stage, Tower
from qiskit_modes.simulation.run.pauli_vector.products import Products
from qiskit_modes.simulation.settings import Settings

__all__ = ["Beginning", "compile_ideal"]

BLOCK_WIDTHS = ((11, 2), (14, 4), (math.inf, 5))
"""Up to how many qubits a component has, and how wide its blocks are. Up to a thousand amplitudes a
step costs what its calls cost, and blocks are not worth their making; measured with 2, 10 and 40
layers on 8 to 16 qubits."""

WIDTH_OF_ENDINGS = 3
"""How many qubits a block has of changes of basis, which cost nothing to put together."""

STABILIZERS_FROM_QUBITS = 13
"""As of so many joined qubits, circuits of Clifford gates are not simulated as states."""


# The bases in which a circuit is measured are compiled one after the other.
_bodies: BoundedCache[Hashable, tuple[StateEvolution, bytes]] = BoundedCache(64)
_few_qubits: BoundedCache[Hashable, FewQubits] = BoundedCache(64)

_NO_PRODUCTS = Products(())
_KNOWN_COST = known_cost()

IdealComponent = StateComponent | StabilizerComponent | KnownComponent


@dataclass(frozen=True)
class Beginning:
    """Circuit that several share: all but their endings.

    What is compiled with it is prepared so that its state before the ending is that of the others
    too, and is computed once for all that are run with the same parameter values.
    """

    qubits: frozenset[int]
    """All qubits that any of their endings measures."""
    endings: int
    """How many they are."""


def compile_ideal(
    circuit: QuantumCircuit,
    choice: SimulatorChoice,
    content: bytes,
    settings: Settings,
    layout: Layout,
    wanted: frozenset[int],
    ending: Ending | None = None,
    beginning: Beginning | None = None,
) -> CompiledCircuit | None:
    """Compile a circuit whose backend has no noise; None if it is to be simulated otherwise.

    Args:
        circuit: The circuit.
        choice: What the user chose.
        content: The circuit's fingerprint.
        settings: Which optimisations are on.
        layout: The classical registers, that of the ending among them.
        wanted: The classical bits that will be read.
        ending: What follows the circuit.
        beginning: Who else shares the circuit, with other endings.
    """
    ideal = read_ideal_circuit(circuit, wanted, content, ending)
    if ideal is None:
        return None
    kept = frozenset(ideal.measured) | (frozenset() if beginning is None else beginning.qubits)
    shared = (content, kept, settings.prune, settings.split_components)
    gates, places = ideal.gates, places_of(ideal.gates)
    if settings.prune and not kept.issuperset(chain.from_iterable(places)):
        gates = pruned(gates, kept)
        places = places_of(gates)
    components: list[IdealComponent] = []
    largest, unknown = 0, len(ideal.gates)
    for part in parts_of(gates, places, split=settings.split_components):
        if ideal.measured.keys().isdisjoint(part.qubits):
            continue
        simulated = _component(part, ideal, choice, settings, beginning, shared)
        if simulated is None:
            return None
        components.append(simulated)
        largest = max(largest, len(part.qubits))
        if isinstance(simulated, KnownComponent):
            unknown -= len(part.gates)
    # A distribution that is known is finite, and so are the gates that led to it.
    if unknown and not ideal.is_finite:
        return None
    whole = content if ending is None else ending.content_after(content)
    digest = hashlib.blake2b(whole, digest_size=16)
    digest.update(_written(choice, settings, wanted, beginning))
    for component in components:
        digest.update(component.key)
    for other in ideal.angles.others:
        digest.update(describe(other) or os.urandom(16))
    return CompiledCircuit(
        key=digest.hexdigest(),
        num_parameters=circuit.num_parameters,
        num_clbits=circuit.num_clbits + (0 if ending is None else len(ending.qubits)),
        layout=layout,
        angles=ideal.angles,
        products=_NO_PRODUCTS,
        components=tuple(components),
        batch_elements=settings.batch_elements,
        metadata={
            "noise": "none",
            "methods": sorted({component.method for component in components}),
            "device": "CPU",
            "largest_component_qubits": largest,
        },
    )


@lru_cache(maxsize=64)
def _written(
    choice: SimulatorChoice,
    settings: Settings,
    wanted: frozenset[int],
    beginning: Beginning | None,
) -> bytes:
    return repr((choice, settings, sorted(wanted), beginning)).encode()


def _component(
    part: Part,
    ideal: IdealCircuit,
    choice: SimulatorChoice,
    settings: Settings,
    beginning: Beginning | None,
    shared: tuple[bytes, *tuple[Hashable, ...]],
) -> IdealComponent | None:
    """Return what simulates a part in the cheapest way; None if its state is too large."""
    size = len(part.qubits)
    found: IdealComponent | None = None
    if size <= FEW_QUBITS:
        found = _known_component(part, ideal, beginning, shared)
    elif size >= STABILIZERS_FROM_QUBITS and choice.method is None and settings.only is None:
        found = _stabilizer_component(part, ideal)
    if found is None and state_fits(size, available_bytes(choice, settings)):
        found = _state_component(part, ideal, beginning, shared, choice.max_threads)
    return found


def _stabilizer_component(part: Part, ideal: IdealCircuit) -> StabilizerComponent | None:
    """Return a component of Clifford gates; None if some gate is none."""
    words = words_of(part.gates)
    if words is None:
        return None
    qubits = sorted(part.qubits)
    measured = [qubit for qubit in qubits if qubit in ideal.measured]
    start, directions = outcome_space(words, qubits, measured)
    clbits = tuple(ideal.measured[qubit] for qubit in measured)
    key = hashlib.blake2b(repr((clbits, directions.shape)).encode(), digest_size=16)
    key.update(start.tobytes() + directions.tobytes())
    cost = stabilizer_cost(directions.size)
    return StabilizerComponent(start, directions, clbits, key.digest(), cost)


def _known_component(
    part: Part,
    ideal: IdealCircuit,
    beginning: Beginning | None,
    shared: tuple[bytes, *tuple[Hashable, ...]],
) -> KnownComponent | None:
    """Return a component whose distribution is worked out here; None if that is not so simple.

    Args:
        part: What happens, on few qubits.
        ideal: The circuit.
        beginning: What it shares with others.
        shared: On what that depends, beside the qubits of a component; first the fingerprint.
    """
    gates, qubits, places = part
    is_open = ideal.angles.offsets.size > 0  # otherwise there are no turns to look for
    if is_open and any(isinstance(each, Turn) for _, each in gates):
        return None
    if max(map(len, places)) > 2:
        return None
    plain = cast("Sequence[tuple[tuple[int, ...], ComplexArray]]", gates)
    measured = qubits.intersection(ideal.measured)
    if beginning is None:
        state = FewQubits.nothing().after(plain)
    else:
        body, ending = _parted(plain, qubits)
        known = _few_qubits.get((shared, qubits))
        if known is None:
            known = FewQubits.nothing().after(body)
            _few_qubits.put((shared, qubits), known)
        state = known.after(gate for gate in ending if gate[0][0] in measured)
    order = [qubit for qubit in state.axes if qubit in measured]
    clbits = tuple([ideal.measured[qubit] for qubit in order])
    return known_component(state, order, clbits, _KNOWN_COST)


def _state_component(
    part: Part,
    ideal: IdealCircuit,
    beginning: Beginning | None,
    shared: tuple[bytes, *tuple[Hashable, ...]],
    max_threads: int | None,
) -> StateComponent:
    """Return a component that is a state vector.

    Args:
        part: What happens.
        ideal: The circuit.
        beginning: What it shares with others.
        shared: On what that depends, beside the qubits of a component; first the fingerprint.
        max_threads: Most threads that work on it.
    """
    gates, qubits, _ = part
    measured = qubits.intersection(ideal.measured)
    if beginning is None:
        body_evolution, body_digest = _evolution(gates, (), len(qubits), ideal.angles)
        last, last_digest = body_evolution, b""
    else:
        body, ending = _parted(gates, qubits)
        known = _bodies.get((shared, qubits))
        if known is None:
            known = _evolution(body, (), len(qubits), ideal.angles)
            _bodies.put((shared, qubits), known)
        body_evolution, body_digest = known
        turned = [gate for gate in ending if gate[0][0] in measured]
        last, last_digest = _evolution(turned, body_evolution.axes, len(qubits), ideal.angles)
    order = tuple(qubit for qubit in last.axes if qubit in measured)
    clbits = tuple(ideal.measured[qubit] for qubit in order)
    key = hashlib.blake2b(body_digest + last_digest, digest_size=16)
    key.update(repr((last.axes, order, clbits)).encode())
    return StateComponent(
        body=body_evolution,
        ending=None if beginning is None else last,
        measured=order,
        clbits=clbits,
        max_threads=max_threads,
        body_key=None if beginning is None else shared[0] + body_digest,
        key=key.digest(),
        shared_seconds=0.0 if beginning is None else state_seconds(body_evolution),
        cost=state_cost(body_evolution, None if beginning is None else last),
    )


def _evolution(
    gates: Sequence[IdealGate], axes: Sequence[int], num_qubits: int, angles: Angles
) -> tuple[StateEvolution, bytes]:
    """Return the steps for some gates, and a digest of all that they depend on but expressions.

    Args:
        gates: What happens.
        axes: Qubits of the state before.
        num_qubits: Of the state at its largest.
        angles: Of the circuit.
    """
    width = next(width for largest, width in BLOCK_WIDTHS if num_qubits <= largest)
    products = multiplied(gates)
    is_ending = bool(axes) and products is not None and all(len(on) == 1 for on, _ in products)
    if is_ending:
        products = side_by_side(products or (), max(width, WIDTH_OF_ENDINGS))
    ground, unitaries = ground_of(gates if products is None else products)
    digest = hashlib.blake2b(repr((tuple(axes), unitaries)).encode(), digest_size=16)
    for own, matrices in ground.constants.items():
        digest.update(bytes([own]) + matrices.tobytes())
    for own, (paulis, which) in ground.rotations.items():
        digest.update(bytes([own]) + paulis.tobytes() + which.tobytes())
        for row in (angles.offsets, angles.columns, angles.coefficients):
            digest.update(row[which].tobytes())
    stages: list[Stage] = []
    for sort in (runs_of_one, dressed) if products is None else ():
        stage, unitaries = sort(unitaries)
        stages.append(stage)
    if width > 2 and not is_ending:
        stage, unitaries = gathered(unitaries, width)
        stages.append(stage)
    tower = Tower(ground, tuple(stages))
    if stages and tower.is_constant:
        tower = tower.evaluated()
    steps, axes = evolution_steps(unitaries, axes)
    return StateEvolution(tower, steps, axes), digest.digest()


_Gate = TypeVar("_Gate", bound=IdealGate)


def _parted(
    gates: Sequence[_Gate], qubits: frozenset[int]
) -> tuple[Sequence[_Gate], Sequence[_Gate]]:
    """Separate the single-qubit gates that nothing but a measurement comes after.

    Args:
        gates: The gates.
        qubits: All that they act on.
    """
    body: list[_Gate] = []
    ending: list[_Gate] = []
    joined: set[int] = set()
    before = len(gates)
    while before and len(joined) < len(qubits):  # what is before all that does not end anything
        before -= 1
        gate = gates[before]
        if len(gate[0]) > 1:
            joined.update(gate[0])
        (ending if joined.isdisjoint(gate[0]) else body).append(gate)
    return [*gates[:before], *body[::-1]], ending[::-1]
