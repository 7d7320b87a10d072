"""The estimator: circuits and observables in, expectation values out."""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.primitives.estimator.estimator import EstimatorV2

__all__ = ["EstimatorV2"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "EstimatorV2": "qiskit_modes.primitives.estimator.estimator",
    },
)
