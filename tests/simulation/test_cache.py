"""A compiled circuit is used again exactly while circuit and noise are the same."""

import gc
import os
import subprocess
import sys
import weakref

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.classical import expr, types
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, pauli_error

from qiskit_modes.simulation import compile_circuit, fingerprint, outcome_probabilities
from qiskit_modes.simulation import compile_once as cache


def flipped(angle=0.0) -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1)
    circuit.rz(angle, 0)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


def generic() -> GenericBackendV2:
    return GenericBackendV2(2, basis_gates=["rz", "x", "cx"], seed=3)


def test_compiled_once():
    backend, circuit = generic(), flipped()
    compiled = compile_circuit(circuit, backend)
    assert compile_circuit(circuit, backend) is compiled
    assert compile_circuit(flipped(), backend) is compiled
    assert compile_circuit(flipped(0.1), backend) is not compiled


def test_a_mutated_circuit_is_another():
    backend, circuit = generic(), flipped()
    before = compile_circuit(circuit, backend)
    circuit.x(0)
    circuit.measure(0, 0)
    after = compile_circuit(circuit, backend)
    assert after.key != before.key
    assert outcome_probabilities(after)[0] > 0.9


def test_a_changed_calibration_is_noticed_inside_control_flow():
    backend = GenericBackendV2(2, basis_gates=["x"], control_flow=True, seed=3)
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 0)):
        circuit.x(1)
    circuit.measure(1, 1)
    before = compile_circuit(circuit, backend)
    properties = backend.target["x"][(1,)]
    properties.error = 0.3
    backend.target.update_instruction_properties("x", (1,), properties)
    after = compile_circuit(circuit, backend)
    assert after.key != before.key
    assert outcome_probabilities(after)[0] > 0.1


def test_another_method_is_another_circuit_to_the_workers():
    circuit = flipped()
    keys = {
        compile_circuit(circuit, AerSimulator(method=method)).key
        for method in ("automatic", "statevector", "matrix_product_state")
    }
    assert len(keys) == 3


def test_a_changed_calibration_is_noticed_where_it_is_used():
    backend, circuit = generic(), flipped()
    before = compile_circuit(circuit, backend)
    backend.target.update_instruction_properties("cx", (0, 1), None)
    assert compile_circuit(circuit, backend) is before
    properties = backend.target["x"][(0,)]
    properties.error = 0.3
    backend.target.update_instruction_properties("x", (0,), properties)
    after = compile_circuit(circuit, backend)
    assert after.key != before.key
    assert outcome_probabilities(after)[0] > 0.1


def test_the_options_of_a_simulator_count():
    circuit, backend = flipped(), AerSimulator()
    ideal = compile_circuit(circuit, backend)
    assert ideal.metadata["noise"] == "none"
    model = NoiseModel()
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.25), ("I", 0.75)]), "x")
    backend.set_options(noise_model=model)
    noisy = compile_circuit(circuit, backend)
    assert noisy.metadata["noise"] == "noise model"
    assert outcome_probabilities(noisy)[0] == pytest.approx(0.25)
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.5), ("I", 0.5)]), "x")
    assert outcome_probabilities(compile_circuit(circuit, backend))[0] == pytest.approx(0.5)
    backend.set_options(method="statevector")
    assert compile_circuit(circuit, backend).metadata["methods"] == ["Aer's statevector"]


def test_backends_are_not_kept_alive():
    backend = generic()
    compile_circuit(flipped(), backend)
    address, reference = id(backend), weakref.ref(backend)
    assert address in cache._caches._known
    del backend
    gc.collect()
    assert reference() is None
    assert address not in cache._caches._known


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr(cache, "CIRCUITS_PER_BACKEND", 3)
    backend = generic()
    compiled = [compile_circuit(flipped(0.1 * k), backend) for k in range(5)]
    assert len(cache._caches.of(backend)) == 3
    assert compile_circuit(flipped(0.4), backend) is compiled[4]
    assert compile_circuit(flipped(0.0), backend) is not compiled[0]


def conditional(value: int) -> QuantumCircuit:
    circuit = QuantumCircuit(1, 2)
    with circuit.if_test((circuit.cregs[0], value)):
        circuit.x(0)
    return circuit


def with_variable(limit: int) -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    variable = circuit.add_var("v", expr.lift(limit, types.Uint(4)))
    with circuit.if_test(expr.less(variable, 2)):
        circuit.x(0)
    return circuit


def with_definition(gate: str) -> QuantumCircuit:
    inner = QuantumCircuit(1, name="mine")
    getattr(inner, gate)(0)
    circuit = QuantumCircuit(1)
    circuit.append(inner.to_gate(), [0])
    return circuit


def with_parameters(make) -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    for parameter in make():
        circuit.rz(parameter, 0)
    return circuit


def delayed(unit: str) -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.delay(5, 0, unit=unit)
    return circuit


def vector():
    return list(ParameterVector("x", 11))


def lookalikes():
    return [Parameter(f"x[{k}]") for k in range(11)]


@pytest.mark.parametrize(
    ("one", "same", "other"),
    [
        (lambda: flipped(0.1), lambda: flipped(0.1), lambda: flipped(0.1 + 1e-16 * 2)),
        (lambda: conditional(1), lambda: conditional(1), lambda: conditional(2)),
        (lambda: with_variable(1), lambda: with_variable(1), lambda: with_variable(3)),
        (lambda: with_definition("x"), lambda: with_definition("x"), lambda: with_definition("h")),
        (lambda: delayed("ns"), lambda: delayed("ns"), lambda: delayed("us")),
        (
            lambda: with_parameters(vector),
            lambda: with_parameters(vector),
            lambda: with_parameters(lookalikes),
        ),
    ],
)
def test_fingerprints(one, same, other):
    assert fingerprint(one()) == fingerprint(same())
    assert fingerprint(one()) != fingerprint(other())


@pytest.mark.slow
def test_a_key_is_the_same_in_another_process():
    code = (
        "from tests.simulation.test_cache import flipped, generic;"
        "from qiskit_modes.simulation import compile_circuit;"
        "print(compile_circuit(flipped(0.3), generic()).key)"
    )
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "17"},
    )
    assert found.stdout.strip() == compile_circuit(flipped(0.3), generic()).key
