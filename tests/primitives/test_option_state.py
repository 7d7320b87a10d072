"""Options that are what they were are not judged again, and any change of them is seen."""

from __future__ import annotations

import copy
import pickle
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.options_models import EstimatorOptions, SamplerOptions

from qiskit_modes.caches import PerObject
from qiskit_modes.exceptions import OptionWithoutEffectWarning
from qiskit_modes.primitives.options import resolve as kept
from qiskit_modes.primitives.options.models import LocalEstimatorOptions, LocalSamplerOptions
from qiskit_modes.primitives.options.resolve import (
    resolve_estimator_options,
    resolve_sampler_options,
)
from qiskit_modes.primitives.options.state import Look, state_of
from qiskit_modes.warn import answering_a_request
from tests.option_values import ALL_VALUES

MODELS = (LocalSamplerOptions, LocalEstimatorOptions, SamplerOptions, EstimatorOptions)


def leaves(model: BaseModel, prefix: str = "") -> Iterator[str]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def holder(model: BaseModel, path: str) -> tuple[BaseModel, str]:
    *groups, name = path.split(".")
    for group in groups:
        model = getattr(model, group)
    return model, name


CASES = [(model, path) for model in MODELS for path in leaves(model())]
IDS = [f"{model.__name__}-{path}" for model, path in CASES]
UNLIKE = (True, 1, 1.0, "1", [1], (1,), {"a": 1}, {1: "a"}, [[1]], None, [], {}, (), "", 0, -0.0)
"""Values that are told apart, though some of them are equal."""


@pytest.mark.parametrize(("model", "path"), CASES, ids=IDS)
def test_any_value_of_any_option_is_seen_however_it_was_set(model: type[BaseModel], path: str):
    options = model()
    group, name = holder(options, path)
    seen = {state_of(options)}
    for value in UNLIKE:
        group.__dict__[name] = value  # past all validation
        seen.add(state_of(options))
    default = getattr(*holder(model(), path))
    is_tried = any(type(each) is type(default) and each == default for each in UNLIKE)
    assert len(seen) == len(UNLIKE) + (not is_tried)
    assert None not in seen
    for value in ([1], {"a": [1]}):
        group.__dict__[name] = value
        before = state_of(options)
        inner = value if isinstance(value, list) else value["a"]
        inner.append(2)  # in place
        assert state_of(options) != before
        inner.pop()
        assert state_of(options) == before
    group.__dict__[name] = NoiseModel()
    assert state_of(options) is None


@pytest.mark.parametrize(("model", "path"), CASES, ids=IDS)
def test_a_look_knows_options_again_only_where_their_state_is_the_same(
    model: type[BaseModel], path: str
):
    options = model()
    group, name = holder(options, path)
    looks = {state_of(options): Look(options)}
    inner: list[Any] = [1]
    for value in (*UNLIKE, inner, {"a": inner}, (inner,), [inner]):
        group.__dict__[name] = value  # past all validation
        state = state_of(options)
        known = {other for other, look in looks.items() if look.finds_same(options)}
        assert known <= {state}
        looks[state] = Look(options)
        if type(value) in {bool, int, float, str, type(None)} or value in ([1], []):
            assert looks[state].finds_same(options)
        inner.append(2)  # in place
        assert state == state_of(options) or not looks[state].finds_same(options)
        inner.pop()
    group.__dict__[name] = NoiseModel()
    assert not any(look.finds_same(options) for look in looks.values())


@pytest.mark.parametrize(("model", "path"), CASES, ids=IDS)
def test_that_an_option_was_set_is_seen_where_its_value_stays(model: type[BaseModel], path: str):
    options = model()
    before, look = state_of(options), Look(options)
    assert look.finds_same(options)
    group, name = holder(options, path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # upstream's, of the assignment
        setattr(group, name, getattr(group, name))
    assert state_of(options) != before
    assert not look.finds_same(options)


def test_groups_that_are_replaced_are_seen():
    for model in MODELS:
        for name in model.model_fields:
            options = model()
            before, look = state_of(options), Look(options)
            value = getattr(options, name)
            if isinstance(value, BaseModel):
                setattr(options, name, copy.deepcopy(value))
                assert state_of(options) != before  # set, though to what it was
                assert not look.finds_same(options)


def test_classes_of_a_users_own_are_judged_each_time():
    class Mine(SamplerOptions):
        pass

    assert state_of(SamplerOptions()) is not None
    assert state_of(Mine()) is None
    assert state_of(LocalSamplerOptions()) != state_of(SamplerOptions())


def outcome(options: BaseModel) -> tuple[Any, ...]:
    """What comes of options: the resolved ones or the error, and all warnings."""
    resolve: Any = (
        resolve_sampler_options
        if isinstance(options, SamplerOptions)
        else resolve_estimator_options
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            resolved = resolve(options)
        except Exception as error:
            result: Any = (type(error), str(error))
        else:
            result = (repr(resolved), resolved.report)
    return (result, [(each.category, str(each.message), each.filename) for each in said])


@pytest.mark.parametrize("model", MODELS[:2])
def test_every_change_of_every_option_acts_at_once_and_says_the_same(model, monkeypatch):
    """One object, each option set and taken back again: as options that are judged each time."""
    options = model()
    outcome(options)
    for path in leaves(model()):
        if path not in ALL_VALUES:
            continue
        group, name = holder(options, path)
        before, marks = group.__dict__[name], set(group.__pydantic_fields_set__)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # upstream's, of the assignment
            setattr(group, name, ALL_VALUES[path])
        given = [outcome(options), outcome(options), outcome(options)]
        with monkeypatch.context() as patch:
            patch.setattr(kept, "state_of", lambda _: None)
            patch.setattr(kept, "_seen", PerObject(kept._Seen))
            anew = outcome(options)
        assert given == [anew, anew, anew], path
        group.__dict__[name] = before
        group.__pydantic_fields_set__.clear()
        group.__pydantic_fields_set__.update(marks)
    assert outcome(options) == outcome(model())


def test_a_warning_that_nobody_was_told_comes_where_it_belongs():
    options = LocalSamplerOptions()
    options.dynamical_decoupling.sequence_type = "XY4"  # tunes what is off
    with answering_a_request():
        assert outcome(options)[1] == []
    for _ in range(2):
        assert [category for category, *_ in outcome(options)[1]] == [OptionWithoutEffectWarning]


def test_what_is_kept_is_nobodys_to_change():
    options = LocalEstimatorOptions(environment={"job_tags": ["a"]})
    for _ in range(3):
        given = resolve_estimator_options(options).given
        assert given == {"environment": {"job_tags": ["a"]}}
        given["environment"]["job_tags"].append("changed")
        given["environment"]["private"] = True
    options = LocalEstimatorOptions()
    first = resolve_estimator_options(options)
    expected = copy.deepcopy(dict(first.report))
    for _ in range(2):
        report: Any = resolve_estimator_options(options).report
        assert report == expected
        report["resilience"]["pec"]["max_overhead"] = "changed"
        report["experimental"]["new"] = 1


def test_options_that_were_seen_are_not_held():
    options = LocalSamplerOptions()
    resolve_sampler_options(options)
    gone = weakref.ref(options)
    del options
    assert gone() is None


@pytest.mark.parametrize(
    "odd", [float("nan"), float("inf"), -0.0, 1e400, "a'\"\\\n", b"\0", (1, [2])]
)
def test_each_job_gets_dictionaries_of_its_own(odd):
    tree = {"a": {"b": [1, {"c": odd}]}, "d": None, 1: True}
    told = kept.Told(tree, {"e": [odd]})
    assert told.is_plain
    one, other = told.given(), told.given()
    assert repr(one) == repr(other) == repr(tree)
    one["a"]["b"][1]["c"] = 0
    assert repr(told.given()) == repr(tree)
    assert repr(told.report()) == repr({"e": [odd]})
    assert repr(pickle.loads(pickle.dumps(told)).given()) == repr(tree)
