"""Options at every door: what the service accepts is accepted, what cannot be honoured is named."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.exceptions import IBMError
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes.exceptions import OptionWithoutEffectWarning
from qiskit_modes.primitives.options.table import Refused, Tunes, rows_of
from tests.option_values import ALL_VALUES, OTHER_VALUES, nested

# What the client itself says, of its older options and of Qiskit's newest circuits.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Specifying 'measure_noise_learning:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Trying to add QuantumRegister"),
]

PROGRAMS = ("sampler", "estimator")


def primitive(door: Any, program: str, options: dict[str, Any] | None = None) -> Any:
    return getattr(door, program)(mode=door.backend, options=options)


def run(made: Any, program: str, bell: Any, pair: Any) -> Any:
    return made.run([bell] if program == "sampler" else [(pair, "IIIZZ")])


@pytest.mark.parametrize(
    ("program", "path"),
    [(p, path) for p in PROGRAMS for path, row in rows_of(p).items() if isinstance(row, Tunes)],
)
def test_what_tunes_a_feature_that_is_off_is_accepted(door, program, path, bell, pair):
    row = rows_of(program)[path]
    value = OTHER_VALUES[path] if path in OTHER_VALUES else row.values[-1]
    level = {"resilience_level": 0} if row.feature.by_level and program == "estimator" else {}
    try:
        made = primitive(door, program, {**nested(path, value), **level})
    except (ValidationError, ValueError):
        assert door.name != "native"  # this family of the client does not know it, or wants more
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(made, program, bell, pair)
    said = [each for each in caught if issubclass(each.category, OptionWithoutEffectWarning)]
    # A level that was chosen makes it plain that the feature is off.
    assert len(said) == (1 if door.name == "native" and not level else 0)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("execution.init_qubits", False),
        ("experimental", {"unheard": {"of": 1}}),
    ],
)
def test_what_cannot_be_honoured_is_named(door, program, path, value, bell, pair):
    with pytest.raises(IBMError, match=f"{path}=.* is not supported"):
        run(primitive(door, program, nested(path, value)), program, bell, pair)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "way", ["noise_model", pytest.param("set_backend", marks=pytest.mark.slow)]
)
def test_a_noise_model_acts_or_cannot_travel(door, program, way, bell, pair):
    made = primitive(door, program)
    simulator = made.options.simulator
    if not hasattr(simulator, "set_backend"):
        assert door.name == "client-side"  # its options have neither
        return
    if way == "noise_model":
        simulator.noise_model = NoiseModel.from_backend(FakeManilaV2())
    else:
        simulator.set_backend(FakeManilaV2())
    if door.name == "native":
        run(made, program, bell, pair)
        return
    with pytest.raises(IBMError, match=r"simulator\.noise_model .* cannot travel"):
        run(made, program, bell, pair)


def paths(options: Any, prefix: str = "") -> Iterator[str]:
    """The options that a primitive of some door has, as dotted paths."""
    fields = getattr(type(options), "model_fields", None)
    names = [field.name for field in dataclasses.fields(options)] if fields is None else fields
    for name in names:
        value = getattr(options, name)
        if dataclasses.is_dataclass(value) or isinstance(value, BaseModel):
            yield from paths(value, f"{prefix}{name}.")
        elif not name.startswith("_"):
            yield prefix + name


IN_NO_REQUEST = {
    "resilience.layer_noise_model",
    "simulator.layer_noise_model",
    "simulator.noise_model",
}
"""Objects that not every family of the client takes; they have tests of their own."""


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("door_name", ["native", "client", "client-side"])
@pytest.mark.filterwarnings("ignore::qiskit_modes.exceptions.OptionWithoutEffectWarning")
@pytest.mark.filterwarnings("ignore:.*max_execution_time:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:twirling.enable_measure=False was set")
def test_every_option_that_a_door_has_is_accepted_or_refused_by_its_row(door, program, bell, pair):
    rows = rows_of(program)
    known = sorted(set(paths(primitive(door, program).options)) - IN_NO_REQUEST)
    assert len(known) > 20
    for path in known:
        made = primitive(door, program)
        *groups, name = path.split(".")
        group = made.options
        for each in groups:
            group = getattr(group, each)
        if path.startswith("resilience.measure_noise_learning"):
            made.options.resilience.measure_mitigation = True  # the older family wants it
        if name == "pauli_propagation_max_terms":
            made.options.resilience_level = 0  # it mitigates nothing
        setattr(group, name, ALL_VALUES[path])
        row = rows.get(path, rows.get(".".join(groups)))
        said = refusal_of(made, program, bell, pair)
        if isinstance(row, Refused):
            # Under the name that it has on the way; or not at all, where it goes another way.
            assert not said or row.why in said or groups[-1] in said
        else:
            assert not said, path


def refusal_of(made: Any, program: str, bell: Any, pair: Any) -> str:
    """Why a job is refused; empty if it is not."""
    try:
        run(made, program, bell, pair)
    except IBMError as error:
        return str(error)
    return ""
