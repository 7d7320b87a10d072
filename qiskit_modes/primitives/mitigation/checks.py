"""Checks of circuits that are to be mitigated, when ``run()`` is called."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.providers import BackendV2

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.boxes.checks import check_decoupling, check_for_boxes, check_pulses
from qiskit_modes.primitives.boxes.templates import warn_absent
from qiskit_modes.primitives.boxes.used_qubits import used_qubits
from qiskit_modes.primitives.inputs.isa import instruction_set_of
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.layers.layer_noise import LayerNoise
from qiskit_modes.primitives.mitigation.preparation import planners_of
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions

__all__ = ["check_circuits", "check_layers"]


def check_circuits(
    inputs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions, backend: BackendV2
) -> None:
    """Raise if a circuit cannot be boxed or decoupled, or its observables not be mitigated.

    Args:
        inputs: The PUBs.
        options: The options; they ask for some technique.
        backend: The backend that the job is for.

    Raises:
        InvalidInputError: Naming the PUB, and what to change.
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
        check_for_boxes(each.circuit, where)
        qubits = used_qubits(each.circuit) | {int(qubit) for qubit in each.observables.qubits}
        check_pulses(instructions, qubits, where)
        if options.dynamical_decoupling is not None:
            check_decoupling(each.circuit, instructions.target, where, stores=False)


def check_layers(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
    seed: int,
) -> None:
    """Raise if circuits cannot be divided into layers that suit the options.

    Args:
        inputs: The PUBs.
        options: The options; they randomise layers, or simulate noise of them.
        backend: The backend that the job is for.
        seed: From which all in the job is drawn.

    Raises:
        InvalidInputError: Naming the PUB, and what to change.

    Warns:
        QiskitModesWarning: If there is no noise for a layer, where noise of layers is simulated.
    """
    planners = planners_of(inputs, options, backend, seed)
    if options.layer_noise_model is None:
        for planner in planners.values():
            planner.check()
        return
    prepared = [pub for planner in planners.values() for pub in planner.prepared()]
    if options.warn_absent:
        noise = LayerNoise.of(options.layer_noise_model)
        circuits = [item.circuit for pub in prepared for item in pub.items]
        warn_absent(noise, circuits)
