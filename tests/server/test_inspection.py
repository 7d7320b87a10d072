"""Processes that read strangers' circuits: what dies in them is tried once more, and then said."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator

import pytest

from qiskit_modes.server.guard import inspection
from qiskit_modes.server.guard.inspection import Inspector
from qiskit_modes.wire import ApiError


@pytest.fixture
def inspector() -> Iterator[Inspector]:
    made = Inspector()
    yield made
    made.close()


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[signal.Signals]:
    """Signals that the next processes get while they read, one each."""
    exchange, coming = inspection._exchange, list[signal.Signals]()

    def interrupted(process, sent, seconds):
        if sent and coming:
            process.send_signal(signal.SIGSTOP)  # so that it cannot answer before
            process.send_signal(coming.pop(0))
            process.send_signal(signal.SIGCONT)
        return exchange(process, sent, seconds)

    monkeypatch.setattr(inspection, "_exchange", interrupted)
    return coming


def test_a_circuit_whose_reader_was_killed_is_read_again(inspector, killed, sampling):
    killed.append(signal.SIGKILL)
    inspector.check(sampling["params"])
    assert not killed


def test_a_circuit_that_kills_each_reader_is_refused_with_what_happened(
    inspector, killed, sampling
):
    killed += [signal.SIGKILL, signal.SIGABRT]
    words = "two processes that tried it ended, the last with SIGABRT"
    with pytest.raises(ApiError, match=words) as said:
        inspector.check(sampling["params"])
    assert said.value.status == 400
    inspector.check(sampling["params"])  # the next is read again


def test_what_is_read_for_too_long_is_not_read_again(inspector, killed, sampling, monkeypatch):
    inspector.check({})
    monkeypatch.setattr(inspection, "_SECONDS", 0.2)
    killed += [signal.SIGSTOP, signal.SIGSTOP]
    monkeypatch.setattr(signal, "SIGCONT", signal.SIGSTOP)
    with pytest.raises(ApiError, match="takes more than 0") as refused:
        inspector.check(sampling["params"])
    assert (refused.value.status, len(killed)) == (400, 1)


def test_where_no_reader_can_be_started_a_circuit_may_be_sent_again(real, sampling, monkeypatch):
    """It is not the sender's fault, and is not said to be."""
    with monkeypatch.context() as changed:
        changed.setattr(real.server.app_state, "inspector", Inspector())
        changed.setattr(inspection.sys, "executable", "/nowhere/python")
        answer = real("POST", "/jobs", sampling)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "nothing was done" in answer.message


def test_a_reader_that_ends_before_it_has_begun_is_nobodys_fault(inspector, sampling, monkeypatch):
    monkeypatch.setattr(inspection.sys, "executable", shutil.which("false"))
    with pytest.raises(ApiError) as refused:
        inspector.check(sampling["params"])
    assert (refused.value.status, refused.value.retry_after_seconds) == (503, 5)
