"""Boxing of an estimator's circuits: the options that decide it, and the qubits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.options.models import layer_errors
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions

__all__ = ["boxing_of", "qubits_of"]


def boxing_of(options: ResolvedEstimatorOptions) -> dict[str, Any]:
    """Return the arguments of the boxing pass manager for an estimator's circuits."""
    twirls = options.resilience.measure_mitigation or options.twirling.measure
    return {
        **options.twirling.boxing(),
        "enable_measures": True,
        "measure_annotations": "all" if twirls else "change_basis",
    }


def qubits_of(pubs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions) -> tuple[int, ...]:
    """Return the qubits on which something happens, is asked for, or is known of the noise."""
    given = options.resilience.layer_noise_model
    pairs = () if layer_errors(given) is not None else given or ()
    layers = [*pairs, *(options.layer_noise_model or ())]
    named = {qubit for instruction, _ in layers for qubit in instruction.qubits}
    found: set[int] = set()
    for pub in pubs:
        found.update(pub.used_qubits)
        found |= {int(qubit) for qubit in pub.observables.qubits}
        if named:
            found |= {at for at, qubit in enumerate(pub.circuit.qubits) if qubit in named}
    return tuple(sorted(found or {0}))
