"""The noise learner: layers in, their Pauli-Lindblad noise out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import CircuitInstruction
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.options_models import NoiseLearnerV3Options
from qiskit_ibm_runtime.results import NoiseLearnerV3Results

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.primitives.layers.learn import learn_layer
from qiskit_modes.primitives.layers.learnable import Layer, read_layer
from qiskit_modes.primitives.options.job_settings import JobSettings, job_settings
from qiskit_modes.primitives.options.read import coerce_model
from qiskit_modes.primitives.options.rules import check_options
from qiskit_modes.primitives.primitive import Primitive
from qiskit_modes.runtime.steps import ExecutionSpan, Steps
from qiskit_modes.simulation import Program, Samples
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["NoiseLearnerV3", "resolve_learner_options"]

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

    _primitive_id = "noise-learner"
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
        settings = resolve_learner_options(self.options)
        if isinstance(instructions, CircuitInstruction):
            raise InvalidInputError(
                "noise_learner.run expects a list of instructions; put this one into a list"
            )
        boxes = list(instructions)
        layers = [
            read_layer(box, resolution.backend, f"Instruction {index}")
            for index, box in enumerate(boxes)
        ]
        return self._submit(
            resolution,
            settings,
            _steps(layers, resolution.backend),
            inputs={"instructions": boxes},
            executions=sum(map(self._executions, layers)),
            circuits=(),  # it makes its own, of a few layers each
        )

    def _executions(self, layer: Layer) -> int:
        """Return how many shots an experiment would take."""
        options = self.options
        shots = options.num_randomizations * options.shots_per_randomization
        if layer.kind == "measurement":
            return shots
        return _BASES * len(options.layer_pair_depths) * shots


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


def _steps(layers: list[Layer], backend: BackendV2) -> Steps:
    job = _LearnerJob(layers, backend)
    return Steps(compile=job.compile, post_process=job.post_process)


@dataclass
class _LearnerJob:
    """A result, which compilation finds out; there is nothing to execute."""

    layers: list[Layer]
    backend: BackendV2
    results: NoiseLearnerV3Results | None = None

    def compile(self, elsewhere: Elsewhere = here) -> Program:
        del elsewhere  # nothing is heavy: the matrices are those of single gates
        data = [learn_layer(layer, self.backend) for layer in self.layers]
        self.results = NoiseLearnerV3Results(data, {"backend": self.backend.name})
        return Program({}, (), 0)

    def post_process(self, samples: Samples, span: ExecutionSpan) -> NoiseLearnerV3Results | None:
        del samples, span
        return self.results
