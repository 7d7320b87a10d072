"""Requests to a server as they are written, with nothing added."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

FINAL = frozenset({"Completed", "Failed", "Cancelled", "Cancelled - Ran too long"})
"""States of jobs that have ended."""

_LOOKS_AGAIN_SECONDS = 0.1
"""As a client does that waits. On a test's clock time passes for one who looks so often."""


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def message(self) -> str:
        return self.json["errors"][0]["message"]


def connected(port: int, host: str = "127.0.0.1") -> closing[http.client.HTTPConnection]:
    """Return a connection to a server for a block, at whose end it is closed."""
    return closing(http.client.HTTPConnection(host, port, timeout=60))


@contextmanager
def answering(
    port: int,
    method: str,
    path: str,
    body: str | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    host: str = "127.0.0.1",
) -> Iterator[http.client.HTTPResponse]:
    """Send a request on a connection of its own; the block reads what it likes of the answer."""
    with connected(port, host) as connection:
        connection.request(method, path, body, dict(headers or {}))
        with closing(connection.getresponse()) as answer:
            yield answer


def ask(
    port: int,
    method: str,
    path: str,
    body: str | bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    host: str = "127.0.0.1",
) -> Answer:
    """Send a request on a connection of its own, and wait for the answer."""
    with answering(port, method, path, body, headers, host=host) as answer:
        return Answer(answer.status, dict(answer.headers), answer.read().decode())


def end_of(asks: Callable[[str, str], Answer], job_id: str, seconds: float = 60.0) -> str:
    """Wait for a job, and return the word for what became of it.

    Args:
        asks: Sends a request to a server, given its method and the path in its interface.
        job_id: Which job.
        seconds: How long it may take.
    """
    nobody_tells = threading.Event()
    for _ in range(int(seconds / _LOOKS_AGAIN_SECONDS)):
        answer = asks("GET", f"/jobs/{job_id}?exclude_params=true")
        assert answer.status == 200, answer.text
        state: str = answer.json["state"]["status"]
        if state in FINAL:
            return state
        nobody_tells.wait(_LOOKS_AGAIN_SECONDS)
    raise AssertionError(f"the job is still {state}")
