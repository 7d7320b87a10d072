"""PUBs and options in, results out: the primitives, and the job that users hold.

A folder for each primitive, with a module of that name: its ``run()`` prepares a job (`prepare`:
read, checked, counted) and hands it in. A job's steps are a class of their own, beside it; the
words for them are those of `qiskit_modes.runtime.steps`. Each folder imports only from those below:

=  ====================================================  =======================================
6  ``estimator``, ``noise_learner``                      expectation values; noise of layers
5  ``sampler``, ``executor``                             shots; results of quantum programs
5  ``mitigation``                                        what techniques prepare, and make of data
4  ``primitive``                                         what all primitives do
4  ``programs``                                          programs of the simulation
3  ``job``, ``prepared_job``                             a job that users hold; one to hand in
3  ``boxes``                                             circuits boxed, built and decoupled
2  ``options``                                           one table of them, read and judged by it
2  ``measurement``                                       bases, and what terms make of the bits
2  ``layers``                                            layers, and noise given or learned of them
1  ``encoding``                                          texts of what jobs were asked, and came to
1  ``inputs``                                            arguments of ``run()``, checked and copied
0  ``backends``                                          what a job reads of its backend
0  ``job_log``, ``job_metrics``, ``quick_estimate``      lines, times and charges of one job
=  ====================================================  =======================================
"""

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
