"""How large a job may be, by the plan of its instance and by the memory that there is: looked at
before it is queued.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.simulation.methods import SimulatorChoice, available_bytes
from qiskit_modes.simulation.settings import DEFAULT_SETTINGS

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qiskit_modes.scheduling import Instance, Plan

__all__ = ["MAX_RESULTS", "check_memory_of_results", "check_results", "check_size"]

MAX_RESULTS = 1_000_000_000
"""Shots, or expectation values, of one job; a hundred times what the service takes."""


def check_size(primitive_id: str, pubs: Iterable[Any], executions: int, instance: Instance) -> None:
    """Check that a job is not larger than the plan allows.

    The service also limits the control instructions for each qubit; those are the hardware's, and
    cannot be counted here.

    Args:
        primitive_id: Which primitive the job is for; executions are limited for samplers only.
        pubs: Of the job; none if it has another form.
        executions: How many executions of circuits it asks for, shots included.
        instance: Whose plan counts.

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
    for number, pub in enumerate(pubs):
        for what, count, limit in _counts(pub.circuit, plan):
            if count > limit:
                raise InvalidInputError(
                    f"the circuit of PUB {number} has {count:,} {what}, and the {plan.name} plan "
                    f"allows {limit:,} in one circuit; divide the circuit"
                )


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


def check_results(results: Iterable[tuple[int, int]], what: str) -> None:
    """Check that so many results can be drawn, and kept in memory.

    A few bytes can ask for any number of them: arrays of parameter values for a circuit without
    parameters are empty, whatever their shape.

    Args:
        results: For each part of the job how many there are, shots over all parameter sets or
            expectation values, and how many bytes one of them takes.
        what: The word for a part, which begins the message.

    Raises:
        InvalidInputError: If they are absurdly many, or there is not the memory for them.
    """
    number = needed = 0
    for index, (more, num_bytes) in enumerate(results):
        number += more
        needed += more * num_bytes
        if number > MAX_RESULTS:
            raise InvalidInputError(
                f"{what} {index}: up to here the job asks for {number:,} results, and at most "
                f"{MAX_RESULTS:,} are given; use fewer shots or parameter sets, or divide the job"
            )
        check_memory_of_results(needed, f"{what} {index}")


def _counts(circuit: QuantumCircuit, plan: Plan) -> Iterator[tuple[str, int, int]]:
    """Yield what is limited, how much of it a circuit has, and the limit."""
    size = len(circuit.data)
    limit = plan.max_two_qubit_gates
    # Most circuits have fewer instructions than any limit: they need not be counted one by one.
    if limit is not None and size > limit:
        yield "gates on two qubits", circuit.num_nonlocal_gates(), limit
    for name, most in (("rz", plan.max_rz_gates), ("sx", plan.max_sx_gates)):
        if most is not None and size > most:
            yield f"{name} gates", circuit.count_ops().get(name, 0), most
