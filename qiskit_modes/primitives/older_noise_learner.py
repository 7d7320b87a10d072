"""The older noise learner, where 0.1 had it: what was pickled there names this module."""

from qiskit_modes.primitives.noise_learner.older_noise_learner import NoiseLearner

__all__ = ["NoiseLearner"]
