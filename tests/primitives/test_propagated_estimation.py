"""Estimators that are asked for Pauli propagation."""

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparseObservable, SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2, FakeSherbrooke

from qiskit_modes import EstimatorV2
from qiskit_modes.exceptions import (
    InvalidInputError,
    SimulationTooLargeError,
    UnsupportedCircuitError,
)
from qiskit_modes.primitives.estimator.prepare import prepare_estimator_job
from qiskit_modes.simulation import execute
from tests.primitives.conftest import SPAN
from tests.simulation.devices import path_through, placed_on


def estimated(pubs, backend, max_terms=None, **options):
    """The results of a job, run in this process."""
    options = {"resilience_level": 0, "simulator": {"seed_simulator": 1}, **options}
    if max_terms is not None:
        options["simulator"]["pauli_propagation_max_terms"] = max_terms
    steps = prepare_estimator_job(pubs, options, backend, precision=None).steps
    program, notes = steps.compile()
    return steps.post_process(execute(program), notes, SPAN)


@pytest.fixture(scope="module")
def manila():
    return FakeManilaV2()


def ansatz(backend):
    parameter = Parameter("t")
    circuit = QuantumCircuit(4)
    circuit.h(0)
    for qubit in range(3):
        circuit.cx(qubit, qubit + 1)
        circuit.ry(parameter * (qubit + 1), qubit)
    circuit.rx(0.4, 3)
    return transpile(circuit, backend, optimization_level=1, seed_transpiler=1)


def test_values_are_those_of_many_shots(manila):
    """Of several observables, bases, parameter sets, identities and projectors; five errors."""
    isa = ansatz(manila)
    observables = [
        SparsePauliOp(["ZZIZ", "XXXX", "IIIY", "IIII"], [0.5, 1.0, -0.7, 2.0]),
        SparsePauliOp(["IIII"], [3.0]),
        SparseObservable.from_list([("I0Z+", 1.5), ("1111", -1.0), ("rIlI", 0.5)]),
    ]
    placed = [[each.apply_layout(isa.layout)] for each in observables]
    sets = np.array([[0.2], [1.1], [2.5]])
    pub = (isa, placed, sets)
    exact = estimated([pub], manila, 100_000)[0]
    drawn = estimated([(*pub, 1 / 128)], manila)[0]
    assert exact.data.evs.shape == exact.data.stds.shape == (3, 3)
    assert (exact.data.stds == 0).all()
    assert (np.abs(exact.data.evs - drawn.data.evs) <= 5 * drawn.data.stds + 1e-9).all()
    assert exact.data.evs[1] == pytest.approx(3.0)
    assert exact.metadata["simulation"]["methods"] == [
        "Pauli propagation with at most 100,000 terms"
    ]
    assert exact.metadata["simulation"]["num_bases"] == drawn.metadata["simulation"]["num_bases"]
    thinned = estimated([pub], manila, 16)[0]
    assert thinned.data.stds.max() > 0
    assert (np.abs(thinned.data.evs - exact.data.evs) <= 5 * thinned.data.stds + 1e-9).all()


@pytest.mark.filterwarnings("ignore:fake_sherbrooke reports an error of 1")
def test_what_no_window_holds_is_answered_through_the_session_executor():
    backend = FakeSherbrooke()
    places = path_through(backend, 50)
    circuit = QuantumCircuit(50)
    for layer in range(60):  # a window of dozens, of Clifford gates but for a few
        for qubit in range(layer % 2, 49, 2):
            circuit.cx(qubit, qubit + 1)
        circuit.rx(0.1, layer % 50)
    isa = placed_on(backend, circuit, places)
    observable = SparsePauliOp.from_sparse_list([("Z", [places[25]], 1)], 127)
    with pytest.raises(SimulationTooLargeError, match="pauli_propagation_max_terms"):
        EstimatorV2(backend, options={"resilience_level": 0}).run([(isa, observable)])
    options = {"resilience_level": 0, "simulator": {"pauli_propagation_max_terms": 300}}
    result = EstimatorV2(backend, options=options).run([(isa, observable)]).result()[0]
    assert abs(result.data.evs) <= 1
    assert result.data.stds < 0.1
    assert result.metadata["simulation"]["spread_of_repetitions"] <= 2 * result.data.stds


def test_a_bound_that_says_nothing_is_no_result(manila):
    isa = ansatz(manila)
    for layer in range(6):
        isa = isa.compose(ansatz(manila).assign_parameters([0.3 + layer]))
    observable = SparsePauliOp(["XYXY"]).apply_layout(ansatz(manila).layout)
    with pytest.raises(SimulationTooLargeError, match="max_terms higher") as refused:
        estimated([(isa, observable, [0.3])], manila, 1)
    assert "at most 1 terms" in str(refused.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "resilience_level=0"),
        ({"resilience_level": 2}, "resilience_level=0"),
        ({"resilience_level": 0, "twirling": {"enable_gates": True}}, "twirling"),
        ({"resilience_level": 0, "dynamical_decoupling": {"enable": True}}, "decoupling"),
    ],
)
def test_what_it_cannot_do_is_refused_when_a_job_is_run(manila, options, said):
    options = {**options, "simulator": {"pauli_propagation_max_terms": 100}}
    isa = ansatz(manila)
    observable = SparsePauliOp("ZZZZ").apply_layout(isa.layout)
    with pytest.raises(InvalidInputError, match=said):
        EstimatorV2(manila, options=options).run([(isa, observable, [0.1])])


def test_a_method_and_propagation_are_two_ways(manila):
    backend = AerSimulator.from_backend(manila, method="matrix_product_state")
    isa = ansatz(manila)
    options = {"resilience_level": 0, "simulator": {"pauli_propagation_max_terms": 100}}
    observable = SparsePauliOp("ZZZZ").apply_layout(isa.layout)
    with pytest.raises(InvalidInputError, match="two ways to simulate"):
        EstimatorV2(backend, options=options).run([(isa, observable, [0.1])])


def test_too_many_projectors_are_refused(manila):
    isa = ansatz(manila)
    observable = SparseObservable.from_list([("1111", 1.0)]).apply_layout(isa.layout)
    options = {"resilience_level": 0, "simulator": {"pauli_propagation_max_terms": 8}}
    with pytest.raises(InvalidInputError, match=r"PUB 0.* 4 projectors, which are 16 Pauli"):
        EstimatorV2(manila, options=options).run([(isa, observable, [0.1])])


def conditional(circuit):
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(0)


def stored(circuit):
    circuit.measure(0, 0)
    circuit.store(circuit.clbits[1], True)
    with circuit.if_test((1, 1)):
        circuit.x(0)


@pytest.mark.parametrize("what", [conditional, stored])
def test_what_goes_on_by_what_was_measured_is_refused_at_once(what, manila):
    circuit = QuantumCircuit(5, 2)
    circuit.sx(0)
    what(circuit)
    options = {"resilience_level": 0, "simulator": {"pauli_propagation_max_terms": 8}}
    estimator = EstimatorV2(manila, options=options)
    with pytest.raises(UnsupportedCircuitError, match="PUB 0: The circuit measures, and goes on"):
        estimator.run([(circuit, "IIIIZ")])


def test_what_was_measured_and_is_not_read_is_in_nobodys_way(manila):
    circuit = QuantumCircuit(5, 1)
    circuit.sx(0)
    circuit.measure(0, 0)
    circuit.sx(0)
    options = {"resilience_level": 0, "simulator": {"pauli_propagation_max_terms": 8}}
    job = EstimatorV2(manila, options=options).run([(circuit, ["IIIIZ", "IIIIY"])])
    assert abs(job.result()[0].data.evs).max() < 0.1  # the measurement took the phase away
