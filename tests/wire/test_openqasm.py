"""Circuits that come as OpenQASM 3 text, as the service's REST guides send them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from qiskit import QuantumCircuit, qasm3, transpile
from qiskit.circuit import Gate
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Operator
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import RuntimeDecoder
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes.testing import Faults
from qiskit_modes.wire import ApiError, Platform
from qiskit_modes.wire.programs import openqasm
from qiskit_modes.wire.programs.openqasm import read_openqasm

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


@pytest.fixture(scope="module")
def executed():
    """The interface of a service that really executes."""
    faults = Faults()
    yield Platform(faults.runtime, backends=["ibm_manila"], seed=1).api()
    faults.runtime.shut_down()


def result_of(api, program, *pubs, **more):
    job = api.submit_job(program, {"pubs": pubs, "version": 2, **more}, backend="ibm_manila")["id"]
    assert api.wait_for_job(job, 60)
    return json.loads(api.job_results(job), cls=RuntimeDecoder)


def isa_text(circuit):
    return qasm3.dumps(transpile(circuit, FakeManilaV2(), initial_layout=[3, 4]))


def test_a_sampler_runs_text_of_physical_qubits(executed):
    bell = QuantumCircuit(2)
    bell.h(0), bell.cx(0, 1), bell.measure_all()
    text = isa_text(bell)
    assert "$3" in text
    for pub in ([text], [text, None, 500], text):
        counts = result_of(executed, "sampler", pub)[0].data.meas.get_counts()
        assert counts["00"] + counts["11"] > 0.8 * sum(counts.values())


def test_a_circuit_of_physical_qubits_is_as_wide_as_the_device(executed):
    pair = QuantumCircuit(2)
    pair.h(0), pair.cx(0, 1)
    (found,) = result_of(executed, "estimator", [isa_text(pair), {"ZZIII": 1.0, "XXIII": 1.0}])
    assert found.data.evs == pytest.approx(2, abs=0.4)


def test_input_variables_are_parameters(executed):
    text = HEAD + "input float[64] a; bit[1] c; sx $0; rz(a) $0; sx $0; c[0] = measure $0;"
    (found,) = result_of(executed, "sampler", [text, [[0.0], [math.pi]]])
    ones = found.data.c.bitcount().mean(axis=-1) if found.data.c.num_shots else None
    assert ones is not None
    assert ones[0] > 0.8
    assert ones[1] < 0.2


def test_control_flow_and_declared_qubits(executed):
    text = HEAD + "qubit[2] q; bit[2] c; x q[0]; c[0] = measure q[0]; if (c[0]) { x q[1]; } "
    (found,) = result_of(executed, "sampler", [text + "c[1] = measure q[1];"])
    assert found.data.c.get_counts()["11"] > 0.8 * found.data.c.num_shots


GATES = sorted(
    name
    for name, each in get_standard_gate_name_mapping().items()
    if isinstance(each, Gate) and each.num_qubits  # a phase of no qubit is written as no gate
)


@pytest.mark.parametrize("name", GATES)
def test_every_gate_of_qiskit_comes_back_as_itself(name):
    gate = get_standard_gate_name_mapping()[name].to_mutable()
    gate.params = [0.25 * (n + 1) for n in range(len(gate.params))]
    circuit = QuantumCircuit(gate.num_qubits)
    circuit.append(gate, range(gate.num_qubits))
    read = read_openqasm(qasm3.dumps(circuit), 5, "it")
    assert np.allclose(Operator(read).data, Operator(circuit).data)
    if len(read.data) == 1 and read.data[0].operation.name == name:
        assert type(read.data[0].operation) is type(get_standard_gate_name_mapping()[name])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "no OpenQASM 3"),
        ("", "PUB 0"),
        (HEAD + "x $5;", r"\$5 is not among the 5 qubits"),
        (HEAD + "x $999999999;", "not among the 5 qubits"),
        (HEAD + "qubit[1000000000] q;", "more qubits than the 5"),
        (HEAD + "qubit[4] a; qubit[3] b;", "more qubits than the 5"),
        (HEAD + "bit[1000000000] c; x $0;", "more than 1,000,000 bits"),
        (HEAD + "const int n = 1000000000; qubit[n] q;", "must be numbers"),
        ('OPENQASM 3.0; include "/etc/passwd"; x $0;', "imports"),
        (HEAD + "h $0;", "instruction"),
        (HEAD + "if (true) {" * 400 + "}" * 400, "PUB 0"),
        (HEAD + "x $0;" * 400_000, "2,000,038 characters"),
    ],
)
def test_what_cannot_be_read_is_an_error_of_the_request(api, text, why):
    params = {"pubs": [[text]], "version": 2}
    with pytest.raises(ApiError, match=why) as raised:
        api.submit_job("sampler", params, backend="ibm_manila")
    assert raised.value.status == 400
    assert api.jobs()["count"] == 0


@pytest.mark.parametrize(
    ("text", "width"),
    [("qubit[60] q; x q[59];", 60), ("qubit[40] a; qubit[40] b; x b[39];", 80), ("x $59;", 60)],
)
def test_a_simulator_without_a_width_takes_text_of_any(text, width):
    """What can be simulated depends on what is used, not on the qubits that Aer says by itself."""
    backend, faults = AerSimulator(), Faults()
    assert backend.num_qubits < 60
    circuit = read_openqasm(HEAD + text, None, "it")
    assert (circuit.num_qubits, circuit.layout) == (width, None)
    try:
        api = Platform(faults.runtime, backends={"plain": backend}).api()
        measured = HEAD + "bit[1] c; " + text + f"c[0] = measure {text.split()[-1]}"
        params = {"pubs": [[measured, None, 10]], "version": 2}
        job = api.submit_job("sampler", params, backend="plain")["id"]
        assert api.wait_for_job(job, 60)
        (found,) = json.loads(api.job_results(job), cls=RuntimeDecoder)
        assert found.data.c.get_counts() == {"1": 10}
        for much in ("qubit[10001] q;", "qubit[9999] a; qubit[2] b;", "x $10000;"):
            with pytest.raises(ApiError, match=r"10,000 (qubits )?that are read"):
                api.submit_job("sampler", {"pubs": [[HEAD + much]]}, backend="plain")
    finally:
        faults.runtime.shut_down()


def test_a_text_is_read_once(monkeypatch):
    reads = []
    original = openqasm._read
    monkeypatch.setattr(openqasm, "_read", lambda *args: reads.append(args) or original(*args))
    text = HEAD + "x $0; // read once"
    first, second = read_openqasm(text, 5, "it"), read_openqasm(text, 5, "it")
    assert (first is second, len(reads)) == (True, 1)
    assert (first.num_qubits, read_openqasm(text, 7, "it").num_qubits) == (5, 7)
