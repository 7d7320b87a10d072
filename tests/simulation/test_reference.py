"""The naive reference is itself right: Aer's counts are drawn from its distributions."""

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.classical import expr
from qiskit_aer import AerSimulator

from tests.simulation.comparing import assert_drawn_from
from tests.simulation.devices import device, noise_model
from tests.simulation.reference import reference_distribution


def _teleportation_like(circuit: QuantumCircuit) -> None:
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.delay(3, 0, unit="us")
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
        circuit.sx(2)
    with otherwise:
        circuit.reset(1)
    circuit.measure([1, 2], [1, 2])


def _loops(circuit: QuantumCircuit) -> None:
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.sx(0)
        circuit.measure(0, 0)
    with circuit.for_loop(range(3)):
        circuit.sx(1)
        circuit.cx(1, 2)
        circuit.measure(1, 1)
        with circuit.if_test(expr.logic_not(circuit.clbits[1])):
            circuit.break_loop()
    circuit.measure(2, 2)


def _switch(circuit: QuantumCircuit) -> None:
    circuit.sx(0)
    circuit.sx(1)
    circuit.measure([0, 1], [0, 1])
    with circuit.switch(circuit.cregs[0]) as case:
        with case(0):
            circuit.sx(2)
        with case(1, 3):
            circuit.x(2)
        with case(case.DEFAULT):
            circuit.id(2)
    circuit.measure(2, 2)


@pytest.mark.parametrize(
    "build",
    [
        _teleportation_like,
        *(pytest.param(each, marks=pytest.mark.slow) for each in (_loops, _switch)),
    ],
)
def test_aer_draws_from_the_references_distribution(build):
    backend = device("lima")
    circuit = QuantumCircuit(5, 3)
    build(circuit)
    simulator = AerSimulator.from_backend(backend, method="statevector", seed_simulator=11)
    counts = simulator.run(circuit, shots=20_000).result().get_counts()
    found = {int(key, 2): count for key, count in counts.items()}
    expected = reference_distribution(circuit, backend, noise_model(backend))
    assert_drawn_from(found, expected)
