"""Fractional gates: what the fakes of machines that have them offer to whoever asks for them."""

from __future__ import annotations

import copy
import pickle
from math import pi

import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.exceptions import IBMInputValueError
from qiskit_ibm_runtime.fake_provider import FakeMarrakesh, FakeTorino

from qiskit_modes import EstimatorV2, LocalService, SamplerV2
from qiskit_modes.exceptions import NotISAError
from qiskit_modes.primitives.backends.fractional import has_fractional_gates, with_fractional_gates
from qiskit_modes.runtime.qpu import QPURegistry
from qiskit_modes.scheduling import Ledger
from qiskit_modes.service.fakes import fakes
from qiskit_modes.simulation import compile_circuit, fingerprint, outcome_probabilities
from tests.simulation.aer_oracle import aer_distribution
from tests.simulation.comparing import assert_same

HERONS = sorted(
    name
    for name, fake in fakes().items()
    if "Heron" in str(fake.configuration().to_dict().get("processor_type"))
)


@pytest.fixture(scope="module")
def torino():
    return LocalService().backend("ibm_torino", use_fractional_gates=True)


def test_the_herons_have_them_and_the_fake_that_reports_them():
    found = {name for name, fake in fakes().items() if has_fractional_gates(fake)}
    assert found == {*HERONS, "fake_fractional"}
    assert len(HERONS) >= 7


def reported(backend, name):
    table = backend.target[name].items()
    return {place: each and (each.error, each.duration) for place, each in table}


@pytest.mark.parametrize("name", HERONS)
def test_errors_and_durations_are_those_of_the_plain_gates(name):
    plain = LocalService().backend(name)
    backend = LocalService().backend(name, use_fractional_gates=True)
    assert backend.name == name
    assert reported(backend, "rx") == reported(plain, "sx")
    assert reported(backend, "rzz") == reported(plain, "cz")
    for each in plain.operation_names:
        if each in ("if_else", "for_loop", "switch_case"):
            assert each not in backend.operation_names
        else:
            assert reported(backend, each) == reported(plain, each)
    assert "rx" not in plain.operation_names
    assert {"rx", "rzz"} <= set(backend.configuration().basis_gates)
    assert "if_else" not in backend.configuration().supported_instructions
    edge = next(iter(plain.coupling_map.get_edges()))
    properties = backend.properties()
    assert properties.gate_error("rzz", edge) == properties.gate_error("cz", edge)
    assert properties.gate_length("rx", 3) == properties.gate_length("sx", 3)


def test_none_is_both_and_false_is_the_fake_itself():
    service = LocalService()
    both = service.backend("ibm_torino", use_fractional_gates=None)
    assert {"rx", "rzz", "if_else"} <= set(both.operation_names)
    assert service.backend("ibm_torino", use_fractional_gates=None) is both
    assert service.backend("ibm_torino", use_fractional_gates=False) is fakes()["fake_torino"]
    assert service.backend("ibm_manila", use_fractional_gates=None) is fakes()["fake_manila"]


def test_a_machine_without_them_is_refused_with_those_that_have_them():
    with pytest.raises(IBMInputValueError, match=r"not support fractional gates.*fake_torino"):
        LocalService().backend("ibm_sherbrooke", use_fractional_gates=True)
    simulator = LocalService().backend("aer_simulator", use_fractional_gates=True)
    assert simulator.name == "aer_simulator"


def test_it_is_the_same_qpu_however_it_is_copied(torino):
    registry = QPURegistry(lanes=5, ledger=Ledger())
    qpu = registry.qpu(FakeTorino())
    for each in (
        torino,
        copy.copy(torino),
        copy.deepcopy(torino),
        pickle.loads(pickle.dumps(torino)),
    ):
        assert registry.qpu(each) is qpu
        assert each.operation_names == torino.operation_names
        assert isinstance(each, FakeTorino)


def test_a_fake_of_the_users_own_has_its_own_noise():
    mine = FakeMarrakesh()
    error = mine.target["sx"][(5,)].error
    mine.target["sx"][(5,)]  # made
    changed = copy.copy(mine.target["sx"][(5,)])
    changed.error = error + 0.01
    mine.target.update_instruction_properties("sx", (5,), changed)
    assert with_fractional_gates(mine, control_flow=False).target["rx"][(5,)].error == changed.error


def circuit_of(backend):
    a = Parameter("a")
    circuit = QuantumCircuit(3)
    circuit.rx(a, 0)
    circuit.rzz(a / 2, 0, 1)
    circuit.rzz(1.9, 1, 2)  # beyond what is calibrated: the transpiler folds it
    circuit.rx(-7.0, 2)
    circuit.measure_all()
    passes = generate_preset_pass_manager(1, backend, initial_layout=[0, 1, 2])
    return passes.run(circuit)


@pytest.mark.parametrize(
    "name", ["fake_fractional", pytest.param("fake_torino", marks=pytest.mark.slow)]
)
def test_the_transpiler_keeps_to_the_angles_and_samples_are_those_of_aer(name):
    backend = LocalService().backend(name, use_fractional_gates=True)
    circuit = circuit_of(backend)
    assert circuit.count_ops()["rzz"] == 2
    assert "cz" not in circuit.count_ops()
    bound = circuit.assign_parameters([0.8])
    ours = outcome_probabilities(compile_circuit(bound, backend))
    assert_same(ours, aer_distribution(bound, NoiseModel.from_backend(backend)), bound)


def test_the_metadata_says_what_is_assumed(torino):
    circuit = circuit_of(torino)
    said = {"rx": "errors and durations of sx", "rzz": "errors and durations of cz"}
    sampled = SamplerV2(torino).run([(circuit, [0.8])], shots=10).result()[0]
    assert sampled.metadata["simulation"]["assumed"] == said
    bare = circuit.remove_final_measurements(inplace=False)
    zs = SparsePauliOp("ZZZ").apply_layout(bare.layout)
    for level in (0, 1):
        estimator = EstimatorV2(torino, options={"resilience_level": level})
        estimated = estimator.run([(bare, zs, [0.8])]).result()[0]
        assert estimated.metadata["simulation"]["assumed"] == said
    plain = QuantumCircuit(1)
    plain.sx(0)
    plain.measure_all()
    sampled = SamplerV2(torino).run([plain], shots=10).result()[0]
    assert "assumed" not in sampled.metadata["simulation"]


@pytest.mark.parametrize("angle", [-0.1, pi / 2 + 0.01, 3.0])
def test_angles_that_are_not_calibrated_are_refused(torino, angle):
    circuit = QuantumCircuit(2)
    circuit.rzz(angle, 0, 1)
    circuit.measure_all()
    with pytest.raises(NotISAError, match="angle"):
        SamplerV2(torino).run([circuit])


@pytest.mark.parametrize("both", [True, None])
def test_control_flow_and_fractional_gates_exclude_each_other(both):
    backend = LocalService().backend("ibm_torino", use_fractional_gates=both)
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(0)
    if both is None:
        SamplerV2(backend).run([circuit], shots=10).result()
    circuit.rx(0.3, 0)
    words = "'if_else'" if both else "exclude each other.*without use_fractional_gates"
    with pytest.raises(NotISAError, match=words):
        SamplerV2(backend).run([circuit])


def test_what_is_not_the_users_circuit_is_the_same_with_and_without(torino):
    """A measured basis is written in the plain gates, so that results do not depend on the door."""
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.cz(0, 1)
    values = []
    for backend in (torino, FakeTorino()):
        estimator = EstimatorV2(backend, options={"simulator": {"seed_simulator": 4}})
        values.append(estimator.run([(circuit, ["XY", "ZX"])]).result()[0].data.evs.tolist())
    assert values[0] == values[1]
    assert fingerprint(circuit) == fingerprint(circuit.copy())
