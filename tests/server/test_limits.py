"""Limits of what is sent: what is beyond them is refused in words, or hung up on."""

from __future__ import annotations

import contextlib
import http.client
import logging
import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from qiskit_modes.server import Server, serve
from qiskit_modes.server.guard import flood_filter
from qiskit_modes.server.guard.connections import Connections, _Connection
from qiskit_modes.server.guard.flood_filter import filtered
from qiskit_modes.server.guard.limits import Limits
from qiskit_modes.server.guard.tokens import Grant
from qiskit_modes.server.long_poll import LongPoll
from tests.server.asking import ask

SHORT = Limits(
    connections=20,
    head_seconds=0.5,
    idle_seconds=60,
    body_seconds=0.2,
    body_bytes=2**20,
    held_bytes=2**20,
    room_seconds=0.2,
)


@pytest.fixture(scope="module")
def limited() -> Iterator[Server]:
    with serve(backends=["ibm_manila"], token="sesame", limits=SHORT) as server:
        yield server


def head(method: str, path: str, *headers: str, token: str = "apikey sesame") -> bytes:
    lines = (f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: {token}", *headers)
    return "\r\n".join((*lines, "", "")).encode()


@contextlib.contextmanager
def connection(
    server: Server, *pieces: bytes, source: str = "127.0.0.1"
) -> Iterator[socket.socket]:
    with socket.create_connection(
        (server.host, server.port), timeout=20, source_address=(source, 0)
    ) as connected:
        for piece in pieces:
            connected.sendall(piece)
        yield connected


def answer_to(server: Server, *pieces: bytes) -> bytes:
    """All that comes until the server hangs up."""
    with connection(server, *pieces) as connected:
        return b"".join(iter(lambda: connected.recv(2**16), b""))


GET = head("GET", "/experimental/backends")


def is_answered(connected: socket.socket, *pieces: bytes) -> bool:
    """Whether a request on a connection is answered."""
    try:
        for piece in pieces or (GET,):
            connected.sendall(piece)
        answer = http.client.HTTPResponse(connected)
        answer.begin()
        answer.read()
    except (OSError, http.client.HTTPException):
        return False
    return answer.status == 200


def test_who_says_nothing_is_hung_up_on(limited):
    assert answer_to(limited) == b""


@pytest.mark.parametrize("begun", [b"G", GET[:-2]])
def test_who_does_not_finish_is_hung_up_on(limited, begun):
    assert answer_to(limited, begun) == b""


def test_whose_head_comes_in_pieces_is_answered(limited):
    with connection(limited) as connected:
        assert is_answered(connected, *(GET[n : n + 1] for n in range(len(GET))))


def test_who_has_a_token_may_be_silent(limited):
    with connection(limited) as connected:
        assert is_answered(connected)
        assert answer_to(limited) == b"", "a stranger is hung up on meanwhile"
        assert is_answered(connected)


def test_strangers_give_way_to_each_other_and_nobody_else_does(limited):
    with contextlib.ExitStack() as stack:
        known = stack.enter_context(connection(limited))
        assert is_answered(known)
        strangers = [stack.enter_context(connection(limited)) for _ in range(SHORT.connections + 4)]
        assert strangers[0].recv(1) == b"", "the oldest gave way"
        assert is_answered(known)
        assert is_answered(strangers[-1]), "who came last is served"


def test_without_strangers_the_longest_idle_gives_way(limited):
    with contextlib.ExitStack() as stack:
        known = []
        for _ in range(SHORT.connections + 1):
            known.append(stack.enter_context(connection(limited)))
            assert is_answered(known[-1])
        assert not is_answered(known[0])
        assert is_answered(known[1])
        assert is_answered(known[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a machine has one such address")
def test_who_holds_the_most_gives_way(limited):
    """One machine's connections push out its own, and not one that another one has opened."""
    with contextlib.ExitStack() as stack:
        neighbour = stack.enter_context(connection(limited, source="127.0.0.2"))
        flood = [stack.enter_context(connection(limited)) for _ in range(SHORT.connections + 4)]
        assert flood[0].recv(1) == b""
        assert is_answered(neighbour)


def test_whose_token_is_looked_up_does_not_give_way(tmp_path, monkeypatch):
    """However many come meanwhile."""
    begun, may_end = threading.Event(), threading.Event()
    place = tmp_path / "jobs.sqlite"
    with serve(backends=["ibm_manila"], store=place, limits=SHORT) as server:
        key, _ = server.platform.runtime.tokens.create(None)
        get = head("GET", "/experimental/backends", token=f"apikey {key}")
        check = server.app_state.tokens.check

        def slowly(authorization: str | None) -> Grant:
            begun.set()
            assert may_end.wait(60)
            return check(authorization)

        with contextlib.ExitStack() as stack:
            stack.callback(may_end.set)
            asking = stack.enter_context(connection(server))
            monkeypatch.setattr(server.app_state.tokens, "check", slowly)
            asking.sendall(get)
            assert begun.wait(60)
            others = [stack.enter_context(connection(server)) for _ in range(SHORT.connections + 4)]
            assert others[0].recv(1) == b"", "somebody gave way"
            may_end.set()
            answer = http.client.HTTPResponse(asking)
            answer.begin()
            assert answer.status == 200


def test_strangers_that_are_answered_leave_half_to_others():
    """Who asks for what needs no token, again and again, keeps nobody out."""
    table = Connections(SHORT)
    strangers = [_Connection(table, {}) for _ in range(SHORT.connections)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(
            _Connection, "expect_something", lambda *_: None
        )
        for port, each in enumerate(strangers):
            each.address = ("192.0.2.1", port)
            table.add(each)
        for each in strangers[: SHORT.connections // 2]:
            stack.enter_context(table.answering(each.address))
        newcomer = _Connection(table, {})
        newcomer.address = ("192.0.2.2", 0)
        assert table._giving_way(newcomer) is strangers[10], "the first that is silent"
        for each in strangers[SHORT.connections // 2 : -1]:
            stack.enter_context(table.answering(each.address))
        assert table._giving_way(newcomer) is strangers[-1], "the last that is silent"
        stack.enter_context(table.answering(strangers[-1].address))
        assert table._giving_way(newcomer) is strangers[0]
        for each in strangers[SHORT.connections // 2 :]:
            table.remove(each)
        assert table._giving_way(newcomer) is newcomer, "half of all may stay"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (head("GET", "/experimental/backends", token="apikey open"), 401),
        (head("GET", "/openapi.json", token="Bearer x"), 401),
        (head("POST", "/experimental/jobs", "Content-Length: 9000", token="") + b"x" * 9000, 401),
        (head("GET", "/experimental/backends", *["a: b"] * 200), 431),
        (head("GET", "/experimental/backends", "a: " + "b" * 20_000), 431),
        (head("POST", "/identity/token", "Content-Length: 9000") + b"x" * 9000, 413),
        (
            head("POST", "/identity/token", "Content-Length: 600") + b"apikey=x&" * 66 + b"ab=cde",
            400,
        ),
        (head("POST", "/identity/token", "Content-Length: 3000"), 408),
        (head("POST", "/experimental/jobs", "Content-Length: 999") + b"x", 408),
        (
            head("POST", "/experimental/jobs", f"Content-Length: {2**20 + 1}") + bytes(2**20 + 1),
            413,
        ),
        (
            head("POST", "/experimental/jobs", "Transfer-Encoding: chunked")
            + f"{2**20 + 1:x}\r\n".encode()
            + bytes(2**20 + 1)
            + b"\r\n0\r\n\r\n",
            413,
        ),
        (b"nonsense\r\n\r\n", 400),
    ],
    ids=range(12),
)
def test_what_is_refused_is_said(limited, request_, status):
    answer = answer_to(limited, request_)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer


def test_a_sign_in_of_the_client_is_short_enough(limited):
    form = "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=sesame"
    token = ask(limited.port, "POST", "/identity/token", form).json["access_token"]
    bearer = head("GET", "/experimental/backends", "Connection: close", token=f"Bearer {token}")
    assert answer_to(limited, bearer).startswith(b"HTTP/1.1 200")


def test_for_which_there_is_no_room_is_refused_and_may_come_again(limited):
    long = head("POST", "/experimental/jobs", f"Content-Length: {2**20}")
    with connection(limited, long, b"x" * 2**19):
        refused = answer_to(limited, long, b"x" * 2**20)
        assert refused.startswith(b"HTTP/1.1 429 ")
        assert b"retry-after: 1" in refused
    again = answer_to(
        limited, long.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), b"x" * 2**20
    )
    assert again.startswith(b"HTTP/1.1 400 "), "it is read, and is no request for a job"


def test_one_instance_does_not_have_all_threads(http_, monkeypatch):
    """All of one's requests wait; another's are answered."""
    go_on = threading.Event()
    monkeypatch.setattr(LongPoll, "other_request", lambda self: None)

    def wait(self):
        if self.instance.id == "lab":
            assert go_on.wait(20)
        return {}

    monkeypatch.setattr("qiskit_modes.wire.InstanceApi.usage", wait)
    answers: list[int] = []

    def ask() -> None:
        answers.append(http_("GET", "/instances/usage", Service_CRN="lab").status)

    threads = [threading.Thread(target=ask) for _ in range(45)]
    for thread in threads:
        thread.start()
    assert http_("GET", "/instances/usage", Service_CRN="other").status == 200
    assert not answers
    go_on.set()
    for thread in threads:
        thread.join()
    assert answers == [200] * 45


def test_a_flood_does_not_fill_the_log(caplog, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(flood_filter, "monotonic", lambda: now[0])
    logger = logging.getLogger("tests.flood")
    with filtered(logger.name):
        for number in range(1_000):
            logger.warning("%d came", number)
        logger.warning("something else")
        now[0] = 61.0
        logger.warning("%d came", 1_000)
    logger.warning("%d came", 1_001)
    said = [each.getMessage() for each in caplog.records]
    assert said[:10] == [f"{number} came" for number in range(10)]
    assert said[10:] == [
        "something else",
        "1000 came (990 more like this were left out)",
        "1001 came",
    ]


def test_nobody_is_asked_for_a_token_where_none_is_wanted(real):
    assert real("GET", "/backends").status == 200
