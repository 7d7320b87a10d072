"""IBM Quantum's execution modes on your own machine: real locks, real noise, real timers.

The floors of the house; each imports only from those below it:

==  =========================================  =================================================
12  ``cli``                                    the command line
11  ``commands``                               its commands
10  ``demo``, ``testing``                      the demonstration; what tests of users' code need
9   ``client``, ``server``                     doors for the service's client: in process, HTTP
8   ``wire``                                   the service's interface, for these doors
7   ``service``                                what people query
6   ``planning``                               estimates, recordings, comparisons, pictures
5   ``primitives``                             what users make: samplers, estimators; and jobs
4   ``modes``                                  what users make: sessions, batches
3   ``runtime``                                threads, worker processes, QPUs, records of jobs
2   ``scheduling``, ``simulation``             the rules, and the physics: pure
2   ``store``                                  what outlives the process, as rows
1   ``caches``, ``warn``                       what is kept, and warnings
0   ``exceptions``, ``durations``, ``memory``  words that all floors share
0   ``_lazy``, ``_moved``, ``_mutex``          names that are looked up; mutexes
==  =========================================  =================================================

Names are imported when they are first used; ``import qiskit_modes`` alone imports no Qiskit.
"""

from importlib.metadata import version
from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy
from qiskit_modes._moved import find_moved_modules

if TYPE_CHECKING:
    from qiskit_ibm_runtime import QuantumProgram
    from qiskit_ibm_runtime.exceptions import (
        IBMInputValueError,
        IBMRuntimeError,
        RuntimeInvalidStateError,
        RuntimeJobFailureError,
        RuntimeJobMaxTimeoutError,
        RuntimeJobNotFound,
        RuntimeJobTimeoutError,
    )
    from qiskit_ibm_runtime.options_models import (
        EstimatorOptions,
        ExecutorOptions,
        NoiseLearnerV3Options,
        SamplerOptions,
    )

    from qiskit_modes.exceptions import ModeWarning, QiskitModesError, QiskitModesWarning
    from qiskit_modes.modes.batch import Batch
    from qiskit_modes.modes.session import Session
    from qiskit_modes.planning.compare.compare import compare_modes
    from qiskit_modes.planning.estimate.estimate import estimate_usage
    from qiskit_modes.planning.recording.recorder import record
    from qiskit_modes.primitives.estimator.estimator import EstimatorV2
    from qiskit_modes.primitives.estimator.estimator import EstimatorV2 as Estimator
    from qiskit_modes.primitives.executor.executor import Executor
    from qiskit_modes.primitives.job import RuntimeJobV2
    from qiskit_modes.primitives.noise_learner.noise_learner import NoiseLearnerV3
    from qiskit_modes.primitives.noise_learner.older_noise_learner import NoiseLearner
    from qiskit_modes.primitives.sampler.sampler import SamplerV2
    from qiskit_modes.primitives.sampler.sampler import SamplerV2 as Sampler
    from qiskit_modes.runtime.progress.progress import show_progress
    from qiskit_modes.scheduling.plan import Budget, Instance, Plan
    from qiskit_modes.service import LocalService, QiskitRuntimeService
    from qiskit_modes.service import QiskitRuntimeService as IBMQuantumComputeService

__version__ = version("qiskit_modes")

__all__ = [
    "Batch",
    "Budget",
    "Estimator",
    "EstimatorOptions",
    "EstimatorV2",
    "Executor",
    "ExecutorOptions",
    "IBMInputValueError",
    "IBMQuantumComputeService",
    "IBMRuntimeError",
    "Instance",
    "LocalService",
    "ModeWarning",
    "NoiseLearner",
    "NoiseLearnerV3",
    "NoiseLearnerV3Options",
    "Plan",
    "QiskitModesError",
    "QiskitModesWarning",
    "QiskitRuntimeService",
    "QuantumProgram",
    "RuntimeInvalidStateError",
    "RuntimeJobFailureError",
    "RuntimeJobMaxTimeoutError",
    "RuntimeJobNotFound",
    "RuntimeJobTimeoutError",
    "RuntimeJobV2",
    "Sampler",
    "SamplerOptions",
    "SamplerV2",
    "Session",
    "compare_modes",
    "estimate_usage",
    "record",
    "show_progress",
]

_HOMES = {
    "Batch": "qiskit_modes.modes.batch",
    "Estimator": "qiskit_modes.primitives.estimator.estimator:EstimatorV2",
    "EstimatorOptions": "qiskit_ibm_runtime.options_models",
    "EstimatorV2": "qiskit_modes.primitives.estimator.estimator",
    "Executor": "qiskit_modes.primitives.executor.executor",
    "ExecutorOptions": "qiskit_ibm_runtime.options_models",
    "IBMInputValueError": "qiskit_ibm_runtime.exceptions",
    "IBMQuantumComputeService": "qiskit_modes.service:QiskitRuntimeService",
    "IBMRuntimeError": "qiskit_ibm_runtime.exceptions",
    "Budget": "qiskit_modes.scheduling.plan",
    "Instance": "qiskit_modes.scheduling.plan",
    "LocalService": "qiskit_modes.service",
    "ModeWarning": "qiskit_modes.exceptions",
    "NoiseLearner": "qiskit_modes.primitives.noise_learner.older_noise_learner",
    "NoiseLearnerV3": "qiskit_modes.primitives.noise_learner.noise_learner",
    "NoiseLearnerV3Options": "qiskit_ibm_runtime.options_models",
    "Plan": "qiskit_modes.scheduling.plan",
    "QiskitModesError": "qiskit_modes.exceptions",
    "QiskitModesWarning": "qiskit_modes.exceptions",
    "QiskitRuntimeService": "qiskit_modes.service",
    "QuantumProgram": "qiskit_ibm_runtime",
    "RuntimeInvalidStateError": "qiskit_ibm_runtime.exceptions",
    "RuntimeJobFailureError": "qiskit_ibm_runtime.exceptions",
    "RuntimeJobMaxTimeoutError": "qiskit_ibm_runtime.exceptions",
    "RuntimeJobNotFound": "qiskit_ibm_runtime.exceptions",
    "RuntimeJobTimeoutError": "qiskit_ibm_runtime.exceptions",
    "RuntimeJobV2": "qiskit_modes.primitives.job",
    "Sampler": "qiskit_modes.primitives.sampler.sampler:SamplerV2",
    "SamplerOptions": "qiskit_ibm_runtime.options_models",
    "SamplerV2": "qiskit_modes.primitives.sampler.sampler",
    "Session": "qiskit_modes.modes.session",
    "compare_modes": "qiskit_modes.planning.compare.compare",
    "estimate_usage": "qiskit_modes.planning.estimate.estimate",
    "record": "qiskit_modes.planning.recording.recorder",
    "show_progress": "qiskit_modes.runtime.progress.progress",
}

__getattr__, __dir__ = lazy(__name__, _HOMES)
find_moved_modules()
