from __future__ import annotations

import pickle
from contextlib import closing
from typing import Any

import pytest
from pydantic import BaseModel
from qiskit.circuit import CircuitInstruction
from qiskit.circuit import QuantumCircuit as Circuit
from qiskit.quantum_info import PauliLindbladMap
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError
from qiskit_ibm_runtime import options as legacy
from qiskit_ibm_runtime.options.utils import primitive_dataclass
from qiskit_ibm_runtime.options_models import (
    EstimatorOptions,
    MeasureNoiseLearningOptions,
    ResilienceOptions,
    SamplerOptions,
    SimulatorOptions,
)

from qiskit_modes import EstimatorV2, SamplerV2, Session
from qiskit_modes.exceptions import (
    InvalidInputError,
    OptionWithoutEffectWarning,
    UnsupportedOptionError,
)
from qiskit_modes.primitives.backends.simulated_backend import simulated_backend
from qiskit_modes.primitives.options.read import coerce_estimator_options, coerce_sampler_options
from qiskit_modes.primitives.options.resolve import (
    resolve_estimator_options,
    resolve_sampler_options,
)
from qiskit_modes.primitives.options.rules import set_options
from qiskit_modes.primitives.options.twirling import Twirling

RESOLVE = {SamplerOptions: resolve_sampler_options, EstimatorOptions: resolve_estimator_options}


def _boxed_layer() -> list[tuple[CircuitInstruction, PauliLindbladMap]]:
    circuit = Circuit(1)
    with circuit.box():
        circuit.x(0)
    return [(circuit.data[0], PauliLindbladMap.from_list([("X", 0.1)]))]


@pytest.mark.parametrize("model", RESOLVE)
def test_a_default_model_asks_for_nothing(model: type[BaseModel]):
    resolved = RESOLVE[model](model())
    assert resolved == RESOLVE[model](None) == RESOLVE[model]({})
    assert (resolved.seed, resolved.job_tags, resolved.max_execution_time_seconds) == (
        None,
        (),
        None,
    )


def test_defaults_are_those_of_the_service():
    assert resolve_sampler_options(None).default_shots == 4096
    assert resolve_sampler_options({"default_shots": None}).default_shots == 4096
    estimator = resolve_estimator_options(None)
    assert (estimator.default_precision, estimator.default_shots) == (0.015625, None)
    assert estimator.resilience_level == 1
    assert estimator.resilience.measure_mitigation
    assert estimator.twirling == Twirling(measure=True)
    assert not resolve_sampler_options(None).changes_circuits


@pytest.mark.parametrize(
    "options",
    [
        {"resilience_level": 0},
        {"resilience": {"measure_mitigation": False}, "twirling": {"enable_measure": False}},
        {"twirling": {"enable_gates": None}},
        {"dynamical_decoupling": {"enable": False}},
        {"resilience": {"measure_mitigation": False, "zne_mitigation": False}},
        {"resilience": {"pec_mitigation": False, "layer_noise_model": None}},
        {"execution": {"init_qubits": True, "rep_delay": None}},
        {"environment": {"private": False, "log_level": "WARNING"}},
        {"simulator": {"layer_noise_model": []}},
        {"experimental": {}},
        {},
    ],
    ids=str,
)
def test_values_that_mean_off_are_accepted(options: dict[str, Any]):
    resolve_estimator_options(options)


@pytest.mark.parametrize(
    "options",
    [
        {"resilience_level": 0, "twirling": {"num_randomizations": 5}},
        {"resilience_level": 0, "twirling": {"enable_measure": False, "strategy": "all"}},
        {"dynamical_decoupling": {"enable": False, "sequence_type": "XY4"}},
        {"resilience_level": 0, "resilience": {"zne": {"noise_factors": [1, 3]}}},
        {"resilience": {"pec_mitigation": False, "pec": {"max_overhead": 3}}},
    ],
    ids=str,
)
def test_what_tunes_a_feature_has_no_effect_once_the_feature_is_switched_off(
    options: dict[str, Any],
):
    resolve_estimator_options(options)


@pytest.mark.parametrize(
    "options",
    [
        {"twirling": {"num_randomizations": 5}},
        {"twirling": {"enable_gates": False, "num_randomizations": 5}},
        {"twirling": {"enable_measure": True, "group": "local_c1"}},
        {"dynamical_decoupling": {"sequence_type": "XY4"}},
        {"simulator": {"warn_absent": False}},
    ],
    ids=str,
)
def test_what_tunes_a_feature_has_no_effect_while_it_is_off(options: dict[str, Any]):
    words = r"has no effect: .* is off\. Switch it on"
    with pytest.warns(OptionWithoutEffectWarning, match=words) as caught:
        resolve_sampler_options(options)
    assert caught[0].filename == __file__


def test_all_refused_options_are_named_at_once():
    options = SamplerOptions()
    options.execution.init_qubits = False
    options.experimental["key"] = 1
    with pytest.raises(UnsupportedOptionError) as refused:
        resolve_sampler_options(options)
    message = refused.value.message
    assert "2 of the options" in message
    assert "\n" not in message
    assert "execution.init_qubits=False" in message
    assert "experimental={'key': 1}" in message
    assert isinstance(refused.value, ValueError)
    assert pickle.loads(pickle.dumps(refused.value)).message == message


def test_the_top_level_time_limit_wins():
    with pytest.warns(DeprecationWarning, match="max_execution_time"):
        options = SamplerOptions(max_execution_time=5, environment={"max_execution_time": 7})
    assert resolve_sampler_options(options).max_execution_time_seconds == 5


def test_what_is_resolved_does_not_follow_later_changes():
    options = SamplerOptions(environment={"job_tags": ["a"]})
    resolved = resolve_sampler_options(options)
    options.environment.job_tags.append("b")
    options.default_shots = 1
    assert (resolved.job_tags, resolved.default_shots) == (("a",), 4096)
    assert resolve_sampler_options(options).job_tags == ("a", "b")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"default_shots": 0}, "default_shots must be a positive integer"),
        ({"default_shots": -4}, "default_shots must be a positive integer"),
        ({"default_shots": 10**12}, "at most 100,000,000"),
        ({"default_shots": 1.5}, "default_shots=1.5 does not fit"),
        ({"max_execution_time": 0}, "max_execution_time must be a positive number"),
        ({"max_execution_time": -1}, "max_execution_time must be a positive number"),
        ({"simulator": {"seed_simulator": -1}}, "seed_simulator must be an integer of at least 0"),
        ({"environment": {"job_tags": "tag"}}, "environment.job_tags='tag' does not fit"),
        ({"environment": {"job_tags": [1]}}, "job_tags"),
        ({"default_shot": 5}, "no option default_shot: did you mean default_shots"),
        ({"seed_simulator": 5}, "use simulator.seed_simulator"),
        ({"job_tags": ["a"]}, "use environment.job_tags"),
        ({"precision": 0.1}, "no option precision: the options are"),
        ({"twirling": {"enable": True}}, r"no option twirling\.enable: did you mean"),
        ({"simulator": {"xyz": 1}}, "the options are simulator.angle_decimals"),
        ({"twirling": {"num_randomizations": 0}}, r"twirling\.num_randomizations=0 does not fit"),
        ({1: 2}, "cannot be read"),
        ("fast", "must be a dict or"),
        (EstimatorOptions(), r"must be a dict or .*SamplerOptions, not .*EstimatorOptions"),
        (legacy.EstimatorOptions(), r"options_models\.SamplerOptions, not"),
    ],
    ids=str,
)
def test_bad_options_are_explained(options: Any, words: str):
    with pytest.raises(InvalidInputError, match=words) as refused:
        resolve_sampler_options(options)
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"default_shots": 0}, "default_shots must be a positive integer"),
        ({"default_precision": 0}, "default_precision=0 does not fit"),
        ({"default_precision": float("nan")}, "default_precision=nan does not fit"),
        ({"default_precision": float("inf")}, "default_precision must be a positive finite"),
        ({"default_precision": 1e-9}, "default_precision must be at least 0.0001"),
        ({"resilience_level": 3}, "resilience_level=3 does not fit"),
        ({"resilience": {"zne_mitigate": True}}, r"did you mean resilience\.zne_mitigation"),
    ],
    ids=str,
)
def test_bad_estimator_options_are_explained(options: Any, words: str):
    with pytest.raises(InvalidInputError, match=words):
        resolve_estimator_options(options)


def test_tags_appended_in_place_are_checked():
    options = SamplerOptions()
    options.environment.job_tags.append(3)
    with pytest.raises(InvalidInputError, match="job_tags must be a list of strings"):
        resolve_sampler_options(options)


def test_a_model_is_not_copied_so_that_assignments_to_it_count():
    sampler, estimator = SamplerOptions(), EstimatorOptions()
    assert coerce_sampler_options(sampler) is sampler
    assert coerce_estimator_options(estimator) is estimator


def test_older_option_classes_are_read():
    older = legacy.SamplerOptions(default_shots=9)
    older.simulator.seed_simulator = 0
    older.environment.job_tags = ["x"]
    resolved = resolve_sampler_options(older)
    assert (resolved.default_shots, resolved.seed, resolved.job_tags) == (9, 0, ("x",))
    older.twirling.enable_gates = True
    assert resolve_sampler_options(older).twirling.gates
    older.execution.init_qubits = False
    with pytest.raises(UnsupportedOptionError, match=r"execution\.init_qubits"):
        resolve_sampler_options(older)


def test_set_options_are_found_however_they_were_set():
    options = EstimatorOptions(default_shots=5, execution={"init_qubits": True})
    options.simulator.seed_simulator = 3
    options.update(resilience={"zne": {"amplifier": "pea"}})
    options.environment.job_tags.append("t")
    found = {option.path: option.value for option in set_options(options)}
    assert found == {
        "default_shots": 5,
        "execution.init_qubits": True,
        "simulator.seed_simulator": 3,
        "resilience.zne.amplifier": "pea",
        "environment.job_tags": ["t"],
    }


def test_lists_of_an_estimators_options_are_copied_too():
    options = EstimatorOptions(resilience_level=2)
    options.resilience.zne.noise_factors = [1.0, 2.0]
    resolved = resolve_estimator_options(options)
    options.resilience.zne.noise_factors.append(3.0)
    assert resolved.resilience.zne.noise_factors == [1.0, 2.0]


class TestWhatOnlyTheOlderFamilyHas:
    def test_the_noise_of_another_backend(self, manila, ideal):
        """The same bits as on the backend itself, whose noise it is."""
        circuit = Circuit(1)
        circuit.x(0)
        circuit.measure_all()
        sampler = SamplerV2(ideal)
        sampler.options.simulator.set_backend(manila)
        older = legacy.SamplerOptions()
        older.simulator.set_backend(manila)
        assert sampler.options.simulator.basis_gates == manila.operation_names
        assert list(sampler.options.simulator.coupling_map) == list(manila.coupling_map)
        flipped = []
        for options in (sampler.options, older):
            result = SamplerV2(ideal, options).run([circuit], shots=4000).result(timeout=60)
            flipped.append(result[0].data.meas.get_counts().get("0", 0) / 4000)
        error = manila.target["measure"][(0,)].error
        assert all(abs(each - error) < 0.02 for each in flipped)

    def test_the_noise_of_a_simulator_is_the_model_that_it_has(self, ideal):
        model = NoiseModel()
        model.add_all_qubit_readout_error(ReadoutError([[0.0, 1.0], [1.0, 0.0]]))
        options = coerce_sampler_options({})
        options.simulator.set_backend(AerSimulator(noise_model=model))
        assert options.simulator.noise_model is model
        options.simulator.set_backend(ideal)
        assert options.simulator.noise_model.is_ideal()
        with pytest.raises(InvalidInputError, match=r"expects a qiskit\.providers\.BackendV2"):
            options.simulator.set_backend("fake_manila")

    def test_a_noise_model_leaves_all_else_of_a_simulator_as_it_was(self):
        bond = {"matrix_product_state_max_bond_dimension": 3}
        backend = AerSimulator(method="matrix_product_state", **bond)
        model = NoiseModel()
        simulated = simulated_backend(backend, model)
        assert simulated.options.method == "matrix_product_state"
        assert simulated.options.matrix_product_state_max_bond_dimension == 3
        assert simulated is simulated_backend(backend, model)
        backend.set_options(matrix_product_state_max_bond_dimension=4)
        assert simulated_backend(backend, model) is not simulated

    @pytest.mark.parametrize("shots", [3, 5000])
    @pytest.mark.parametrize("technique", ["measurements", "zne"])
    def test_the_shots_of_the_calibration(self, manila, shots, technique):
        def job(**learning):
            options = {
                "default_shots": 640,
                "simulator": {"seed_simulator": 3},
                "resilience": {
                    "measure_noise_learning": learning,
                    "zne_mitigation": technique == "zne",
                },
            }
            estimator = EstimatorV2(manila, options)
            # Two groups of PUBs, so that two calibrations have shots of their own.
            return estimator.run([(Circuit(1), "Z"), (Circuit(2), "ZZ", None, 0.1)])

        with closing(Session(manila)) as session:  # keeps them from ending, and so their steps
            EstimatorV2(session).run([(Circuit(1), "Z")]).result(timeout=60)
            usual, other = job(), job(shots_per_randomization=shots, num_randomizations=7)
            for each in (usual, other):
                executions = each._record.under_way.steps.executions()
                planned = sum(execution.executions for execution in executions)
                assert each._record.executions == planned
        assert other._record.executions != usual._record.executions
        first, second = other.result(timeout=60)
        assert first.data.evs == pytest.approx(1.0, abs=0.3)
        assert second.data.evs == pytest.approx(1.0, abs=0.3)
        (same, _) = job(shots_per_randomization="auto").result(timeout=60)
        assert same.metadata["shots"] == first.metadata["shots"]

    def test_shots_that_are_none(self):
        options = {"resilience": {"measure_noise_learning": {"shots_per_randomization": 0}}}
        with pytest.raises(InvalidInputError, match=r"shots_per_randomization=0 does not"):
            resolve_estimator_options(options)

    def test_a_model_of_upstreams_may_be_put_in_the_place_of_ours(self):
        options = coerce_estimator_options({})
        mine = SimulatorOptions()
        options.simulator = mine
        mine.seed_simulator = 5
        options.resilience.measure_noise_learning = MeasureNoiseLearningOptions()
        options.resilience = ResilienceOptions(zne_mitigation=True)
        resolved = resolve_estimator_options(options)
        assert resolved.seed == 5
        assert resolved.resilience.zne_mitigation
        assert resolved.resilience.measure_noise_learning.shots_per_randomization == "auto"

    def test_a_subclass_of_an_older_class_with_a_new_field(self):
        @primitive_dataclass
        class SamplerOptions(legacy.SamplerOptions):
            brand_new: int = 0

        assert resolve_sampler_options(SamplerOptions(default_shots=3)).default_shots == 3
        with pytest.raises(InvalidInputError, match="no option brand_new"):
            resolve_sampler_options(SamplerOptions(brand_new=1))

    def test_a_switch_that_is_none_is_left_alone(self):
        older = legacy.SamplerOptions()
        older.environment.private = None
        assert not resolve_sampler_options(older).private
