"""Checks of what goes together in an estimator's job, made when ``run()`` is called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit.providers import BackendV2

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.backends.simulated_backend import (
    refusals_with_noise,
    simulated_backend,
)
from qiskit_modes.primitives.inputs.isa import warn_of_broken
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.measurement.bases import measurements_of
from qiskit_modes.primitives.options.resilience import needs_layer_noise, noise_factors_of
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.primitives.programs.width import naming
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.compile.window.outlook import (
    may_be_too_wide,
    outlook_of,
    with_first_values,
)
from qiskit_modes.warn import is_answering_a_request, unsupported_options

__all__ = ["check_estimation", "check_measured"]

MOST_NOISE_FACTORS = 100
"""Many times what any fit needs."""


def check_estimation(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
    seed: int,
) -> tuple[ResolvedEstimatorOptions, int]:
    """Raise if PUBs, options and backend do not go together; find noise of layers that is needed.

    Args:
        inputs: The PUBs.
        options: The options.
        backend: The backend that the job is for.
        seed: From which all in the job is drawn.

    Returns:
        The options with the noise of all layers, where a technique needs it, and how many shots an
        experiment would take to learn it.

    Raises:
        InvalidInputError: Saying what contradicts what, and what to change; or if a circuit cannot
            be boxed, or the noise of a layer not be learned.

    Warns:
        QiskitModesWarning: If there is no noise for a layer, where noise of layers is given, or a
            circuit uses what its backend reports as broken.
    """
    unsupported_options(refusals_with_noise(backend, options.noise_model))
    _check_techniques(options)
    if options.pauli_propagation_max_terms is not None:
        _check_propagation(inputs, options, backend)
    final, learning = options, 0
    if options.mitigates:
        # Loaded late: an estimator that mitigates nothing does not need what this brings along.
        from qiskit_modes.primitives.mitigation.checks import check_mitigation

        final, learning = check_mitigation(inputs, options, backend, seed)
    warn_of_broken((each.fingerprint for each in inputs), backend)
    return final, learning


def _check_propagation(
    inputs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions, backend: BackendV2
) -> None:
    """Raise if Pauli propagation is asked for together with what it does not do.

    Raises:
        InvalidInputError: Saying which, and what to change.
        UnsupportedCircuitError: If a circuit goes on by what it has measured.
    """
    asked = f"simulator.pauli_propagation_max_terms={options.pauli_propagation_max_terms}"
    if options.mitigates:
        raise InvalidInputError(
            f"{asked} is for circuits as they are, and the options mitigate errors or change "
            "circuits. Set resilience_level=0, and leave twirling, dynamical decoupling, "
            "angle_decimals and the noise of layers unset; or leave it unset."
        )
    choice = describe(simulated_backend(backend, options.noise_model)).choice
    if choice.method or choice.density:
        method = choice.method or "density_matrix"
        raise InvalidInputError(
            f"{asked} and the backend's method={method!r} are two ways to simulate. Choose "
            "method='automatic', or leave it unset."
        )
    from qiskit_modes.primitives.estimator.propagated_job import check_propagated

    assert options.pauli_propagation_max_terms is not None
    for index, each in enumerate(inputs):
        check_propagated(each, options.pauli_propagation_max_terms, f"PUB {index}")


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
        if factors > MOST_NOISE_FACTORS:
            raise InvalidInputError(
                f"resilience.zne.noise_factors has {factors:,} different factors, and at most "
                f"{MOST_NOISE_FACTORS} are used: each takes circuits of its own. Choose fewer."
            )
        names = [zne.extrapolator] if isinstance(zne.extrapolator, str) else zne.extrapolator
        for name in names:
            if factors < NEEDED[name]:
                raise InvalidInputError(
                    f"The extrapolator {name!r} needs at least {NEEDED[name]} different noise "
                    f"factors, and there are {factors}. Add to resilience.zne.noise_factors, or "
                    "take the extrapolator out of resilience.zne.extrapolator."
                )


def check_measured(inputs: Sequence[EstimatorInput], backend: BackendV2, noise_model: Any) -> None:
    """Raise if it is seen at a glance that the terms of an estimator's PUB are too wide.

    Where all of them together are, one of those on the most qubits is looked at. Terms that are
    possible one by one are measured apart, and whether all are, the job finds out.

    Args:
        inputs: The PUBs.
        backend: The backend that the job is for.
        noise_model: What the options say.

    Raises:
        SimulationTooLargeError: Naming the PUB; with the window, the time, the memory, and the ways
            out.
    """
    choice = describe(simulated_backend(backend, noise_model)).choice
    for index, each in enumerate(inputs):
        if each.pub.size == 0 or not may_be_too_wide(each.circuit, choice):
            continue
        measurements = measurements_of(each.observables, each.parameter_shape)
        terms = sorted({tuple(sorted(q)) for own in measurements.families for q, _ in own.terms})
        outlook = outlook_of(with_first_values(each.circuit, each.parameter_values), choice)
        if outlook is None or not terms:
            continue
        everything = {qubit for term in terms for qubit in term}
        if outlook.of_measured(everything, quick=True).refusal is None:
            continue
        longest = [term for term in terms if len(term) == max(map(len, terms))]
        refusal = outlook.of_measured(longest[len(longest) // 2], quick=True).refusal
        if refusal is not None:
            with naming(f"PUB {index}"):
                raise refusal
