"""What users are told of a job that will take long, when it begins."""

import logging

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_modes import SamplerV2
from qiskit_modes.runtime.progress import notices
from qiskit_modes.simulation.run.estimate import SimulationEstimate, readable_seconds


def test_a_long_job_says_how_long_how_and_what_would_take_less():
    method = "trajectories in a window of 13 qubits"
    text = notices.describe_length("abc", SimulationEstimate(7200.0, (method,), 1 << 30), 2)
    for part in ("Job abc", "60 minutes in 2 processes", method, "job.cancel()", "fewer shots"):
        assert part in text
    assert notices.describe_length("abc", SimulationEstimate(119.0, (method,), 1), 2) is None


def test_it_is_said_before_the_job_is_done(monkeypatch, caplog):
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    backend = AerSimulator(method="stabilizer")
    with caplog.at_level(logging.WARNING, logger="qiskit_modes"):
        SamplerV2(backend).run([circuit], shots=10).result()
        assert "to simulate" not in caplog.text
        monkeypatch.setattr(notices, "LONG_SECONDS", 0.0)
        SamplerV2(backend).run([circuit], shots=10).result()
    assert "to simulate, by Aer's stabilizer" in caplog.text


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0, "1 ms"), (0.25, "250 ms"), (3601.0, "60 minutes"), (9e9, "years")]
)
def test_durations_for_people(seconds, words):
    assert words in readable_seconds(seconds)
