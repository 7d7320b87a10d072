"""Pauli propagation: exact where nothing is thinned, right on average where something is."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, amplitude_damping_error, depolarizing_error

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation import (
    Program,
    Run,
    compile_circuit,
    execute,
    fingerprint,
    outcome_probabilities,
)
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.compile.propagation.compile_propagation import compile_propagation
from qiskit_modes.simulation.run.division import join, split
from qiskit_modes.simulation.run.propagation.component import recorded_values
from qiskit_modes.simulation.run.propagation.terms import PauliTerms, propagated
from qiskit_modes.simulation.settings import Settings
from tests.examples import examples
from tests.simulation.devices import brickwork, device
from tests.simulation.strategies import static_circuits, static_devices


def compiled_for(circuit, backend, readings, max_terms):
    noise = describe(backend).noise()
    return compile_propagation(circuit, noise, fingerprint(circuit), readings, max_terms)


def values(compiled, parameters=(), repetitions=1, seed=0):
    """Values and bounds, shape (repetitions, 2)."""
    sets = np.reshape(np.asarray(parameters, dtype=float), (1, -1))
    program = Program({compiled.key: compiled}, (Run(compiled.key, sets, repetitions),), seed)
    return recorded_values(execute(program).runs[0].registers["values"])[0]


def noisy():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.1), ["rx"])
    model.add_all_qubit_readout_error(ReadoutError([[0.98, 0.02], [0.1, 0.9]]))
    return AerSimulator(noise_model=model)


def exact_mean(circuit, backend, readings, parameters=()):
    compiled = compile_circuit(circuit, backend, Settings(only="exact"))
    exact = outcome_probabilities(compiled, parameters)
    return sum(
        weight * probability * (-1) ** sum(memory >> bit & 1 for bit in bits)
        for memory, probability in exact.items()
        for weight, bits in readings
    )


READINGS = [(0.5, [0]), (1.5, [1, 2]), (-0.7, [0, 1, 2, 3, 4]), (0.25, [])]


def test_what_is_not_thinned_is_exact():
    circuit, backend = brickwork(5, 3), noisy()
    compiled = compiled_for(circuit, backend, READINGS, 10**6)
    ((value, bound),) = values(compiled)
    assert value == pytest.approx(exact_mean(circuit, backend, READINGS), abs=1e-9)
    assert bound == 0.0
    assert "at most 1,000,000 terms" in compiled.metadata["methods"][0]


@settings(max_examples=examples(daily=20), suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), name=static_devices)
def test_circuits_of_devices(data, name):
    circuit = data.draw(static_circuits(name))
    backend = device(name)
    wanted = data.draw(st.lists(st.sampled_from(range(circuit.num_clbits)), unique=True))
    readings = [(0.3, wanted[:1]), (0.7, wanted)]
    parameters = np.linspace(0.3, 2.0, circuit.num_parameters)
    expected = exact_mean(circuit, backend, readings, parameters)
    try:
        compiled = compiled_for(circuit, backend, readings, 10**6)
    except UnsupportedCircuitError as error:
        assert "goes on by what it has measured" in str(error)  # noqa: PT017 - or it is right
        return
    ((value, _),) = values(compiled, parameters)
    assert value == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("max_terms", [4, 30, pytest.param(200, marks=pytest.mark.slow)])
def test_what_is_thinned_is_right_on_average_and_within_its_bound(max_terms):
    """Five standard errors of the mean; the spread is below the bound but for chance."""
    circuit, backend = brickwork(6, 4), noisy()
    expected = exact_mean(circuit, backend, READINGS)
    found = values(compiled_for(circuit, backend, READINGS, max_terms), repetitions=400, seed=3)
    spread = found[:, 0].std(ddof=1)
    assert spread > 0
    assert abs(found[:, 0].mean() - expected) < 5 * spread / 20
    assert spread < 1.3 * math.sqrt((found[:, 1] ** 2).mean())


def test_more_terms_are_more_exact():
    circuit, backend = brickwork(8, 5), noisy()
    bounds = []
    for most in (50, 500, 5000):
        found = values(compiled_for(circuit, backend, READINGS, most), repetitions=8)
        bounds.append(math.sqrt((found[:, 1] ** 2).mean()))
    assert bounds[0] > 2 * bounds[1] > 4 * bounds[2]


def test_a_hundred_qubits_in_closed_form():
    """GHZ parities under readout error, on 127 qubits in a line."""
    num_qubits, wrong = 127, 0.03
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[1 - wrong, wrong], [wrong, 1 - wrong]]))
    circuit = QuantumCircuit(num_qubits, num_qubits)
    circuit.h(0)
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure(range(num_qubits), range(num_qubits))
    for size in (2, 10, 126):
        compiled = compiled_for(circuit, AerSimulator(noise_model=model), [(1.0, range(size))], 100)
        ((value, bound),) = values(compiled)
        assert value == pytest.approx((1 - 2 * wrong) ** size, rel=1e-9)
        assert bound == 0.0


def test_the_same_values_however_the_job_is_divided():
    compiled = compiled_for(brickwork(8, 5), noisy(), READINGS, 2000)
    run = Run(compiled.key, np.zeros((1, 0)), 40)
    program = Program({compiled.key: compiled}, (run,), 4)
    pieces = split(program)
    assert len(pieces) > 1
    whole, parts = execute(program), join([execute(piece) for piece in reversed(pieces)])
    assert (whole.runs[0].registers["values"] == parts.runs[0].registers["values"]).all()


def test_what_depends_on_measured_values_is_refused():
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    with pytest.raises(UnsupportedCircuitError, match="pauli_propagation_max_terms unset"):
        compiled_for(circuit, noisy(), [(1.0, [1])], 100)


@given(seed=st.integers(0, 2**32 - 1), threshold=st.floats(0.01, 2.0))
def test_thinning_keeps_the_mean_and_bounds_the_variance(seed, threshold):
    rng = np.random.default_rng(seed)
    terms = PauliTerms.of_z(40, [(weight, [at]) for at, weight in enumerate(rng.normal(size=40))])
    drawn = [terms.thinned(threshold, rng) for _ in range(200)]
    found = np.array([sum(each.coefficients) for each, _ in drawn])
    (variance,) = {round(each, 12) for _, each in drawn}
    assert all((np.abs(each.coefficients) >= threshold).all() for each, _ in drawn)
    assert abs(found.mean() - terms.value) <= 6 * math.sqrt(variance / 200) + 1e-12


def test_equal_strings_are_added_up():
    terms = PauliTerms.of_z(70, [(1.0, [3, 69]), (0.5, [3]), (0.25, [69, 3])])
    merged = terms.merged()
    assert sorted(merged.coefficients) == [0.5, 1.25]
    assert propagated(terms, [], 2, np.random.default_rng(0)) == (1.75, 0.0)
