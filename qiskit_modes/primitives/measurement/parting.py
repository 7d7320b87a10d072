"""Parting what a mitigated job reads of one circuit, where all of it together is too much.

All bases are measured by one template, into one register, and what is drawn at random is drawn for
the whole. So a part is a choice of bits that are read: the template is executed once for each, with
the same angles, and simulated as what those bits depend on. The bits of all parts stand side by
side in one register that exists here only, so that terms of several parts are added up in each
randomisation as if they had been read together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from qiskit import QuantumCircuit

from qiskit_modes.exceptions import SimulationTooLargeError
from qiskit_modes.primitives.measurement.assembly import ResultAssembly
from qiskit_modes.primitives.measurement.expectation_values import Support
from qiskit_modes.primitives.measurement.parts import cheapest_parts
from qiskit_modes.simulation.compile.methods import SimulatorChoice
from qiskit_modes.simulation.compile.window.outlook import (
    Outlook,
    check_prospects,
    outlook_of,
    seconds_to_check,
    with_first_values,
)

__all__ = ["Parting", "in_parts", "parting_of", "seconds_to_part"]

Parting = tuple[tuple[int, ...], ...]
"""For each part its bits, or qubits, ascending. Each term is within at least one of them."""

_SECONDS_PER_INSTRUCTION_AND_TERM = 1e-6
"""To look for what a term depends on; the rest is done for that alone."""

TOGETHER_SECONDS = 2.0
"""What takes less is read as a whole."""


def parting_of(
    circuit: QuantumCircuit,
    choice: SimulatorChoice,
    values: npt.NDArray[np.float64],
    bases: Sequence[Sequence[int]],
    terms: Sequence[tuple[int, ...]],
    shots: int,
) -> Parting | None:
    """Return the qubits that are read apart from others; None if all are read together.

    A pure function, for `Elsewhere`. It looks at the circuit alone: how it will be folded and
    twirled changes neither which qubits are joined nor which parts are the cheapest.

    Args:
        circuit: As the user gave it.
        choice: How the user chose to simulate it.
        values: Of its parameters, shape (sets, parameters).
        bases: The qubits that are measured in each basis.
        terms: The qubits of each term.
        shots: How many there are in all.

    Raises:
        SimulationTooLargeError: If a term cannot be simulated even alone, or all together would
            take longer than anybody waits.
    """
    bound = with_first_values(circuit, values)
    certain = outlook_of(bound, choice)
    outlook = certain or outlook_of(bound, choice, clifford=True)
    if outlook is None:
        return None
    each = sorted({tuple(sorted(term)) for term in terms if term})
    whole = [outlook.of_measured(basis) for basis in bases]
    together = shots * max((one.seconds_per_shot for one in whole), default=0.0)
    refusal = next((one.refusal for one in whole if one.refusal is not None), None)
    named = choice.method is not None or choice.density
    if (refusal is None and together <= TOGETHER_SECONDS) or named or len(each) < 2:
        if refusal is not None and certain is not None:
            raise refusal
        return None
    try:
        alone = (outlook.of_measured(term) for term in each)
        check_prospects(alone, shots, outlook.available)
    except SimulationTooLargeError:
        if refusal is None or certain is None:
            return None  # together they share states, or Clifford gates may need none
        raise
    apart, parts = cheapest_parts(
        list(map(frozenset, each)), lambda qubits: _seconds(outlook, qubits, shots)
    )
    if len(parts) < 2 or (refusal is None and together <= apart):
        return None
    return tuple(tuple(sorted(part)) for part in parts)


def seconds_to_part(circuit: QuantumCircuit, bases: int, terms: int) -> float:
    """Return roughly how long `parting_of` takes."""
    of_terms = _SECONDS_PER_INSTRUCTION_AND_TERM * len(circuit.data) * terms
    return seconds_to_check(circuit) * bases + 2 * of_terms


def in_parts(assembly: ResultAssembly, parts: Parting, num_bytes: int) -> ResultAssembly:
    """Return where terms are read if the bits of all parts stand side by side.

    Args:
        assembly: Where they would be read together.
        parts: The bits of each part.
        num_bytes: How many bytes the register has; those of the first part are the last.
    """
    members = list(map(frozenset, parts))

    def moved(support: Support) -> Support:
        bits = {bit if isinstance(bit, int) else bit[0] for bit in support}
        number = next(number for number, part in enumerate(members) if bits <= part)
        first = 8 * num_bytes * number
        return tuple(
            bit + first if isinstance(bit, int) else (bit[0] + first, bit[1]) for bit in support
        )

    supports = tuple(tuple(map(moved, own)) for own in assembly.supports)
    return replace(assembly, supports=supports)


def _seconds(outlook: Outlook, qubits: frozenset[int], shots: int) -> float:
    prospect = outlook.of_measured(qubits, narrow=True)
    return prospect.seconds_per_shot * shots
