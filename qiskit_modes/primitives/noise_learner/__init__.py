"""The noise learners: layers or circuits in, Pauli-Lindblad noise out."""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.primitives.noise_learner.noise_learner import NoiseLearnerV3
    from qiskit_modes.primitives.noise_learner.older_noise_learner import NoiseLearner

__all__ = ["NoiseLearner", "NoiseLearnerV3"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "NoiseLearner": "qiskit_modes.primitives.noise_learner.older_noise_learner",
        "NoiseLearnerV3": "qiskit_modes.primitives.noise_learner.noise_learner",
    },
)
