"""The exact distribution of a static circuit according to Aer.

The whole circuit is run under the whole noise model, the density matrix is saved before the
measurements, and readout errors are applied to its diagonal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator


def aer_distribution(circuit: QuantumCircuit, model: Any) -> dict[int, float]:
    """Return the probability of each classical memory.

    Args:
        circuit: Bound, without feed-forward, all measurements at the end and all into different
            bits; errors of ``measure`` itself are not looked at.
        model: Aer's noise model.
    """
    measured: dict[int, int] = {}
    unmeasured = circuit.copy_empty_like()
    for instruction in circuit.data:
        if instruction.name == "measure":
            clbit = circuit.find_bit(instruction.clbits[0]).index
            measured[clbit] = circuit.find_bit(instruction.qubits[0]).index
        else:
            unmeasured.append(instruction)
    qubits = sorted({circuit.find_bit(q).index for step in circuit.data for q in step.qubits})
    unmeasured.save_density_matrix([circuit.qubits[qubit] for qubit in qubits])
    simulator = AerSimulator(
        method="density_matrix",
        noise_model=model,
        fusion_enable=False,  # with it, depolarizing noise on 8 or more qubits can fail
        zero_threshold=0.0,
        enable_truncation=True,
        max_parallel_threads=1,  # two threads take longer when anything else runs beside them
    )
    result = simulator.run(unmeasured).result()
    assert result.success, result.status
    density = np.asarray(result.data()["density_matrix"])
    diagonal = density.diagonal().real.reshape((2,) * len(qubits))
    for clbit, qubit in measured.items():
        del clbit
        axis = len(qubits) - 1 - qubits.index(qubit)
        confusion = readout_confusion(model, qubit)
        diagonal = np.moveaxis(np.tensordot(confusion, diagonal, ([1], [axis])), 0, axis)
    memories: dict[int, float] = {}
    for outcome, probability in np.ndenumerate(diagonal):
        memory = 0
        for clbit, qubit in measured.items():
            memory |= outcome[len(qubits) - 1 - qubits.index(qubit)] << clbit
        memories[memory] = memories.get(memory, 0.0) + float(probability)
    return memories


def readout_confusion(model: Any, qubit: int) -> np.ndarray:
    """Return the matrix [recorded, true] of a qubit's readout error."""
    error = model._local_readout_errors.get((qubit,)) or model._default_readout_error
    return np.eye(2) if error is None else np.asarray(error.probabilities).T
