"""A server that can be killed, and started again on the same store."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests import programs
from tests.server.asking import Answer, ask

__all__ = ["GONE", "KEY", "Killed", "starting"]

KEY = "secret"

GONE = (OSError, http.client.HTTPException)
"""What a client meets while there is no server."""

_END_SECONDS = 30.0
"""How long a server that was asked to end may need on a busy machine."""


@contextmanager
def starting() -> Iterator[subprocess.Popen[str]]:
    """Run the script that starts servers."""
    with programs.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.soak.killed_servers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "ready\n"
        yield script
        script.communicate()


class Killed:
    """A server that can be killed, and started again on the same store.

    Args:
        script: That starts it, see `starting`.
        path: Of its store.
        arguments: Of `qiskit_modes.server.serve`, as JSON has them, but for ``instances``: names.
    """

    def __init__(self, script: subprocess.Popen[str], path: Path, **arguments: Any) -> None:
        self._script = script
        self.path = path
        self._arguments: dict[str, Any] = {
            "backends": ["ibm_manila"],
            "store": f"sqlite:///{path}",
            "token": KEY,
            **arguments,
        }
        self.process = self.port = 0
        self.starts = 0
        self.up = threading.Event()
        self.children: set[psutil.Process] = set()
        """Processes that servers had which were ended."""

    def start(self, **arguments: Any) -> dict[str, Any]:
        """Start it; returns what the script has answered."""
        assert self._script.stdin is not None
        assert self._script.stdout is not None
        self._script.stdin.write(json.dumps({**self._arguments, **arguments}) + "\n")
        self._script.stdin.flush()
        answer = json.loads(self._script.stdout.readline())
        if "port" in answer:
            self.process, self.port = answer["process"], answer["port"]
            self.starts += 1
            self.up.set()
        return answer

    def kill(self, how: int = signal.SIGKILL) -> None:
        """End it by a signal; returns when its process is gone."""
        self.up.clear()
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.process)
            self.children.update(process.children(recursive=True))
            process.send_signal(how)
            try:
                process.wait(_END_SECONDS)
            except psutil.TimeoutExpired:
                self.tell_where_it_is()
                raise
        self.process = 0

    def tell_where_it_is(self) -> None:
        """Have it print where its threads are; something waits for ever."""
        with suppress(psutil.NoSuchProcess):
            psutil.Process(self.process).send_signal(signal.SIGUSR1)

    def workers(self) -> list[psutil.Process]:
        """Return the processes that execute its programs."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.process).children()
            return [each for each in children if _is_worker(each)]
        return []

    def resident_bytes(self) -> int:
        """Return how much memory its process holds; 0 while there is none."""
        with suppress(psutil.NoSuchProcess):
            return int(psutil.Process(self.process).memory_info().rss)
        return 0

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request; raises one of `GONE` if nothing comes back."""
        data = None if body is None else json.dumps(body)
        known = {"Authorization": f"apikey {KEY}", "Content-Type": "application/json"}
        return ask(self.port, method, f"/experimental{path}", data, known | headers)


def _is_worker(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "loky.backend.popen_loky_posix" in process.cmdline()
    return False
