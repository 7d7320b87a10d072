"""PUBs and options in, results out: the sampler, the estimator, and the job that users hold."""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.primitives.estimator import EstimatorV2
    from qiskit_modes.primitives.job import RuntimeJobV2
    from qiskit_modes.primitives.sampler import SamplerV2

__all__ = ["EstimatorV2", "RuntimeJobV2", "SamplerV2"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "EstimatorV2": "qiskit_modes.primitives.estimator",
        "RuntimeJobV2": "qiskit_modes.primitives.job",
        "SamplerV2": "qiskit_modes.primitives.sampler",
    },
)
