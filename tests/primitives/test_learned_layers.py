"""Noise that is learned on the way, and noise that the older learner found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import QuantumRegister
from qiskit.quantum_info import PauliLindbladMap, PauliList, SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_ibm_runtime import options as older
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from qiskit_ibm_runtime.options_models import EstimatorOptions
from qiskit_ibm_runtime.results import LayerError, NoiseLearnerResult, PauliLindbladError

from qiskit_modes import EstimatorV2, NoiseLearner, NoiseLearnerV3
from qiskit_modes.exceptions import InvalidInputError, NotISAError, QiskitModesWarning
from qiskit_modes.primitives.mitigation import learned_layers
from tests.primitives.test_mitigation_helps import CIRCUITS

TECHNIQUES: dict[str, dict[str, Any]] = {
    "pec": {"pec_mitigation": True},
    "pea": {"zne_mitigation": True, "zne": {"amplifier": "pea", "noise_factors": [1, 1.5, 2]}},
}
ALL_LAYERS = {"layer_noise_learning": {"max_layers_to_learn": None}}
STRATEGIES = ("active", "active-accum", "active-circuit", "all")


def pub_of(name: str, backend: Any) -> tuple[QuantumCircuit, SparsePauliOp]:
    circuit, observable = CIRCUITS[name]()
    transpiled = generate_preset_pass_manager(1, backend, seed_transpiler=1).run(circuit)
    return transpiled, observable.apply_layout(transpiled.layout)


def estimate(backend: Any, pubs: list[Any], resilience: dict[str, Any], **options: Any) -> Any:
    settings = {"default_shots": 512, "simulator": {"seed_simulator": 4}, **options}
    estimator = EstimatorV2(backend, options={"resilience": resilience, **settings})
    return estimator.run(pubs).result(timeout=60)


# -- on the way ----------------------------------------------------------------------------------


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("width", [2, 40])
def test_a_simulator_without_a_width_learns_noise_of_circuits_wider_than_its_states(
    technique, width
):
    """Its target is as wide as a state vector that fits into memory."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.03, 2), ["cx"])
    backend = AerSimulator(noise_model=noise)
    assert 2 < backend.target.num_qubits < 40
    circuit = QuantumCircuit(width)
    for first in (0, 1):
        for qubit in range(first, width - 1, 2):
            circuit.cx(qubit, qubit + 1)
    last = SparsePauliOp.from_sparse_list([("ZZ", [width - 2, width - 1], 1.0)], width)
    pub = circuit, last, None, 0.02
    resilience = TECHNIQUES[technique]
    layers = EstimatorV2(backend, options={"resilience": resilience}).find_unique_layers([pub])
    learned = NoiseLearnerV3(backend).run(layers[:1]).result(timeout=60)
    rates = learned.to_pauli_lindblad_maps()[0].rates
    assert len(rates) == 15 * (width // 2)
    assert rates == pytest.approx(-np.log(1 - 0.03) / 16)  # each Pauli anticommutes with eight
    data = estimate(backend, [pub], {**resilience, "measure_mitigation": False})[0].data
    # Few randomisations err where noise is rare, which their spread does not always tell.
    assert abs(data.evs - 1) < max(5 * data.stds, 0.1)
    assert data.stds < 0.2


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("technique", TECHNIQUES)
def test_what_is_learned_is_what_the_learner_finds(technique, strategy, manila):
    pubs = [pub_of("ising", manila), (*pub_of("ladder", manila), None, 0.1)]
    twirling = {"twirling": {"strategy": strategy}}
    options = {"resilience": TECHNIQUES[technique], **twirling}
    layers = EstimatorV2(manila, options=options).find_unique_layers(pubs)
    noise = NoiseLearnerV3(manila).run(layers).result(timeout=60).to_pauli_lindblad_maps()
    given = {"layer_noise_model": list(zip(layers, noise, strict=True))}
    beforehand = estimate(manila, pubs, {**TECHNIQUES[technique], **given}, **twirling)
    on_the_way = estimate(manila, pubs, {**TECHNIQUES[technique], **ALL_LAYERS}, **twirling)
    for mine, other in zip(on_the_way, beforehand, strict=True):
        if strategy in ("active", "active-accum"):
            assert mine.data.evs == other.data.evs
            assert mine.data.stds == other.data.stds
        else:  # layers that were found beforehand are as wide as the device
            spread = np.hypot(mine.data.stds, other.data.stds)
            assert abs(mine.data.evs - other.data.evs) < 5 * spread


def test_the_noise_that_was_learned_is_told_and_can_be_given_again(manila):
    pub = pub_of("ladder", manila)
    first = estimate(manila, [pub], TECHNIQUES["pec"])
    told = first.metadata["resilience"]["layer_noise_model"]
    assert {type(each) for each in told} == {LayerError}
    again = estimate(manila, [pub], {**TECHNIQUES["pec"], "layer_noise_model": told})
    assert again[0].data.evs == first[0].data.evs
    assert "layer_noise_model" not in first.metadata["options"]["resilience"]


def test_a_simulator_without_noise_has_nothing_to_mitigate(ideal):
    circuit = QuantumCircuit(QuantumRegister(3, "own"))
    circuit.x(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    for resilience in TECHNIQUES.values():
        data = estimate(ideal, [(circuit, "ZZZ")], resilience)[0].data
        assert data.evs == pytest.approx(-1.0)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_circuits_without_layers_have_nothing_to_learn(technique, manila):
    circuit = QuantumCircuit(5)
    circuit.x(0)
    job = EstimatorV2(manila, options={"resilience": TECHNIQUES[technique]}).run(
        [(circuit, "IIIIZ"), (circuit, "IIIIZ", np.zeros((0, 0)))]
    )
    assert job.result(timeout=60)[0].data.evs == pytest.approx(-1.0, abs=0.2)


def test_the_noise_model_of_older_options_is_what_is_learned():
    noise = NoiseModel(basis_gates=["rz", "sx", "x", "cx"])
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    simulator = {"noise_model": noise, "seed_simulator": 1}
    twirling = {"num_randomizations": 800, "shots_per_randomization": 8}
    options = {"simulator": simulator, "twirling": twirling}
    result = estimate(AerSimulator(), [(circuit, "ZZ")], TECHNIQUES["pec"], **options)
    (told,) = result.metadata["resilience"]["layer_noise_model"]
    assert told.qubits == [0, 1]
    # A depolarising error of 0.1 leaves 0.9 of each Pauli: 15 rates, 8 of which flip it.
    assert told.error.rates == pytest.approx(np.full(15, -np.log(0.9) / 16))
    assert result[0].data.evs == pytest.approx(1.0, abs=5 * float(result[0].data.stds))


@pytest.mark.parametrize("limit", [0, 1, 2, None])
def test_only_so_many_layers_are_learned_those_that_occur_most_often_first(limit, manila):
    circuit = QuantumCircuit(5)
    for first, count in ((0, 1), (1, 3), (2, 2)):
        for _ in range(count):
            circuit.cx(first, first + 1)
            circuit.sx(first)
    options = {"layer_noise_learning": {"max_layers_to_learn": limit}}
    twirling = {"twirling": {"strategy": "active"}}
    result = estimate(manila, [(circuit, "IZZZZ")], {**TECHNIQUES["pec"], **options}, **twirling)
    told = result.metadata["resilience"].get("layer_noise_model", [])
    by_importance = [[1, 2], [2, 3], [0, 1]][:limit]
    # Told in the order in which they occur.
    assert sorted(each.qubits for each in told) == sorted(by_importance)
    learner = NoiseLearner(manila, {"max_layers_to_learn": limit, "twirling_strategy": "active"})
    assert [each.qubits for each in learner.run([circuit]).result(timeout=60)] == by_importance


def test_of_layers_that_occur_as_often_those_with_more_gates_come_first(manila):
    circuit = QuantumCircuit(5)
    circuit.cx(0, 1)
    circuit.barrier()
    circuit.cx(1, 2)
    circuit.cx(3, 4)
    learner = NoiseLearner(manila, {"max_layers_to_learn": 1, "twirling_strategy": "active"})
    (layer,) = learner.run([circuit]).result(timeout=60)
    assert layer.qubits == [1, 2, 3, 4]


def test_how_it_is_learned_acts_on_the_estimate_of_usage(manila):
    pub = pub_of("ladder", manila)

    def seconds(**learning: Any) -> float:
        resilience = {**TECHNIQUES["pec"], "layer_noise_learning": learning}
        job = EstimatorV2(manila, options={"resilience": resilience}).run([pub])
        job.result(timeout=60)
        return float(job.usage_estimation["quantum_seconds"])

    none = seconds(max_layers_to_learn=0)
    usual = seconds()
    assert usual > none
    assert seconds(num_randomizations=64) - none == pytest.approx(2 * (usual - none), rel=1e-3)
    assert seconds(shots_per_randomization=64) - none == pytest.approx((usual - none) / 2, rel=1e-3)
    assert seconds(layer_pair_depths=[1, 2]) - none == pytest.approx((usual - none) / 3, rel=1e-3)


def test_the_target_is_read_anew():
    backend = FakeManilaV2()
    pub = pub_of("ghz", backend)
    before = estimate(backend, [pub], TECHNIQUES["pec"])
    for qubits, properties in backend.target["cx"].items():
        properties.error *= 3
        backend.target.update_instruction_properties("cx", qubits, properties)
    after = estimate(backend, [pub], TECHNIQUES["pec"])
    first, second = (
        each.metadata["resilience"]["layer_noise_model"][0].error.rates.sum()
        for each in (before, after)
    )
    assert second > 2 * first


def test_what_has_not_changed_is_not_learned_again(monkeypatch):
    backend = FakeManilaV2()
    pub = pub_of("ghz", backend)
    first = estimate(backend, [pub], TECHNIQUES["pec"])
    monkeypatch.setattr(learned_layers, "learn_layer", None)
    again = estimate(backend, [pub], TECHNIQUES["pec"])
    assert again[0].data.evs == first[0].data.evs


@pytest.mark.parametrize(
    ("learning", "words"),
    [
        ({"max_layers_to_learn": -1}, r"resilience\.layer_noise_learning\.max_layers_to_learn=-1"),
        ({"layer_pair_depths": [1, -1]}, r"resilience\.layer_noise_learning\.layer_pair_depths"),
        ({"layer_pair_depths": []}, r"resilience\.layer_noise_learning\.layer_pair_depths=\[\]"),
        ({"unheard_of": 1}, r"no option resilience\.layer_noise_learning\.unheard_of"),
    ],
)
def test_options_of_learning_that_do_not_fit(learning, words, ideal):
    with pytest.raises(InvalidInputError, match=words):
        EstimatorV2(ideal, options={"resilience": {"layer_noise_learning": learning}})


# -- the older learner ---------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("form", ["result", "list"])
def test_an_estimator_takes_what_the_older_learner_found(form, technique, strategy, manila):
    pub = pub_of("ladder", manila)
    options = {"max_layers_to_learn": None, "twirling_strategy": strategy}
    found = NoiseLearner(manila, options).run([pub]).result(timeout=60)
    assert isinstance(found, NoiseLearnerResult)
    assert found.metadata["backend"] == "fake_manila"
    assert found.metadata["input_options"]["twirling_strategy"] == strategy
    given = {"layer_noise_model": found if form == "result" else list(found)}
    twirling = {"twirling": {"strategy": strategy}}
    mine = estimate(manila, [pub], {**TECHNIQUES[technique], **given}, **twirling)
    on_the_way = estimate(manila, [pub], {**TECHNIQUES[technique], **ALL_LAYERS}, **twirling)
    assert mine[0].data.evs == on_the_way[0].data.evs


def test_options_of_every_form(manila):
    circuit, observable = pub_of("ising", manila)
    upstream = older.NoiseLearnerOptions(max_layers_to_learn=2)
    of_estimator = older.EstimatorOptions()
    of_estimator.resilience.layer_noise_learning.max_layers_to_learn = 2
    of_estimator.environment.job_tags = ["tag"]
    for options in ({"max_layers_to_learn": 2}, upstream, of_estimator):
        job = NoiseLearner(manila, options).run([circuit, (circuit, observable)])
        assert len(job.result(timeout=60)) == 2
    assert job.tags == ["tag"]
    learner = NoiseLearner(manila)
    learner.options.max_layers_to_learn = 1
    assert len(learner.run([circuit]).result(timeout=60)) == 1
    models = EstimatorOptions(twirling={"strategy": "active"})
    assert NoiseLearner(manila, models).options.twirling_strategy == "active"


def relabelled(error: LayerError) -> LayerError:
    """The same, with its qubits in another order."""
    order = list(reversed(range(len(error.qubits))))
    circuit = QuantumCircuit(len(order))
    for step in error.circuit.data:
        places = [order.index(error.circuit.find_bit(qubit).index) for qubit in step.qubits]
        circuit.append(step.operation, places)
    labels = ["".join(reversed(label)) for label in error.error.generators.to_labels()]
    noise = PauliLindbladError(PauliList(labels), error.error.rates)
    return LayerError(circuit, [error.qubits[at] for at in order], noise)


def test_the_order_of_qubits_in_a_layer_does_not_matter(manila):
    pub = pub_of("ising", manila)
    found = NoiseLearner(manila, {"max_layers_to_learn": None}).run([pub]).result(timeout=60)
    values = {
        float(
            estimate(manila, [pub], {**TECHNIQUES["pec"], "layer_noise_model": noise})[0].data.evs
        )
        for noise in (list(found), [relabelled(each) for each in found])
    }
    assert len(values) == 1


def test_layers_that_were_not_learned_count_as_noiseless(manila):
    pub = pub_of("ising", manila)
    found = NoiseLearner(manila, {"max_layers_to_learn": 2}).run([pub]).result(timeout=60)
    with pytest.warns(QiskitModesWarning, match="no noise for 3 of the 5 layers"):
        given = estimate(manila, [pub], {**TECHNIQUES["pec"], "layer_noise_model": found})
    limited = {"layer_noise_learning": {"max_layers_to_learn": 2}}
    learned = estimate(manila, [pub], {**TECHNIQUES["pec"], **limited})
    assert given[0].data.evs == learned[0].data.evs
    unknown = [LayerError(each.circuit, each.qubits) for each in found]
    with pytest.warns(QiskitModesWarning, match="no noise for 5 of the 5 layers"):
        estimate(manila, [pub], {**TECHNIQUES["pec"], "layer_noise_model": unknown})


def test_noise_that_was_found_is_simulated_where_there_is_none(ideal):
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    noise = PauliLindbladError(PauliList(["IX"]), [0.3])
    layer = LayerError(circuit, [0, 1], noise)
    resilience = {**TECHNIQUES["pec"], "layer_noise_model": [layer], "pec": {"noise_gain": 1.0}}
    twirling = {"num_randomizations": 500, "shots_per_randomization": 16}
    data = estimate(ideal, [(circuit, "ZZ")], resilience, twirling=twirling)[0].data
    assert data.evs == pytest.approx(np.exp(-0.6), abs=0.06)


def test_rates_are_those_of_the_newer_learner(manila):
    circuit, _ = pub_of("ladder", manila)
    layers = EstimatorV2(manila, options={"resilience": TECHNIQUES["pec"]}).find_unique_layers(
        [(circuit, "IIIII")]
    )
    exact = NoiseLearnerV3(manila).run(layers).result(timeout=60).to_pauli_lindblad_maps()
    found = NoiseLearner(manila, {"max_layers_to_learn": None}).run([circuit]).result(timeout=60)
    maps = [
        PauliLindbladMap.from_list(
            list(zip(each.error.generators.to_labels(), each.error.rates, strict=True))
        ).simplify()
        for each in found
    ]
    assert len(maps) == len(exact)
    assert all(any(each.simplify() == other for other in maps) for each in exact)


def with_box() -> QuantumCircuit:
    circuit = QuantumCircuit(5)
    with circuit.box():
        circuit.sx(0)
    return circuit


def not_isa() -> QuantumCircuit:
    circuit = QuantumCircuit(5)
    circuit.cz(0, 4)
    return circuit


@pytest.mark.parametrize(
    ("circuits", "kind", "words"),
    [
        (with_box(), InvalidInputError, "expects a list of circuits"),
        ([with_box()], InvalidInputError, "Circuit 0: the circuit .* box"),
        ([not_isa()], NotISAError, "cz"),
        (["no circuit"], InvalidInputError, "Circuit 0: expected a QuantumCircuit"),
    ],
)
def test_circuits_that_cannot_be_learned(circuits, kind, words, manila):
    with pytest.raises(kind, match=words):
        NoiseLearner(manila).run(circuits)
