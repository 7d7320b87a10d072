"""The noise learner: layers in, their Pauli-Lindblad noise out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from qiskit.circuit import CircuitInstruction
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.options_models import NoiseLearnerV3Options
from qiskit_ibm_runtime.results import NoiseLearnerV3Results

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.primitives.layers.learn import learn_layer
from qiskit_modes.primitives.layers.learnable import Layer, read_layer
from qiskit_modes.primitives.noise_learner.learner_job import LearnerJob
from qiskit_modes.primitives.options.job_settings import JobSettings, job_settings
from qiskit_modes.primitives.options.read import coerce_model
from qiskit_modes.primitives.options.rules import check_options
from qiskit_modes.primitives.prepared_job import PreparedJob
from qiskit_modes.primitives.primitive import Primitive

__all__ = ["NoiseLearnerV3", "prepare_learner_job", "resolve_learner_options"]

_BASES = 9
"""In so many measurement bases an experiment sees all errors on one and two qubits."""


class NoiseLearnerV3(Primitive):
    """Gives the Pauli-Lindblad noise of layers under a backend's own noise model.

    It is computed and not sampled: what an experiment on hardware approaches with ever more shots.
    It runs as a job all the same, in job, batch or session mode, but has nothing to execute.

    Args:
        mode: A backend for job mode, a `Session`, a `Batch`, or None for the innermost ``with``.
        options: Upstream's ``NoiseLearnerV3Options`` or a dictionary of the same form. What acts:
            ``max_execution_time`` in seconds, ``environment.job_tags``, and on the estimate of
            usage ``num_randomizations``, ``shots_per_randomization`` and ``layer_pair_depths``.

    Raises:
        InvalidInputError: If there is no such mode, or an option does not exist.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from qiskit_ibm_runtime.fake_provider import FakeManilaV2
        >>> from samplomatic import Twirl
        >>> circuit = QuantumCircuit(5)
        >>> with circuit.box([Twirl()]):
        ...     _ = circuit.cx(0, 1)
        >>> results = NoiseLearnerV3(mode=FakeManilaV2()).run(circuit.data).result()
        >>> results.to_pauli_lindblad_maps()[0].num_terms
        15
    """

    options: NoiseLearnerV3Options

    @staticmethod
    def _coerce_options(options: Any) -> NoiseLearnerV3Options:
        return coerce_model(options, NoiseLearnerV3Options, "noise-learner")

    def run(
        self, instructions: Iterable[CircuitInstruction], dry_run: bool = False
    ) -> RuntimeJobV2:
        """Submit a job; does not wait for it.

        Args:
            instructions: Twirled boxes in the backend's gates, on qubits of the device's register
                ``q``; for example what an estimator's ``find_unique_layers`` returns.
            dry_run: Refused: it asks the service for mock data.

        Returns:
            The job; its result is a ``NoiseLearnerV3Results`` with one result a box.

        Raises:
            InvalidInputError: If something cannot be learned; the message names the instruction.
            NotISAError: If a box holds what the backend does not have.
            UnsupportedOptionError: If an option was set that cannot be honoured.
            IBMRuntimeError: If the session is closed, or the rules refuse the job.
        """
        resolution = self._resolve(dry_run=dry_run)
        job = prepare_learner_job(instructions, self.options, resolution.backend)
        return self._submit(resolution, job)


def prepare_learner_job(
    instructions: Iterable[CircuitInstruction],
    options: NoiseLearnerV3Options,
    backend: BackendV2,
) -> PreparedJob:
    """Check everything that a learner is given, and return its job.

    Args:
        instructions: See `NoiseLearnerV3.run`.
        options: See `resolve_learner_options`.
        backend: The backend whose noise is learned.

    Raises:
        InvalidInputError: If something cannot be learned; the message names the instruction.
        NotISAError: If a box holds what the backend does not have.
        UnsupportedOptionError: If an option was set that cannot be honoured.
    """
    settings = resolve_learner_options(options)
    if isinstance(instructions, CircuitInstruction):
        raise InvalidInputError(
            "noise_learner.run expects a list of instructions; put this one into a list"
        )
    boxes = list(instructions)
    layers = [read_layer(box, backend, f"Instruction {index}") for index, box in enumerate(boxes)]
    return PreparedJob(
        primitive="noise-learner",
        options=settings,
        steps=LearnerJob(partial(_learned, layers, backend)),
        inputs={"instructions": boxes},
        circuits=(),  # it makes its own, of a few layers each
        executions=sum(_executions(layer, options) for layer in layers),
    )


def _executions(layer: Layer, options: NoiseLearnerV3Options) -> int:
    """Return how many shots an experiment would take."""
    shots = int(options.num_randomizations * options.shots_per_randomization)
    if layer.kind == "measurement":
        return shots
    return _BASES * len(options.layer_pair_depths) * shots


def _learned(layers: Sequence[Layer], backend: BackendV2) -> NoiseLearnerV3Results:
    data = [learn_layer(layer, backend) for layer in layers]
    return NoiseLearnerV3Results(data, {"backend": backend.name})


def resolve_learner_options(
    options: NoiseLearnerV3Options | Mapping[str, Any] | None,
) -> JobSettings:
    """Check all options as they are now, and return what acts on the job.

    Args:
        options: A model, a dictionary, or None for the defaults.

    Raises:
        UnsupportedOptionError: If options were set that cannot be honoured; all are named.
        InvalidInputError: If a value cannot be used.

    Warns:
        OptionWithoutEffectWarning: If one tunes what is off.
    """
    model = coerce_model(options, NoiseLearnerV3Options, "noise-learner")
    check_options("noise-learner", model)
    return JobSettings(**job_settings(model))
