"""The order in which Aer holds the qubits of a matrix product state.

For each gate Aer moves its right qubit next to its left one, and leaves it there. What that costs
depends on the order at the beginning, on the order of the gates, and on how far the qubits to the
left of a place are entangled with those to the right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from qiskit_modes.simulation.operations import Block, touched
from qiskit_modes.simulation.run.cost import doubled

__all__ = ["along_a_line", "work_along"]

MOST_MOVES = 20_000
"""So many moves of qubits are looked at, in a fraction of a second; what follows is alike."""


def along_a_line(qubits: frozenset[int], block: Block) -> list[int]:
    """Return qubits in the order that suits a matrix product state best.

    That is the ascending order, or that of the reverse Cuthill-McKee algorithm, which is for
    matrices with narrow bands: whichever is estimated to cost less.

    Args:
        qubits: The qubits.
        block: What happens to them.
    """
    from scipy.sparse import coo_array  # takes a while to load, and few jobs need it
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    members = sorted(qubits)
    place = {qubit: at for at, qubit in enumerate(members)}
    pairs = [
        (place[one], place[other])
        for operation in block.operations
        for one, other in combinations(sorted(touched(operation)[0] & qubits), 2)
    ]
    if not pairs:
        return members
    rows, columns = np.array(pairs + [pair[::-1] for pair in pairs], dtype=np.int32).T
    size = len(members), len(members)
    joined = coo_array((np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=size).tocsr()
    order = [int(at) for at in reverse_cuthill_mckee(joined, symmetric_mode=True)]
    if work_along(order, pairs) < work_along(range(len(members)), pairs):
        return [members[at] for at in order]
    return members


def work_along(order: Iterable[int], pairs: Sequence[tuple[int, int]]) -> float:
    """Return what it costs to apply gates to qubits that begin in an order, in a unit of its own.

    An operation across a cut takes the cube of the bond dimension there, which is at most doubled
    by each gate that joins the two sides, and at most that of a state of the smaller side.

    Args:
        order: The qubits' places, as they stand at the beginning.
        pairs: Places of qubits that are joined, one gate after the other.
    """
    line = list(order)
    number = len(line)
    # How many gates there have been between two qubits, and across each cut, by what is left of it.
    met = np.zeros((number, number))
    across = np.zeros(number)
    work, moves = 0.0, 0
    most = np.minimum(np.arange(number), number - np.arange(number))
    for one, other in pairs:
        left, right = sorted((line.index(one), line.index(other)))
        moves += right - left
        if moves > MOST_MOVES:
            break
        for cut in range(right, left + 1, -1):
            outer, inner = line[cut], line[cut - 1]
            # `outer` comes to the left of this cut, and `inner` to the right.
            across[cut] += met[outer, line[cut + 1 :]].sum() - met[outer, line[: cut - 1]].sum()
            across[cut] += met[inner, line[: cut - 1]].sum() - met[inner, line[cut + 1 :]].sum()
            line[cut - 1], line[cut] = outer, inner
            work += doubled(3.0 * min(across[cut], most[cut]))
        met[one, other] += 1
        met[other, one] += 1
        across[left + 1] += 1
        work += doubled(3.0 * min(across[left + 1], most[left + 1]))
    return work
