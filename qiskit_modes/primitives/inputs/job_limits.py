"""Limits on the size of a job, by the plan of its instance and by free memory: looked at
before it is queued.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.memory import size_of
from qiskit_modes.primitives.inputs.gate_limits import check_gates
from qiskit_modes.simulation.compile.methods import SimulatorChoice, available_bytes
from qiskit_modes.simulation.settings import DEFAULT_SETTINGS

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qiskit_modes.scheduling import Instance

__all__ = [
    "COPIES",
    "MAX_RESULTS",
    "Drawn",
    "check_memory_of_drawn",
    "check_memory_of_results",
    "check_results",
    "check_size",
]

MAX_RESULTS = 1_000_000_000
"""Shots, or expectation values, of one job; a hundred times what the service takes."""

COPIES = 4
"""What is recorded is there so often: as it is drawn, on the way from a worker, put together with
what others drew, and as the result."""


@dataclass(frozen=True)
class Drawn:
    """Number and size of what is drawn at random for one circuit."""

    where: str
    """Names the circuit in messages."""
    sets: int
    """How many randomisations there are, all parameter sets and measurement bases together."""
    set_bytes: int
    """What is drawn for each before it is executed: angles, flips and signs."""
    shots: int
    """Of each."""
    shot_bytes: int
    """What a shot records."""

    @property
    def num_bytes(self) -> int:
        """Return about how much memory it takes."""
        # Sets are there as they are drawn, and on the way to a worker.
        return self.sets * (2 * self.set_bytes + COPIES * self.shots * self.shot_bytes)


def check_size(
    primitive_id: str,
    circuits: Iterable[tuple[str, QuantumCircuit]],
    executions: int,
    instance: Instance,
    *,
    folded: tuple[float, ...] = (1.0,),
) -> None:
    """Check that a job is not larger than the plan allows.

    Counted is what the circuits say, with all that control flow holds: each branch, a loop's body
    as often as the loop says, or once if it does not. What dynamical decoupling adds is not known
    before a circuit is scheduled, and is not counted.

    Args:
        primitive_id: Which primitive the job is for; executions are limited for samplers only.
        circuits: Of the job, each with the words by which its user knows it.
        executions: How many executions of circuits it asks for, shots included.
        instance: Whose plan counts.
        folded: The noise factors for which gates on two qubits are folded; ``(1.0,)`` if none are.

    Raises:
        InvalidInputError: If it is; with the number, the limit, and what to do.
    """
    plan = instance.plan
    most = plan.max_sampler_executions
    if primitive_id == "sampler" and most is not None and executions > most:
        raise InvalidInputError(
            f"the job asks for {executions:,} executions of circuits, and the {plan.name} plan "
            f"allows {most:,} in one job of a sampler; use fewer shots or divide the job"
        )
    check_gates(circuits, plan, folded)


def check_memory_of_results(needed: int, where: str) -> None:
    """Check that there is memory for what a job gives.

    Args:
        needed: Bytes that it takes.
        where: Up to which part of the job; the start of the message.

    Raises:
        InvalidInputError: If there is not; with both numbers and what to do.
    """
    available = available_bytes(SimulatorChoice(), DEFAULT_SETTINGS)
    if needed > available:
        raise InvalidInputError(
            f"{where}: the results up to here would take {needed / 2**30:,.1f} GiB, and "
            f"{available / 2**30:,.1f} GiB may be used; use fewer shots or parameter sets, or "
            "divide the job"
        )


def check_memory_of_drawn(drawn: Iterable[Drawn], because: str = "") -> None:
    """Check that there is memory for what a job draws, before it draws it.

    Args:
        drawn: For each circuit.
        because: Why it is so much, a sentence that ends with a space.

    Raises:
        InvalidInputError: If there is not; with the numbers, and the ways out.
    """
    needed = 0
    available = available_bytes(SimulatorChoice(), DEFAULT_SETTINGS)
    for each in drawn:
        needed += each.num_bytes
        if needed > available:
            raise InvalidInputError(
                f"{each.where}: {each.sets:,} randomisations of the circuit, with {each.shots:,} "
                f"shots and {size_of(each.set_bytes)} of angles each, take the job up to "
                f"{size_of(needed)} of memory, and {size_of(available)} may be used. {because}"
                "Use fewer shots, or a larger precision; fewer randomisations with more shots each "
                "(twirling.num_randomizations, twirling.shots_per_randomization); fewer parameter "
                "sets, observables or noise factors; or divide the job."
            )


def check_results(results: Iterable[tuple[int, int]], what: str) -> None:
    """Check that so many results can be drawn, and kept in memory.

    A few bytes can ask for any number of them: arrays of parameter values for a circuit without
    parameters are empty, whatever their shape.

    Args:
        results: For each part of the job how many there are, shots over all parameter sets or
            expectation values, and how many bytes one of them takes; there are `COPIES` of it.
        what: The word for a part, which begins the message.

    Raises:
        InvalidInputError: If they are absurdly many, or there is not the memory for them.
    """
    number = needed = 0
    for index, (more, num_bytes) in enumerate(results):
        number += more
        needed += more * num_bytes * COPIES
        if number > MAX_RESULTS:
            raise InvalidInputError(
                f"{what} {index}: up to here the job asks for {number:,} results, and at most "
                f"{MAX_RESULTS:,} are given; use fewer shots or parameter sets, or divide the job"
            )
        check_memory_of_results(needed, f"{what} {index}")
