"""Noise of layers acts where upstream's local mode puts it, and as Aer simulates it."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit import BoxOp, CircuitInstruction, QuantumCircuit
from qiskit.providers import BackendV2
from qiskit.quantum_info import PauliLindbladMap
from qiskit.transpiler import PassManager
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider.executor.insert_noise_pass import InsertNoisePass
from samplomatic import InjectNoise, Tag, Twirl, build

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.layers.layer_noise import LayerNoise
from qiskit_modes.simulation import compile_circuit, fingerprint, outcome_probabilities
from tests.primitives import program_cases as cases

PAIR = PauliLindbladMap.from_sparse_list(
    [("X", [0], 0.05), ("Z", [1], 0.2), ("XY", [0, 1], 0.1), ("YX", [0, 1], 0.03)], 2
)
TRIPLE = PauliLindbladMap.from_sparse_list([("XZX", [0, 1, 2], 0.1), ("X", [2], 0.07)], 3)


def layers(circuit: QuantumCircuit) -> dict[str, CircuitInstruction]:
    return {
        annotation.ref: step
        for step in circuit.data
        for annotation in step.operation.annotations
        if isinstance(annotation, Tag)
    }


def mixed() -> QuantumCircuit:
    """Layers dressed on the left and on the right, on qubits in descending order, a measurement."""
    circuit = QuantumCircuit(3)
    with circuit.box([Twirl(), Tag("left")]):
        circuit.sx(0)
        circuit.cx(2, 0)
    with circuit.box([Twirl(), Tag("both")]):
        circuit.noop(1)
        circuit.sx([0, 2])
    with circuit.box([Twirl(dressing="right"), Tag("right")]):
        circuit.cx(2, 1)
        circuit.sx(1)
    with circuit.box([Twirl(dressing="right")]):
        circuit.noop(0)
    with circuit.box([Twirl(), Tag("measure")]):
        circuit.measure_all()
    return circuit


def with_aer(circuit: QuantumCircuit, backend: BackendV2) -> np.ndarray:
    """Probabilities of all outcomes, by Aer's density matrices."""
    ideal_readout = circuit.remove_final_measurements(inplace=False)
    ideal_readout.save_probabilities()
    return backend.run(ideal_readout).result().data()["probabilities"]


def with_us(circuit: QuantumCircuit, backend: BackendV2) -> np.ndarray:
    found = outcome_probabilities(compile_circuit(circuit, backend))
    return np.array([found.get(memory, 0.0) for memory in range(2**circuit.num_clbits)])


@pytest.fixture(scope="module")
def noisy_backend(manila) -> AerSimulator:
    """The noise of fake_manila without errors of readout, which Aer only samples."""
    from qiskit_aer.noise import NoiseModel

    model = NoiseModel.from_backend(manila, readout_error=False)
    return AerSimulator(method="density_matrix", noise_model=model)


@pytest.mark.parametrize("which", ["ideal", "noisy"])
def test_noise_is_where_upstream_puts_it_and_what_aer_makes_of_it(which, noisy_backend):
    backend = noisy_backend if which == "noisy" else AerSimulator(method="density_matrix")
    circuit = mixed()
    template, samplex = build(circuit)
    values = samplex.sample(num_randomizations=1, rng=np.random.default_rng(5))
    bound = template.assign_parameters(values["parameter_values"][0].astype(float))
    found = layers(circuit)
    maps = {"left": PAIR, "right": PAIR, "measure": TRIPLE}
    noise = LayerNoise.of([(found[tag], noise_map) for tag, noise_map in maps.items()])
    assert noise.positions == {"left": "R", "right": "L", "measure": "M"}
    upstream = InsertNoisePass(maps, dict(noise.positions), warn_absent=False)
    expected = with_aer(PassManager([upstream]).run(bound), backend)
    np.testing.assert_allclose(with_us(noise.insert(bound), backend), expected, atol=1e-9)
    assert abs(expected - with_aer(bound, backend)).max() > 0.01, "the noise is seen"


def test_equal_noise_makes_equal_circuits():
    circuit = mixed()
    template, _ = build(circuit)
    model = [(layers(circuit)["left"], PAIR)]
    first, second = (LayerNoise.of(model).insert(template) for _ in range(2))
    assert fingerprint(first) == fingerprint(second) != fingerprint(template)


def test_a_template_without_the_layers_is_left_as_it_is():
    circuit = mixed()
    template, _ = build(circuit)
    other, _ = build(cases.boxed())
    nothing = PauliLindbladMap.identity(2)
    assert LayerNoise.of([(layers(circuit)["left"], PAIR)]).insert(other) is other
    assert LayerNoise.of([(layers(circuit)["left"], nothing)]).insert(template) is template


def test_layers_without_noise_are_named():
    circuit = mixed()
    template, _ = build(circuit)
    found = layers(circuit)
    assert LayerNoise.of([(found["right"], PAIR)]).missing(template) == ["left", "both", "measure"]
    all_of_them = [
        (step, PauliLindbladMap.identity(step.operation.num_qubits)) for step in found.values()
    ]
    assert LayerNoise.of(all_of_them).missing(template) == []


@pytest.mark.parametrize(
    "annotations",
    [
        [Twirl(), Tag("a tag=b@c"), InjectNoise("ref")],
        [InjectNoise("ref"), Twirl(), Tag("a tag=b@c")],
    ],
)
def test_a_layer_is_found_beside_other_references(annotations):
    circuit = QuantumCircuit(2)
    with circuit.box(annotations):
        circuit.cx(0, 1)
    with circuit.box([Twirl()]):
        circuit.measure_all()
    template, _ = build(circuit)
    assert LayerNoise({}, {}).missing(template) == ["a tag=b@c"]
    noisy = LayerNoise.of([(circuit.data[0], PAIR)]).insert(template)
    assert len(noisy.data) > len(template.data)


def box(annotations: list, build_body) -> CircuitInstruction:
    body = QuantumCircuit(2, 2)
    build_body(body)
    return CircuitInstruction(BoxOp(body, annotations=annotations), body.qubits, body.clbits)


def one_gate(body: QuantumCircuit) -> None:
    body.cx(0, 1)


def gate_and_measurement(body: QuantumCircuit) -> None:
    body.cx(0, 1)
    body.measure(0, 0)


SEVEN = PauliLindbladMap.from_sparse_list([("X" * 7, range(7), 0.1)], 7)


@pytest.mark.parametrize(
    ("annotations", "body", "noise", "message"),
    [
        ([Twirl()], one_gate, PAIR, "has no Tag"),
        ([Tag("a")], gate_and_measurement, PAIR, "other things than gates alone"),
        ([Tag("a")], one_gate, PAIR.inverse(), "negative rate"),
        ([Tag("a")], one_gate, SEVEN, "acts on 7 qubits at once"),
    ],
)
def test_what_cannot_be_simulated_is_refused(annotations, body, noise, message):
    instruction = box(annotations, body)
    with pytest.raises(InvalidInputError, match=message) as caught:
        LayerNoise.of([(instruction, noise)], "some.option")
    assert "some.option[0]" in str(caught.value)


def test_noise_for_the_wrong_number_of_qubits_is_refused():
    circuit = mixed()
    template, _ = build(circuit)
    with pytest.raises(InvalidInputError, match=r"'left' is for 3 qubits, but .* has 2"):
        LayerNoise.of([(layers(circuit)["left"], TRIPLE)]).insert(template)
