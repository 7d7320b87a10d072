"""Upstream's older noise learner: circuits in, the noise of their layers out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.primitives.containers import EstimatorPubLike
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.options import EstimatorOptions as OlderEstimatorOptions
from qiskit_ibm_runtime.options_models import EstimatorOptions
from qiskit_ibm_runtime.results import NoiseLearnerResult

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.modes.backends import belonging
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.backends.simulated_backend import simulated_backend
from qiskit_modes.primitives.boxes.checks import check_for_boxes
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.primitives.layers.learnable import Layer, read_layer
from qiskit_modes.primitives.mitigation.counted_layers import counted_layers
from qiskit_modes.primitives.mitigation.layer_errors import layer_error
from qiskit_modes.primitives.mitigation.learned_layers import learned_map, most_important, shots_of
from qiskit_modes.primitives.noise_learner.learner_job import LearnerJob
from qiskit_modes.primitives.options.job_settings import JobSettings, job_settings
from qiskit_modes.primitives.options.models import LocalNoiseLearnerOptions
from qiskit_modes.primitives.options.read import coerce_estimator_options, coerce_learner_options
from qiskit_modes.primitives.options.rules import check_options
from qiskit_modes.primitives.options.twirling import Twirling
from qiskit_modes.primitives.prepared_job import PreparedJob
from qiskit_modes.primitives.primitive import Primitive
from qiskit_modes.simulation import fingerprint
from qiskit_modes.simulation.circuits.used_qubits import used_qubits

__all__ = ["NoiseLearner", "prepare_older_learner_job", "resolve_older_learner_options"]


class NoiseLearner(Primitive):
    """Gives the Pauli-Lindblad noise of the layers of circuits, as upstream's older learner does.

    The circuits are divided into layers as a twirling estimator divides them. The noise is that of
    the backend's own noise model, computed as `NoiseLearnerV3` computes it. It runs as a job all
    the same, in job, batch or session mode, but has nothing to execute.

    Args:
        mode: A backend for job mode, a `Session`, a `Batch`, or None for the innermost ``with``.
        options: Upstream's ``NoiseLearnerOptions``, a dictionary of the same form, or the options
            of an estimator, of which those count that are about learning.

    Raises:
        InvalidInputError: If there is no such mode, or an option does not exist.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from qiskit_ibm_runtime.fake_provider import FakeManilaV2
        >>> circuit = QuantumCircuit(5)
        >>> _ = circuit.cx(0, 1)
        >>> result = NoiseLearner(mode=FakeManilaV2()).run([circuit]).result()
        >>> result[0].qubits, result[0].error.num_qubits
        ([0, 1], 2)
    """

    options: LocalNoiseLearnerOptions

    @staticmethod
    def _coerce_options(options: Any) -> LocalNoiseLearnerOptions:
        if isinstance(options, OlderEstimatorOptions | EstimatorOptions):
            options = _of_an_estimator(coerce_estimator_options(options))
        return coerce_learner_options(options)

    def run(
        self, circuits: Iterable[QuantumCircuit | EstimatorPubLike], dry_run: bool = False
    ) -> RuntimeJobV2:
        """Submit a job; does not wait for it.

        Args:
            circuits: Circuits, or PUBs of an estimator, of which the circuits count.
            dry_run: Refused: it asks the service for mock data.

        Returns:
            The job; its result is a ``NoiseLearnerResult`` with one ``LayerError`` a layer, those
            that occur most often first. An estimator takes it as
            ``resilience.layer_noise_model``.

        Raises:
            InvalidInputError: If a layer cannot be learned; the message says which.
            NotISAError: If a circuit is not in the backend's instruction set.
            UnsupportedOptionError: If an option was set that cannot be honoured.
            IBMRuntimeError: If the session is closed, or the rules refuse the job.
        """
        resolution = self._resolve(dry_run=dry_run)
        job = prepare_older_learner_job(circuits, self.options, resolution.backend)
        return self._submit(resolution, job)


def prepare_older_learner_job(
    circuits: Iterable[QuantumCircuit | EstimatorPubLike],
    options: LocalNoiseLearnerOptions,
    backend: BackendV2,
) -> PreparedJob:
    """Check everything that a learner is given, and return its job.

    Args:
        circuits: See `NoiseLearner.run`.
        options: See `resolve_older_learner_options`.
        backend: The backend whose noise is learned.

    Raises:
        InvalidInputError: If a layer cannot be learned; the message says which.
        NotISAError: If a circuit is not in the backend's instruction set.
        UnsupportedOptionError: If an option was set that cannot be honoured.
    """
    settings = resolve_older_learner_options(options)
    source = simulated_backend(backend, options.simulator.noise_model)
    taken = [_checked(each, index, backend) for index, each in enumerate(_listed(circuits))]
    layers = _layers(taken, options, backend)
    name = belonging(backend).name or backend.name
    metadata = {"backend": name, "input_options": _told(options)}
    return PreparedJob(
        primitive="noise-learner",
        options=settings,
        steps=LearnerJob(partial(_learned, layers, source, metadata)),
        inputs={"circuits": taken},
        circuits=[(f"circuit {n}", each) for n, each in enumerate(taken)],
        executions=len(layers) * shots_of(options),
    )


def _learned(
    layers: Sequence[Layer], source: BackendV2, metadata: Mapping[str, Any]
) -> NoiseLearnerResult:
    data = [layer_error(each, learned_map(each, source)) for each in layers]
    return NoiseLearnerResult(data, dict(metadata))


def resolve_older_learner_options(
    options: LocalNoiseLearnerOptions | Mapping[str, Any] | None,
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
    model = coerce_learner_options(options)
    check_options("older-noise-learner", model)
    return JobSettings(**job_settings(model))


def _of_an_estimator(options: EstimatorOptions) -> dict[str, Any]:
    """Return the options of learning that an estimator's say."""
    chosen: dict[str, Any] = {}
    learning = getattr(options.resilience, "layer_noise_learning", None)
    if learning is not None:
        chosen |= {name: getattr(learning, name) for name in learning.model_fields_set}
    chosen["twirling_strategy"] = options.twirling.strategy
    for group in ("simulator", "environment", "experimental", "max_execution_time"):
        chosen[group] = getattr(options, group)
    return chosen


def _told(options: LocalNoiseLearnerOptions) -> dict[str, Any]:
    """Return the options that a result's metadata tell."""
    return options.model_dump(
        include={
            "max_layers_to_learn",
            "shots_per_randomization",
            "num_randomizations",
            "layer_pair_depths",
            "twirling_strategy",
        }
    )


def _listed(circuits: Any) -> list[Any]:
    if isinstance(circuits, QuantumCircuit):
        raise InvalidInputError(
            "noise_learner.run expects a list of circuits; put this one into a list"
        )
    return list(circuits)


def _checked(given: Any, index: int, backend: BackendV2) -> QuantumCircuit:
    """Return the circuit of what was given, if the backend can execute it."""
    if isinstance(given, QuantumCircuit):
        circuit = given
    else:
        try:
            circuit = EstimatorPub.coerce(given).circuit
        except Exception as error:  # Qiskit's parsers raise errors of many kinds
            raise InvalidInputError(
                f"Circuit {index}: expected a QuantumCircuit or a PUB of an estimator: {error}"
            ) from error
    check_for_boxes(circuit, f"Circuit {index}")
    instruction_set_of(backend).check(circuit, fingerprint(circuit))
    return circuit


def _layers(
    circuits: Sequence[QuantumCircuit], options: LocalNoiseLearnerOptions, backend: BackendV2
) -> list[Layer]:
    """Return the layers to be learned, the most important one first."""
    used = sorted(set().union(*map(used_qubits, circuits)))
    boxing = {
        **Twirling(gates=True, strategy=options.twirling_strategy).boxing(),
        "enable_measures": True,
    }
    counted = counted_layers(circuits, used or [0], boxing)
    return [
        read_layer(counted[index].instruction, backend, f"Layer {index}", counted[index].places)
        for index in most_important(counted, options.max_layers_to_learn)
    ]
