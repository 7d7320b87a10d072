from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, ParameterVector, QuantumCircuit
from qiskit.primitives import BackendEstimatorV2, StatevectorEstimator
from qiskit.primitives.containers import PrimitiveResult
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.providers import BackendV2
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.executor_estimator import Estimator as ClientSideEstimator

from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.estimator.steps import estimator_steps
from qiskit_modes.primitives.options.resolve import resolve_estimator_options
from qiskit_modes.simulation.circuits.ending import Ending

Estimate = Callable[..., PrimitiveResult]


def ansatz() -> QuantumCircuit:
    angles = ParameterVector("v", 3)
    circuit = QuantumCircuit(3, metadata={"name": "ansatz"})
    for qubit, angle in enumerate(angles):
        circuit.ry(angle, qubit)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.s(1)
    return circuit


VALUES = np.random.default_rng(5).uniform(-3, 3, (4, 3))
OPERATOR = SparsePauliOp(["ZZI", "IXX", "YIY", "IIZ", "III"], [0.5, -1.0, 2.0, 0.25, 3.0])

# Observables and parameter values; the circuit has three parameters.
BROADCASTS = {
    "one and one": (OPERATOR, VALUES[0]),
    "one and many": (OPERATOR, VALUES),
    "many and one": (["ZZZ", "XXX", OPERATOR], VALUES[0]),
    "zipped": (["ZZI", "XXX", "IYI", OPERATOR], VALUES),
    "product": ([["ZZI"], [OPERATOR]], VALUES),
    "two axes": ([["ZZI", "XII", "III", "IYY"]], VALUES.reshape(1, 4, 3)),
    "grid": ([["ZZI"], ["XXI"]], VALUES.reshape(2, 2, 3)),
}


def standard_errors(observables: Any, values: Any, shots: int) -> Any:
    """Return what standard errors are, from the state: parts in different bases vary apart."""
    parts = [SparsePauliOp(["ZZI", "IIZ"], [0.5, 0.25]), SparsePauliOp("IXX"), SparsePauliOp("YIY")]
    parts = [parts[0], -1.0 * parts[1], 2.0 * parts[2]]

    def variance(operator: SparsePauliOp, state: Statevector) -> float:
        mean = state.expectation_value(operator).real
        return float(state.expectation_value(operator @ operator).real - mean**2)

    def error(observable: Any, angles: Any) -> float:
        state = Statevector(ansatz().assign_parameters(angles))
        measured = parts if observable is OPERATOR else [SparsePauliOp(observable)]
        return float(sum(variance(each, state) for each in measured) / shots) ** 0.5

    values = np.asarray(values)
    rows = np.empty(values.shape[:-1], dtype=object)
    for index in np.ndindex(rows.shape):
        rows[index] = values[index]
    shaped = np.empty(ObservablesArray.coerce(observables).shape, dtype=object)
    for index in np.ndindex(shaped.shape):
        found = observables
        for at in index:
            found = found[at]
        shaped[index] = found
    return np.vectorize(error, otypes=[float])(shaped, rows)


@pytest.mark.parametrize("case", BROADCASTS)
def test_values_shapes_and_types_are_those_of_qiskit(case: str, ideal, estimate: Estimate):
    observables, values = BROADCASTS[case]
    pub = (ansatz(), observables, values)
    options = {"simulator": {"seed_simulator": 1}}
    ours = estimate(ideal, [pub], precision=0.01, options=options)[0]
    exact = StatevectorEstimator().run([pub]).result()[0]
    reference = BackendEstimatorV2(backend=AerSimulator(), options={"seed_simulator": 2})
    theirs = reference.run([pub], precision=0.01).result()[0]
    client_side = ClientSideEstimator(AerSimulator(), options={"resilience_level": 0})
    now = client_side.run([pub], precision=0.01).result()[0]
    for name in ("evs", "stds", "ensemble_standard_error"):
        assert type(ours.data[name]) is type(now.data[name])
        assert ours.data[name].shape == now.data[name].shape
    for name in ("evs", "stds"):
        for other in (exact, theirs):
            assert ours.data[name].shape == other.data[name].shape
            assert ours.data[name].dtype == other.data[name].dtype
    assert ours.data.shape == exact.data.shape
    assert isinstance(ours, type(theirs))
    assert {**theirs.metadata, "target_precision": 0.01, "shots": 10_000} == {
        key: ours.metadata[key] for key in theirs.metadata
    }
    error = np.abs(ours.data.evs - exact.data.evs)
    assert np.all(error <= 5 * ours.data.stds + 1e-12)
    true = standard_errors(observables, values, shots=10_000)
    np.testing.assert_allclose(ours.data.stds, true, rtol=0.05, atol=2e-3)
    # Qiskit adds up the errors of terms, which is right where there is one and too much elsewhere.
    assert np.all(ours.data.stds <= 1.2 * theirs.data.stds + 2e-3)
    one = np.vectorize(len)(ObservablesArray.coerce(observables).sparse_observables_array()) == 1
    one = np.broadcast_to(one, ours.data.shape)
    np.testing.assert_allclose(ours.data.stds[one], theirs.data.stds[one], rtol=0.2, atol=2e-3)
    np.testing.assert_array_equal(ours.data.stds, ours.data.ensemble_standard_error)


def test_several_pubs_with_their_own_precision(ideal, estimate: Estimate):
    pubs = [(ansatz(), "ZZZ", VALUES[0], 0.1), (ansatz(), ["XII", "IXI"], VALUES[1])]
    result = estimate(ideal, pubs, precision=0.05)
    assert [each.metadata["shots"] for each in result] == [100, 400]
    assert [each.metadata["target_precision"] for each in result] == [0.1, 0.05]
    assert [each.data.shape for each in result] == [(), (2,)]


def test_default_shots_replace_the_default_precision(ideal, estimate: Estimate):
    options = {"default_shots": 123, "default_precision": 0.5}
    result = estimate(ideal, [(ansatz(), "ZZZ", VALUES[0])], options=options)
    assert result[0].metadata["shots"] == 123
    assert result[0].metadata["target_precision"] == pytest.approx(123**-0.5)
    result = estimate(ideal, [(ansatz(), "ZZZ", VALUES[0])], options=options, precision=0.5)
    assert result[0].metadata["shots"] == 4


def test_the_metadata_says_that_nothing_was_mitigated(ideal, estimate: Estimate):
    options = {"simulator": {"seed_simulator": 0}}
    result = estimate(ideal, [(ansatz(), OPERATOR, VALUES[0])], options=options)
    off = {"measure_mitigation": False, "zne_mitigation": False, "pec_mitigation": False}
    options_told = result.metadata.pop("options")
    assert options_told["resilience"] == off
    assert options_told["resilience_level"] == 0
    assert options_told["simulator"]["seed_simulator"] == 0
    assert result.metadata == {
        "version": 2,
        "resilience_level": 0,
        "resilience": off,
        "twirling": {"enable_gates": False, "enable_measure": False},
        "dynamical_decoupling": {"enable": False},
        "target_precision": 0.015625,
        "shots": 4096,
        "executor": None,
        "simulation": {"seed_simulator": 0},
    }
    simulation = result[0].metadata["simulation"]
    assert simulation["num_bases"] == 3
    assert {"noise", "methods"} <= set(simulation)
    assert result[0].metadata["circuit_metadata"] == {"name": "ansatz"}


def test_identities_are_exact_and_cost_nothing(ideal, estimate: Estimate):
    programs: list[Any] = []
    pub = (ansatz(), ["III", {"III": -2.5}], VALUES[0])
    result = estimate(ideal, [pub], programs=programs)
    assert programs[0].runs == ()
    assert result[0].data.evs.tolist() == [1.0, -2.5]
    assert result[0].data.stds.tolist() == [0.0, 0.0]


def test_no_parameter_sets_give_an_empty_result(ideal, estimate: Estimate):
    result = estimate(ideal, [(ansatz(), "ZZZ", np.zeros((0, 3)))])
    assert result[0].data.evs.shape == result[0].data.shape == (0,)


def test_each_basis_is_sent_once_for_all_sets_that_need_it(ideal, estimate: Estimate):
    programs: list[Any] = []
    estimate(ideal, [(ansatz(), [["ZZI"], ["IZZ"], ["XXX"]], VALUES)], programs=programs)
    (program,) = programs
    assert len(program.circuits) == 2
    assert [run.parameter_values.shape for run in program.runs] == [(4, 3), (4, 3)]


def test_an_optimizers_iterations_reuse_the_measured_circuits(
    torino, estimator_inputs, monkeypatch
):
    circuit = generate_preset_pass_manager(backend=torino, optimization_level=1).run(ansatz())
    operator = OPERATOR.apply_layout(circuit.layout)
    known = instruction_set_of(torino).endings
    written: list[Ending] = []
    original = Ending.written_after

    def counted(ending: Ending, body: QuantumCircuit) -> QuantumCircuit:
        written.append(ending)
        return original(ending, body)

    monkeypatch.setattr(Ending, "written_after", counted)
    sizes = []
    for values in VALUES[:3]:
        inputs = estimator_inputs([(circuit.copy(), operator, values)], torino)
        options = resolve_estimator_options({"resilience_level": 0})
        estimator_steps(inputs, options, torino).compile()
        sizes.append((len(known), len(written)))
    assert sizes[0] == sizes[1] == sizes[2] >= (3, 3)


def test_no_copy_of_an_ideal_circuit_is_made_for_its_bases(ideal, estimate: Estimate, monkeypatch):
    expected = estimate(ideal, [(ansatz(), OPERATOR, VALUES)])[0].data.evs

    def refused(ending: Ending, body: QuantumCircuit) -> QuantumCircuit:
        raise AssertionError(f"{body.name} is written with {ending}")

    monkeypatch.setattr(Ending, "written_after", refused)
    other = ansatz()
    other.x(0)
    other.x(0)  # not the one that is known already
    found = estimate(ideal, [(other, OPERATOR, VALUES)])[0].data.evs
    np.testing.assert_allclose(found, expected, atol=0.2)


def test_measurements_in_the_middle_of_the_circuit_stay(ideal, estimate: Estimate):
    circuit = QuantumCircuit(2, name="measured")
    circuit.add_register(ClassicalRegister(1, "basis"))
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    circuit.x(0)
    result = estimate(ideal, [(circuit, ["ZZ", "XX", "ZI"])], precision=0.01)
    np.testing.assert_allclose(result[0].data.evs, [-1, 0, 0], atol=0.06)


@pytest.mark.parametrize("simulator", [False, True])
def test_noisy_values_agree_with_the_full_noise_model(
    simulator: bool, manila: BackendV2, estimate: Estimate
):
    circuit = generate_preset_pass_manager(
        backend=manila, optimization_level=1, initial_layout=[1, 2, 3]
    ).run(ansatz())
    operator = OPERATOR.apply_layout(circuit.layout)
    pub = (circuit, operator, VALUES[:2])
    backend = AerSimulator.from_backend(manila) if simulator else manila
    seed = {"simulator": {"seed_simulator": 3}}
    ours = estimate(backend, [pub], precision=0.01, options=seed)[0].data
    reference = BackendEstimatorV2(
        backend=AerSimulator.from_backend(manila), options={"seed_simulator": 4}
    )
    theirs = reference.run([pub], precision=0.01).result()[0].data
    sigma = np.hypot(ours.stds, theirs.stds)
    assert np.all(np.abs(ours.evs - theirs.evs) < 5 * sigma)
