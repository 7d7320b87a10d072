"""Every option of upstream's models acts, in a way that can be seen, or is refused by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import Parameter
from qiskit.providers import BackendV2
from qiskit.quantum_info import PauliLindbladMap
from qiskit_aer.noise import NoiseModel, ReadoutError

from qiskit_modes import EstimatorV2, SamplerV2
from qiskit_modes.exceptions import UnsupportedOptionError, UnsupportedOptionWarning
from qiskit_modes.primitives.estimator.steps import estimator_steps
from qiskit_modes.primitives.inputs.pubs import coerce_estimator_pubs, coerce_sampler_pubs
from qiskit_modes.primitives.options.models import LocalEstimatorOptions, LocalSamplerOptions
from qiskit_modes.primitives.options.resolve import (
    resolve_estimator_options,
    resolve_sampler_options,
)
from qiskit_modes.primitives.sampler.steps import sampler_steps
from qiskit_modes.simulation import outcome_probabilities
from tests.option_values import nested

SEED = {"simulator": {"seed_simulator": 11}}


def ansatz(backend: BackendV2) -> QuantumCircuit:
    """Three qubits, each of which is idle for a while, and neither first nor last alike."""
    circuit = QuantumCircuit(3)
    for qubit in range(3):
        circuit.rx(Parameter(f"a{qubit}"), qubit)
    circuit.cx(0, 1)
    for _ in range(5):
        circuit.sx(0)
    circuit.cx(1, 2)
    for _ in range(3):
        circuit.sx(1)
    circuit.cx(0, 1)
    circuit.rx(Parameter("b"), 0)
    passes = generate_preset_pass_manager(1, backend, initial_layout=[1, 2, 3], seed_transpiler=1)
    return passes.run(circuit)


VALUES = [0.123456, 0.3, 0.7, 1.1]


def pub(kind: str, backend: BackendV2) -> Any:
    circuit = ansatz(backend)
    if kind == "sampler":
        circuit.measure_all()
        return (circuit, VALUES)
    return (circuit, ["IXXXI", "IIZZI"], VALUES)


PRIMITIVES = {
    "sampler": (SamplerV2, LocalSamplerOptions),
    "estimator": (EstimatorV2, LocalEstimatorOptions),
}


def layers_of(backend: BackendV2) -> list[Any]:
    estimator = EstimatorV2(backend, options={"resilience": {"pec_mitigation": True}})
    layers = estimator.find_unique_layers([pub("estimator", backend)])
    return [
        (layer, PauliLindbladMap.from_sparse_list([("X", [0], 0.1)], num_qubits=len(layer.qubits)))
        for layer in layers
    ]


# -- what can be seen ----------------------------------------------------------------------------


def program(kind: str, backend: BackendV2, options: dict[str, Any]) -> Any:
    """The program that a job would execute."""
    if kind == "sampler":
        resolved = resolve_sampler_options(options)
        inputs = coerce_sampler_pubs(
            [pub(kind, backend)], backend, shots=None, default_shots=resolved.default_shots
        )
        return sampler_steps(inputs, resolved, backend).compile()[0]
    resolved = resolve_estimator_options(options)
    inputs = coerce_estimator_pubs(
        [pub(kind, backend)],
        backend,
        precision=None,
        default_precision=resolved.default_precision,
        default_shots=resolved.default_shots,
    )
    return estimator_steps(inputs, resolved, backend).compile()[0]


def executed(kind: str, backend: BackendV2, options: dict[str, Any]) -> Any:
    """Which circuits are executed, with which angles, and how often."""
    return [
        (run.circuit, np.asarray(run.parameter_values).tobytes(), run.shots)
        for run in program(kind, backend, options).runs
    ]


def probabilities(kind: str, backend: BackendV2, options: dict[str, Any]) -> Any:
    """How likely which bits are, in the first run."""
    compiled = program(kind, backend, options)
    (run, *_) = compiled.runs
    return outcome_probabilities(compiled.circuits[run.circuit], run.parameter_values[0])


def job_of(kind: str, backend: BackendV2, options: dict[str, Any]) -> Any:
    job = PRIMITIVES[kind][0](backend, options=options).run([pub(kind, backend)])
    job.wait_for_final_state(timeout=60)
    return job


def values(kind: str, backend: BackendV2, options: dict[str, Any]) -> Any:
    """The numbers of the result."""
    data = job_of(kind, backend, options).result()[0].data
    return {name: np.asarray(data[name]).tobytes() for name in data if kind == "estimator"}


def seed(kind: str, backend: BackendV2, options: dict[str, Any]) -> Any:
    return program(kind, backend, options).seed


def tags(kind: str, backend: BackendV2, options: dict[str, Any]) -> Any:
    return job_of(kind, backend, options).tags


def inputs(kind: str, backend: BackendV2, options: dict[str, Any]) -> Any:
    return bool(job_of(kind, backend, options).inputs)


def log(kind: str, backend: BackendV2, options: dict[str, Any]) -> Any:
    return len(job_of(kind, backend, options).logs().splitlines())


def usage(kind: str, backend: BackendV2, options: dict[str, Any]) -> Any:
    return job_of(kind, backend, options).usage_estimation


def limit(kind: str, backend: BackendV2, options: dict[str, Any]) -> Any:
    return job_of(kind, backend, options)._record.core.max_execution_seconds


def warned(kind: str, backend: BackendV2, options: dict[str, Any]) -> Any:
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        job_of(kind, backend, options)
    return [str(each.message) for each in caught if "no noise" in str(each.message)]


@dataclass(frozen=True)
class Acts:
    """An option that acts."""

    value: Any
    """Not its default; or what makes it of a backend."""
    seen: Callable[..., Any]
    """What differs from the default's."""
    beside: Any = None
    """Other options without which it would have no effect."""


@dataclass(frozen=True)
class Refused:
    """An option that is refused."""

    value: Any


@dataclass(frozen=True)
class Kept:
    """An option that changes nothing, and is kept for the sake of what it belongs to."""

    value: Any
    beside: Any
    """What it belongs to."""


TWIRLED = {"twirling": {"enable_gates": True, "enable_measure": True}}
ZNE = {"resilience": {"zne_mitigation": True}, "twirling": {"num_randomizations": 3}}
LEARNING = {"resilience": {"pec_mitigation": True}, "default_shots": 64}
DECOUPLED = {"dynamical_decoupling": {"enable": True}}


def pec(backend: BackendV2) -> dict[str, Any]:
    return {"resilience": {"pec_mitigation": True, "layer_noise_model": layers_of(backend)}}


def some_layers(backend: BackendV2) -> dict[str, Any]:
    return {**TWIRLED, "simulator": {"layer_noise_model": layers_of(backend)[:1]}}


def noise_model(backend: BackendV2 | None = None) -> NoiseModel:
    """Noise that turns what is read around."""
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.0, 1.0], [1.0, 0.0]]))
    return model


GIVEN_NOISE = {"simulator": {"noise_model": noise_model()}}

BOTH: dict[str, Acts | Refused | Kept] = {
    "default_shots": Acts(17, executed),
    "dynamical_decoupling.enable": Acts(True, executed),
    "dynamical_decoupling.extra_slack_distribution": Acts("edges", executed, DECOUPLED),
    "dynamical_decoupling.scheduling_method": Acts("asap", executed, DECOUPLED),
    "dynamical_decoupling.sequence_type": Acts("XY4", executed, DECOUPLED),
    "dynamical_decoupling.skip_reset_qubits": Acts(True, executed, DECOUPLED),
    "environment.image": Refused("registry/image:1"),
    "environment.job_tags": Acts(["a", "b"], tags),
    "environment.log_level": Acts("DEBUG", log),
    "environment.max_execution_time": Acts(33, limit),
    "environment.private": Acts(True, inputs),
    "execution.init_qubits": Refused(False),
    "execution.rep_delay": Acts(1e-4, usage),
    "execution.scheduler_timing": Refused(True),
    "execution.stretch_values": Refused(True),
    "experimental": Refused({"image": "x"}),
    "max_execution_time": Acts(44, limit),
    "simulator.angle_decimals": Acts(2, executed),
    "simulator.basis_gates": Kept(["cx"], GIVEN_NOISE),
    "simulator.coupling_map": Kept([[0, 1]], GIVEN_NOISE),
    "simulator.noise_model": Acts(noise_model, probabilities),
    "simulator.layer_noise_model": Acts(layers_of, executed, TWIRLED),
    "simulator.seed_simulator": Acts(0, seed),
    "simulator.warn_absent": Acts(False, warned, some_layers),
    "twirling.enable_gates": Acts(True, executed),
    "twirling.enable_measure": Acts(True, executed, {"resilience_level": 0}),
    "twirling.group": Acts("local_c1", executed, TWIRLED),
    "twirling.num_randomizations": Acts(5, executed, TWIRLED),
    "twirling.shots_per_randomization": Acts(6, executed, TWIRLED),
    "twirling.strategy": Acts("active", executed, TWIRLED),
}

TABLE: dict[str, dict[str, Acts | Refused | Kept]] = {
    "sampler": {**BOTH, "execution.meas_type": Refused("kerneled")},
    "estimator": {
        **BOTH,
        "default_precision": Acts(0.25, executed),
        "simulator.pauli_propagation_max_terms": Acts(1000, executed, {"resilience_level": 0}),
        "resilience.layer_noise_model": Acts(
            lambda backend: [(layer, noise) for layer, noise in layers_of(backend)],
            executed,
            lambda backend: {
                "resilience": {
                    "pec_mitigation": True,
                    "layer_noise_model": [
                        (layer, PauliLindbladMap.identity(noise.num_qubits))
                        for layer, noise in layers_of(backend)
                    ],
                }
            },
        ),
        "resilience.layer_noise_learning.max_layers_to_learn": Acts(1, values, LEARNING),
        "resilience.layer_noise_learning.num_randomizations": Acts(3, usage, LEARNING),
        "resilience.layer_noise_learning.shots_per_randomization": Acts(3, usage, LEARNING),
        "resilience.layer_noise_learning.layer_pair_depths": Acts([1, 2], usage, LEARNING),
        "resilience.measure_mitigation": Acts(False, executed),
        "resilience.measure_noise_learning.num_randomizations": Acts(3, executed),
        "resilience.measure_noise_learning.shots_per_randomization": Acts(3, executed),
        "resilience.pec.max_overhead": Acts(1.1, executed, pec),
        "resilience.pec.noise_gain": Acts(0.5, executed, pec),
        "resilience.pec_mitigation": Acts(
            False,
            executed,
            lambda backend: pec(backend),
        ),
        "resilience.zne.amplifier": Acts(
            "gate_folding_back",
            executed,
            {**ZNE, "resilience": {"zne_mitigation": True, "zne": {"noise_factors": [1, 1.5, 2]}}},
        ),
        "resilience.zne.extrapolated_noise_factors": Acts([0.5], values, ZNE),
        "resilience.zne.extrapolator": Acts("polynomial_degree_2", values, ZNE),
        "resilience.zne.noise_factors": Acts([1.0, 2.0], executed, ZNE),
        "resilience.zne_mitigation": Acts(True, executed),
        "resilience_level": Acts(2, executed),
    },
}


# -- the walk ------------------------------------------------------------------------------------


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from fields(type(field.default), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def merged(*trees: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for tree in trees:
        for name, value in tree.items():
            both = isinstance(value, dict) and isinstance(whole.get(name), dict)
            whole[name] = merged(whole[name], value) if both else value
    return whole


CASES = [(kind, path) for kind, (_, model) in PRIMITIVES.items() for path in fields(model)]


@pytest.mark.parametrize("kind", TABLE)
def test_the_table_names_every_option(kind):
    assert set(TABLE[kind]) == set(fields(PRIMITIVES[kind][1]))


@pytest.mark.filterwarnings("ignore:.*max_execution_time:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:simulator.layer_noise_model has no noise for the layers")
@pytest.mark.parametrize(("kind", "path"), CASES)
def test_every_option_acts_or_is_refused_by_name(kind: str, path: str, manila: BackendV2):
    case = TABLE[kind][path]
    if isinstance(case, Refused):
        primitive = PRIMITIVES[kind][0](manila, options=nested(path, case.value))
        with pytest.raises(UnsupportedOptionError) as refused:
            primitive.run([pub(kind, manila)])
        assert f"{path}={case.value!r} is not supported" in refused.value.message
        return
    if isinstance(case, Kept):
        default = merged({"default_shots": 64}, SEED, case.beside)
        changed = merged(default, nested(path, case.value))
        assert executed(kind, manila, changed) == executed(kind, manila, default)
        return
    beside, value = (
        each(manila) if callable(each) else each for each in (case.beside or {}, case.value)
    )
    if kind == "sampler":
        beside = {name: group for name, group in beside.items() if name != "resilience_level"}
    default = merged({"default_shots": 64}, SEED, beside)
    if path in ("default_shots", "default_precision"):
        del default["default_shots"]
    if path == "simulator.seed_simulator":
        default = merged(default, {"simulator": {"seed_simulator": 5}})
    changed = merged(default, nested(path, value))
    assert case.seen(kind, manila, changed) != case.seen(kind, manila, default)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (k, p)
        for k, table in TABLE.items()
        for p, case in table.items()
        if isinstance(case, Refused)
    ],
)
def test_a_setting_turns_refusals_into_warnings(kind, path, manila, monkeypatch):
    monkeypatch.setenv("QISKIT_MODES_UNSUPPORTED_OPTIONS", "warn")
    options = {"default_shots": 64, **nested(path, TABLE[kind][path].value)}
    primitive = PRIMITIVES[kind][0](manila, options=options)
    with pytest.warns(UnsupportedOptionWarning, match=f"{path}=.*It is ignored") as caught:
        job = primitive.run([pub(kind, manila)])
    assert caught[0].filename == __file__
    assert len(job.result(timeout=60)) == 1
