"""Quantum programs with shots of their own, executed as one program of the simulation."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from qiskit.providers import BackendV2
from samplomatic.quantum_program import QuantumProgram

from qiskit_modes.primitives.backends.simulated_backend import rounding_of, simulated_backend
from qiskit_modes.primitives.layers.layer_noise import LayerNoise
from qiskit_modes.primitives.measurement.parting import Parting
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions, ResolvedSamplerOptions
from qiskit_modes.primitives.programs.compile import CompiledQuantumProgram, compile_quantum_program
from qiskit_modes.simulation import Program, Samples
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["by_key", "compile_part", "joined", "parted", "seed_of_part"]

Key = TypeVar("Key", bound=Hashable)


def by_key(keys: Iterable[Key]) -> dict[Key, list[int]]:
    """Return the places of equal keys, in the order in which the keys come first."""
    places: dict[Key, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return places


def seed_of_part(seed: int, part: int) -> int:
    """Return the seed from which a part draws its randomisations: not the ones of another part."""
    if part == 0:
        return seed
    return int(np.random.SeedSequence(seed, spawn_key=(part,)).generate_state(1, np.uint64)[0])


def compile_part(
    program: QuantumProgram,
    backend: BackendV2,
    options: ResolvedSamplerOptions | ResolvedEstimatorOptions,
    seed: int,
    elsewhere: Elsewhere = here,
    parts: Mapping[int, Parting] | None = None,
) -> CompiledQuantumProgram:
    """Compile one part of a job as the job's options say.

    Args:
        program: What is executed in it.
        backend: The backend that the job is for.
        options: Whose noise acts, and whether angles are rounded.
        seed: From which the part draws its randomisations, see `seed_of_part`.
        elsewhere: Compiles its circuits.
        parts: Of items of which parts are read apart: the classical bits of each part.
    """
    backend = simulated_backend(backend, options.noise_model)
    layers = options.layer_noise_model
    return compile_quantum_program(
        program,
        backend,
        seed=seed,
        layer_noise=None if layers is None else LayerNoise.of(layers),
        angle_decimals=rounding_of(backend, options.angle_decimals),
        parts=parts,
        elsewhere=elsewhere,
    )


def joined(parts: Sequence[CompiledQuantumProgram], seed: int) -> Program:
    """Return one program with the runs of all parts.

    Args:
        parts: The parts, in order.
        seed: From which the shots are drawn.
    """
    circuits = {key: circuit for part in parts for key, circuit in part.program.circuits.items()}
    return Program(circuits, tuple(run for part in parts for run in part.program.runs), seed)


def parted(samples: Samples, parts: Sequence[CompiledQuantumProgram]) -> list[Samples]:
    """Return what was recorded for each of the parts."""
    own, first = [], 0
    for part in parts:
        last = first + len(part.program.runs)
        own.append(Samples(samples.runs[first:last]))
        first = last
    return own
