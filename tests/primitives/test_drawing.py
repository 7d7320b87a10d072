"""Drawing randomisations: what samplomatic's own pool of threads draws, without the threads."""

import threading

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.quantum_info import PauliLindbladMap
from samplomatic import ChangeBasis, InjectNoise, Twirl, build
from samplomatic.quantum_program import SamplexItem

from qiskit_modes.primitives.boxes.draw import draw_randomisations

ROWS = 40


def twirled():
    circuit = QuantumCircuit(3, 3)
    with circuit.box([Twirl()]):
        circuit.rz(Parameter("a"), 0)
        circuit.cx(0, 1)
    with circuit.box([Twirl(group="pauli")]):
        circuit.rz(Parameter("b"), 2)
        circuit.cz(1, 2)
    with circuit.box([Twirl()]):
        circuit.measure(range(3), range(3))
    return circuit, {"parameter_values": [0.3, 1.2]}


def noisy_in_another_basis():
    circuit = QuantumCircuit(2, 2)
    with circuit.box([Twirl(), InjectNoise("layer", "scale")]):
        circuit.sx(0)
        circuit.cx(0, 1)
    with circuit.box([Twirl(), ChangeBasis(ref="basis")]):
        circuit.measure([0, 1], [0, 1])
    noise = PauliLindbladMap.from_list([("XI", 0.2), ("ZZ", 0.1)])
    arguments = {
        "pauli_lindblad_maps": {"layer": noise},
        "noise_scales": {"scale": -1.0},
        "basis_changes": {"basis": np.array([1, 3], dtype=np.uint8)},
    }
    return circuit, arguments


@pytest.fixture(params=[twirled, noisy_in_another_basis])
def item(request):
    circuit, arguments = request.param()
    template, samplex = build(circuit)
    return SamplexItem(template, samplex, samplex_arguments=arguments, shape=(ROWS,))


def test_the_same_bits_as_samplomatic_draws(item):
    drawn = draw_randomisations(item, np.random.default_rng(7))
    theirs = item.samplex.sample(
        item.samplex_arguments, num_randomizations=ROWS, rng=np.random.default_rng(7)
    )
    assert set(drawn) == set(theirs) != set()
    for name, values in theirs.items():
        np.testing.assert_array_equal(drawn[name], values)
        assert len(np.unique(values, axis=0)) > 1


def test_no_thread_is_started(item, monkeypatch):
    # Threads that end at once leave no trace: their starts are counted.
    started = []
    monkeypatch.setattr(threading.Thread, "start", started.append)
    draw_randomisations(item, np.random.default_rng(7))
    assert started == []


def test_what_a_samplex_raises_comes_out(item, monkeypatch):
    class BrokenError(Exception):
        pass

    def fail(*_arguments, **_more):
        raise BrokenError

    node = item.samplex._sampling_nodes[0]
    monkeypatch.setattr(type(node), "sample", fail)
    with pytest.raises(BrokenError):
        draw_randomisations(item, np.random.default_rng(7))
