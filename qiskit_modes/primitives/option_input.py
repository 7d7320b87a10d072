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
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from qiskit_ibm_runtime.options_models import EstimatorOptions, SamplerOptions, SimulatorOptions

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.option_rules import set_options
from qiskit_modes.primitives.option_table import Refused, Renamed, rows_of

__all__ = [
    "LocalSimulatorOptions",
    "coerce_estimator_options",
    "coerce_model",
    "coerce_sampler_options",
    "options_as_dict",
]

Model = TypeVar("Model", bound=BaseModel)
Sampling = TypeVar("Sampling", SamplerOptions, EstimatorOptions)

_OLDER_SEED = "seed_estimator"


class LocalSimulatorOptions(SimulatorOptions):
    """Upstream's options of simulations, and the one that its older family has."""

    noise_model: Any = None
    """A noise model of Aer, which replaces the noise of the backend."""


def coerce_sampler_options(options: SamplerOptions | Mapping[str, Any] | None) -> SamplerOptions:
    """Return options as upstream's model; a model is returned as it is, not copied.

    Args:
        options: A model, a dictionary, upstream's older dataclass, or None for the defaults.

    Raises:
        InvalidInputError: If an option does not exist or a value does not fit it.
    """
    return _coerce(options, SamplerOptions, "sampler")


def coerce_estimator_options(
    options: EstimatorOptions | Mapping[str, Any] | None,
) -> EstimatorOptions:
    """Return options as upstream's model; a model is returned as it is, not copied.

    Args:
        options: A model, a dictionary, upstream's older dataclass, or None for the defaults.

    Raises:
        InvalidInputError: If an option does not exist or a value does not fit it.
    """
    return _coerce(options, EstimatorOptions, "estimator")


def options_as_dict(options: SamplerOptions | EstimatorOptions) -> dict[str, Any]:
    """Return what was set of some options, however it was set, in the form of a dictionary."""
    tree: dict[str, Any] = {}
    for option in set_options(options):
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
            f"The options must be a dict or qiskit_ibm_runtime.options_models.{model.__name__}, "
            f"not {type(options).__module__}.{type(options).__qualname__}."
        )
    try:
        return model(**(options or {}))
    except ValidationError as error:
        raise InvalidInputError(_explain(error, model, program)) from None
    except TypeError as error:  # a key that is no string
        raise InvalidInputError(f"The options cannot be read: {error}.") from error


def _coerce(options: Any, model: type[Sampling], program: str) -> Sampling:
    if isinstance(options, model):
        return options
    if _is_legacy(options, model):
        options = _changed_fields(options)
    noise_model = None
    if isinstance(options, Mapping):
        options, noise_model = _translated(options)
    coerced = coerce_model(options, model, program)
    simulator = coerced.simulator
    chosen = {name: getattr(simulator, name) for name in simulator.model_fields_set}
    if noise_model is not None:
        chosen["noise_model"] = noise_model
    coerced.simulator = LocalSimulatorOptions(**chosen)
    return coerced


def _translated(options: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return a dictionary in today's names, and the noise model, which has no name there."""
    tree, noise_model = dict(options), None
    simulator = tree.get("simulator")
    if isinstance(simulator, Mapping):
        tree["simulator"] = simulator = dict(simulator)
        noise_model = simulator.pop("noise_model", None)
    if _OLDER_SEED in tree:
        seed = tree.pop(_OLDER_SEED)
        simulator = {} if simulator is None else simulator
        if not isinstance(simulator, dict) or simulator.get("seed_simulator", seed) != seed:
            raise InvalidInputError(
                f"{_OLDER_SEED}={seed!r} and the options in simulator contradict each other; set "
                "simulator.seed_simulator only."
            )
        tree["simulator"] = {**simulator, "seed_simulator": seed}
    return tree, noise_model


def _is_legacy(options: Any, model: type[BaseModel]) -> bool:
    """Return True for options of upstream's older family, whose classes are dataclasses."""
    kind = type(options)
    is_older = kind.__module__.startswith("qiskit_ibm_runtime.options.")
    return is_older and kind.__name__ == model.__name__ and not isinstance(options, BaseModel)


def _changed_fields(options: Any) -> dict[str, Any]:
    """Return what was set in options of the older family, as a dictionary."""
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
    return f"{model.__name__}: " + " ".join(dict.fromkeys(lines))


def _advice(path: str, program: str, known: list[str]) -> str:
    match rows_of(program).get(path):
        case Renamed(to=to):
            return f"use {to}."
        case Refused(why=why, remedy=remedy):
            return f"{why}. {remedy}."
    if path == "simulator.noise_model":  # where it was not translated
        return "pass AerSimulator(noise_model=...) as the backend instead."
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
