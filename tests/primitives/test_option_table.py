"""The table of options is complete, and what stands not in it is refused by its name."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
from pydantic import BaseModel, Field, create_model
from qiskit_ibm_runtime import options as older
from qiskit_ibm_runtime.options_models import (
    EstimatorOptions,
    ExecutorOptions,
    NoiseLearnerV3Options,
    SamplerOptions,
)

from qiskit_modes import EstimatorV2, Executor, NoiseLearner, NoiseLearnerV3, SamplerV2
from qiskit_modes.exceptions import (
    InvalidInputError,
    OptionWithoutEffectWarning,
    UnsupportedOptionError,
)
from qiskit_modes.primitives.executor.options import resolve_executor_options
from qiskit_modes.primitives.noise_learner.noise_learner import resolve_learner_options
from qiskit_modes.primitives.noise_learner.older_noise_learner import resolve_older_learner_options
from qiskit_modes.primitives.options.models import LocalNoiseLearnerOptions
from qiskit_modes.primitives.options.resolve import (
    resolve_estimator_options,
    resolve_sampler_options,
)
from qiskit_modes.primitives.options.table import (
    PROGRAMS,
    ROWS,
    Acts,
    Refused,
    Renamed,
    Tunes,
    rows_of,
)
from qiskit_modes.warn import answering_a_request
from tests.option_values import OTHER_VALUES, nested
from tests.primitives.options_page import PAGE, page

MODELS: dict[str, type[BaseModel]] = {
    "sampler": SamplerOptions,
    "estimator": EstimatorOptions,
    "executor": ExecutorOptions,
    "noise-learner": NoiseLearnerV3Options,
    "older-noise-learner": LocalNoiseLearnerOptions,
}
PRIMITIVES: dict[str, Any] = {
    "sampler": SamplerV2,
    "estimator": EstimatorV2,
    "executor": Executor,
    "noise-learner": NoiseLearnerV3,
    "older-noise-learner": NoiseLearner,
}
OLDER = {
    "sampler": older.SamplerOptions,
    "estimator": older.EstimatorOptions,
    "older-noise-learner": older.NoiseLearnerOptions,
}


@pytest.fixture
def resolve(ideal) -> Callable[[str, Any], Any]:
    functions: dict[str, Callable[[Any], Any]] = {
        "sampler": resolve_sampler_options,
        "estimator": resolve_estimator_options,
        "executor": lambda options: resolve_executor_options(options, ideal),
        "noise-learner": resolve_learner_options,
        "older-noise-learner": resolve_older_learner_options,
    }
    return lambda program, options: functions[program](options)


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from fields(type(field.default), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.annotation


def groups(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    yield prefix
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from groups(type(field.default), f"{prefix}{name}.")


def words(annotation: Any) -> set[Any]:
    """All values that an annotation spells out, but for "auto" beside numbers."""
    if get_origin(annotation) is Literal:
        return set(get_args(annotation)) - {"auto"}
    return {value for each in get_args(annotation) for value in words(each)}


# -- complete ------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_option_of_the_installed_release_has_a_row(program):
    missing = {path for path, _ in fields(MODELS[program])} - set(rows_of(program))
    assert not missing
    taken = {path for path, _ in fields(type(PRIMITIVES[program]._coerce_options(None)))}
    assert not taken - set(rows_of(program))


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_fixed_set_of_values_is_known(program):
    rows = rows_of(program)
    known = {path: set(getattr(rows[path], "values", ())) for path, _ in fields(MODELS[program])}
    acting = {path for path in known if isinstance(rows[path], Acts)}
    found = {path: words(annotation) for path, annotation in fields(MODELS[program])}
    assert {path: found[path] for path in acting} == {path: known[path] for path in acting}


def _older_paths(options: Any, prefix: str = "") -> Iterator[str]:
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if dataclasses.is_dataclass(value):
            yield from _older_paths(value, f"{prefix}{field.name}.")
        elif not field.name.startswith("_"):
            yield prefix + field.name


@pytest.mark.parametrize("program", OLDER)
def test_every_option_of_the_older_family_has_a_row(program):
    rows = rows_of(program)
    missing = [
        path
        for path in _older_paths(OLDER[program]())
        if path not in rows and path.rpartition(".")[0] not in rows
    ]
    assert not missing


def test_every_row_says_what_it_does_once():
    seen = [(program, row.path) for row in ROWS for program in row.programs]
    assert len(seen) == len(set(seen))
    for row in ROWS:
        assert row.says.endswith("."), row.path
        assert row.says[0].isupper(), row.path
        assert set(row.programs) <= set(PROGRAMS)
        if isinstance(row, Renamed):
            assert all(row.to in rows_of(program) for program in row.programs)
        if isinstance(row, Tunes):
            for program in row.programs:
                assert any(switch in rows_of(program) for switch in row.feature.switches)


# -- of a newer release --------------------------------------------------------------------------


class Group(BaseModel):
    inner: int = 0


class OtherGroup(BaseModel):
    others: int = 0


NEW_FIELDS: dict[str, tuple[Any, Any, Any]] = {
    "number": (int, 5, 6),
    "text or nothing": (str | None, None, "x"),
    "list": (list[int], Field(default_factory=list), [1]),
    "array": (Any, None, np.arange(3)),
    "array by default": (Any, np.arange(3), np.arange(4)),
    "group": (Group, Group(), Group(inner=1)),
    "no group": (Group | None, None, Group()),
    "one of two groups": (Group | OtherGroup, Group(), OtherGroup()),
}


def newer(model: type[BaseModel], group: str, annotation: Any, default: Any) -> type[BaseModel]:
    """A model with one more field in one of its groups."""
    if not group:
        return create_model(f"Newer{model.__name__}", __base__=model, added=(annotation, default))
    name, _, rest = group.partition(".")
    inner = newer(type(model.model_fields[name].default), rest, annotation, default)
    return create_model(f"Newer{model.__name__}", __base__=model, **{name: (inner, inner())})


def at(options: BaseModel, group: str) -> Any:
    for name in filter(None, group.split(".")):
        options = getattr(options, name)
    return options


@pytest.mark.parametrize(
    ("program", "group"), [(each, group) for each in PROGRAMS for group in groups(MODELS[each])]
)
@pytest.mark.parametrize("kind", NEW_FIELDS)
def test_a_field_without_a_row_is_refused_by_name(program, group, kind, resolve):
    annotation, default, other = NEW_FIELDS[kind]
    options = newer(MODELS[program], group, annotation, default)()
    resolve(program, options)
    setattr(at(options, group), "added", other)  # noqa: B010 - mypy knows no such attribute
    name = f"{group}added" + (".inner" if kind == "group" else "")
    with pytest.raises(UnsupportedOptionError) as refused:
        resolve(program, options)
    assert f"{name}=" in refused.value.message
    assert "is not supported: it is not known here" in refused.value.message


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_a_model_keeps_without_knowing_it_is_refused_by_name(program, resolve):
    lenient = create_model("Lenient", __base__=MODELS[program])
    lenient.model_config = {**lenient.model_config, "extra": "allow"}
    lenient.model_rebuild(force=True)
    with pytest.raises(UnsupportedOptionError, match="unheard_of=1 is not supported"):
        resolve(program, lenient(unheard_of=1))


LITERALS = [
    (program, path)
    for program in PROGRAMS
    for path, annotation in fields(MODELS[program])
    if words(annotation) and isinstance(rows_of(program).get(path), Acts)
]


@pytest.mark.parametrize(("program", "path"), LITERALS)
def test_a_value_without_a_row_is_refused_by_name(program, path, resolve):
    def widened(model: type[BaseModel], path: str) -> type[BaseModel]:
        name, _, rest = path.partition(".")
        field = model.model_fields[name]
        if not rest:
            return create_model("Newer", __base__=model, **{name: (Any, field.default)})
        inner = widened(type(field.default), rest)
        return create_model("Newer", __base__=model, **{name: (inner, inner())})

    group, _, name = path.rpartition(".")
    options = widened(MODELS[program], path)()
    resolve(program, options)
    for value in ("unheard of", 17):
        setattr(at(options, group), name, value)
        with pytest.raises(InvalidInputError) as refused:
            resolve(program, options)
        assert f"{path}={value!r} does not fit" in refused.value.message


# -- what is off ---------------------------------------------------------------------------------

TUNING = [(program, row) for row in ROWS if isinstance(row, Tunes) for program in row.programs]


@pytest.mark.parametrize(("program", "row"), TUNING, ids=lambda each: getattr(each, "path", each))
def test_what_tunes_a_feature_that_is_off(program, row, resolve):
    options = nested(
        row.path, OTHER_VALUES[row.path] if row.path in OTHER_VALUES else row.values[-1]
    )
    if row.feature.by_level and program == "estimator":
        # Off by the level's default; had the user chosen the level, it would be plain.
        ours = type(EstimatorV2._coerce_options(None))
        model = create_model("Off", __base__=ours, resilience_level=(int, 0))
        options = model(**options)
    with pytest.warns(OptionWithoutEffectWarning) as caught:
        resolve(program, options)
    (said,) = [str(each.message) for each in caught]
    assert said.startswith(f"{row.path}=")
    assert any(switch in said for switch in row.feature.switches)
    with answering_a_request(), warnings.catch_warnings():
        warnings.simplefilter("error")
        resolve(program, options)


@pytest.mark.parametrize(
    ("program", "row"),
    [(p, row) for row in ROWS if isinstance(row, Refused) for p in row.programs],
    ids=lambda each: getattr(each, "path", each),
)
@pytest.mark.filterwarnings("ignore:The 'post_selection' field:DeprecationWarning")
def test_what_is_refused_is_refused_with_the_reason_of_its_row(program, row, resolve):
    model = MODELS[program]
    options = nested(row.path, True)
    if row.path not in dict(fields(model)):
        with pytest.raises(InvalidInputError) as refused:
            resolve(program, options)
        whole_group = f"no option {row.path.partition('.')[0]}:"  # of an older release
        said = refused.value.message
        assert row.path in said or row.why in said or whole_group in said
        return
    values = {
        "environment.image": "registry/image:1",
        "execution.init_qubits": False,
        "execution.meas_type": "kerneled",
        "experimental": {"x": 1},
        "simulator.angle_decimals": 2,
        "simulator.layer_noise_model": [],
        "simulator.warn_absent": False,
    }
    options = nested(row.path, values.get(row.path, True))
    with pytest.raises(UnsupportedOptionError) as refused:
        resolve(program, options)
    assert f"{row.path}=" in refused.value.message
    assert row.why in refused.value.message


def test_the_page_of_options_says_what_the_table_says():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.primitives.options_page"
