"""Requests to a server as they are written, with nothing added."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any


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
    connection = http.client.HTTPConnection(host, port, timeout=60)
    with closing(connection):
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.headers), answer.read().decode())
