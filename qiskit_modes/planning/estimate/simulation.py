"""Estimates how long a job takes to simulate here, and by which method, before it is run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qiskit.providers import BackendV2

from qiskit_modes.planning.estimate.inputs import read_job
from qiskit_modes.simulation.elsewhere import here
from qiskit_modes.simulation.run.estimate import SimulationEstimate, estimate

__all__ = ["estimate_simulation"]


def estimate_simulation(
    pubs: Iterable[Any],
    backend: BackendV2,
    options: Any = None,
    *,
    primitive: str | None = None,
    shots: int | None = None,
    precision: float | None = None,
) -> SimulationEstimate:
    """Return what it takes to simulate a job. The job is compiled, and not run.

    Args:
        pubs: What would be passed to ``run()`` of a sampler or an estimator.
        backend: The backend.
        options: What would be passed to the primitive.
        primitive: ``"sampler"`` or ``"estimator"``; None to tell by the options and the PUBs.
        shots: As of a sampler's ``run()``.
        precision: As of an estimator's ``run()``.

    Raises:
        InvalidInputError: If the primitive could not run this.
        SimulationTooLargeError: If it cannot be simulated; with the ways out.
    """
    job = read_job(pubs, backend, options, primitive, shots=shots, precision=precision)
    program, _ = job.steps.compile(here)
    return estimate(program)
