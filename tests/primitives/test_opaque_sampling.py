"""Twirled measurements of a sampler's circuits that samplomatic cannot read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, Clbit, Parameter, QuantumCircuit
from qiskit.circuit.classical import expr, types
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError
from qiskit_ibm_runtime.exceptions import IBMInputValueError

from qiskit_modes import SamplerV2
from tests.simulation.comparing import assert_drawn_from

TWIRLED = {"twirling": {"enable_measure": True}}


def fed_forward(circuit: QuantumCircuit) -> None:
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.rx(Parameter("a"), 2)
    circuit.measure([1, 2], [1, 2])


def counted(circuit: QuantumCircuit) -> None:
    number = circuit.add_var("number", expr.lift(0, types.Uint(4)))
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    for bit in circuit.clbits[:2]:
        with circuit.if_test((bit, 1)):
            circuit.store(number, expr.add(number, 1))
    with circuit.if_test(expr.greater(number, 1)):
        circuit.rx(Parameter("a"), 2)
    circuit.measure(2, 2)


def on_three_qubits(circuit: QuantumCircuit) -> None:
    circuit.h([0, 1])
    circuit.ccx(0, 1, 2)
    circuit.rx(Parameter("a"), 0)
    circuit.measure(range(3), range(3))


def written_again(circuit: QuantumCircuit) -> None:
    """A final measurement whose bit something else writes later is no last word."""
    circuit.x(0)
    circuit.measure(0, 0)
    circuit.rx(Parameter("a"), 1)
    circuit.measure(1, 0)
    with circuit.if_test((circuit.clbits[1], 0)):
        circuit.x(1)
    circuit.measure(1, 1)


CIRCUITS = [fed_forward, counted, on_three_qubits, written_again]


@pytest.mark.parametrize("build", CIRCUITS)
def test_outcomes_are_those_without_twirling(build: Callable[[QuantumCircuit], None], manila):
    circuit = QuantumCircuit(3, 3)
    build(circuit)
    values = [[0.4], [2.0]]
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.1, 0.9]]))  # twirling keeps it
    backend = AerSimulator(noise_model=model)
    seed = {"simulator": {"seed_simulator": 4}}
    plain, twirled = (
        SamplerV2(backend, options={**seed, **options}).run([(circuit, values)], shots=shots)
        for options, shots in (({}, 200_000), (TWIRLED, 6400))
    )
    for index in range(2):
        reference = plain.result()[0].data.c[index].get_int_counts()
        distribution = {key: count / 200_000 for key, count in reference.items()}
        found = twirled.result()[0].data.c[index].get_int_counts()
        assert_drawn_from(found, distribution)


def test_final_measurements_are_twirled_and_others_are_not():
    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.8, 0.2], [0.0, 1.0]]))
    circuit = QuantumCircuit(1, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.x(0)
    circuit.measure(0, 1)
    options: dict[str, Any] = {**TWIRLED, "simulator": {"seed_simulator": 4}}
    sampler = SamplerV2(AerSimulator(noise_model=model), options=options)
    result = sampler.run([circuit], shots=20_000).result()[0]
    assert result.metadata["num_randomizations"] > 1
    means = result.data.c.to_bool_array(order="little").mean(axis=0)
    np.testing.assert_allclose(means, [0.2, 0.1], atol=0.02)


def test_bits_without_a_register():
    circuit = QuantumCircuit(2)
    circuit.add_bits([Clbit()])
    circuit.add_register(ClassicalRegister(2, "c"))
    circuit.x([0, 1])
    with circuit.if_test((circuit.clbits[0], 0)):
        circuit.x(1)
    circuit.measure([0, 0, 1], [0, 1, 2])
    data = SamplerV2(AerSimulator(), options=TWIRLED).run([circuit], shots=100).result()[0].data
    assert set(data.c.get_counts()) == {"01"}


def test_registers_that_share_bits():
    circuit = QuantumCircuit(2)
    circuit.add_register(ClassicalRegister(2, "c"))
    circuit.add_register(ClassicalRegister(name="d", bits=[circuit.clbits[1], circuit.clbits[0]]))
    circuit.x(0)
    circuit.measure([0, 1], [0, 1])
    for options in ({}, TWIRLED, {"twirling": {"enable_gates": True}}):
        data = SamplerV2(AerSimulator(), options=options).run([circuit], shots=64).result()[0].data
        assert (set(data.c.get_counts()), set(data.d.get_counts())) == ({"01"}, {"10"})
    with circuit.if_test((circuit.clbits[0], 0)):
        circuit.x(1)
    with pytest.raises(IBMInputValueError, match="cannot be randomised"):
        SamplerV2(AerSimulator(), options=TWIRLED).run([circuit])


@pytest.mark.parametrize(
    "options",
    [
        {"twirling": {"enable_gates": True}},
        {"twirling": {"enable_gates": True, "enable_measure": True}},
    ],
)
def test_gates_are_not_twirled_around_control_flow(options):
    circuit = QuantumCircuit(3, 3)
    fed_forward(circuit)
    with pytest.raises(IBMInputValueError, match="cannot be randomised"):
        SamplerV2(AerSimulator(), options=options).run([(circuit, [1.0])])
