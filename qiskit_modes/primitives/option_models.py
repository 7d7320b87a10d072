"""The models of options, where 0.1 had them: what was pickled there names this module."""

from qiskit_modes.primitives.options.models import (
    LayerNoiseLearningOptions,
    LocalEstimatorOptions,
    LocalMeasureNoiseLearningOptions,
    LocalNoiseLearnerOptions,
    LocalResilienceOptions,
    LocalSamplerOptions,
    LocalSimulatorOptions,
)

__all__ = [
    "LayerNoiseLearningOptions",
    "LocalEstimatorOptions",
    "LocalMeasureNoiseLearningOptions",
    "LocalNoiseLearnerOptions",
    "LocalResilienceOptions",
    "LocalSamplerOptions",
    "LocalSimulatorOptions",
]
