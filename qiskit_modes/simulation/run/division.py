"""Dividing a job among several workers, by rules that depend on the job alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit
from qiskit_modes.simulation.run.component import SingleComponent
from qiskit_modes.simulation.run.program import Program, Run, RunSamples, Samples
from qiskit_modes.simulation.run.sharing import sharing_runs

__all__ = ["join", "peak_bytes", "seconds_here", "seconds_together", "split"]

PIECE_SECONDS = 0.05
"""A piece that takes less is not worth the way to another process."""

EQUAL_SHARES = 4
"""More than two pieces are so many, or a multiple of that: of five, one of two workers would have
three, and one of four workers two while the others wait."""

MANY_PIECES = 1_000
"""More pieces than this are made longer: each costs 1 to 3 ms of the process that sends them, which
with pieces of 50 ms keeps 20 workers of a cluster busy and no more."""

LONGEST_PIECE_SECONDS = 0.5
"""Of those: so long at most may a short job on another QPU have to wait for one."""

MOST_BYTES = 1 << 30
"""Pieces that record other bits of the same shots have room for all of them each: together they
take no more than this, or are one piece. Blocks of the shots of one component count as one."""

SECONDS_PER_SET = 60e-6
"""What a parameter set costs beside its components: angles, streams, packing."""


def split(program: Program) -> list[Program]:
    """Divide a program into pieces that may run anywhere, in any order.

    Parameter sets are divided first; if they are too few, each is divided by its components, and
    components whose shots are simulated one by one by blocks of shots. The samples of all pieces,
    joined, are those of the whole program, because all of these have streams of their own. Most
    programs are one piece.
    """
    pieces: list[Program] = []
    runs: list[Run] = []
    cost = 0.0
    sharing = _sharing(program)
    long_enough = _piece_seconds(sum(seconds for _, seconds in sharing))
    for part, part_seconds in _parts(program, sharing, long_enough):
        runs += part
        cost += part_seconds
        if cost >= long_enough:
            pieces.append(_piece(program, runs))
            runs, cost = [], 0.0
    if runs or not pieces:
        pieces.append(_piece(program, runs))
    return pieces


def join(pieces: Sequence[Samples]) -> Samples:
    """Put the samples of the pieces of one program together, in whatever order they come."""
    by_run: dict[int, list[RunSamples]] = {}
    for samples in pieces:
        for run in samples.runs:
            by_run.setdefault(run.number, []).append(run)
    return Samples(tuple(_joined(by_run[number]) for number in sorted(by_run)))


def seconds_together(program: Program, runs: Sequence[Run]) -> float:
    """Return roughly how long runs of a program that share their states take on one core."""
    whole = sum([_seconds(program.circuits[run.circuit], run) for run in runs])
    for run in runs[1:]:
        whole -= program.circuits[run.circuit].shared_seconds * len(run.parameter_values)
    return whole


def _seconds(compiled: CompiledCircuit, run: Run) -> float:
    return (SECONDS_PER_SET + compiled.seconds(run.shots)) * len(run.parameter_values)


def seconds_here(program: Program) -> float | None:
    """Return roughly how long a program takes in a process that does other things besides.

    None if a part of it is Aer's, which lets nothing else happen while it computes, or a large
    state.
    """
    total = 0.0
    for positions in sharing_runs(program.circuits, program.runs):
        runs = [program.runs[position] for position in positions]
        for run in runs:
            for component in _chosen(program.circuits[run.circuit], run):
                if component.holds_up_others:
                    return None
        total += seconds_together(program, runs)
    return total


def peak_bytes(program: Program) -> int:
    """Return roughly how much memory the states of a program take at a time."""
    return max((_run_bytes(program.circuits[run.circuit], run) for run in program.runs), default=0)


def _run_bytes(compiled: CompiledCircuit, run: Run) -> int:
    sets = min(compiled.sets_at_once, len(run.parameter_values))
    chosen = _chosen(compiled, run)
    mine = chosen if run.components is None else [chosen[index] for index in run.components]
    return max((component.peak_bytes(sets) for component in mine), default=0)


def _chosen(compiled: CompiledCircuit, run: Run) -> list[SingleComponent]:
    return [component.chosen(run.shots) for component in compiled.components]


def _piece_seconds(whole: float) -> float:
    """Return how long the pieces of a program are to take that takes so long as a whole."""
    count = int(whole / PIECE_SECONDS)
    if count > MANY_PIECES:
        return max(PIECE_SECONDS, min(whole / MANY_PIECES, LONGEST_PIECE_SECONDS))
    if count <= 2:
        return PIECE_SECONDS
    # A little less, so that as many are long enough whichever way this is rounded.
    return whole / (EQUAL_SHARES * math.ceil(count / EQUAL_SHARES) + 0.5)


def _sharing(program: Program) -> list[tuple[list[Run], float]]:
    """Number the runs; return those together that share their states, with what they cost."""
    numbered = [
        run if run.number is not None else run._replace(number=position)
        for position, run in enumerate(program.runs)
    ]
    found = []
    for positions in sharing_runs(program.circuits, numbered):
        runs = [numbered[position] for position in positions]
        found.append((runs, seconds_together(program, runs)))
    return found


def _parts(
    program: Program, sharing: Sequence[tuple[list[Run], float]], long_enough: float
) -> Iterator[tuple[Sequence[Run], float]]:
    """Divide the runs that take long; with each part, what it costs.

    Runs that share their states stay together.
    """
    for runs, whole in sharing:
        compiled = program.circuits[runs[0].circuit]
        num_sets = len(runs[0].parameter_values)
        wanted = int(whole / long_enough)
        if wanted < 2:
            yield runs, whole
            continue
        together = min(num_sets, max(compiled.sets_together(run.shots) for run in runs))
        by_components = (
            wanted > num_sets and together == 1 and len(runs) == 1 and runs[0].components is None
        )
        count = min(wanted, -(-num_sets // together))
        bounds = [num_sets * number // count for number in range(count + 1)]
        for start, stop in pairwise(bounds):
            parts = [
                run._replace(
                    parameter_values=run.parameter_values[start:stop],
                    first_set=run.first_set + start,
                )
                for run in runs
            ]
            if by_components:
                by_parts = _by_components(compiled, parts[0], long_enough)
                yield from (([run], cost) for run, cost in by_parts)
            else:
                yield parts, whole / count


def _by_components(
    compiled: CompiledCircuit, run: Run, long_enough: float
) -> Iterator[tuple[Run, float]]:
    """Divide one parameter set by components, and these by blocks of shots."""
    together: list[int] = []
    cost = SECONDS_PER_SET
    most_pieces = max(1, MOST_BYTES // max(1, run.shots * compiled.layout.row_bytes))
    with_all_shots = max(long_enough, _seconds(compiled, run) / most_pieces)
    chosen = sorted(enumerate(_chosen(compiled, run)), key=lambda item: not item[1].records_one_bit)
    in_blocks = {
        index: component.block_shots
        for index, component in chosen
        if component.block_shots is not None and component.cost.seconds(run.shots) >= long_enough
    }
    if len(in_blocks) > most_pieces:
        in_blocks = {}
    for index, component in chosen:  # lone bits first: they are drawn from one stream
        if index in in_blocks:
            yield from _by_blocks(run, index, component, in_blocks[index], long_enough)
            continue
        together.append(index)
        cost += component.cost.seconds(run.shots)
        if cost >= with_all_shots and not component.records_one_bit:
            yield run._replace(components=tuple(together)), cost
            together, cost = [], SECONDS_PER_SET
    if together:
        yield run._replace(components=tuple(together)), cost


def _by_blocks(
    run: Run, index: int, component: SingleComponent, block_shots: int, long_enough: float
) -> Iterator[tuple[Run, float]]:
    per_block = component.cost.seconds(block_shots)
    size = block_shots * max(1, math.ceil(long_enough / per_block))
    for start in range(0, run.shots, size):
        shots = (start, min(start + size, run.shots))
        part = run._replace(components=(index,), shot_range=shots)
        yield part, per_block * (shots[1] - start) / block_shots


def _piece(program: Program, runs: Sequence[Run]) -> Program:
    circuits = {run.circuit: program.circuits[run.circuit] for run in runs}
    return program._replace(circuits=circuits, runs=tuple(runs))


def _joined(parts: Sequence[RunSamples]) -> RunSamples:
    """Put the parts of one run together: what is not drawn in a part is 0 in it."""
    if len(parts) == 1:
        return parts[0]
    registers = {}
    for name in parts[0].registers:
        arrays = [part.registers[name] for part in parts]
        num_sets = max(p.first_set + a.shape[0] for p, a in zip(parts, arrays, strict=True))
        shots = max(p.first_shot + a.shape[1] for p, a in zip(parts, arrays, strict=True))
        whole = np.zeros((num_sets, shots, arrays[0].shape[2]), dtype=np.uint8)
        for part, array in zip(parts, arrays, strict=True):
            sets = slice(part.first_set, part.first_set + array.shape[0])
            drawn = slice(part.first_shot, part.first_shot + array.shape[1])
            whole[sets, drawn] |= array
        registers[name] = whole
    return RunSamples(registers, parts[0].number)
