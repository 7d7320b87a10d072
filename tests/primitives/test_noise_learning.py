"""What is learned of a layer is the twirled noise of Aer's noise model, to 1e-9."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction
from qiskit.providers import BackendV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import (
    PTM,
    Operator,
    Pauli,
    PauliLindbladMap,
    QubitSparsePauli,
    SuperOp,
)
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, pauli_error
from samplomatic import InjectNoise, Twirl

from qiskit_modes.exceptions import InvalidInputError, NotISAError
from qiskit_modes.primitives.layers.learn import learn_layer
from qiskit_modes.primitives.layers.learnable import read_layer
from qiskit_modes.primitives.layers.pauli_rates import rates_from_fidelities

BACKENDS = {
    "manila": lambda request: request.getfixturevalue("manila"),
    "generic": lambda _: GenericBackendV2(4, seed=7, noise_info=True),
}


@pytest.fixture(params=list(BACKENDS))
def backend(request) -> BackendV2:
    return BACKENDS[request.param](request)


def box(build, *annotations, num_qubits: int) -> CircuitInstruction:
    circuit = QuantumCircuit(num_qubits, num_qubits)
    with circuit.box(list(annotations)):
        build(circuit)
    return circuit.data[0]


def learned(instruction: CircuitInstruction, backend: BackendV2, **kwargs):
    return learn_layer(read_layer(instruction, backend, "Instruction 0"), backend, **kwargs)


def fidelities(noise: PauliLindbladMap) -> np.ndarray:
    """All Pauli fidelities, in the order of Qiskit's Pauli transfer matrices."""
    labels = map("".join, product("IXYZ", repeat=noise.num_qubits))
    return np.array([noise.pauli_fidelity(QubitSparsePauli(label)) for label in labels])


def transfer(
    circuit: QuantumCircuit, model: NoiseModel | None = None, places: Sequence[int] = range(9)
) -> np.ndarray:
    """The Pauli transfer matrix of a circuit, with the errors of a noise model of Aer's if given.

    Args:
        circuit: A few qubits.
        model: Whose errors follow the gates.
        places: Where the circuit's qubits are on the device.
    """
    channel = SuperOp(np.eye(4**circuit.num_qubits))
    for step in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in step.qubits]
        channel = channel.compose(SuperOp(step.operation), qubits)
        there = tuple(places[qubit] for qubit in qubits)
        error = model and model._local_quantum_errors.get(step.name, {}).get(there)
        if error:
            channel = channel.compose(SuperOp(error), qubits)
    return PTM(channel).data.real


@pytest.mark.parametrize("dressing", ["left", "right"])
def test_the_noise_of_a_layers_content_is_that_of_aers_model(backend, dressing):
    def content(circuit: QuantumCircuit) -> None:
        circuit.cx(2, 1)
        circuit.noop(0)

    instruction = box(content, Twirl(dressing=dressing), num_qubits=backend.num_qubits)
    noise = learned(instruction, backend, dressing=False).to_pauli_lindblad_map()
    layer = QuantumCircuit(3)
    layer.cx(2, 1)
    channel = transfer(layer, NoiseModel.from_backend(backend)) @ transfer(layer).T
    np.testing.assert_allclose(fidelities(noise), np.diag(channel), atol=1e-9, rtol=0)
    assert np.diag(channel).min() < 0.995


def dressing_gates(paulis: tuple[int, ...]) -> QuantumCircuit:
    """A Pauli on each qubit, as rz-sx-rz-sx-rz; the angles of I, X, Y, Z."""
    angles = [(np.pi, np.pi, 0), (0, 0, 0), (np.pi, 0, 0), (0, np.pi, 0)]
    circuit = QuantumCircuit(len(paulis))
    for qubit, pauli in enumerate(paulis):
        first, second, third = angles[pauli]
        circuit.rz(first, qubit)
        circuit.sx(qubit)
        circuit.rz(second, qubit)
        circuit.sx(qubit)
        circuit.rz(third, qubit)
    return circuit


def as_pauli(paulis: tuple[int, ...]) -> QuantumCircuit:
    circuit = QuantumCircuit(len(paulis))
    for qubit, pauli in enumerate(paulis):
        circuit.append(Pauli("IXYZ"[pauli]), [qubit])
    return circuit


@pytest.mark.parametrize("dressing", ["left", "right"])
def test_the_noise_of_a_dressed_layer_is_the_mean_over_its_twirl(backend, dressing):
    """All 16 twirls before and all 16 after, with the gates that run; not a formula of ours."""
    layer = QuantumCircuit(2)
    layer.cx(0, 1)
    model = NoiseModel.from_backend(backend)
    ideal, content = transfer(layer), transfer(layer, model)
    paulis = [transfer(as_pauli((pauli,))) for pauli in range(4)]
    singles = [
        [transfer(dressing_gates((pauli,)), model, [qubit]) for pauli in range(4)]
        for qubit in range(2)
    ]
    mean = np.zeros((16, 16))
    twirls = [np.kron(one, other) for one, other in product(paulis, repeat=2)]
    noisy_twirls = [np.kron(one, other) for one, other in product(singles[1], singles[0])]
    for applied, gates in zip(twirls, noisy_twirls, strict=True):
        for chosen in twirls:  # before the layer; behind it, it is another
            behind = ideal @ chosen @ ideal.T
            if dressing == "left":
                mean += behind @ (content @ gates) @ (applied @ chosen) / 256
            else:
                mean += (behind.T @ applied.T) @ (gates @ content) @ chosen / 256
    for site, noise in [("before", ideal.T @ mean), ("after", mean @ ideal.T)]:
        np.testing.assert_allclose(noise, np.diag(np.diag(noise)), atol=1e-9)
        instruction = box(
            lambda circuit: circuit.cx(0, 1),
            Twirl(dressing=dressing),
            InjectNoise("a", site=site),
            num_qubits=backend.num_qubits,
        )
        _compare(instruction, backend, np.diag(noise))


def _compare(instruction: CircuitInstruction, backend: BackendV2, expected: np.ndarray) -> None:
    result = learned(instruction, backend)
    found = fidelities(result.to_pauli_lindblad_map())
    # A mixture of such channels need not be one: then the closest is given, and how close it is.
    residual = result.metadata["residual"]
    np.testing.assert_allclose(found, expected, atol=1e-9 + residual, rtol=0)
    assert residual < 2e-7
    undressed = fidelities(learned(instruction, backend, dressing=False).to_pauli_lindblad_map())
    assert abs(undressed - found).max() > 1e-5, "the dressing's errors are seen"


def test_the_noise_of_a_measurement_is_its_readout_and_its_dressing(manila):
    def content(circuit: QuantumCircuit) -> None:
        circuit.measure([3, 1], [0, 1])

    instruction = box(content, Twirl(), num_qubits=5)
    result = learned(instruction, manila)
    assert result.metadata["learning_protocol"] == "trex"
    assert result.to_pauli_lindblad_map().num_qubits == 2
    bare = learned(instruction, manila, dressing=False).to_pauli_lindblad_map()
    model = NoiseModel.from_backend(manila)
    for index, qubit in enumerate([1, 3]):
        z = QubitSparsePauli.from_sparse_label(("Z", [index]), num_qubits=2)
        readout = 1 - 2 * manila.target["measure"][(qubit,)].error
        assert bare.pauli_fidelity(z) == pytest.approx(readout, abs=1e-12)
        channels = [
            transfer(dressing_gates((pauli,)), model, [qubit]) @ transfer(as_pauli((pauli,))).T
            for pauli in range(4)
        ]
        dressing = np.mean(channels, axis=0)[3, 3]
        found = result.to_pauli_lindblad_map().pauli_fidelity(z)
        assert found == pytest.approx(dressing * readout, abs=1e-9)
        assert dressing < 0.9999


def noisy_simulator(**errors: list[tuple[str, float]]) -> AerSimulator:
    model = NoiseModel()
    for name, terms in errors.items():
        model.add_all_qubit_quantum_error(pauli_error(terms), name)
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.3, 0.7]]))
    return AerSimulator(noise_model=model)


def test_noise_of_another_form_is_fitted_and_the_metadata_says_how_well():
    """X and Y errors that exclude each other would need a negative rate for Z."""
    backend = noisy_simulator(cx=[("IX", 0.1), ("IY", 0.1), ("II", 0.8)])
    instruction = box(lambda circuit: circuit.cx(0, 1), Twirl(), num_qubits=2)
    result = learned(instruction, backend)
    noise = result.to_pauli_lindblad_map()
    assert (noise.rates >= 0).all()
    exact = {"IX": 0.8, "IY": 0.8, "IZ": 0.6, "ZI": 1.0}
    off = [abs(noise.pauli_fidelity(QubitSparsePauli(p)) - f) for p, f in exact.items()]
    assert 0.005 < max(off) < 0.05
    assert result.metadata["residual"] == pytest.approx(max(off))


def test_rates_are_exact_where_the_noise_has_this_form():
    rates = rates_from_fidelities(np.array([1.0, 0.8, 0.8, 0.64]))
    assert rates.residual == 0.0
    assert rates.strings == ("X", "Y", "Z")
    np.testing.assert_allclose(rates.values, [-np.log(0.8) / 2, -np.log(0.8) / 2, 0], atol=1e-12)


def test_asymmetric_readout_is_symmetrised_by_the_twirl():
    instruction = box(lambda circuit: circuit.measure(0, 0), Twirl(), num_qubits=1)
    noise = learned(instruction, noisy_simulator()).to_pauli_lindblad_map()
    assert noise.pauli_fidelity(QubitSparsePauli("Z")) == pytest.approx(1 - 0.1 - 0.3)


def test_without_noise_all_rates_are_zero(ideal):
    instruction = box(lambda circuit: circuit.cx(0, 1), Twirl(), num_qubits=2)
    result = learned(instruction, ideal)
    assert not result.to_pauli_lindblad_map().rates.any()
    assert len(result) == 15
    assert result.metadata == {
        "learning_protocol": "pauli_lindblad",
        "residual": 0.0,
        "noise": "none",
    }


def two_gates(circuit: QuantumCircuit) -> None:
    circuit.cx(0, 1)
    circuit.cx(1, 2)


def mixed(circuit: QuantumCircuit) -> None:
    circuit.cx(0, 1)
    circuit.measure(2, 2)


@pytest.mark.parametrize(
    ("instruction", "error", "message"),
    [
        (QuantumCircuit(5).x(0)[0], InvalidInputError, "expected a box, not 'x'"),
        (box(lambda c: c.cx(0, 1), num_qubits=5), InvalidInputError, "no Twirl annotation"),
        (
            box(lambda c: c.cx(0, 1), Twirl("local_c1"), num_qubits=5),
            InvalidInputError,
            "twirled with the group 'local_c1'",
        ),
        (box(mixed, Twirl(), num_qubits=5), InvalidInputError, "gates alone or measurements alone"),
        (box(two_gates, Twirl(), num_qubits=5), InvalidInputError, "more than one operation"),
        (box(lambda c: c.cx(0, 1), Twirl(), num_qubits=3), InvalidInputError, "not those of the"),
        (box(lambda c: c.cx(0, 4), Twirl(), num_qubits=5), NotISAError, r"'cx' on qubits \[0, 4\]"),
        (box(lambda c: c.cz(0, 1), Twirl(), num_qubits=5), NotISAError, "does not have 'cz'"),
        (
            box(lambda c: c.cx(0, 1), Twirl(decomposition="rzrx"), num_qubits=5),
            NotISAError,
            "the twirl's gate 'rx'",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused(manila, instruction, error, message):
    with pytest.raises(error, match=message) as caught:
        read_layer(instruction, manila, "Instruction 3")
    assert "Instruction 3: " in str(caught.value)


def test_a_gate_that_is_no_clifford_gate_is_refused(ideal):
    instruction = box(lambda circuit: circuit.rzz(0.3, 0, 1), Twirl(), num_qubits=2)
    with pytest.raises(InvalidInputError, match="'rzz' is not a Clifford gate"):
        read_layer(instruction, ideal, "it")


def test_noise_that_leaves_nothing_is_an_error():
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.5, 0.5], [0.5, 0.5]]))
    instruction = box(lambda circuit: circuit.measure(0, 0), Twirl(), num_qubits=1)
    with pytest.raises(InvalidInputError, match=r"qubits \[0\] cannot be learned"):
        learned(instruction, AerSimulator(noise_model=model))


def test_the_dressing_gates_of_these_tests_are_paulis():
    for pauli in range(4):
        assert Operator(dressing_gates((pauli,))).equiv(as_pauli((pauli,)))
