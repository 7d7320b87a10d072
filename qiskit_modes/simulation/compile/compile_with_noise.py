"""Compiles a circuit for a backend."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import assert_never

from qiskit import QuantumCircuit

from qiskit_modes.exceptions import SimulationTooLargeError, UnsupportedCircuitError
from qiskit_modes.simulation.aer.component import AerComponent
from qiskit_modes.simulation.angles import Angles
from qiskit_modes.simulation.circuits.content import describe, fingerprint
from qiskit_modes.simulation.circuits.ending import Ending, with_ending
from qiskit_modes.simulation.compile.compile_ideal import Beginning, compile_ideal
from qiskit_modes.simulation.compile.compile_whole import compile_whole
from qiskit_modes.simulation.compile.component_builder import ComponentBuilder
from qiskit_modes.simulation.compile.components import prune, split
from qiskit_modes.simulation.compile.costs import TYPICAL_SHOTS
from qiskit_modes.simulation.compile.methods import SimulatorChoice
from qiskit_modes.simulation.compile.product_pool import ProductPool
from qiskit_modes.simulation.compile.window.outlook import may_be_too_wide, outlook_of
from qiskit_modes.simulation.noise.source import (
    NoiseSource,
    NotCuttableError,
)
from qiskit_modes.simulation.operations import (
    Block,
    Branch,
    Channel,
    Jump,
    Loop,
    Measure,
    Rotation,
    Store,
)
from qiskit_modes.simulation.packing import Layout
from qiskit_modes.simulation.read.read_circuit import read_circuit
from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit
from qiskit_modes.simulation.run.component import Component
from qiskit_modes.simulation.run.component_kinds import EitherComponent
from qiskit_modes.simulation.run.ideal.few_qubits import KnownComponent
from qiskit_modes.simulation.settings import Settings

__all__ = ["compile_in_parts", "compile_with_noise"]

SECONDS_TO_COMPARE = 0.1e-3
"""Another way than the state vector is looked for where that takes as long for every instruction:
about what the looking takes."""


def compile_with_noise(
    circuit: QuantumCircuit,
    noise: NoiseSource,
    choice: SimulatorChoice,
    content: bytes,
    settings: Settings,
    layout: Layout,
    wanted: frozenset[int],
    ending: Ending | None = None,
    beginning: Beginning | None = None,
) -> CompiledCircuit:
    """Compile a circuit; what was read from ``noise`` is in ``noise.facts`` afterwards.

    Args:
        circuit: The circuit.
        noise: Where its errors are read.
        choice: What the user chose.
        content: The circuit's fingerprint.
        settings: Which optimisations are on.
        layout: The classical registers, that of the ending among them.
        wanted: The classical bits that will be read.
        ending: What follows the circuit.
        beginning: Who else shares the circuit, with other endings; acts where there is no noise.
    """
    try:
        return compile_in_parts(
            circuit, noise, choice, content, settings, layout, wanted, ending, beginning
        )
    except NotCuttableError as reason:
        circuit, content = with_ending(circuit, content, ending)
        return compile_whole(circuit, noise, choice, content, settings, layout, wanted, reason)


def compile_in_parts(
    circuit: QuantumCircuit,
    noise: NoiseSource,
    choice: SimulatorChoice,
    content: bytes,
    settings: Settings,
    layout: Layout,
    wanted: frozenset[int],
    ending: Ending | None = None,
    beginning: Beginning | None = None,
) -> CompiledCircuit:
    """Compile a circuit whose noise can be cut to the qubits in use; see `compile_with_noise`.

    Raises:
        NotCuttableError: If it cannot.
        SimulationTooLargeError: If it is too wide; where its gates alone tell, nothing is read.
    """
    written = None
    if may_be_too_wide(circuit, choice):
        written = with_ending(circuit, content, ending)
        outlook = outlook_of(written[0], choice, settings)
        if outlook is not None and (refusal := outlook.of_recorded(wanted).refusal) is not None:
            raise refusal
    if noise.is_ideal and choice.takes_state_vector and settings.state_vectors:
        rest = (settings, layout, wanted, ending, beginning)
        ideal = compile_ideal(circuit, choice, content, *rest)
        if ideal is not None:
            return _cheaper(ideal, circuit, noise, choice, content, *rest)
    circuit, content = written or with_ending(circuit, content, ending)
    block, angles, extents = read_circuit(circuit, noise)
    block = prune(block, wanted, drop=settings.prune)
    blocks = split(block) if settings.split_components else [block]
    blocks = [part for part in blocks if not part.clbits.isdisjoint(wanted)]
    pool = ProductPool()
    builder = ComponentBuilder(circuit, extents, noise, choice, pool, settings, wanted)
    components = tuple(map(builder.build, blocks))
    return CompiledCircuit(
        key=_key(content, block, angles, components, (choice, settings, sorted(wanted))),
        num_parameters=circuit.num_parameters,
        num_clbits=circuit.num_clbits,
        layout=layout,
        angles=angles,
        products=pool.finish(),
        components=components,
        batch_elements=settings.batch_elements,
        metadata={
            "noise": noise.description,
            "methods": sorted({component.method for component in components}),
            "device": " and ".join(sorted({each.device for each in components})) or "CPU",
            "largest_component_qubits": max((len(part.qubits) for part in blocks), default=0),
        },
    )


def _cheaper(
    ideal: CompiledCircuit,
    circuit: QuantumCircuit,
    noise: NoiseSource,
    choice: SimulatorChoice,
    content: bytes,
    settings: Settings,
    layout: Layout,
    wanted: frozenset[int],
    ending: Ending | None,
    beginning: Beginning | None,
) -> CompiledCircuit:
    """Return the state vector, or what is cheaper: Clifford gates, and qubits that leave early."""
    if {KnownComponent}.issuperset(map(type, ideal.components)):
        return ideal  # nothing is cheaper than what is known
    seconds = ideal.seconds(TYPICAL_SHOTS)
    if beginning is not None:
        seconds -= ideal.shared_seconds * (1 - 1 / beginning.endings)
    length = len(circuit.data) + (0 if ending is None else ending.length)
    if seconds < SECONDS_TO_COMPARE * length:
        return ideal
    without = settings._replace(state_vectors=False)
    try:
        other = compile_in_parts(circuit, noise, choice, content, without, layout, wanted, ending)
    except (SimulationTooLargeError, UnsupportedCircuitError):
        return ideal
    return other if other.seconds(TYPICAL_SHOTS) < seconds else ideal


def _key(
    content: bytes,
    block: Block,
    angles: Angles,
    components: Iterable[Component],
    chosen: object,
) -> str:
    """Return a digest of all that decides what the circuit records, the way it is simulated too.

    Workers keep circuits by this key, and with another method the same seed gives other shots.
    """
    digest = hashlib.blake2b(content, digest_size=16)
    digest.update(repr(chosen).encode())
    # The circuit again, as it was read: noise passes may have put anything into it.
    for array in (angles.offsets, angles.columns, angles.coefficients):
        digest.update(repr(array.shape).encode() + array.tobytes())
    for other in angles.others:
        digest.update(describe(other) or os.urandom(16))
    _digest_block(block, digest)
    # Errors with the same matrix may be made of other terms, of which Aer draws one.
    for component in components:
        single = component.singly if isinstance(component, EitherComponent) else component
        if isinstance(single, AerComponent):
            digest.update(fingerprint(single.circuit))
    return digest.hexdigest()


def _digest_block(block: Block, digest: hashlib.blake2b) -> None:
    for operation in block.operations:
        match operation:
            case Channel(qubits, matrix, forgets):
                digest.update(b"channel" + repr((qubits, forgets)).encode() + matrix.tobytes())
            case Measure(qubit, clbit, confusion):
                digest.update(b"measure" + repr((qubit, clbit)).encode() + confusion.tobytes())
            case Rotation() | Store() | Jump():
                digest.update(repr(operation).encode())
            case Branch(arms):
                for condition, inner in arms:
                    digest.update(b"arm" + repr(condition).encode())
                    _digest_block(inner, digest)
                digest.update(b"end")
            case Loop(condition, inner):
                digest.update(b"loop" + repr(condition).encode())
                _digest_block(inner, digest)
                digest.update(b"end")
            case _:
                assert_never(operation)
