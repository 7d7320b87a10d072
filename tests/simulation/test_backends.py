"""A backend is described in one place, so that another kind of them is one class."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.backends.backendconfiguration import GateConfig
from qiskit_ibm_runtime.fake_provider import FakeManilaV2, FakeTorino

from qiskit_modes import EstimatorV2, SamplerV2
from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.primitives.backends.fractional import with_fractional_gates
from qiskit_modes.runtime.qpu import QPURegistry
from qiskit_modes.scheduling import Ledger
from qiskit_modes.simulation import Program, Run, compile_circuit, execute, outcome_probabilities
from qiskit_modes.simulation.backends import kinds
from qiskit_modes.simulation.backends.aer_simulator import _answers_as_aer, _asked
from qiskit_modes.simulation.backends.copies import copy_of
from qiskit_modes.simulation.backends.description import BackendDescription
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.backends.names import fake_name, machine_name, other_name
from qiskit_modes.simulation.noise.source import NoiseSource
from qiskit_modes.simulation.pauli_basis import depolarizing
from qiskit_modes.simulation.settings import Settings
from tests.source_trees import ROOT, tree_of


class Workbench(GenericBackendV2):
    """A backend whose gates all err alike, by a number that its owner turns."""

    def __init__(self, serial: str, error: float) -> None:
        super().__init__(num_qubits=3, noise_info=False, seed=1)
        self.serial, self.error = serial, error


class UniformNoise(NoiseSource):
    """Every gate depolarizes its qubits with the same probability."""

    def __init__(self, backend: Workbench) -> None:
        super().__init__()
        self._backend = backend

    @property
    def description(self):
        return "uniform"

    def fact(self, key):
        return self._backend.error

    def after(self, label, qubits):
        error = self.read(("error",))
        return depolarizing(error, len(qubits)) if error and label != "measure" else None


class WorkbenchDescription(BackendDescription):
    """The same serial number is the same machine."""

    @classmethod
    def takes(cls, backends):
        return issubclass(backends, Workbench)

    @property
    def machine(self):
        return Workbench, self.backend.serial

    def noise(self):
        return UniformNoise(self.backend)

    @property
    def seed(self):
        return 7


@pytest.fixture
def workbench(monkeypatch):
    monkeypatch.setattr(kinds, "KINDS", (WorkbenchDescription, *kinds.KINDS))
    return Workbench("A1", error=0.1)


@pytest.fixture
def circuit():
    circuit = QuantumCircuit(3, 2)
    circuit.x(0)
    circuit.cx(0, 2)
    circuit.measure([0, 2], [0, 1])
    return circuit


def error_of(backend, circuit):
    return 1 - outcome_probabilities(compile_circuit(circuit, backend))[3]


def test_a_kind_of_backend_is_one_class(workbench, circuit):
    registry = QPURegistry(lanes=5, ledger=Ledger())
    assert registry.qpu(workbench) is registry.qpu(Workbench("A1", error=0.3))
    assert registry.qpu(workbench) is not registry.qpu(Workbench("A2", error=0.1))
    # Both bits are right if neither gate errs, or as luck has it: after x in a half of the cases.
    assert error_of(workbench, circuit) == pytest.approx(1 - (0.9 * (1 - 0.1 / 2) + 0.1 / 4))
    workbench.error = 0.0  # what was compiled does not hold any more
    assert error_of(workbench, circuit) == pytest.approx(0.0)


@pytest.mark.parametrize("only", ["exact", "trajectories"])
def test_a_source_of_noise_is_one_class(workbench, circuit, only):
    """Also for Aer's trajectories, whose errors are made of its matrices."""
    compiled = compile_circuit(circuit, workbench, Settings(only=only))
    assert compiled.metadata["noise"] == "uniform"
    assert ("Aer" in str(compiled.metadata["methods"])) == (only == "trajectories")
    program = Program({compiled.key: compiled}, (Run(compiled.key, np.empty((1, 0)), 20_000),), 5)
    (samples,) = execute(program).runs
    counts = np.bincount(samples.registers["c"].ravel(), minlength=4)
    exact = outcome_probabilities(compile_circuit(circuit, workbench))
    for outcome, probability in exact.items():
        sigma = np.sqrt(20_000 * probability)
        assert abs(counts[outcome] - 20_000 * probability) < 5 * sigma


def test_its_seed_is_that_of_jobs_without_one(workbench, circuit):
    first, second = (SamplerV2(workbench).run([circuit]).result() for _ in range(2))
    assert first[0].data.c.get_counts() == second[0].data.c.get_counts()
    observed = EstimatorV2(workbench).run(
        [(circuit.remove_final_measurements(inplace=False), "ZIZ")]
    )
    assert 0 < observed.result()[0].data.evs < 1


def test_what_it_does_not_know_is_refused_by_name(workbench):
    circuit = QuantumCircuit(3, 1)
    circuit.delay(100, 0, "ns")
    circuit.measure(0, 0)
    assert error_of(workbench, _with_two_bits(circuit)) > 0
    with pytest.raises(UnsupportedCircuitError, match="left to Aer as a whole"):
        describe(workbench).noise().whole_model(_reason())


def _with_two_bits(circuit):
    wide = QuantumCircuit(3, 2)
    wide.x([0, 1])
    wide.compose(circuit, inplace=True, clbits=[0])
    wide.measure(1, 1)
    return wide


def _reason():
    from qiskit_modes.simulation.noise.source import NotCuttableError

    return NotCuttableError("It cannot be cut.")


def test_names_of_machines_and_of_their_fakes():
    assert (fake_name("ibm_torino"), machine_name("fake_torino")) == ("fake_torino", "ibm_torino")
    assert (fake_name("mine"), machine_name("mine"), other_name("mine")) == ("mine",) * 3
    assert (other_name("ibm_a"), other_name("fake_a")) == ("fake_a", "ibm_a")


def test_a_fake_is_one_machine_however_often_it_is_made_and_whatever_it_was_given():
    torino = FakeTorino()
    more = with_fractional_gates(torino, control_flow=True)
    assert describe(torino).machine == describe(more).machine == describe(FakeTorino()).machine
    assert describe(copy_of(FakeManilaV2())).machine == describe(FakeManilaV2()).machine
    assert describe(AerSimulator()).machine is None
    assert describe(more).assumed_errors
    assert "rzz" in describe(more).target
    assert "rzz" not in describe(more).plain_target
    assert not describe(torino).assumed_errors


KNOWS_KINDS = "simulation/backends"
OF_KINDS = {
    "AerSimulator",
    "AerBackend",
    "FakeBackendV2",
    "IdealNoise",
    "DeviceNoise",
    "ModelNoise",
}


def test_nobody_else_asks_of_which_kind_a_backend_or_its_noise_is():
    asked = []
    for path in ROOT.rglob("*.py"):
        if KNOWS_KINDS in path.as_posix():
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"isinstance", "type"}:
                names = {
                    part for a in node.args for part in ast.unparse(a).replace("|", ".").split(".")
                }
                if {name.strip() for name in names} & OF_KINDS:
                    asked.append(f"{path.relative_to(ROOT)}:{node.lineno}")
            prefix = isinstance(node, ast.Constant) and node.value in {"ibm_", "fake_"}
            if prefix:
                asked.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    # An older simulator of Aer's knows one method: asked where Aer's instructions are listed.
    assert [each for each in asked if "aer_instructions" not in each] == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"method": "density_matrix"},
        {"method": "stabilizer"},
        {"basis_gates": ["cx", "u"]},
        {"custom_instructions": ["save_state"]},
        {"coupling_map": [[0, 1]]},
        {"gates": [GateConfig("cx", [], "", coupling_map=[[0, 1], [1, 0]])]},
        {"n_qubits": 3},
    ],
)
def test_a_simulator_tells_by_parts_what_its_configuration_would(options):
    backend = AerSimulator()
    before = describe(backend).instructions_state
    assert describe(backend).instructions_state == before
    backend.set_options(**options)
    assert _answers_as_aer(AerSimulator)
    configuration = backend.configuration()
    names, gates = _asked(backend)
    assert [*names, *AerSimulator._CUSTOM_INSTR[backend.options.method]] == list(
        configuration.basis_gates
    )
    assert gates == configuration.gates
    if {"method", "basis_gates"}.intersection(options):
        assert describe(backend).instructions_state != before


def test_a_simulator_that_answers_otherwise_is_asked():
    class Another(AerSimulator):
        def configuration(self):
            said = super().configuration()
            said.basis_gates = ["cx"]
            return said

    assert not _answers_as_aer(Another)
    assert _asked(Another())[0] == ["cx"]
    assert describe(Another()).instructions_state[0] == ("cx",)
