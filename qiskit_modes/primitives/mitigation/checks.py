"""Checks of circuits that are to be mitigated, when ``run()`` is called."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.providers import BackendV2

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.boxes.checks import check_circuit
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.mitigation.early_layer_noise import early_layer_noise
from qiskit_modes.primitives.mitigation.preparation import check_layers
from qiskit_modes.primitives.options.resilience import needs_layer_noise
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions

__all__ = ["check_mitigation"]


def check_mitigation(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
    seed: int,
) -> tuple[ResolvedEstimatorOptions, int]:
    """Raise if circuits do not go together with mitigation; find noise of layers that it needs.

    Args:
        inputs: The PUBs.
        options: The options; they ask for some technique.
        backend: The backend that the job is for.
        seed: From which all in the job is drawn.

    Returns:
        The options with the noise of all layers, where a technique needs it and the circuits are
        small; and how many shots an experiment would take to learn it.

    Raises:
        InvalidInputError: Naming the PUB or the layer, and what to change.

    Warns:
        QiskitModesWarning: If there is no noise for a layer, where noise of layers is given.
    """
    instructions = instruction_set_of(backend)
    for index, each in enumerate(inputs):
        where = f"PUB {index}"
        if options.resilience.measure_mitigation and each.observables.has_projectors:
            raise InvalidInputError(
                f"{where}: measurements are mitigated, and that knows the errors of Paulis, not of "
                "the projectors that an observable contains. Set resilience_level=0 or "
                "resilience.measure_mitigation=False, or write projectors as sums of Paulis: "
                "SparseObservable.as_paulis() does that."
            )
        check_circuit(
            each.circuit,
            each.used_qubits,
            instructions,
            where,
            decouples=options.dynamical_decoupling is not None,
            stores=False,
            measured=each.observables.qubits.tolist(),
        )
    final, learning = options, 0
    if needs_layer_noise(options.resilience):
        final, learning = early_layer_noise(inputs, options, backend)
    if options.twirling.gates or final.layer_noise_model is not None:
        check_layers(inputs, final, backend, seed)
    return final, learning
