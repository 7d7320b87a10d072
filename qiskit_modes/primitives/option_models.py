"""Upstream's models of options, with what its older family has beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidatorFunctionWrapHandler, WrapValidator
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.options_models import (
    EstimatorOptions,
    MeasureNoiseLearningOptions,
    ResilienceOptions,
    SamplerOptions,
    SimulatorOptions,
)

__all__ = [
    "OURS_ALONE",
    "LocalEstimatorOptions",
    "LocalMeasureNoiseLearningOptions",
    "LocalResilienceOptions",
    "LocalSamplerOptions",
    "LocalSimulatorOptions",
]


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
        from qiskit_modes.primitives.simulated_backend import noise_model_of

        self.noise_model = noise_model_of(backend)
        self.coupling_map = backend.coupling_map
        self.basis_gates = list(backend.operation_names)


class LocalMeasureNoiseLearningOptions(MeasureNoiseLearningOptions):
    """Upstream's options of calibrating measurements, and the one of its older family."""

    shots_per_randomization: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """How many shots each randomisation has; "auto" for as many as the circuits have."""


class LocalResilienceOptions(ResilienceOptions):
    """Upstream's options of mitigation, and those of its older family."""

    measure_noise_learning: Annotated[
        LocalMeasureNoiseLearningOptions, _or(MeasureNoiseLearningOptions)
    ] = LocalMeasureNoiseLearningOptions()

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


class LocalSamplerOptions(SamplerOptions):
    """Upstream's options of a sampler, and those of its older family."""

    simulator: Annotated[LocalSimulatorOptions, _or(SimulatorOptions)] = LocalSimulatorOptions()


class LocalEstimatorOptions(EstimatorOptions):
    """Upstream's options of an estimator, and those of its older family."""

    simulator: Annotated[LocalSimulatorOptions, _or(SimulatorOptions)] = LocalSimulatorOptions()
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
