"""Reading what a user passed as options: upstream's models, dictionaries, and its older classes.

Options are upstream's public models (`qiskit_ibm_runtime.options_models`) or dictionaries of the
same form, so that a script keeps them when it moves to hardware. Code written for the older family
(`qiskit_ibm_runtime.options`) passes other names: what has a counterpart is translated, what has
none is refused with what to do instead.
"""

from __future__ import annotations

import copy
import dataclasses
import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from qiskit_ibm_runtime.options_models import EstimatorOptions, SamplerOptions

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.options.models import (
    LocalEstimatorOptions,
    LocalNoiseLearnerOptions,
    LocalSamplerOptions,
)
from qiskit_modes.primitives.options.rules import SetOption, set_options
from qiskit_modes.primitives.options.table import Refused, Renamed, rows_of

__all__ = [
    "coerce_estimator_options",
    "coerce_learner_options",
    "coerce_model",
    "coerce_sampler_options",
    "options_as_dict",
    "tree_of",
]

Model = TypeVar("Model", bound=BaseModel)
Sampling = TypeVar("Sampling", SamplerOptions, EstimatorOptions)

_OLDER_SEED = "seed_estimator"


def coerce_sampler_options(options: SamplerOptions | Mapping[str, Any] | None) -> SamplerOptions:
    """Return options as upstream's model; a model is returned as it is, not copied.

    Args:
        options: A model, a dictionary, upstream's older dataclass, or None for the defaults.

    Raises:
        InvalidInputError: If an option does not exist or a value does not fit it.
    """
    return _coerce(options, SamplerOptions, LocalSamplerOptions, "sampler")


def coerce_estimator_options(
    options: EstimatorOptions | Mapping[str, Any] | None,
) -> EstimatorOptions:
    """Return options as upstream's model; a model is returned as it is, not copied.

    Args:
        options: A model, a dictionary, upstream's older dataclass, or None for the defaults.

    Raises:
        InvalidInputError: If an option does not exist or a value does not fit it.
    """
    return _coerce(options, EstimatorOptions, LocalEstimatorOptions, "estimator")


def coerce_learner_options(options: Any) -> LocalNoiseLearnerOptions:
    """Return options of the older noise learner as our model; one is returned as it is, not copied.

    Args:
        options: A model, a dictionary, upstream's older dataclass, or None for the defaults.

    Raises:
        InvalidInputError: If an option does not exist or a value does not fit it.
    """
    if _is_legacy(options, LocalNoiseLearnerOptions):
        options = _changed_fields(options)
    return coerce_model(options, LocalNoiseLearnerOptions, "older-noise-learner")


def options_as_dict(options: SamplerOptions | EstimatorOptions) -> dict[str, Any]:
    """Return what was set of some options, however it was set, in the form of a dictionary."""
    return tree_of(set_options(options))


def tree_of(chosen: Iterable[SetOption]) -> dict[str, Any]:
    """Return options that were set in the form of a dictionary."""
    tree: dict[str, Any] = {}
    for option in chosen:
        *parents, name = option.path.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        # Boxes and noise models are large and nobody changes them; a dictionary of options may be.
        value = option.value
        branch[name] = copy.deepcopy(value) if isinstance(value, dict) else copy.copy(value)
    return tree


def coerce_model(options: Any, model: type[Model], program: str) -> Model:
    """Return options as one of upstream's models; a model is returned as it is, not copied.

    Args:
        options: A model, a dictionary, or None for the defaults.
        model: Which model.
        program: Whose options they are, one of `PROGRAMS`.

    Raises:
        InvalidInputError: If an option does not exist or a value does not fit it.
    """
    if isinstance(options, model):
        return options
    if options is not None and not isinstance(options, Mapping):
        raise InvalidInputError(
            "The options must be a dict or "
            f"qiskit_ibm_runtime.options_models.{_upstream_name(model)}, "
            f"not {type(options).__module__}.{type(options).__qualname__}."
        )
    try:
        return model(**(options or {}))
    except ValidationError as error:
        raise InvalidInputError(_explain(error, model, program)) from None
    except TypeError as error:  # a key that is no string
        raise InvalidInputError(f"The options cannot be read: {error}.") from error


def _coerce(
    options: Any, upstream: type[Sampling], local: type[Sampling], program: str
) -> Sampling:
    if isinstance(options, upstream):
        return options
    if _is_legacy(options, upstream):
        options = _changed_fields(options)
    if isinstance(options, Mapping) and _OLDER_SEED in options:
        options = _with_seed(options)
    return coerce_model(options, local, program)


def _with_seed(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dictionary with the seed under today's name."""
    tree = dict(options)
    seed, simulator = tree.pop(_OLDER_SEED), tree.get("simulator")
    simulator = {} if simulator is None else simulator
    if not isinstance(simulator, Mapping) or simulator.get("seed_simulator", seed) != seed:
        raise InvalidInputError(
            f"{_OLDER_SEED}={seed!r} and the options in simulator contradict each other; set "
            "simulator.seed_simulator only."
        )
    return {**tree, "simulator": {**simulator, "seed_simulator": seed}}


def _is_legacy(options: Any, model: type[BaseModel]) -> bool:
    """Return True for options of upstream's older family, whose classes are dataclasses."""
    return not isinstance(options, BaseModel) and any(
        kind.__module__.startswith("qiskit_ibm_runtime.options.")
        and kind.__name__ == _upstream_name(model)
        for kind in type(options).__mro__
    )


def _changed_fields(options: Any) -> dict[str, Any]:
    """Return what was set in options of the older family, as a dictionary."""
    defaults = type(options)()
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(options):
        value, default = getattr(options, field.name), getattr(defaults, field.name)
        if dataclasses.is_dataclass(value):
            if nested := _changed_fields(value):
                changed[field.name] = nested
        elif value is None and default is False:
            continue  # the older way of leaving a switch alone
        elif value is not default and value != default and not field.name.startswith("_"):
            changed[field.name] = value
    return changed


def _explain(error: ValidationError, model: type[BaseModel], program: str) -> str:
    lines = []
    known = list(_all_paths(model, ""))
    for problem in error.errors(include_url=False):
        path = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"There is no option {path}: {_advice(path, program, known)}")
            continue
        # Behind the name of an option pydantic says which of its types it tried.
        path = next((each for each in known if f"{path}.".startswith(f"{each}.")), path)
        lines.append(f"{path}={problem['input']!r} does not fit: {problem['msg']}.")
    return f"{_upstream_name(model)}: " + " ".join(dict.fromkeys(lines))


def _upstream_name(model: type[BaseModel]) -> str:
    return model.__name__.removeprefix("Local")


def _advice(path: str, program: str, known: list[str]) -> str:
    rows = rows_of(program)
    # Of a whole group that there is not, the first row tells.
    match rows.get(path) or next(
        (rows[each] for each in rows if each.startswith(f"{path}.")), None
    ):
        case Renamed(to=to):
            return f"use {to}."
        case Refused(why=why, remedy=remedy):
            return f"{why}. {remedy}."
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
