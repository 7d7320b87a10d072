"""A few bytes that ask for more results than there is room for are refused at once."""

from __future__ import annotations

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from samplomatic.quantum_program import QuantumProgram

from qiskit_modes import EstimatorV2, Executor, SamplerV2, estimate_usage
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.inputs import job_limits

NOTHING = np.empty((2**40, 0))
"""So many sets of no parameters."""


def sampled(circuit, shots, values=None):
    return SamplerV2(FakeManilaV2()).run([(circuit, values, shots)])


def executed(circuit, shots, values=()):
    program = QuantumProgram(shots=shots)
    program.append_circuit_item(circuit, circuit_arguments=np.asarray(values))
    return Executor(FakeManilaV2()).run(program)


@pytest.fixture
def measured():
    circuit = QuantumCircuit(5, 17)
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize("run", [sampled, executed])
def test_empty_arrays_of_any_shape_are_no_way_to_ask_for_everything(run, measured):
    with pytest.raises(InvalidInputError, match=r" 0: .* asks for 1,099,511,627,776 results"):
        run(measured, 1, NOTHING)


def test_nor_are_they_for_an_estimator():
    with pytest.raises(InvalidInputError, match=r"PUB 0: .* asks for 1,099,511,627,776 results"):
        EstimatorV2(FakeManilaV2()).run([(QuantumCircuit(5), "IIIIZ", NOTHING)])


def test_nor_for_an_estimate():
    with pytest.raises(InvalidInputError, match=r"PUB 0: .* asks for 1,099,511,627,776 results"):
        estimate_usage([(QuantumCircuit(5), "IIIIZ", NOTHING)], FakeManilaV2())


@pytest.mark.parametrize(("run", "bytes_of_a_shot"), [(sampled, 3), (executed, 17)])
def test_there_is_memory_for_the_results(run, bytes_of_a_shot, measured, monkeypatch):
    monkeypatch.setattr(job_limits, "available_bytes", lambda *_: 100 * bytes_of_a_shot)
    assert run(measured, 100).result() is not None
    with pytest.raises(InvalidInputError, match=r" 0: the results up to here would take 0\.0 GiB"):
        run(measured, 101)


def test_all_pubs_count_together(measured, monkeypatch):
    monkeypatch.setattr(job_limits, "MAX_RESULTS", 100)
    sampler = SamplerV2(FakeManilaV2())
    with pytest.raises(InvalidInputError, match=r"PUB 2: up to here the job asks for 101 results"):
        sampler.run([(measured, None, 50), (measured, None, 50), (measured, None, 1)])
