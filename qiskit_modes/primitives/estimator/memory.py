"""Checks that there is memory for what an estimator's job draws and works out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from qiskit.providers import BackendV2

from qiskit_modes.primitives.inputs.job_limits import (
    Drawn,
    check_memory_of_drawn,
    check_memory_of_results,
)
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.measurement.bases import measurements_of
from qiskit_modes.primitives.options.resilience import (
    calibration_randomisations,
    calibration_shots,
    noise_factors_of,
)
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.primitives.programs.memory import angle_bytes

__all__ = ["check_memory"]


def check_memory(
    inputs: Sequence[EstimatorInput],
    options: ResolvedEstimatorOptions,
    backend: BackendV2,
    seed: int,
) -> None:
    """Raise if there is no memory for what is drawn, or for what the values are made of.

    What is not known before circuits are boxed, such as the overhead of probabilistic error
    cancellation for large ones, is looked at by the job.

    Args:
        inputs: The PUBs.
        options: The options, with the noise of all layers where it was found.
        backend: The backend that the job is for.
        seed: From which all in the job is drawn.

    Raises:
        InvalidInputError: With the numbers, and the ways out.
    """
    check_memory_of_drawn(_drawn(inputs, options))
    needed = 0
    for index, each in enumerate(inputs):
        needed += math.prod(each.shape) * _bytes_of_value(each, options)
        check_memory_of_results(needed, f"PUB {index}")
    if options.mitigates:
        from qiskit_modes.primitives.mitigation.preparation import preparers_of

        for preparer in preparers_of(inputs, options, backend, seed).values():
            preparer.check_memory()


def _drawn(inputs: Sequence[EstimatorInput], options: ResolvedEstimatorOptions) -> Iterator[Drawn]:
    resilience = options.resilience
    copies = len(noise_factors_of(resilience)) if resilience.zne_mitigation else 1
    calibrations = {}
    for index, each in enumerate(inputs):
        number, shots = options.divide(each.shots)
        measurements = measurements_of(each.observables, each.parameter_shape)
        read = max((len(qubits) for qubits, _ in measurements.bases), default=0)
        if options.mitigates:
            read = max(read, len(each.used_qubits))
        yield Drawn(
            where=f"PUB {index}",
            sets=number * copies * sum(map(len, measurements.sets)),
            set_bytes=angle_bytes(
                each.circuit,
                gates=options.twirling.gates,
                measured=read if options.twirling.measure else 0,
            ),
            shots=shots,
            shot_bytes=-(-read // 8),
        )
        if resilience.measure_mitigation:
            calibrations[each.shots] = Drawn(
                where=f"PUB {index}, calibration of its measurements",
                sets=calibration_randomisations(resilience, number),
                set_bytes=angle_bytes(each.circuit, gates=False, measured=read),
                shots=calibration_shots(resilience, shots),
                shot_bytes=-(-read // 8),
            )
    yield from calibrations.values()


def _bytes_of_value(pub: EstimatorInput, options: ResolvedEstimatorOptions) -> int:
    """Return how many bytes it takes to work out an expectation value."""
    resilience, numbers = options.resilience, 1
    if resilience.zne_mitigation:
        zne, factors = resilience.zne, len(noise_factors_of(resilience))
        names = 1 if isinstance(zne.extrapolator, str) else len(zne.extrapolator)
        points = zne.extrapolated_noise_factors
        numbers += names * (1 + factors if points == "auto" else len(points)) + factors
    # Values, their variances and, for each qubit, how its readout moves them.
    qubits = len(pub.observables.qubits) if resilience.measure_mitigation else 0
    return 8 * numbers * (4 + qubits)
