"""Attacks on a server of the tests on this machine, of somebody without a token and with one.

``attacks.py NAME PORT SECONDS TOKEN``: goes on for so long, and prints how much it has sent.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

PIECE = 2**18
SILENT = 1_100
"""Connections that say nothing: more than the files that a process may open by default."""

Attack = Callable[[int, float], int]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", "")).encode()


def until(end: float) -> Iterator[int]:
    count = 0
    while not count or time.monotonic() < end:  # once, however long the making took
        yield count
        count += 1


def send(port: int, *pieces: bytes, end: float, answer: bool = True) -> int:
    """Send pieces on one connection until it is closed, or the time is over."""
    sent = 0
    with contextlib.suppress(OSError), connect(port) as connection:
        connection.settimeout(1)
        for piece in pieces:
            if sent and time.monotonic() > end:
                return sent
            connection.sendall(piece)
            sent += len(piece)
        while answer and connection.recv(2**16) and b"Connection: close" in pieces[0]:
            pass
    return sent


def forms(port: int, end: float) -> int:
    """A sign-in with millions of fields."""
    size = 46 * 2**20
    begun = head("POST", "/identity/token", f"Content-Length: {size}")
    piece = b"a=1&" * (PIECE // 4)
    return sum(send(port, begun, *[piece] * (size // PIECE), end=end) for _ in until(end))


def forms_that_are_allowed(port: int, end: float) -> int:
    """As many fields as go into the longest form."""
    body = b"a&" * 4096
    whole = head("POST", "/identity/token", f"Content-Length: {len(body)}") + body
    return sum(send(port, whole, end=end) for _ in until(end))


def half_bodies(port: int, end: float) -> int:
    """Bodies of which the last byte never comes."""
    begun = head("POST", "/experimental/jobs", f"Content-Length: {48 * 2**20}")
    return halves(port, end, begun)


def half_chunks(port: int, end: float) -> int:
    """The same, of a length that nobody knows."""
    chunk = f"{48 * 2**20:x}\r\n".encode()
    begun = head("POST", "/experimental/jobs", "Transfer-Encoding: chunked") + chunk
    return halves(port, end, begun)


def halves(port: int, end: float, begun: bytes) -> int:
    connections, sent, piece = [connect(port) for _ in range(20)], 0, b"x" * PIECE
    for each in connections:
        each.settimeout(0.2)
        with contextlib.suppress(OSError):
            each.sendall(begun)
    for _ in range(48 * 2**20 // PIECE - 1):
        for each in connections:
            if time.monotonic() > end:
                return sent
            with contextlib.suppress(OSError):
                each.sendall(piece)
                sent += PIECE
    while time.monotonic() < end:
        time.sleep(0.01)
    return sent


def silence(port: int, end: float) -> int:
    """Connections on which nothing is sent."""
    connections = [connect(port) for _ in range(SILENT)]
    while time.monotonic() < end:
        time.sleep(0.01)
    return len(connections)


def slow_heads(port: int, end: float) -> int:
    """Heads that come one byte at a time."""
    return drip(port, end, head("GET", "/experimental/jobs").strip())


def slow_forms(port: int, end: float) -> int:
    """Forms that come one byte at a time."""
    return drip(port, end, b"a", head("POST", "/identity/token", "Content-Length: 8000"))


def drip(port: int, end: float, text: bytes, first: bytes = b"", *, connections: int = 400) -> int:
    opened = []
    for _ in range(connections):
        with contextlib.suppress(OSError):
            opened.append(connect(port))
            opened[-1].sendall(first)
    sent = 0
    for count in until(end):
        for each in opened:
            with contextlib.suppress(OSError):
                sent += each.send(text[count % len(text) :][:1])
        time.sleep(0.01)
    return sent


def nonsense(port: int, end: float) -> int:
    """What is no HTTP at all."""
    return sum(send(port, b"\x16\x03\x01 nonsense\r\n\r\n", end=end) for _ in until(end))


def upgrades(port: int, end: float) -> int:
    """Wishes for another protocol."""
    wish = head("GET", "/", "Connection: upgrade", "Upgrade: websocket")
    return sum(send(port, wish, end=end) for _ in until(end))


def many_headers(port: int, end: float) -> int:
    """As many headers as go into a head."""
    request = head("GET", "/experimental/jobs", *["a:"] * 4_000)
    return sum(send(port, request, end=end) for _ in until(end))


def long_heads(port: int, end: float) -> int:
    """A head that does not end."""
    begun = head("GET", "/experimental/jobs", "x: ").strip() + b" "
    return sum(send(port, begun, *[b"x" * PIECE] * 100, end=end) for _ in until(end))


def long_tokens(port: int, end: float) -> int:
    """Tokens as long as they may be, all of them wrong."""
    token = ".".join(["eyJhbGciOiJIUzI1NiJ9", "A" * 12_000, "B" * 43])
    request = head("GET", "/experimental/jobs", f"Authorization: Bearer {token}")
    return sum(send(port, request, end=end) for _ in until(end))


def unread_answers(port: int, end: float) -> int:
    """Requests on one connection after the other, whose answers nobody reads."""
    requests = head("POST", "/identity/token", "Content-Length: 0") * 1_000
    return sum(send(port, *[requests] * 100, end=end, answer=False) for _ in until(end))


def comings_and_goings(port: int, end: float) -> int:
    """Connections that are closed at once."""
    return sum(send(port, answer=False, end=end) + 1 for _ in until(end))


ATTACKS: dict[str, Attack] = {
    each.__name__: each
    for each in (
        *(forms, forms_that_are_allowed, half_bodies, half_chunks, silence, slow_heads, slow_forms),
        *(nonsense, upgrades, many_headers, long_heads, long_tokens, unread_answers),
        comings_and_goings,
    )
}


# -- with a token ----------------------------------------------------------------------------------

TOKEN = ""


def asked(method: str, path: str, *headers: str) -> bytes:
    return head(method, path, f"Authorization: apikey {TOKEN}", *headers)


def repeated(port: int, end: float, request: bytes, connections: int = 12) -> int:
    """The same request on several connections, again and again; answers are read."""
    counts: list[int] = []
    pieces = [request[first : first + PIECE] for first in range(0, len(request), PIECE)]

    def go_on() -> None:
        counts.extend(send(port, *pieces, end=end) for _ in until(end))

    threads = [threading.Thread(target=go_on) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def submission(params: str) -> bytes:
    body = f'{{"program_id":"sampler","backend":"ibm_manila","params":{params}}}'.encode()
    close = "Connection: close"
    return asked("POST", "/experimental/jobs", f"Content-Length: {len(body)}", close) + body


def half_bodies_with_a_token(port: int, end: float) -> int:
    """Bodies of which the last byte never comes."""
    begun = asked("POST", "/experimental/jobs", f"Content-Length: {48 * 2**20}")
    return halves(port, end, begun)


def slow_bodies_with_a_token(port: int, end: float) -> int:
    """Small bodies that come one byte at a time, on as many connections as there may be."""
    begun = asked("POST", "/experimental/jobs", "Content-Length: 60000")
    return drip(port, end, b" ", begun, connections=600)


def many_values(port: int, end: float) -> int:
    """Bodies whose values take much more memory than they do."""
    return repeated(port, end, submission('{"a":[' + ",".join(["[]"] * 1_900_000) + "]}"), 8)


def allowed_values(port: int, end: float) -> int:
    """The same with as many as are read."""
    return repeated(port, end, submission('{"a":[' + ",".join(["[]"] * 124_000) + "]}"), 8)


def allowed_names(port: int, end: float) -> int:
    """The same with a name for each, all of them different."""
    values = ",".join(f'"{number}":"{number}"' for number in range(124_000))
    return repeated(port, end, submission(f'{{"a":{{{values}}}}}'), 8)


def short_values(port: int, end: float) -> int:
    """As many as go into a body that is short."""
    return repeated(port, end, submission('{"a":[' + ",".join(["[]"] * 85_000) + "]}"), 8)


def deep_values(port: int, end: float) -> int:
    """Lists in lists."""
    return repeated(port, end, submission('{"a":' + "[" * 900_000 + "]" * 900_000 + "}"), 8)


def long_texts(port: int, end: float) -> int:
    """Bodies of one long text."""
    return repeated(port, end, submission('{"a":"' + "x" * 40 * 2**20 + '"}'), 8)


def lists(port: int, end: float) -> int:
    """Lists of all jobs that there are."""
    close = "Connection: close"
    return repeated(port, end, asked("GET", "/experimental/jobs", close), 24)


def unread_results(port: int, end: float) -> int:
    """Requests on one connection after the other, whose answers nobody reads."""
    requests = asked("GET", "/experimental/backends/ibm_manila/properties") * 100
    return sum(send(port, *[requests] * 100, end=end, answer=False) for _ in until(end))


def batches(port: int, end: float) -> int:
    """Batches that are opened and forgotten."""
    body = b'{"mode":"batch","backend":"ibm_manila"}'
    length, close = f"Content-Length: {len(body)}", "Connection: close"
    return repeated(port, end, asked("POST", "/experimental/sessions", length, close) + body)


def sign_ins(port: int, end: float) -> int:
    """Sign-ins that are right."""
    body = f"apikey={TOKEN}".encode()
    length, close = f"Content-Length: {len(body)}", "Connection: close"
    return repeated(port, end, head("POST", "/identity/token", length, close) + body)


def tokens_that_nobody_has(port: int, end: float) -> int:
    """Tokens that look like those of the store, of which it has to be asked."""
    wrong = f"{TOKEN[:-1]}{'x' if TOKEN[-1] != 'x' else 'y'}"
    close = "Connection: close"
    return repeated(port, end, head("GET", "/", f"Authorization: apikey {wrong}", close))


WITH_TOKEN: dict[str, Attack] = {
    each.__name__: each
    for each in (
        *(half_bodies_with_a_token, slow_bodies_with_a_token, many_values, allowed_values),
        *(
            allowed_names,
            short_values,
            deep_values,
            long_texts,
            lists,
            unread_results,
            batches,
            sign_ins,
        ),
        tokens_that_nobody_has,
    )
}


def main(name: str, port: str, seconds: str, token: str) -> None:
    global TOKEN
    TOKEN = token
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    print("begun", flush=True)
    print({**ATTACKS, **WITH_TOKEN}[name](int(port), time.monotonic() + float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
