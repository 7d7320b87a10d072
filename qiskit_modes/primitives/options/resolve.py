"""A user's options: checked, with nothing left open, and reduced to what a job needs.

Options are read when ``run()`` is called, so that what was assigned to them in the meantime counts;
the values taken from them are a copy. What each does, and why some are refused, stands in
`table`.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel
from qiskit_ibm_runtime.options_models import (
    DynamicalDecouplingOptions,
    EstimatorOptions,
    SamplerOptions,
)

from qiskit_modes.caches import BoundedCache, PerObject
from qiskit_modes.primitives.inputs.shots import validate_precision, validate_shots
from qiskit_modes.primitives.options.finalize import (
    finalize_estimator_options,
    finalize_sampler_options,
)
from qiskit_modes.primitives.options.job_settings import JobSettings, check_seed, job_settings
from qiskit_modes.primitives.options.models import OURS_ALONE, LocalResilienceOptions
from qiskit_modes.primitives.options.read import (
    coerce_estimator_options,
    coerce_sampler_options,
    tree_of,
)
from qiskit_modes.primitives.options.rules import (
    SetOption,
    refuse_options,
    set_options,
    warn_of_idle_options,
)
from qiskit_modes.primitives.options.state import Look, state_of
from qiskit_modes.primitives.options.twirling import Twirling
from qiskit_modes.warn import remarks_so_far

__all__ = [
    "ResolvedEstimatorOptions",
    "ResolvedSamplerOptions",
    "resolve_estimator_options",
    "resolve_sampler_options",
]

DEFAULT_SHOTS = 4096
"""What the service takes when a sampler's ``default_shots`` is None."""


class Told:
    """Dictionaries of options, which go to users with jobs and results.

    Each job gets dictionaries of its own; with something in them that is no plain value they are
    there once, for one job.
    """

    def __init__(self, given: dict[str, Any], report: dict[str, Any]) -> None:
        self._trees = given, report
        self._makers: tuple[_Maker, _Maker] | None = None
        with suppress(ValueError):  # a model in a list
            self._makers = _maker(given), _maker(report)

    def __reduce__(self) -> tuple[Any, ...]:
        return Told, self._trees  # what makes others of them does not travel

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.given()!r}, {self.report()!r})"

    @property
    def is_plain(self) -> bool:
        """Tell whether any number of jobs can have them."""
        return self._makers is not None

    def given(self) -> dict[str, Any]:
        """Return what the user set."""
        return self._tree(0)

    def report(self) -> dict[str, Any]:
        """Return all options with nothing left open."""
        return self._tree(1)

    def _tree(self, which: int) -> dict[str, Any]:
        return self._trees[which] if self._makers is None else self._makers[which]()


_Maker = Callable[[], dict[str, Any]]


def _maker(tree: dict[str, Any]) -> _Maker:
    """Return what makes equal dictionaries, each anew.

    Raises:
        ValueError: If there is something in it that is no plain value.
    """
    written = marshal.dumps(tree, 2)
    # Python makes what stands in a program in a quarter of the time in which marshal reads it.
    with suppress(NameError, RecursionError, MemoryError):  # an infinite number has no literal
        made: _Maker = eval(f"lambda: {tree!r}", {"__builtins__": {}})  # noqa: S307 - plain values
        if marshal.dumps(made(), 2) == written:
            return made
    return partial(marshal.loads, written)


@dataclass(frozen=True)
class _Common(JobSettings):
    seed: int | None
    """``simulator.seed_simulator``; 0 is a seed, None asks for a new one per job."""

    twirling: Twirling
    """``twirling``."""

    dynamical_decoupling: DynamicalDecouplingOptions | None
    """``dynamical_decoupling``; None if it is off."""

    angle_decimals: int | None
    """``simulator.angle_decimals`` where the user set it; None: angles are not rounded."""

    layer_noise_model: tuple[tuple[Any, Any], ...] | None
    """``simulator.layer_noise_model``: noise that acts on layers, beside that of the backend."""

    warn_absent: bool
    """``simulator.warn_absent``: warn about layers without an entry in the noise of layers."""

    noise_model: Any
    """``simulator.noise_model`` of the older options: it replaces the backend's; or None."""

    told: Told = field(compare=False)
    """What a job tells of its options."""

    @property
    def given(self) -> dict[str, Any]:
        """Dictionary of what the user set; it is the job's own."""
        return self.told.given()

    @property
    def report(self) -> dict[str, Any]:
        """Dictionary of all options with nothing left open, for the result's metadata."""
        return self.told.report()

    @property
    def changes_circuits(self) -> bool:
        """Tell whether a circuit is executed otherwise than as it is: randomised, or decoupled."""
        return (
            self.twirling.enabled
            or self.dynamical_decoupling is not None
            or self.layer_noise_model is not None
        )

    @property
    def decoupling_key(self) -> Hashable:
        """Key of how circuits are decoupled; None if they are not."""
        decoupling = self.dynamical_decoupling
        return None if decoupling is None else tuple(decoupling.model_dump().items())


@dataclass(frozen=True)
class ResolvedSamplerOptions(_Common):
    """Settings of a sampler's job; shares nothing with what a user may change."""

    default_shots: int = DEFAULT_SHOTS
    """Shots for what specifies none."""


@dataclass(frozen=True)
class ResolvedEstimatorOptions(_Common):
    """Settings of an estimator's job; shares nothing with what a user may change."""

    resilience: LocalResilienceOptions
    """``resilience``, with every technique on or off."""

    resilience_level: int = 1
    """``resilience_level``."""

    default_precision: float = 0.015625
    """Target precision for what specifies none."""

    default_shots: int | None = None
    """If not None, it replaces ``default_precision``."""

    older: bool = False
    """Whether values mean what they mean in the older family of primitives, not in upstream's
    client-side one; see `EstimatorV2.older`."""

    pauli_propagation_max_terms: int | None = None
    """``simulator.pauli_propagation_max_terms``: how many terms Pauli propagation may have; None if
    it was not asked for."""

    layer_errors: tuple[Any, ...] = ()
    """The noise of layers that was not given in today's form, for the result's metadata."""

    layers_to_find: bool = False
    """Whether the job itself finds the noise of layers that a technique needs."""

    def divide(self, shots: int) -> tuple[int, int]:
        """Return how many randomisations a PUB with so many shots has, and the shots of each."""
        return self.twirling.divide(shots, for_pec=self.resilience.pec_mitigation)

    @property
    def mitigates(self) -> bool:
        """Tell whether a technique is on that takes more than measuring the observables."""
        resilience = self.resilience
        return bool(
            self.changes_circuits
            or self.angle_decimals is not None
            or resilience.measure_mitigation
            or resilience.zne_mitigation
            or resilience.pec_mitigation
        )


def resolve_sampler_options(
    options: SamplerOptions | Mapping[str, Any] | None,
) -> ResolvedSamplerOptions:
    """Check all options as they are now, and return what a job needs.

    Args:
        options: See `coerce_sampler_options`.

    Raises:
        UnsupportedOptionError: If options were set that cannot be honoured; all are named.
        InvalidInputError: If a value cannot be used.

    Warns:
        OptionWithoutEffectWarning: If one tunes what is off.

    Example:
        >>> resolve_sampler_options({"simulator": {"seed_simulator": 0}}).seed
        0
    """
    return _resolved(coerce_sampler_options(options), _resolve_sampler_options)


def _resolve_sampler_options(model: SamplerOptions) -> ResolvedSamplerOptions:
    chosen = set_options(model)
    refuse_options("sampler", chosen)
    final = finalize_sampler_options(model)
    warn_of_idle_options("sampler", chosen, final)
    shots = DEFAULT_SHOTS if model.default_shots is None else model.default_shots
    return ResolvedSamplerOptions(
        **_resolve_common(final),
        default_shots=validate_shots(shots, "The option default_shots"),
        told=Told(tree_of(chosen), _report(final, chosen)),
    )


def resolve_estimator_options(
    options: EstimatorOptions | Mapping[str, Any] | None,
) -> ResolvedEstimatorOptions:
    """Check all options as they are now, and return what a job needs.

    Args:
        options: See `coerce_estimator_options`.

    Raises:
        UnsupportedOptionError: If options were set that cannot be honoured; all are named.
        InvalidInputError: If a value cannot be used.

    Warns:
        OptionWithoutEffectWarning: If one tunes what is off.

    Example:
        >>> resolve_estimator_options({"default_shots": 100}).default_shots
        100
    """
    return _resolved(coerce_estimator_options(options), _resolve_estimator_options)


def _resolve_estimator_options(model: EstimatorOptions) -> ResolvedEstimatorOptions:
    chosen = set_options(model)
    refuse_options("estimator", chosen)
    final = finalize_estimator_options(model)
    warn_of_idle_options("estimator", chosen, final)
    shots = model.default_shots
    return ResolvedEstimatorOptions(
        **_resolve_common(final),
        default_precision=validate_precision(
            model.default_precision, "The option default_precision"
        ),
        default_shots=None if shots is None else validate_shots(shots, "The option default_shots"),
        resilience=LocalResilienceOptions.of(final.resilience),
        pauli_propagation_max_terms=getattr(final.simulator, "pauli_propagation_max_terms", None),
        resilience_level=final.resilience_level,
        told=Told(
            tree_of(chosen),
            _report(final, chosen, exclude={"resilience": {"layer_noise_model"}}),
        ),
    )


Model = TypeVar("Model", SamplerOptions, EstimatorOptions)
Resolved = TypeVar("Resolved", ResolvedSamplerOptions, ResolvedEstimatorOptions)

_kept: BoundedCache[bytes, Any] = BoundedCache(64)
"""Resolved options about which there was nothing to say."""


@dataclass
class _Seen:
    """Options as they were when they were last resolved."""

    last: tuple[Look, Any] | None = None
    """The look, and what came of them."""


# Races are harmless: what is seen together is kept together.
_seen = PerObject(_Seen)


def _resolved(model: Model, resolve: Callable[[Model], Resolved]) -> Resolved:
    """Return options resolved; those that are what others were are not judged again.

    Args:
        model: The options.
        resolve: Resolves them.
    """
    seen = _seen.of(model)
    last = seen.last
    if last is not None and last[0].finds_same(model):
        same: Resolved = last[1]
        return same
    state = state_of(model)
    known: Resolved | None = None if state is None else _kept.get(state)
    if known is None:
        before = remarks_so_far()
        known = resolve(model)
        if state is None or not known.told.is_plain or remarks_so_far() != before:
            return known
        _kept.put(state, known)
    seen.last = Look(model), known
    return known


def _report(final: BaseModel, chosen: Collection[SetOption], exclude: Any = None) -> dict[str, Any]:
    """Return all options as upstream tells them; what only our models have, only if it was set."""
    report = final.model_dump(exclude=exclude)
    said = {option.path for option in chosen if not option.is_default}
    for path in OURS_ALONE - said:
        _drop(report, path.split("."))
    return report


def _drop(tree: dict[str, Any], path: Sequence[str]) -> None:
    """Take something out of nested dictionaries, and with it what is empty then."""
    name, *inner = path
    if inner and tree.get(name):
        _drop(tree[name], inner)
    if not inner or not tree.get(name):
        tree.pop(name, None)


def _resolve_common(final: SamplerOptions | EstimatorOptions) -> dict[str, Any]:
    twirling, decoupling, simulator = final.twirling, final.dynamical_decoupling, final.simulator
    layers = simulator.layer_noise_model
    rounds = "angle_decimals" in simulator.model_fields_set
    return {
        **job_settings(final),
        "seed": check_seed(simulator.seed_simulator),
        "twirling": Twirling(
            gates=bool(twirling.enable_gates),
            measure=bool(twirling.enable_measure),
            group=twirling.group,
            num_randomizations=twirling.num_randomizations,
            shots_per_randomization=twirling.shots_per_randomization,
            strategy=twirling.strategy,
        ),
        "dynamical_decoupling": decoupling if decoupling.enable else None,
        "angle_decimals": simulator.angle_decimals if rounds else None,
        "layer_noise_model": None if layers is None else tuple(layers),
        "warn_absent": simulator.warn_absent,
        "noise_model": getattr(simulator, "noise_model", None),
    }
