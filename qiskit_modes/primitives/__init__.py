"""PUBs and options in, results out: the primitives, and the job that users hold."""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.primitives.estimator.estimator import EstimatorV2
    from qiskit_modes.primitives.executor.executor import Executor
    from qiskit_modes.primitives.job import RuntimeJobV2
    from qiskit_modes.primitives.noise_learner.noise_learner import NoiseLearnerV3
    from qiskit_modes.primitives.noise_learner.older_noise_learner import NoiseLearner
    from qiskit_modes.primitives.sampler.sampler import SamplerV2

__all__ = ["EstimatorV2", "Executor", "NoiseLearner", "NoiseLearnerV3", "RuntimeJobV2", "SamplerV2"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "EstimatorV2": "qiskit_modes.primitives.estimator.estimator",
        "Executor": "qiskit_modes.primitives.executor.executor",
        "NoiseLearner": "qiskit_modes.primitives.noise_learner.older_noise_learner",
        "NoiseLearnerV3": "qiskit_modes.primitives.noise_learner.noise_learner",
        "RuntimeJobV2": "qiskit_modes.primitives.job",
        "SamplerV2": "qiskit_modes.primitives.sampler.sampler",
    },
)
