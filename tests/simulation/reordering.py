"""The same circuit with its instructions in another order."""

from __future__ import annotations

import numpy as np
from qiskit import QuantumCircuit


def reordered(circuit: QuantumCircuit, rng: np.random.Generator) -> QuantumCircuit:
    """Return a circuit that does the same, its commuting instructions in a random order.

    Only instructions that share no bit are exchanged; a barrier counts as one on its qubits.
    """
    waiting: list[set[int]] = []
    last: dict[object, int] = {}
    for number, step in enumerate(circuit.data):
        bits = [*step.qubits, *step.clbits]
        waiting.append({last[bit] for bit in bits if bit in last})
        last.update(dict.fromkeys(bits, number))
    result = circuit.copy_empty_like()
    left = dict(enumerate(waiting))
    done: set[int] = set()
    while left:
        ready = [number for number, before in left.items() if before <= done]
        chosen = int(rng.choice(ready))
        del left[chosen]
        done.add(chosen)
        result.append(circuit.data[chosen])
    return result
