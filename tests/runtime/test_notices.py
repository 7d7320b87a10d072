"""What users are told of a job that will take long, when it begins."""

import logging
import threading

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_modes import SamplerV2
from qiskit_modes.runtime.progress import notices
from qiskit_modes.simulation.run.estimate import SimulationEstimate, readable_seconds
from tests.runtime.conftest import DEADLINE, Gate, finished, program


def until(condition):
    pause = threading.Event()
    for _ in range(int(DEADLINE * 1000)):
        if condition():
            return
        pause.wait(0.001)  # nothing tells of it
    raise AssertionError("it did not come")


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


def test_a_long_compilation_says_how_long_and_what_would_take_less():
    text = notices.describe_compilation("abc", 7200.0)
    for part in ("Job abc", "2 hours to compile", "job.cancel()", "fewer noise factors"):
        assert part in text
    text = notices.describe_compilation("abc", None)
    assert "Job abc has been compiled for 60 s and is not done. Until then" in text


def compiled_by(machine, call):
    """A job whose compilation is a call with the means that it is given."""

    def compile_step(elsewhere):
        call(elsewhere)
        return program()

    job = machine.job()
    own = job.under_way.steps
    job.under_way.steps = own.__class__(compile_step, own.post_processing)
    machine.submit(job)
    return job


def said(caplog):
    return [each.getMessage() for each in caplog.records if "compile" in each.getMessage()]


def test_what_is_foreseen_to_take_long_is_said_before_it_begins_and_once(machine, caplog):
    seconds, begun = 2 * notices.LONG_SECONDS, Gate()

    def call(elsewhere):
        elsewhere(seconds, begun)
        elsewhere(seconds, int)

    with caplog.at_level(logging.WARNING, logger="qiskit_modes"):
        job = compiled_by(machine, call)
        assert begun.entered.wait(DEADLINE)
        until(lambda: said(caplog))
        begun.opened.set()
        finished(job)
    (text,) = said(caplog)
    assert text.startswith(f"Job {job.id} will take about ")
    assert "to compile, before it is simulated" in text


def test_what_is_seen_to_take_long_is_said_while_it_does(machine, caplog, monkeypatch):
    monkeypatch.setattr(notices, "LONG_SECONDS", 1.5)
    gate = Gate()
    with caplog.at_level(logging.WARNING, logger="qiskit_modes"):
        job = compiled_by(machine, lambda elsewhere: elsewhere(1.0, gate))
        until(lambda: said(caplog))
        assert not job.finished.is_set()
        gate.opened.set()
        finished(job)
    (text,) = said(caplog)
    assert text.startswith(f"Job {job.id} has been compiled for 2 s and is not done")


def test_of_a_short_compilation_and_of_a_cancelled_one_nothing_is_said(
    machine, caplog, monkeypatch
):
    gate = Gate()
    with caplog.at_level(logging.WARNING, logger="qiskit_modes"):
        finished(compiled_by(machine, lambda elsewhere: elsewhere(1.0, int)))
        monkeypatch.setattr(notices, "LONG_SECONDS", 0.2)
        job = compiled_by(machine, lambda elsewhere: elsewhere(0.1, gate))
        assert gate.entered.wait(DEADLINE)
        machine.runtime.executor.cancel(job)
        other = compiled_by(machine, lambda elsewhere: elsewhere(0.1, gate))
        until(lambda: any(other.id in text for text in said(caplog)))
        gate.opened.set()
        finished(other)
    assert not any(job.id in text for text in said(caplog))


def test_a_light_compilation_has_no_timer(machine, monkeypatch):
    keys = []
    executor = machine.runtime.executor
    monkeypatch.setattr(executor._runner, "_call_at", lambda key, *_: keys.append(key))
    finished(compiled_by(machine, lambda elsewhere: elsewhere(0.001, int)))
    assert not keys
    finished(compiled_by(machine, lambda elsewhere: elsewhere(0.1, int)))
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0, "1 ms"), (0.25, "250 ms"), (3601.0, "60 minutes"), (9e9, "years")]
)
def test_durations_for_people(seconds, words):
    assert words in readable_seconds(seconds)
