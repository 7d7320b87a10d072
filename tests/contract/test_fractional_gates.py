"""Fractional gates at every door."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit_ibm_runtime.exceptions import IBMError, IBMInputValueError

from qiskit_modes.exceptions import NotISAError


def test_fractional_gates_run(door):
    backend = door.service.backend("fake_torino", use_fractional_gates=True)
    circuit = QuantumCircuit(2)
    circuit.rx(0.3, 0)
    circuit.rzz(-0.4, 0, 1)
    circuit.measure_all()
    isa = generate_preset_pass_manager(1, backend, initial_layout=[0, 1]).run(circuit)
    assert {"rx", "rzz"} <= set(isa.count_ops())
    with door.session(backend=backend) as session:
        job = door.sampler(mode=session).run([isa], shots=10)
        assert job.result()[0].data.meas.num_shots == 10


def test_fractional_gates_where_there_are_none(door):
    with pytest.raises(IBMInputValueError, match="does not support fractional gates"):
        door.service.backend("fake_manila", use_fractional_gates=True)


def test_fractional_gates_and_control_flow(door):
    backend = door.service.backend("fake_torino", use_fractional_gates=None)
    circuit = QuantumCircuit(1, 1)
    circuit.rx(0.3, 0)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(0)
    with pytest.raises((NotISAError, IBMError, RuntimeError), match="exclude each other"):
        door.sampler(mode=backend).run([circuit]).result()
