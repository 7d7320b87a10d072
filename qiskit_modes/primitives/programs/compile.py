"""Quantum programs (samplomatic's) as programs of the simulation.

An item of a quantum program becomes one run: its circuit compiled once, and a parameter set for
each element of its shape, drawn from its samplex or taken from its arguments. What comes back is
the matter of `compiled`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.providers import BackendV2
from samplomatic.quantum_program import (
    CircuitItem,
    QuantumProgram,
    QuantumProgramItem,
    SamplexItem,
)

from qiskit_modes.exceptions import SimulationTooLargeError, UnsupportedCircuitError
from qiskit_modes.primitives.boxes.draw import (
    PARAMETER_VALUES,
    bytes_of_set,
    draw_randomisations,
)
from qiskit_modes.primitives.boxes.swept_delays import SweptItem
from qiskit_modes.primitives.inputs.job_limits import Drawn, check_memory_of_drawn
from qiskit_modes.primitives.layers.layer_noise import LayerNoise
from qiskit_modes.primitives.measurement.parting import Parting
from qiskit_modes.primitives.measurement.parts import light_cone
from qiskit_modes.primitives.programs.compiled import CompiledItem, CompiledQuantumProgram
from qiskit_modes.primitives.programs.summary import summary
from qiskit_modes.simulation import CompiledCircuit, Program, Run, compile_circuit
from qiskit_modes.simulation.circuits.durations import FixedCircuit, with_durations
from qiskit_modes.simulation.compile.costs import TYPICAL_SHOTS
from qiskit_modes.simulation.elsewhere import Elsewhere, here
from qiskit_modes.simulation.settings import DEFAULT_SETTINGS

__all__ = ["CompiledQuantumProgram", "compile_quantum_program", "drawn_of"]

RANDOMISATIONS = 0x72616E64
"""Beside a job's seed, so that randomisations and shots draw from different streams."""


def compile_quantum_program(
    program: QuantumProgram,
    backend: BackendV2,
    *,
    seed: int,
    layer_noise: LayerNoise | None = None,
    angle_decimals: int | None = None,
    fingerprints: Sequence[bytes] | None = None,
    parts: Mapping[int, Parting] | None = None,
    elsewhere: Elsewhere = here,
) -> CompiledQuantumProgram:
    """Draw a program's randomisations and compile its circuits.

    A pure function of its arguments: the same seed gives the same randomisations and, once
    executed, the same shots. A circuit that was compiled for this backend before is not compiled
    again. May be called from any thread.

    Args:
        program: The program, not modified.
        backend: Whose noise acts.
        seed: A seed from 0.
        layer_noise: Noise that acts on tagged layers, beside that of the backend.
        angle_decimals: If not None, angles are rounded to so many decimals of a quarter turn.
        fingerprints: The `fingerprint` of each item's circuit, where the caller has it.
        parts: Of items of which parts are read apart: the classical bits of each part.
        elsewhere: Compiles the circuits.

    Raises:
        UnsupportedCircuitError: If a circuit or an item cannot be simulated.
        SimulationTooLargeError: If a circuit needs more memory than there is.
        InvalidInputError: If what is drawn does.
    """
    check_memory_of_drawn(
        drawn_of(item, program.shots, f"Item {index} of the program")
        for index, item in enumerate(program.items)
    )
    sequence = np.random.SeedSequence((seed, RANDOMISATIONS))
    circuits: dict[str, CompiledCircuit] = {}
    runs: list[Run] = []
    items: list[CompiledItem] = []
    for index, (item, own) in enumerate(
        zip(program.items, sequence.spawn(len(program.items)), strict=True)
    ):
        values, outputs = _values(item, np.random.default_rng(own), index, elsewhere)
        registers = {register.name: register.size for register in item.circuit.cregs}
        if len(values) == 0:
            items.append(CompiledItem(item.shape, outputs, registers, (), (), {}))
            continue
        circuit = item.circuit if layer_noise is None else layer_noise.insert(item.circuit)
        content = None
        if fingerprints is not None and circuit is item.circuit:
            content = fingerprints[index]
        compiling = partial(compile_circuit, backend=backend, elsewhere=elsewhere)
        first, rows, simulations = len(runs), [], []
        apart = None if parts is None else parts.get(index)
        for fixed in with_durations(circuit, content, values):
            rows.append(fixed.rows)
            parted = [fixed] if apart is None else [_reading(fixed, bits) for bits in apart]
            for each in parted:
                compiled, angles = _compiled(
                    each,
                    compiling,
                    drawn=isinstance(item, SamplexItem | SweptItem),
                    decimals=angle_decimals,
                )
                circuits[compiled.key] = compiled
                runs.append(Run(compiled.key, angles, program.shots))
                simulations.append(compiled.metadata)
        items.append(
            CompiledItem(
                item.shape,
                outputs,
                registers,
                tuple(range(first, len(runs))),
                tuple(rows),
                summary(simulations),
                parts=1 if apart is None else len(apart),
            )
        )
    return CompiledQuantumProgram(
        program=Program(circuits, tuple(runs), seed),
        items=tuple(items),
        shots=program.shots,
        passthrough_data=program.passthrough_data,
        seed=seed,
    )


def drawn_of(item: QuantumProgramItem | SweptItem, shots: int, where: str) -> Drawn:
    """Return what is drawn for an item, in numbers.

    Args:
        item: The item.
        shots: Of each of its elements.
        where: Names it in messages.
    """
    drawn = item.drawn if isinstance(item, SweptItem) else item
    own = bytes_of_set(drawn.samplex) if isinstance(drawn, SamplexItem) else 0
    values = 8 * item.circuit.num_parameters
    return Drawn(
        where=where,
        sets=math.prod(item.shape),
        set_bytes=max(own, values),
        shots=shots,
        shot_bytes=sum(-(-register.size // 8) for register in item.circuit.cregs),
    )


def _values(
    item: QuantumProgramItem | SweptItem,
    generator: np.random.Generator,
    index: int,
    elsewhere: Elsewhere,
) -> tuple[npt.NDArray[np.float64], dict[str, npt.NDArray[Any]]]:
    """Return the parameter sets of an item, (num_sets, num_parameters), and its other outputs."""
    match item:
        case CircuitItem():
            angles, outputs = item.circuit_arguments, {}
        case SamplexItem():
            outputs = draw_randomisations(item, generator, elsewhere)
            angles = outputs.pop(PARAMETER_VALUES)
        case SweptItem():
            angles, outputs = item.values(generator, elsewhere)
        case _:
            raise UnsupportedCircuitError(
                f"Item {index} of the program is a {type(item).__name__}; expected a CircuitItem "
                "or a SamplexItem of samplomatic.quantum_program."
            )
    num_sets = math.prod(item.shape)
    values = np.asarray(angles, dtype=np.float64).reshape(num_sets, item.circuit.num_parameters)
    return values, outputs


def _reading(fixed: FixedCircuit, clbits: Sequence[int]) -> FixedCircuit:
    """Return what some classical bits of a circuit depend on, with its own parameters' values."""
    cone = light_cone(fixed.circuit, (), clbits)
    column = {parameter: at for at, parameter in enumerate(fixed.circuit.parameters)}
    columns = [column[parameter] for parameter in cone.parameters]
    return fixed._replace(circuit=cone, content=None, values=fixed.values[:, columns])


def _compiled(
    fixed: FixedCircuit,
    compiling: Callable[..., CompiledCircuit],
    *,
    drawn: bool,
    decimals: int | None,
) -> tuple[CompiledCircuit, npt.NDArray[np.float64]]:
    """Compile a circuit, and return it with its angles, rounded where that is asked for.

    Args:
        fixed: The circuit and its angles.
        compiling: Compiles it.
        drawn: Whether angles come from a samplex.
        decimals: See ``angle_decimals``.
    """
    angles = fixed.values
    if decimals is not None:
        angles = np.round(angles / (np.pi / 2), decimals) * (np.pi / 2)
    compiling = partial(compiling, fixed.circuit, content=fixed.content)
    if not _are_clifford(angles, drawn=drawn):
        return compiling(), angles
    compiled = _compiled_for_quarters(compiling)
    if any("stabilizer" in method for method in compiled.metadata["methods"]):
        angles = _quarters(angles) * (np.pi / 2)
    return compiled, angles


def _compiled_for_quarters(compiling: Callable[..., CompiledCircuit]) -> CompiledCircuit:
    """Compile a circuit, for the stabilizer method only if it were too large for us otherwise.

    A template is compiled once, whether its angles happen to be multiples of π/2 or not, unless
    that decides whether it can be simulated.
    """
    try:
        compiled = compiling()
        singly = any(word in each for each in compiled.metadata["methods"] for word in _SINGLY)
        if not singly or compiled.seconds(TYPICAL_SHOTS) < _SOON:
            return compiled
    except SimulationTooLargeError:
        pass
    return compiling(settings=DEFAULT_SETTINGS._replace(clifford_angles=True))


_SINGLY = ("statevector", "trajectories")
"""Words in the names of methods that take every shot through a state of all qubits in use."""

_SOON = 0.5
"""What takes less for the usual number of shots is not looked at again, in seconds."""


def _quarters(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return angles in quarter turns, rounded."""
    return np.round(values / (np.pi / 2))


def _are_clifford(values: npt.NDArray[np.float64], *, drawn: bool) -> bool:
    """Tell whether all angles are multiples of π/2, as exactly as they are known.

    Args:
        values: The angles.
        drawn: Whether they come from a samplex, which gives them in single precision.
    """
    tolerance = 5e-7 if drawn else 1e-12
    apart = abs(values - _quarters(values) * (np.pi / 2))
    return values.size > 0 and bool((apart < tolerance).all())
