"""Steps of a sampler's job: with circuits as they are, or changed."""

from __future__ import annotations

from collections.abc import Sequence

from qiskit.providers import BackendV2

from qiskit_modes.primitives.backends.seed import draw_seed
from qiskit_modes.primitives.inputs.pubs import SamplerInput
from qiskit_modes.primitives.options.resolve import ResolvedSamplerOptions
from qiskit_modes.primitives.sampler.plain_job import PlainSamplerJob
from qiskit_modes.runtime.steps import Steps

__all__ = ["sampler_steps"]


def sampler_steps(
    inputs: Sequence[SamplerInput], options: ResolvedSamplerOptions, backend: BackendV2
) -> Steps:
    """Return the steps of a sampler's job.

    Args:
        inputs: The PUBs, as `coerce_sampler_pubs` returns them.
        options: What of the user's options acts.
        backend: The backend to simulate.
    """
    seed = draw_seed(options.seed, backend)
    if options.changes_circuits or options.angle_decimals is not None:
        # Loaded late: a sampler that changes no circuit does not need what this brings along.
        from qiskit_modes.primitives.sampler.randomised_job import RandomisedSamplerJob

        return RandomisedSamplerJob(tuple(inputs), options, backend, seed)
    return PlainSamplerJob(tuple(inputs), options, backend, seed)
