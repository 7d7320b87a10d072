"""A user's options: read, checked, and reduced to what acts.

Options are upstream's public models (`qiskit_ibm_runtime.options_models`) or dictionaries of the
same form, so that a script keeps them when it moves to hardware. They are read when ``run()`` is
called, so that what was assigned to them in the meantime counts; the values taken from them are a
copy. Which options act, and why the others are refused, stands in `option_rules`.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from qiskit_ibm_runtime.options_models import EstimatorOptions, SamplerOptions

from qiskit_modes.exceptions import InvalidInputError, UnsupportedOptionError
from qiskit_modes.primitives.option_rules import refusals, set_options
from qiskit_modes.primitives.shots import validate_precision, validate_shots

__all__ = [
    "ResolvedEstimatorOptions",
    "ResolvedSamplerOptions",
    "check_tags",
    "coerce_estimator_options",
    "coerce_sampler_options",
    "options_as_dict",
    "resolve_estimator_options",
    "resolve_sampler_options",
]

DEFAULT_SHOTS = 4096
"""What the service takes when a sampler's ``default_shots`` is None."""

Model = TypeVar("Model", SamplerOptions, EstimatorOptions)

# Names of older options, and what took their place.
_MOVED = {
    "simulator.noise_model": "pass AerSimulator(noise_model=...) as the backend instead",
    "simulator.basis_gates": "pass a backend that has these gates instead",
    "simulator.coupling_map": "pass a backend that has this coupling map instead",
    "seed_estimator": "use simulator.seed_simulator",
    "seed_simulator": "use simulator.seed_simulator",
    "shots": "use default_shots",
    "precision": "use default_precision",
    "job_tags": "use environment.job_tags",
    "optimization_level": "transpile circuits before passing them",
}


@dataclass(frozen=True)
class _Common:
    seed: int | None
    """``simulator.seed_simulator``; 0 is a seed, None asks for a new one per job."""

    job_tags: tuple[str, ...]
    """``environment.job_tags``."""

    max_execution_time_seconds: int | None
    """``max_execution_time``, or the deprecated one of ``environment``; None: no limit given."""

    rep_delay: float | None
    """``execution.rep_delay`` in seconds, for the estimate of usage; None for the usual one."""


@dataclass(frozen=True)
class ResolvedSamplerOptions(_Common):
    """What acts of a sampler's options; shares nothing with them."""

    default_shots: int = DEFAULT_SHOTS
    """Shots for what specifies none."""


@dataclass(frozen=True)
class ResolvedEstimatorOptions(_Common):
    """What acts of an estimator's options; shares nothing with them."""

    default_precision: float = 0.015625
    """Target precision for what specifies none."""

    default_shots: int | None = None
    """If not None, it replaces ``default_precision``."""

    resilience_level: int = 0
    """Always 0: nothing is mitigated."""


def coerce_sampler_options(options: SamplerOptions | Mapping[str, Any] | None) -> SamplerOptions:
    """Return options as upstream's model; a model is returned as it is, not copied.

    Args:
        options: A model, a dictionary, upstream's older dataclass, or None for the defaults.

    Raises:
        InvalidInputError: If an option does not exist or a value does not fit it.
    """
    return _coerce(options, SamplerOptions)


def coerce_estimator_options(
    options: EstimatorOptions | Mapping[str, Any] | None,
) -> EstimatorOptions:
    """Return options as upstream's model; a model is returned as it is, not copied.

    Args:
        options: A model, a dictionary, upstream's older dataclass, or None for the defaults.

    Raises:
        InvalidInputError: If an option does not exist or a value does not fit it.
    """
    return _coerce(options, EstimatorOptions)


def resolve_sampler_options(
    options: SamplerOptions | Mapping[str, Any] | None,
) -> ResolvedSamplerOptions:
    """Check all options as they are now, and return what acts.

    Args:
        options: See `coerce_sampler_options`.

    Raises:
        UnsupportedOptionError: If options were set that cannot be honoured; all are named.
        InvalidInputError: If a value cannot be used.

    Example:
        >>> resolve_sampler_options({"simulator": {"seed_simulator": 0}}).seed
        0
    """
    model = coerce_sampler_options(options)
    common = _resolve_common(model)
    shots = DEFAULT_SHOTS if model.default_shots is None else model.default_shots
    return ResolvedSamplerOptions(
        **common, default_shots=validate_shots(shots, "The option default_shots")
    )


def resolve_estimator_options(
    options: EstimatorOptions | Mapping[str, Any] | None,
) -> ResolvedEstimatorOptions:
    """Check all options as they are now, and return what acts.

    Args:
        options: See `coerce_estimator_options`.

    Raises:
        UnsupportedOptionError: If options were set that cannot be honoured; all are named.
        InvalidInputError: If a value cannot be used.

    Example:
        >>> resolve_estimator_options({"default_shots": 100}).default_shots
        100
    """
    model = coerce_estimator_options(options)
    common = _resolve_common(model)
    shots = model.default_shots
    return ResolvedEstimatorOptions(
        **common,
        default_precision=validate_precision(
            model.default_precision, "The option default_precision"
        ),
        default_shots=None if shots is None else validate_shots(shots, "The option default_shots"),
    )


def _resolve_common(model: SamplerOptions | EstimatorOptions) -> dict[str, Any]:
    if refused := refusals(model):
        count = f"{len(refused)} of the options cannot be honoured. " if len(refused) > 1 else ""
        raise UnsupportedOptionError(count + " ".join(refused))
    return {
        "seed": _seed(model.simulator.seed_simulator),
        "job_tags": check_tags(model.environment.job_tags, "The option environment.job_tags"),
        "max_execution_time_seconds": _max_execution_time(model),
        "rep_delay": _rep_delay(model.execution.rep_delay),
    }


def _seed(seed: Any) -> int | None:
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
        raise InvalidInputError(
            f"The option simulator.seed_simulator must be an integer of at least 0, not {seed!r}."
        )
    return seed


def _rep_delay(seconds: Any) -> float | None:
    if seconds is not None and not (isinstance(seconds, int | float) and 0 <= seconds < math.inf):
        raise InvalidInputError(
            f"The option execution.rep_delay must be a number of seconds from 0, not {seconds!r}."
        )
    return seconds


def check_tags(tags: Any, what: str = "job tags") -> tuple[str, ...]:
    """Return tags as they were passed.

    Raises:
        InvalidInputError: If they are not a list of strings.
    """
    if not isinstance(tags, (list, tuple)) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidInputError(f"{what} must be a list of strings, not {tags!r}.")
    return tuple(tags)


def options_as_dict(options: SamplerOptions | EstimatorOptions) -> dict[str, Any]:
    """Return what was set of some options, however it was set, in the form of a dictionary."""
    tree: dict[str, Any] = {}
    for option in set_options(options):
        *parents, name = option.path.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[name] = copy.deepcopy(option.value)
    return tree


def _max_execution_time(model: SamplerOptions | EstimatorOptions) -> int | None:
    seconds, name = model.max_execution_time, "max_execution_time"
    if seconds is None:
        seconds = getattr(model.environment, "max_execution_time", None)
        name = "environment.max_execution_time"
    if seconds is not None and (
        isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 1
    ):
        raise InvalidInputError(
            f"The option {name} must be a positive number of whole seconds, not {seconds!r}."
        )
    return seconds


def _coerce(options: Any, model: type[Model]) -> Model:
    if options is None:
        return model()
    if isinstance(options, model):
        return options
    if not isinstance(options, Mapping):
        options = _legacy_as_dict(options, model)
    try:
        return model(**options)
    except ValidationError as error:
        raise InvalidInputError(_explain(error, model)) from None
    except TypeError as error:  # a key that is no string
        raise InvalidInputError(f"The options cannot be read: {error}.") from error


def _legacy_as_dict(options: Any, model: type[BaseModel]) -> dict[str, Any]:
    """Return what was set in one of upstream's older option classes, which are dataclasses."""
    kind = type(options)
    is_legacy = kind.__module__.startswith("qiskit_ibm_runtime.options.")
    if is_legacy and kind.__name__ == model.__name__ and not isinstance(options, BaseModel):
        return _changed_fields(options)
    raise InvalidInputError(
        f"The options must be a dict or qiskit_ibm_runtime.options_models.{model.__name__}, not "
        f"{kind.__module__}.{kind.__qualname__}."
    )


def _changed_fields(options: Any) -> dict[str, Any]:
    defaults = type(options)()
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(options):
        value, default = getattr(options, field.name), getattr(defaults, field.name)
        if dataclasses.is_dataclass(value):
            if nested := _changed_fields(value):
                changed[field.name] = nested
        elif value is not default and value != default and not field.name.startswith("_"):
            changed[field.name] = value
    return changed


def _explain(error: ValidationError, model: type[BaseModel]) -> str:
    lines = []
    known = list(_all_paths(model, ""))
    for problem in error.errors(include_url=False):
        path = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"There is no option {path}: {_advice(path, known)}")
            continue
        # Behind the name of an option pydantic says which of its types it tried.
        path = next((each for each in known if f"{path}.".startswith(f"{each}.")), path)
        lines.append(f"{path}={problem['input']!r} does not fit: {problem['msg']}.")
    return f"{model.__name__}: " + " ".join(dict.fromkeys(lines))


def _advice(path: str, known: list[str]) -> str:
    if path in _MOVED:
        return f"{_MOVED[path]}."
    by_leaf: dict[str, list[str]] = {}
    for each in known:
        by_leaf.setdefault(each.rsplit(".", 1)[-1], []).append(each)
    leaf = path.rsplit(".", 1)[-1]
    near = [full for name in difflib.get_close_matches(leaf, by_leaf, 3) for full in by_leaf[name]]
    if near:
        return f"did you mean {' or '.join(near[:3])}?"
    group = path.rpartition(".")[0]
    siblings = [each for each in known if each.rpartition(".")[0] == group]
    return f"the options are {', '.join(siblings)}."


def _all_paths(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from _all_paths(type(field.default), f"{prefix}{name}.")
        yield f"{prefix}{name}"
