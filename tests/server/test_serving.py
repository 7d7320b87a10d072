"""Starting, stopping and protecting the server."""

from __future__ import annotations

import gc
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.server import serve, serving
from qiskit_modes.server.app_state import AppState
from qiskit_modes.server.guard import inspection
from qiskit_modes.server.guard.tokens import Tokens
from qiskit_modes.server.listening_socket import WAITING, listening_socket
from qiskit_modes.server.serving import is_loopback
from qiskit_modes.wire import ApiError, InstanceApi
from qiskit_modes.wire.api_error import Code
from tests.server.asking import Answer
from tests.server.conftest import Http


def test_nothing_is_left_of_a_server():
    before = set(threading.enumerate())
    with serve(backends=["ibm_manila"]) as server:
        address = (server.host, server.port)
        assert requests.get(f"{server.url}/experimental/backends", timeout=10).ok
        assert "127.0.0.1" in repr(server)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)  # AnyIO's have been told to end, and may be at it
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)


def test_answers_do_not_wait_for_more_to_send():
    """`asyncio` switches that off only where it sees that a socket is one of TCP."""
    with listening_socket("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def closed_at_once(listener, number):
    """Open connections with a listening socket and close them, all before any is accepted."""
    for _ in range(number):
        socket.create_connection(listener.getsockname(), timeout=0.9).close()


def test_connections_that_have_ended_cost_who_comes_next_nothing():
    """More than there was room for: none is heard a second later, when its sender knocks again."""
    told = Path("/proc/sys/net/core/somaxconn")
    number = min(int(told.read_text()) if told.exists() else 128, WAITING) // 2
    with listening_socket("127.0.0.1", 0) as listener:
        listener.setblocking(False)
        closed_at_once(listener, number)
        with socket.create_connection(listener.getsockname(), timeout=0.9) as living:
            for _ in range(number // 1_000):
                with pytest.raises(BlockingIOError, match="have ended"):  # others have a turn
                    listener.accept()
            accepted, address = listener.accept()
            assert address == living.getsockname()
            with accepted:
                living.sendall(b"?")
                accepted.settimeout(5)
                assert accepted.recv(2) == b"?"
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_who_has_said_something_and_gone_is_heard():
    with listening_socket("127.0.0.1", 0) as listener:
        with socket.create_connection(listener.getsockname()) as gone:
            gone.sendall(b"?")
        with listener.accept()[0] as accepted:
            assert accepted.recv(2) == b"?"


def test_a_connection_that_was_reset_is_passed_over():
    with listening_socket("127.0.0.1", 0) as listener:
        listener.setblocking(False)
        with socket.create_connection(listener.getsockname()) as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_port_that_is_taken_is_an_error_at_once():
    with (
        serve(backends=["ibm_manila"]) as server,
        pytest.raises(OSError, match="in use"),
        serve(backends=["ibm_manila"], port=server.port),
    ):
        pass


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.0.2.1", "example.org"])
def test_who_listens_for_others_wants_a_token(host):
    with (
        pytest.raises(InvalidInputError, match="pass a token"),
        serve(backends=["ibm_manila"], host=host),
    ):
        pass


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_what_only_this_machine_reaches(host):
    assert is_loopback(host)


def test_a_server_with_a_token(monkeypatch):
    with serve(backends=["ibm_manila"], token="sesame") as server:
        url = f"{server.url}/experimental/backends"
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "apikey open"}):
            answer = requests.get(url, headers=headers, timeout=10)
            assert answer.status_code == 401
            assert "set QISKIT_IBM_TOKEN" in answer.text
        assert requests.get(url, headers={"Authorization": "apikey sesame"}, timeout=10).ok
        wrong = requests.post(f"{server.url}/identity/token", data={"apikey": "open"}, timeout=10)
        assert wrong.status_code == 400
        assert requests.post(f"{server.url}/v3/resources/search", timeout=10).status_code == 401
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        assert [each.name for each in QiskitRuntimeService().backends()] == ["ibm_manila"]


def test_tokens_of_another_server_are_none():
    stranger, ours = Tokens("sesame"), Tokens("sesame")
    bearer = f"Bearer {stranger.exchange('sesame')['access_token']}"
    stranger.check(bearer)
    with pytest.raises(ApiError) as refused:
        ours.check(bearer)
    assert refused.value.status == 401


@pytest.mark.parametrize("kind", ["crn", "name", "nothing"])
def test_the_instance_may_be_a_crn_a_name_or_nothing(monkeypatch, kind):
    with serve(backends=["ibm_manila"]) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("QISKIT_IBM_INSTANCE")
        crn = server.environment["QISKIT_IBM_INSTANCE"]
        service = QiskitRuntimeService(instance={"crn": crn, "name": "local"}.get(kind))
        assert service.backend("fake_manila").num_qubits == 5
        assert service.instances()[0]["plan"] == "local"


def test_a_proxy_that_is_set_is_not_used_for_this_machine(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "example.org")
    with serve(backends=["ibm_manila"]) as server:
        assert server.environment["NO_PROXY"] == "example.org,127.0.0.1,localhost"


# -- the end ---------------------------------------------------------------------------------------


@contextmanager
def submitting(body, begun: threading.Event) -> Iterator[tuple[ExitStack, list[Answer]]]:
    """A server that gets a submission, and what is answered; it ends when its stack is closed."""
    answers: list[Answer] = []
    with ExitStack() as stack:
        http_ = Http(stack.enter_context(serve(backends=["ibm_manila"])))
        client = threading.Thread(target=lambda: answers.append(http_("POST", "/jobs", body)))
        client.start()
        assert begun.wait(60)
        yield stack, answers
        client.join()


def test_whose_circuits_are_still_being_read_is_told_that_the_server_ends(monkeypatch, sampling):
    exchange, begun = inspection._exchange, threading.Event()

    def interrupted(process, sent, seconds):
        if sent:
            process.send_signal(signal.SIGSTOP)  # it reads for ever
            begun.set()
        return exchange(process, sent, seconds)

    monkeypatch.setattr(inspection, "_exchange", interrupted)
    with submitting(sampling, begun) as (stack, answers):
        stack.close()
    assert answers[0].status == 503
    assert "The server ends, nothing was done" in answers[0].message


def test_who_waits_longer_than_the_end_lasts_is_told_so(monkeypatch, sampling, caplog):
    begun, answered = threading.Event(), threading.Event()

    def forever(*_, **__):
        begun.set()
        answered.wait(60)
        return {"id": "too late"}

    monkeypatch.setattr(InstanceApi, "submit_job", forever)
    monkeypatch.setattr(serving, "_END_SECONDS", 0.1)
    monkeypatch.setattr(AppState, "close", lambda self: answered.set())
    with submitting(sampling, begun) as (stack, answers):
        stack.close()
    assert answers[0].status == 503
    assert "whether this was done is not known" in answers[0].message
    assert "Traceback" not in caplog.text


def test_what_is_asked_of_a_runtime_that_is_closed_may_be_asked_again_later(sampling):
    with serve(backends=["ibm_manila"]) as server:
        server.platform.runtime.shut_down()
        answer = Http(server)("POST", "/jobs", sampling)
        assert (answer.status, answer.json["errors"][0]["code"]) == (503, Code.CLOSED)


@pytest.fixture
def thawed() -> Iterator[None]:
    """The heap as it is in a program; these tests have theirs frozen."""
    gc.unfreeze()
    yield
    gc.freeze()


def test_python_itself_freezes_less_than_a_server():
    program = [sys.executable, "-c", "import gc; print(gc.get_freeze_count())"]
    assert int(subprocess.check_output(program)) < serving._FROZEN_BY_PYTHON


@pytest.mark.usefixtures("thawed")
def test_what_is_there_is_spared_from_collections_while_a_server_runs():
    """Each walks through all of Qiskit otherwise, and keeps every request waiting."""
    with serve(backends=["ibm_manila"]):
        frozen = gc.get_freeze_count()
        assert frozen > len(gc.get_objects()), "what came later is the smaller part"
        with serve(backends=["ibm_manila"]):
            pass
        assert gc.get_freeze_count() > frozen // 2, "the second has left it to the first"
    assert not gc.get_freeze_count()
