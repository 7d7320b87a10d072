"""Checks of what goes together in an estimator's job, made when ``run()`` is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qiskit.providers import BackendV2

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.backends.simulated_backend import (
    refusals_with_noise,
    simulated_backend,
)
from qiskit_modes.primitives.inputs.isa import instruction_set_of
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.options.models import layer_errors
from qiskit_modes.primitives.options.resilience import needs_layer_noise, noise_factors_of
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.warn import is_answering_a_request, unsupported_options

__all__ = ["check_estimation", "with_layers_of", "with_noise_of_layers"]


def with_noise_of_layers(
    options: ResolvedEstimatorOptions, backend: BackendV2
) -> ResolvedEstimatorOptions:
    """Return the options, with noise for a simulator that has none of its own.

    The noise that mitigation is to remove, ``resilience.layer_noise_model``, is simulated where
    nothing else is: on a simulator without noise, as upstream does. A noisy backend has that noise
    already, and it would act twice; upstream adds it there too.
    """
    layers = options.resilience.layer_noise_model
    if options.layer_noise_model is not None or not layers:
        return options
    if layer_errors(layers) is not None:
        return options  # which layers of the circuits they belong to is found out later
    if not describe(simulated_backend(backend, options.noise_model)).is_noiseless:
        return options
    # Whoever gives noise for mitigation gives it for layers of gates; the others are no mistake.
    return replace(options, layer_noise_model=tuple(layers), warn_absent=False)


def check_estimation(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
) -> None:
    """Raise if PUBs, options and backend do not go together.

    Args:
        inputs: The PUBs.
        options: The options.
        backend: The backend that the job is for.

    Raises:
        InvalidInputError: Saying what contradicts what, and what to change.

    """
    unsupported_options(refusals_with_noise(backend, options.noise_model))
    _check_techniques(options)
    if not options.mitigates:
        return
    # Loaded late: an estimator that mitigates nothing does not need what this brings along.
    from qiskit_modes.primitives.boxes.templates import (
        check_decoupling,
        check_for_boxes,
        check_pulses,
    )
    from qiskit_modes.primitives.boxes.used_qubits import used_qubits

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


def _check_techniques(options: ResolvedEstimatorOptions) -> None:
    resilience = options.resilience
    zne = resilience.zne
    if resilience.pec_mitigation and resilience.zne_mitigation:
        raise InvalidInputError(
            "resilience.pec_mitigation and resilience.zne_mitigation exclude each other: one "
            "removes the noise that the other amplifies. Set one of them to False; "
            "resilience_level=2 switches zne_mitigation on."
        )
    needed = needs_layer_noise(resilience)
    idle = resilience.layer_noise_model and not needed and options.layer_noise_model is None
    if idle and not is_answering_a_request():
        sentence = (
            "resilience.layer_noise_model has no effect: neither PEC nor PEA is on, and the "
            "backend has noise of its own. Switch resilience.pec_mitigation on, or leave it unset."
        )
        unsupported_options([sentence])
    if resilience.zne_mitigation:
        from qiskit_modes.primitives.mitigation.extrapolation import NEEDED

        factors = len(set(noise_factors_of(resilience)))
        names = [zne.extrapolator] if isinstance(zne.extrapolator, str) else zne.extrapolator
        for name in names:
            if factors < NEEDED[name]:
                raise InvalidInputError(
                    f"The extrapolator {name!r} needs at least {NEEDED[name]} different noise "
                    f"factors, and there are {factors}. Add to resilience.zne.noise_factors, or "
                    "take the extrapolator out of resilience.zne.extrapolator."
                )


def with_layers_of(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
) -> tuple[ResolvedEstimatorOptions, int]:
    """Find the noise of the circuits' layers where a technique needs it, and check the layers.

    Args:
        inputs: The PUBs, checked by `check_estimation`.
        options: The options.
        backend: The backend that the job is for.

    Returns:
        The options with the noise of all layers, and how many shots an experiment would take to
        learn it.

    Raises:
        InvalidInputError: If a circuit cannot be boxed, or the noise of a layer not be learned.

    Warns:
        QiskitModesWarning: If there is no noise for a layer, where noise of layers is given.
    """
    executions = 0
    if needs_layer_noise(options.resilience):
        from qiskit_modes.primitives.estimator.learned_layers import find_layer_noise

        given = layer_errors(options.resilience.layer_noise_model) is not None
        options, executions = find_layer_noise(inputs, options, backend)
        if given:
            options = with_noise_of_layers(options, backend)
    if options.twirling.gates or options.layer_noise_model is not None:
        _check_layers(inputs, options, backend)
    return options, executions


def _check_layers(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
) -> None:
    """Box the circuits now, to find out whether the options suit their layers."""
    from qiskit_modes.primitives.boxes.templates import warn_absent
    from qiskit_modes.primitives.estimator.mitigated_job import prepare_pubs
    from qiskit_modes.primitives.layers.layer_noise import LayerNoise

    prepared = prepare_pubs(inputs, options, backend)
    if options.layer_noise_model is None:
        return
    noise = LayerNoise.of(options.layer_noise_model)
    circuits = [item.circuit for pub in prepared for item in pub.items]
    if options.warn_absent:
        warn_absent(noise, circuits)
