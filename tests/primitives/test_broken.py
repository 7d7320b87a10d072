"""What a backend reports as broken is named, once for each circuit, and in the metadata."""

from __future__ import annotations

import warnings

import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import InstructionProperties
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeKyoto, FakeManilaV2, FakeSherbrooke
from samplomatic import build
from samplomatic.transpiler import generate_boxing_pass_manager

from qiskit_modes import EstimatorV2, Executor, LocalService, QuantumProgram, SamplerV2
from qiskit_modes.exceptions import BrokenHardwareWarning
from qiskit_modes.service.fakes import fakes
from qiskit_modes.simulation.noise.remarks import broken

COUPLER = (6, 5)
"""One of the couplers of fake_sherbrooke that do not work."""


def circuit_on(*couplers, num_qubits=9):
    circuit = QuantumCircuit(num_qubits)
    for coupler in couplers:
        circuit.sx(coupler[0])
        circuit.ecr(*coupler)
    circuit.measure_all()
    return circuit


def said_by(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    return result, [w for w in caught if issubclass(w.category, BrokenHardwareWarning)]


@pytest.fixture
def sherbrooke():
    return FakeSherbrooke()


def test_it_is_said_once_for_each_circuit_with_the_way_out(sherbrooke):
    sampler = SamplerV2(sherbrooke)
    circuit = circuit_on(COUPLER, (7, 6))
    job, said = said_by(lambda: sampler.run([circuit], shots=10))
    assert len(said) == 1
    text = str(said[0].message)
    assert "fake_sherbrooke" in text
    assert "ecr on qubits 6, 5; ecr on qubits 7, 6" in text
    assert "initial_layout" in text
    assert said[0].filename == __file__, "it is the user's line"
    assert job.result()[0].metadata["simulation"]["broken"] == [
        "ecr on qubits 6, 5",
        "ecr on qubits 7, 6",
    ]
    again, said = said_by(lambda: sampler.run([circuit.copy()], shots=10))
    assert not said
    assert "broken" in again.result()[0].metadata["simulation"]
    _, said = said_by(lambda: sampler.run([circuit_on(COUPLER)], shots=10))
    assert len(said) == 1, "another circuit"


def test_what_works_is_not_mentioned(sherbrooke):
    job, said = said_by(lambda: SamplerV2(sherbrooke).run([circuit_on((1, 0))], shots=10))
    assert not said
    assert "broken" not in job.result()[0].metadata["simulation"]


def test_it_is_an_error_where_warnings_are(sherbrooke, monkeypatch):
    monkeypatch.setenv("QISKIT_MODES_STRICT", "1")
    with pytest.raises(BrokenHardwareWarning, match="ecr on qubits 6, 5"):
        SamplerV2(sherbrooke).run([circuit_on(COUPLER)])


@pytest.mark.parametrize("level", [0, 1])
def test_the_estimator_says_it_too(sherbrooke, level):
    circuit = circuit_on(COUPLER).remove_final_measurements(inplace=False)
    estimator = EstimatorV2(sherbrooke, options={"resilience_level": level})
    pub = (circuit, SparsePauliOp("IIIIIIZII"))
    job, said = said_by(lambda: estimator.run([pub]))
    assert len(said) == 1
    assert job.result()[0].metadata["simulation"]["broken"] == ["ecr on qubits 6, 5"]


def test_the_executor_says_it_too(sherbrooke):
    program = QuantumProgram(shots=5)
    boxed = generate_boxing_pass_manager(enable_measures=True).run(circuit_on(COUPLER))
    program.append_samplex_item(*build(boxed), shape=(2,))
    _, said = said_by(lambda: Executor(sherbrooke).run(program).result())
    assert len(said) == 1


def test_in_control_flow(sherbrooke):
    circuit = QuantumCircuit(9, 1)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.ecr(*COUPLER)
    circuit.measure(5, 0)
    job, said = said_by(lambda: SamplerV2(sherbrooke).run([circuit], shots=10))
    assert len(said) == 1
    assert job.result()[0].metadata["simulation"]["broken"] == ["ecr on qubits 6, 5"]


def test_a_simulator_of_a_device_has_the_devices_broken_parts():
    manila = FakeManilaV2()
    duration = manila.target["cx"][(0, 1)].duration
    manila.target.update_instruction_properties("cx", (0, 1), InstructionProperties(duration, 1.0))
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    circuit.measure_all()
    for backend in (manila, AerSimulator.from_backend(manila)):
        job, said = said_by(lambda backend=backend: SamplerV2(backend).run([circuit], shots=10))
        assert len(said) == 1
        assert job.result()[0].metadata["simulation"]["broken"] == ["cx on qubits 0, 1"]


def test_a_broken_measurement_is_one_too(manila):
    target = FakeManilaV2().target
    assert not broken(target, [("measure", (2,))])
    target.update_instruction_properties("measure", (2,), InstructionProperties(1e-6, 1.0))
    assert broken(target, [("measure", (2,)), ("sx", (2,))]) == [("measure", (2,))]


def test_very_many_are_not_all_listed():
    """All couplers of this snapshot are broken."""
    kyoto = FakeKyoto()
    edges = sorted(kyoto.coupling_map.get_edges())[:12]
    _, said = said_by(lambda: SamplerV2(kyoto).run([circuit_on(*edges, num_qubits=127)], shots=1))
    assert str(said[0].message).count("ecr on") == 6


@pytest.mark.parametrize("name", ["fake_torino", "fake_sherbrooke", "fake_kingston", "fake_aachen"])
def test_every_broken_part_of_a_snapshot_is_found(name):
    target = fakes()[name].target
    places = [(each, place) for each in target.operation_names for place in target[each] or ()]
    found = broken(target, [place for place in places if place[1] is not None])
    assert found == sorted(
        (each, place)
        for each, place in places
        if place is not None and target[each][place] and target[each][place].error == 1.0
    )
    assert len(found) >= 3
    assert LocalService().backend(name).target is target
