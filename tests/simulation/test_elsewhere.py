"""What is compiled in another process is what would have been compiled here, bit for bit."""

import io
import pickle

import numpy as np
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import Parameter
from qiskit.circuit.library import UnitaryGate, efficient_su2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes.simulation import compile_circuit
from qiskit_modes.simulation.elsewhere import NeedsMoreError
from qiskit_modes.simulation.settings import Settings
from tests.way import ToAWorker, Way


class _WithPlainArrays(pickle.Pickler):
    """Writes an array by its values: of its dtype there may be one object or many."""

    def reducer_override(self, obj):
        if isinstance(obj, np.ndarray):
            return np.frombuffer, (obj.tobytes(), obj.dtype.str), {"shape": obj.shape}
        return NotImplemented


def written(compiled) -> bytes:
    file = io.BytesIO()
    _WithPlainArrays(file).dump(compiled)
    return file.getvalue()


def su2():
    circuit = efficient_su2(4, reps=2)
    circuit.metadata = {"the user's": lambda: "own"}
    circuit.measure_all()
    return generate_preset_pass_manager(1, FakeManilaV2(), seed_transpiler=1).run(circuit)


def mixed():
    """Resets, delays, measurements in between, labels, angles that are no plain parameters."""
    angle, other = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(5, 5)
    circuit.sx(0)
    circuit.rz(2 * angle - other / 3 + 0.1, 0)
    circuit.rz(angle * other, 1)
    circuit.cx(0, 1)
    circuit.reset(1)
    circuit.delay(1000, 1)
    circuit.delay(200, 2, unit="ns")
    circuit.x(2, label="sx")
    circuit.measure(0, 0)
    circuit.cx(0, 1)
    circuit.barrier()
    circuit.measure([1, 2], [1, 2])
    circuit.measure(1, 3)
    return circuit


def without_delays():
    circuit = mixed()
    circuit.data = [step for step in circuit.data if step.name != "delay"]
    return circuit


def with_a_branch():
    circuit = without_delays()
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(3)
    return circuit


def with_a_matrix():
    circuit = QuantumCircuit(1, 1)
    circuit.append(UnitaryGate([[0, 1], [1, 0]]), [0])
    circuit.measure(0, 0)
    return circuit


def own_model():
    noisy = NoiseModel()
    noisy.add_all_qubit_quantum_error(depolarizing_error(0.01, 1), ["sx", "x", "reset"])
    noisy.add_all_qubit_quantum_error(depolarizing_error(0.02, 1), "measure")
    return AerSimulator(noise_model=noisy)


def of_device():
    return AerSimulator.from_backend(FakeManilaV2())


@pytest.mark.parametrize(
    ("make", "circuit"),
    [
        *((make, circuit) for make in (FakeManilaV2, AerSimulator) for circuit in (su2, mixed)),
        (own_model, mixed),
        (of_device, su2),
        (of_device, without_delays),
    ],
)
def test_the_same_comes_of_it_elsewhere(make, circuit):
    way, circuit = Way(), circuit()
    here = compile_circuit(circuit, make(), clbits=[0, 1, 2])
    away = compile_circuit(circuit, make(), clbits=[0, 1, 2], elsewhere=way)
    assert written(pickle.loads(pickle.dumps(here))) == written(away)
    (size,) = way.sizes
    assert size < 30_000, "no backend travels"


def test_the_same_comes_of_it_in_a_worker():
    with ToAWorker() as way:
        for circuit in (su2(), mixed()):
            here = compile_circuit(circuit, FakeManilaV2())
            away = compile_circuit(circuit, FakeManilaV2(), elsewhere=way)
            assert written(pickle.loads(pickle.dumps(here))) == written(away)
    assert way.names == ["compiled"] * 2


@pytest.mark.parametrize(
    ("make", "circuit", "settings"),
    [
        (FakeManilaV2, with_a_branch, Settings()),
        (FakeManilaV2, with_a_matrix, Settings()),
        (of_device, mixed, Settings()),
        (own_model, without_delays, Settings(only="trajectories")),
    ],
    ids=["control flow", "a gate of one's own", "passes of a noise model", "Aer's own errors"],
)
def test_what_takes_more_than_answers_about_single_instructions_says_so(make, circuit, settings):
    with pytest.raises(NeedsMoreError):
        compile_circuit(circuit(), make(), settings, elsewhere=Way())


def test_what_was_compiled_elsewhere_holds_until_its_noise_changes():
    backend, circuit, way = FakeManilaV2(), su2(), Way()
    first = compile_circuit(circuit, backend, elsewhere=way)
    assert compile_circuit(circuit, backend, elsewhere=way) is first
    for properties in backend.target["cx"].values():
        properties.error *= 2
    second = compile_circuit(circuit, backend, elsewhere=way)
    assert second.key != first.key
    assert len(way.sizes) == 2
