"""An estimator's job with mitigation: what is kept, what is drawn, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import Parameter
from qiskit.quantum_info import PauliLindbladMap, SparsePauliOp, Statevector
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError
from qiskit_ibm_runtime import options as legacy
from qiskit_ibm_runtime.exceptions import IBMInputValueError
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import EstimatorV2
from qiskit_modes.exceptions import InvalidInputError, UnsupportedOptionError
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.boxes.narrow import measured_early, narrowed, widened
from qiskit_modes.primitives.estimator.steps import estimator_steps
from qiskit_modes.primitives.mitigation.techniques import REGISTER, Calibration
from qiskit_modes.primitives.options.resolve import resolve_estimator_options
from qiskit_modes.simulation.circuits.used_qubits import used_qubits


def ansatz() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("a"), 0)
    circuit.cx(0, 1)
    return circuit


def on(backend: Any, circuit: QuantumCircuit, observable: SparsePauliOp) -> tuple[Any, Any]:
    circuit = generate_preset_pass_manager(1, backend, seed_transpiler=1).run(circuit)
    return circuit, observable.apply_layout(circuit.layout)


LEVELS = {"1": {"resilience_level": 1}, "2": {"resilience_level": 2}}


# -- what is kept --------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_an_optimizers_iterations_send_numbers_only(torino, estimator_inputs, level):
    circuit, observable = on(torino, ansatz(), SparsePauliOp(["ZZ", "XI"]))
    options = resolve_estimator_options({"default_shots": 64, **LEVELS[level]})
    known = instruction_set_of(torino).templates
    seen = set()
    for iteration in range(3):
        scaled = (iteration + 1) * observable
        inputs = estimator_inputs([(circuit.copy(), scaled, [0.1 * iteration])], torino)
        program = estimator_steps(inputs, options, torino).compile()[0]
        seen.add((frozenset(program.circuits), len(known)))
    assert len(seen) == 1


def test_idle_qubits_are_not_in_the_circuits(torino, estimator_inputs):
    circuit, observable = on(torino, ansatz(), SparsePauliOp(["ZZ", "XI"]))
    options = resolve_estimator_options({"default_shots": 64})
    inputs = estimator_inputs([(circuit, observable, [0.1])], torino)
    program = estimator_steps(inputs, options, torino).compile()[0]
    assert {each.registers["_meas"] for each in program.circuits.values()} == {2}
    # 3 angles in front of each measurement, and those of the circuit and the calibration.
    assert max(each.num_parameters for each in program.circuits.values()) < 12


def test_narrow_and_wide():
    circuit = QuantumCircuit(5, 1)
    circuit.h(3)
    circuit.barrier()
    circuit.cx(3, 1)
    circuit.delay(10, 0)
    circuit.measure(1, 0)
    assert used_qubits(circuit) == {1, 3}
    narrow = narrowed(circuit, [1, 3])
    assert narrow.qubits == [circuit.qubits[1], circuit.qubits[3]]
    assert narrow.count_ops() == {"h": 1, "barrier": 1, "cx": 1, "measure": 1}
    wide = widened(narrow, [1, 3], 5)
    assert [wide.find_bit(q).index for q in wide.data[2].qubits] == [3, 1]
    assert "measure" not in widened(narrow, [1, 3], 5, [("c", 0)]).count_ops()


def test_qubits_are_measured_early():
    circuit = QuantumCircuit(4, 4)
    circuit.h([0, 3])
    circuit.cx(0, 1)
    circuit.x(1)
    circuit.cx(1, 2)
    circuit.barrier()
    circuit.s([0, 1, 2, 3])
    circuit.measure(range(4), range(4))
    early = measured_early(circuit)
    names = [(step.name, *(early.find_bit(q).index for q in step.qubits)) for step in early.data]
    assert names.index(("measure", 0)) < names.index(("cx", 1, 2))
    for qubit in range(4):
        assert [name for name, *qubits in names if qubit in qubits] == [
            step.name
            for step in circuit.data
            if circuit.qubits[qubit] in step.qubits and step.name != "barrier"
        ]
    twice = QuantumCircuit(2, 1)
    twice.measure([0, 1], [0, 0])
    assert measured_early(twice) is twice


def test_twirled_measurements_of_a_long_chain_take_little_memory(manila, estimator_inputs):
    circuit = QuantumCircuit(16)
    circuit.h(0)
    for qubit in range(15):
        circuit.cx(qubit, qubit + 1)
    backend = AerSimulator()
    options = resolve_estimator_options({"default_shots": 64})
    program = estimator_steps(
        estimator_inputs([(circuit, "Z" * 16)], backend), options, backend
    ).compile()[0]
    peaks = [part.peak for each in program.circuits.values() for part in each.components]
    assert max(peaks) < 4**10


# -- what comes out ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"resilience_level": 1},
        {"resilience_level": 2, "resilience": {"zne": {"noise_factors": [1, 1.3, 2]}}},
    ],
    ids=str,
)
def test_a_seed_reproduces_what_is_drawn(manila, estimate, options):
    circuit = QuantumCircuit(3)
    for _ in range(3):
        circuit.sx([0, 1, 2])
        circuit.cx(0, 1)
        circuit.cx(1, 2)
    pub = on(manila, circuit, SparsePauliOp("ZZZ"))

    def value(seed: int, backend: Any) -> float:
        simulator = {"simulator": {"seed_simulator": seed}, "default_shots": 128}
        return float(estimate(backend, [pub], options={**options, **simulator})[0].data.evs)

    # Another object of the same device, for which nothing is kept.
    assert value(0, manila) == value(0, FakeManilaV2())
    assert len({value(seed, manila) for seed in range(4)}) > 1


@pytest.mark.parametrize("level", LEVELS)
def test_pubs_with_their_own_precision_width_and_shape(ideal, estimate, level):
    wide = QuantumCircuit(4)
    wide.x([1, 3])
    pubs = [
        (ansatz().decompose(), ["ZZ", "IZ"], [[0.0], [np.pi]], 0.1),
        (wide, {"ZIII": 1.0, "IIZI": 2.0}, None, 0.05),
        (ansatz(), ["ZZ"], np.zeros((0, 1))),
        (wide, "IIII", None, 0.1),
    ]
    result = estimate(ideal, pubs, options=LEVELS[level])
    assert result[0].data.evs == pytest.approx([1.0, -1.0], abs=1e-6)
    assert result[1].data.evs == pytest.approx(-3.0)
    assert result[2].data.evs.shape == (0,)
    assert result[3].data.evs == pytest.approx(1.0)
    assert [each.metadata["shots"] for each in result] == [128, 448, 0, 128]
    assert result.metadata["shots"] is None


def opaque_bodies() -> dict[str, QuantumCircuit]:
    dynamic = QuantumCircuit(2, 1)
    dynamic.rx(Parameter("p000"), 0)
    dynamic.measure(0, 0)
    with dynamic.if_test((0, 1)):
        dynamic.x(1)
    middle = QuantumCircuit(2, 1)
    middle.ry(Parameter("_tail"), 0)
    middle.measure(0, 0)
    middle.cx(0, 1)
    toffoli = QuantumCircuit(3)
    toffoli.ry(Parameter("a"), [0, 1])
    toffoli.ccx(0, 1, 2)
    rotation = QuantumCircuit(2)
    rotation.u(Parameter("a"), 0.3, 0.0, 0)
    rotation.cp(0.4, 0, 1)
    return {"dynamic": dynamic, "measured": middle, "toffoli": toffoli, "rotation": rotation}


@pytest.mark.parametrize("name", opaque_bodies())
def test_measurements_of_any_circuit_are_mitigated(name, ideal, estimate):
    circuit = opaque_bodies()[name]
    noise = NoiseModel(basis_gates=sorted(ideal.target.operation_names))
    # Feed-forward would see the wrong bits too, and nothing mitigates that.
    if name != "dynamic":
        noise.add_all_qubit_readout_error(ReadoutError([[0.97, 0.03], [0.06, 0.94]]))
    width = circuit.num_qubits
    pub = (circuit, ["Z" * width, "X" * width, "I" * (width - 1) + "Z"], [0.7])
    exact = estimate(ideal, [pub], precision=0.005)[0].data.evs
    noisy = AerSimulator(noise_model=noise)
    data = estimate(noisy, [pub], precision=0.01, options={"resilience_level": 1})[0].data
    assert data.evs == pytest.approx(exact, abs=0.06)


def test_strong_readout_errors_are_mitigated_without_a_remainder(ideal):
    """Were the part of flipped shots taken for a rate, 5.5 % and 10.7 % would be missing."""
    noise = NoiseModel(basis_gates=sorted(ideal.target.operation_names))
    noise.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    circuit = QuantumCircuit(2)
    circuit.x(0)
    twirling = {"num_randomizations": 1000, "shots_per_randomization": 50}
    options = {"twirling": twirling, "simulator": {"seed_simulator": 11}}
    estimator = EstimatorV2(AerSimulator(noise_model=noise), options=options)
    data = estimator.run([(circuit, ["IZ", "ZI", "ZZ"])]).result(timeout=60)[0].data
    assert data.evs == pytest.approx([-1, 1, -1], abs=0.03)


@pytest.mark.parametrize(("flipped", "expected"), [(0.0, 1.0), (0.25, 0.5), (0.5, 0.01)])
def test_the_calibrations_fidelity_is_what_was_measured(flipped, expected):
    """What a hundred shots cannot tell from nothing is taken for a hundredth."""
    calibration = Calibration.of(1, 10)
    bits = (np.arange(100).reshape(10, 10, 1) < 100 * flipped).astype(np.uint8)
    outputs = {f"measurement_flips.{REGISTER}": np.zeros((10, 1, 1), dtype=bool)}
    readout = calibration.readout(bits, outputs)
    assert readout.fidelities()[0] == pytest.approx(expected)


def test_the_noise_model_of_older_options_replaces_the_backends(manila):
    noise = NoiseModel()
    noise.add_all_qubit_readout_error(ReadoutError([[0.5, 0.5], [0.5, 0.5]]))
    circuit = QuantumCircuit(1)
    circuit.x(0)
    dictionary = {"simulator": {"noise_model": noise}, "seed_estimator": 3, "resilience_level": 0}
    older = legacy.EstimatorOptions(resilience_level=0, seed_estimator=3)
    older.simulator.noise_model = noise
    assigned = EstimatorV2(manila, options={"resilience_level": 0})
    assigned.options.simulator.noise_model = noise
    assigned.options.simulator.seed_simulator = 3
    for estimator in (EstimatorV2(manila, dictionary), EstimatorV2(manila, older), assigned):
        result = estimator.run([(circuit, "Z")]).result(timeout=60)
        assert abs(float(result[0].data.evs)) < 0.1
        assert result.metadata["simulation"]["seed_simulator"] == 3
    plain = EstimatorV2(manila, options={"resilience_level": 0})
    assert plain.run([(circuit, "Z")]).result(timeout=60)[0].data.evs < -0.8


def test_noise_for_mitigation_is_not_added_to_a_noisy_backend(manila, ideal, estimator_inputs):
    circuit, observable = on(manila, ansatz(), SparsePauliOp("ZZ"))
    estimator = EstimatorV2(manila, options={"resilience": {"pec_mitigation": True}})
    (layer,) = estimator.find_unique_layers([(circuit, observable, [0.1])])
    noise = PauliLindbladMap.from_list([("XX", 0.2)])
    estimator.options.resilience.layer_noise_model = [(layer, noise)]
    estimator.options.resilience.pec.noise_gain = 1.0  # nothing is removed
    estimator.options.default_shots = 8192
    value = float(estimator.run([(circuit, observable, [0.0])]).result(timeout=60)[0].data.evs)
    assert value > 0.9
    estimator = EstimatorV2(ideal, options=estimator.options)
    value = float(estimator.run([(circuit, observable, [0.0])]).result(timeout=60)[0].data.evs)
    assert value == pytest.approx(1.0, abs=0.1)  # XX and ZZ commute
    observable = SparsePauliOp("IZ").apply_layout(circuit.layout)
    value = float(estimator.run([(circuit, observable, [0.0])]).result(timeout=60)[0].data.evs)
    assert value == pytest.approx(np.exp(-0.4), abs=0.1)


def test_a_stabilizer_method_gets_rounded_angles(estimate):
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    backend = AerSimulator(method="stabilizer")
    result = estimate(backend, [(circuit, ["ZZ", "XX"])], options={"resilience_level": 1})
    assert result[0].data.evs == pytest.approx([1.0, 1.0])


def test_angles_are_not_rounded_by_themselves(ideal, estimator_inputs):
    options = resolve_estimator_options({"default_shots": 64, "simulator": {"seed_simulator": 1}})
    programs = [
        estimator_steps(
            estimator_inputs([(ansatz(), "ZZ", [0.4 + step])], ideal), options, ideal
        ).compile()[0]
        for step in (0.0, 1e-7)
    ]
    values = [program.runs[0].parameter_values for program in programs]
    assert not np.array_equal(*values)


# -- what is refused -----------------------------------------------------------------------------


def with_box() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    with circuit.box():
        circuit.sx(0)
    return circuit


def with_condition() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(1)
    return circuit


def entangled() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    return circuit


def wrong_layer() -> list[Any]:
    circuit = QuantumCircuit(3)
    circuit.cx(1, 2)
    estimator = EstimatorV2(AerSimulator(), options={"resilience": {"pec_mitigation": True}})
    (layer,) = estimator.find_unique_layers([(circuit, "ZZZ")])
    return [(layer, PauliLindbladMap.from_list([("XX", 0.1)]))]


BAD: dict[str, tuple[Any, Any, str]] = {
    "PEC with ZNE": (
        entangled,
        {"resilience_level": 2, "resilience": {"pec_mitigation": True}},
        r"pec_mitigation and resilience\.zne_mitigation exclude each other",
    ),
    "too few noise factors": (
        entangled,
        {
            "resilience_level": 2,
            "resilience": {"zne": {"noise_factors": [1, 2], "extrapolator": "polynomial_degree_3"}},
        },
        r"needs at least 4 different noise factors, and there are 2\. Add to resilience\.zne\.n",
    ),
    "boxes": (with_box, {}, "circuit has a box .* Remove the boxes"),
    "a condition among twirled gates": (
        with_condition,
        {"twirling": {"enable_gates": True}},
        r"PUB 0: the circuit cannot be randomised: .*if_else.* twirling\.enable_gates=False",
    ),
    "decoupling without durations": (
        entangled,
        {"dynamical_decoupling": {"enable": True}},
        r"how long an x pulse takes .*dynamical_decoupling\.enable=False",
    ),
    "decoupling of a condition": (
        with_condition,
        {"dynamical_decoupling": {"enable": True}},
        "control flow has none before it runs",
    ),
    "noise for another layer": (
        entangled,
        lambda: {"resilience": {"pec_mitigation": True, "layer_noise_model": wrong_layer()}},
        "has no noise for the layer .*find_unique_layers",
    ),
    "a noise model of another kind": (
        entangled,
        {"simulator": {"noise_model": {"errors": []}}},
        r"simulator\.noise_model must be a qiskit_aer\.noise\.NoiseModel",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_contradictions_are_said_at_once(case, ideal):
    circuit, options, words = BAD[case]
    options = options() if callable(options) else options
    with pytest.raises(IBMInputValueError, match=words) as raised:
        EstimatorV2(ideal, options=options).run([(circuit(), "ZZ")])
    assert isinstance(raised.value, InvalidInputError)


def test_noise_of_layers_without_a_use_is_refused(manila):
    noise = [(wrong_layer()[0][0], PauliLindbladMap.from_list([("XX", 0.1)]))]
    estimator = EstimatorV2(manila, options={"resilience": {"layer_noise_model": noise}})
    with pytest.raises(UnsupportedOptionError, match=r"layer_noise_model has no effect"):
        estimator.run([on(manila, entangled(), SparsePauliOp("ZZ"))])


def test_a_device_without_the_gates_that_twirling_writes(estimate):
    from qiskit.providers.fake_provider import GenericBackendV2

    backend = GenericBackendV2(2, ["u", "cx"], seed=1)
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    with pytest.raises(InvalidInputError, match=r"has no rz on qubit 0.*resilience_level=0"):
        EstimatorV2(backend).run([(circuit, "ZZ")])
    EstimatorV2(backend, options={"resilience_level": 0}).run([(circuit, "ZZ")]).result(timeout=60)


def test_the_exact_value_at_every_level(ideal):
    circuit = ansatz().assign_parameters([0.9])
    exact = Statevector(circuit).expectation_value(SparsePauliOp("ZZ")).real
    for level in (0, 1, 2):
        estimator = EstimatorV2(ideal, options={"resilience_level": level})
        data = estimator.run([(circuit, "ZZ")]).result(timeout=60)[0].data
        assert data.evs == pytest.approx(exact, abs=0.1)
