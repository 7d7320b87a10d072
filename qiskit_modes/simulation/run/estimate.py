"""Estimates how long a program takes to simulate, and how, before it is run."""

from __future__ import annotations

from dataclasses import dataclass

from qiskit_modes.simulation.run.division import peak_bytes, seconds_together
from qiskit_modes.simulation.run.program import Program
from qiskit_modes.simulation.run.sharing import sharing_runs

__all__ = ["SimulationEstimate", "estimate", "readable_seconds"]


@dataclass(frozen=True)
class SimulationEstimate:
    """Estimate of what it takes to simulate a program."""

    seconds: float
    """On one core; the pieces of a long job are shared by several."""
    methods: tuple[str, ...]
    """How its circuits are simulated."""
    peak_bytes: int
    """Memory of the largest states that are held at a time."""

    def __str__(self) -> str:
        how = ", ".join(self.methods) or "nothing to simulate"
        return f"about {readable_seconds(self.seconds)} on one core, by {how}"


def estimate(program: Program) -> SimulationEstimate:
    """Return what a program takes; within a factor of three, as the constants of `costs` are."""
    total, methods = 0.0, set()
    for positions in sharing_runs(program.circuits, program.runs):
        runs = [program.runs[position] for position in positions]
        total += seconds_together(program, runs)
        for run in runs:
            components = program.circuits[run.circuit].components
            methods |= {each.chosen(run.shots).method for each in components}
    return SimulationEstimate(total, tuple(sorted(methods)), peak_bytes(program))


def readable_seconds(seconds: float) -> str:
    """Return a duration for people, in one unit.

    Example:
        >>> readable_seconds(0.004), readable_seconds(75), readable_seconds(1e6)
        ('4 ms', '75 s', '12 days')
    """
    for unit, size, following in (
        ("ms", 1e-3, 1.0),
        ("s", 1.0, 120.0),
        ("minutes", 60.0, 7200.0),
        ("hours", 3600.0, 172800.0),
        ("days", 86400.0, 3e7),
    ):
        if seconds < following:
            return f"{max(1, round(seconds / size)):,} {unit}"
    years = seconds / 3.15e7
    return f"{years:,.0f} years" if years < 1e6 else "millions of years"
