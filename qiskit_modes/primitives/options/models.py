"""Upstream's models of options, with what its older family has beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.options_models import (
    EnvironmentOptions,
    EstimatorOptions,
    ExecutionOptions,
    MeasureNoiseLearningOptions,
    ResilienceOptions,
    SamplerOptions,
    SimulatorOptions,
)
from qiskit_ibm_runtime.results import LayerError, NoiseLearnerResult

__all__ = [
    "OURS_ALONE",
    "LayerNoiseLearningOptions",
    "LocalEstimatorOptions",
    "LocalEstimatorSimulatorOptions",
    "LocalMeasureNoiseLearningOptions",
    "LocalNoiseLearnerOptions",
    "LocalResilienceOptions",
    "LocalSamplerOptions",
    "LocalSimulatorOptions",
    "layer_errors",
]

Depths = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


def _or(upstream: type[BaseModel]) -> WrapValidator:
    """Return a validator that takes upstream's own model for ours, as the very same object."""

    def validate(value: Any, validate_as_ours: ValidatorFunctionWrapHandler) -> Any:
        return value if isinstance(value, upstream) else validate_as_ours(value)

    return WrapValidator(validate)


class LocalSimulatorOptions(SimulatorOptions):
    """Upstream's options of simulations, and those of its older family."""

    noise_model: Any = None
    """A noise model of Aer, which replaces the noise of the backend."""

    coupling_map: Any = None
    """Of the machine whose noise the model is. A primitive transpiles nothing, so it acts on
    nothing."""

    basis_gates: Any = None
    """Of the machine whose noise the model is; acts on nothing either."""

    def set_backend(self, backend: BackendV2) -> None:
        """Let the noise of a backend replace that of the backend on which jobs run.

        Sets ``noise_model``, ``coupling_map`` and ``basis_gates``. A model of a whole device of
        133 qubits takes seconds to build: to simulate a device, pass it as the mode instead.

        Args:
            backend: Whose noise; for a simulator of Aer the model that it has.

        Raises:
            InvalidInputError: If it is no backend of Qiskit's, of its second version.
        """
        # Here and not above: Aer takes a third of a second to load.
        from qiskit_modes.primitives.backends.simulated_backend import noise_model_of

        self.noise_model = noise_model_of(backend)
        self.coupling_map = backend.coupling_map
        self.basis_gates = list(backend.operation_names)


class LocalEstimatorSimulatorOptions(LocalSimulatorOptions):
    """Options of an estimator's simulations."""

    pauli_propagation_max_terms: Annotated[int, Field(ge=1)] | None = None
    """With a number, expectation values are approximated by Pauli propagation with so many terms at
    most, and no shots are drawn; None: they are not."""


class LocalMeasureNoiseLearningOptions(MeasureNoiseLearningOptions):
    """Upstream's options of calibrating measurements, and the one of its older family."""

    shots_per_randomization: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """How many shots each randomisation has; "auto" for as many as the circuits have."""


class LayerNoiseLearningOptions(BaseModel):
    """Options of learning the noise of layers, with the defaults of the service.

    It is computed, so that randomisations, shots and depths act on the estimate of usage alone.
    """

    model_config = ConfigDict(validate_assignment=True, extra="forbid")

    max_layers_to_learn: Annotated[int, Field(ge=0)] | None = 4
    """Of how many layers the noise is learned, first of those that occur most often, and among
    these of those with most gates; None: of all. The others are taken to have none."""

    shots_per_randomization: Annotated[int, Field(ge=1)] = 128
    """Shots of each random circuit."""

    num_randomizations: Annotated[int, Field(ge=1)] = 32
    """Random circuits of each depth and basis."""

    layer_pair_depths: Depths = [0, 1, 2, 4, 16, 32]
    """How often a pair of layers is repeated."""


class LocalResilienceOptions(ResilienceOptions):
    """Upstream's options of mitigation, and those of its older family."""

    measure_noise_learning: Annotated[
        LocalMeasureNoiseLearningOptions, _or(MeasureNoiseLearningOptions)
    ] = LocalMeasureNoiseLearningOptions()

    layer_noise_learning: LayerNoiseLearningOptions = LayerNoiseLearningOptions()
    """How the noise of layers is learned where PEC or PEA need it and it is not given."""

    layer_noise_model: Any = None
    """The noise of layers, in upstream's form or in that of its older family."""

    @field_validator("layer_noise_model", mode="before")
    @classmethod
    def _check_layer_noise(cls, value: Any) -> Any:
        """Let upstream's model check what is in its form."""
        if value is None or layer_errors(value) is not None:
            return value
        return ResilienceOptions(layer_noise_model=value).layer_noise_model

    @classmethod
    def of(cls, resilience: ResilienceOptions) -> LocalResilienceOptions:
        """Return upstream's options as ours, with the defaults of what they do not have."""
        if isinstance(resilience, cls):
            return resilience
        own = {name: getattr(resilience, name) for name in type(resilience).model_fields}
        learning = own["measure_noise_learning"]
        if not isinstance(learning, LocalMeasureNoiseLearningOptions):
            own["measure_noise_learning"] = LocalMeasureNoiseLearningOptions.model_construct(
                **dict(learning)
            )
        # Constructed, as there is nothing to validate, and the noise in it need not be copied.
        return cls.model_construct(**own)


def layer_errors(noise: Any) -> list[LayerError] | None:
    """Return the noise of layers as the older family has it; None if it is not of that form.

    Args:
        noise: The option ``resilience.layer_noise_model``.
    """
    if isinstance(noise, NoiseLearnerResult):
        return list(noise.data)
    if isinstance(noise, Iterable) and not isinstance(noise, str | dict):
        found = list(noise)
        if found and all(isinstance(each, LayerError) for each in found):
            return found
    return None


class LocalNoiseLearnerOptions(LayerNoiseLearningOptions):
    """Options of the older noise learner, as upstream's older class has them."""

    twirling_strategy: Literal["active", "active-accum", "active-circuit", "all"] = "active-accum"
    """Which idle qubits belong to a layer."""

    simulator: Annotated[LocalSimulatorOptions, _or(SimulatorOptions)] = LocalSimulatorOptions()
    """Options of simulations; only a noise model acts, which replaces the backend's."""

    experimental: dict[str, Any] = {}
    """Experimental options of the service."""

    execution: ExecutionOptions = ExecutionOptions()
    """How circuits would be executed."""

    environment: EnvironmentOptions = EnvironmentOptions()
    """What surrounds the job."""

    max_execution_time: int | None = None
    """Longest time that the job may have the QPU, in seconds."""


class LocalSamplerOptions(SamplerOptions):
    """Upstream's options of a sampler, and those of its older family."""

    simulator: Annotated[LocalSimulatorOptions, _or(SimulatorOptions)] = LocalSimulatorOptions()


class LocalEstimatorOptions(EstimatorOptions):
    """Upstream's options of an estimator, and those of its older family."""

    simulator: Annotated[LocalEstimatorSimulatorOptions, _or(SimulatorOptions)] = (
        LocalEstimatorSimulatorOptions()
    )
    resilience: Annotated[LocalResilienceOptions, _or(ResilienceOptions)] = LocalResilienceOptions()


def _paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from _paths(type(field.default), f"{prefix}{name}.")
        else:
            yield prefix + name


OURS_ALONE = frozenset(
    path
    for ours in (LocalSamplerOptions, LocalEstimatorOptions)
    for path in set(_paths(ours)) - set(_paths(ours.__mro__[1]))
)
"""The options, as dotted paths, that upstream's models do not have."""
