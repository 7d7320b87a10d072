"""Backends that the tests of the simulation share, with the noise models that Aer gives them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, transpile
from qiskit.providers import BackendV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import FakeLimaV2, FakeManilaV2, FakeMontrealV2, FakeTorino

NAMES = ["manila", "lima", "generic-1", "generic-2", "fractional"]
"""Small devices: two real ones, and some with random errors of which one has other gates."""


@cache
def device(name: str) -> BackendV2:
    kind, _, seed = name.partition("-")
    match kind:
        case "manila":
            return FakeManilaV2()
        case "lima":
            return FakeLimaV2()
        case "montreal":
            return FakeMontrealV2()
        case "torino":
            return FakeTorino()
        case "fractional":
            gates = ["cz", "rzz", "rx", "rz", "sx", "x", "id"]
            return GenericBackendV2(5, basis_gates=gates, control_flow=True, seed=7)
        case "generic":
            line = [[k, k + 1] for k in range(4)] + [[k + 1, k] for k in range(4)]
            return GenericBackendV2(5, coupling_map=line, control_flow=True, seed=int(seed))
    raise KeyError(name)


def noise_model(backend: BackendV2) -> Any:
    """Aer's own noise model of a backend: the truth that everything is measured by."""
    return _noise_model(backend)


@cache
def _noise_model(backend: BackendV2) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return NoiseModel.from_backend(backend)


def cut_noise(model: NoiseModel, places: Mapping[int, int]) -> NoiseModel:
    """The noise of some qubits only, as one would cut it by hand.

    Args:
        model: The noise of the whole device.
        places: The qubits, and the numbers that they have afterwards.
    """
    cut = NoiseModel(basis_gates=model.basis_gates)
    for name, errors in model._local_quantum_errors.items():
        for on, error in errors.items():
            if all(qubit in places for qubit in on):
                cut.add_quantum_error(error, name, [places[qubit] for qubit in on])
    for on, error in model._local_readout_errors.items():
        if all(qubit in places for qubit in on):
            cut.add_readout_error(error, [places[qubit] for qubit in on])
    return cut


def path_through(backend: BackendV2, length: int) -> tuple[int, ...]:
    """Qubits of a large device of which each is joined to the next."""
    near: dict[int, set[int]] = {qubit: set() for qubit in range(backend.num_qubits)}
    for one, other in backend.coupling_map.get_edges():
        near[one].add(other)
        near[other].add(one)

    def extended(path: tuple[int, ...]) -> tuple[int, ...] | None:
        if len(path) == length:
            return path
        for following in sorted(near[path[-1]] - set(path)):
            found = extended((*path, following))
            if found:
                return found
        return None

    found = extended((13,))
    assert found, f"no path of {length} qubits begins at qubit 13"
    return found


def placed_on(backend: BackendV2, circuit: QuantumCircuit, layout: Sequence[int]) -> QuantumCircuit:
    """A circuit in the device's gates, with its qubits where a layout says."""
    return transpile(
        circuit, backend, initial_layout=list(layout), optimization_level=1, seed_transpiler=1
    )


def brickwork(num_qubits: int, layers: int, seed: int = 1) -> QuantumCircuit:
    """Random turns of the qubits of a line in layers, with gates between neighbours; measured."""
    rng = np.random.default_rng(seed)
    circuit = QuantumCircuit(num_qubits, num_qubits)
    for layer in range(layers):
        for qubit in range(num_qubits):
            circuit.rx(rng.uniform(0, 6), qubit)
            circuit.rz(rng.uniform(0, 6), qubit)
        for qubit in range(layer % 2, num_qubits - 1, 2):
            circuit.cx(qubit, qubit + 1)
    circuit.measure(range(num_qubits), range(num_qubits))
    return circuit


def repetition_code(distance: int, rounds: int) -> QuantumCircuit:
    """Data qubits in a row, an ancilla between neighbours, corrections by what was measured."""
    size = 2 * distance - 1
    circuit = QuantumCircuit(size)
    syndromes = [ClassicalRegister(distance - 1, f"s{number}") for number in range(rounds)]
    final = ClassicalRegister(distance, "final")
    circuit.add_register(*syndromes, final)
    for register in syndromes:
        for place in range(distance - 1):
            ancilla = 2 * place + 1
            circuit.cx(ancilla - 1, ancilla)
            circuit.cx(ancilla + 1, ancilla)
            circuit.measure(ancilla, register[place])
            with circuit.if_test((register[place], 1)):
                circuit.x(ancilla)
    circuit.measure(range(0, size, 2), final)
    return circuit
