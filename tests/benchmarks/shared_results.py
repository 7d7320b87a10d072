"""Large results that many read at once, from a server in a process of its own.

``python -m tests.benchmarks.shared_results STORE`` is that server: it prints its port, and serves
until its input ends.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from qiskit_modes import Instance
from qiskit_modes.server import serve
from qiskit_modes.store.heads import now_microseconds
from qiskit_modes.store.rows import JobRow
from qiskit_modes.store.sql_store import SqlStore
from tests.benchmarks.timing import Row
from tests.server.asking import answering
from tests.store.dump import FACTS

__all__ = ["ManyReaders", "many_readers", "shared_results"]

_JOB, _INSTANCE = "large", "lab"


@dataclass(frozen=True)
class ManyReaders:
    """Figures of reading one result, alone and by many at once."""

    size: int
    one_seconds: float
    all_seconds: float
    one_bytes: int
    """By how much the server's memory was larger meanwhile, at most."""
    all_bytes: int
    left_bytes: int
    """By how much it was larger afterwards."""

    def __str__(self) -> str:
        return (
            f"{self.size / 2**20:.0f} MiB: one {self.one_seconds:.2f} s, "
            f"+{self.one_bytes / 2**20:.0f} MiB; all {self.all_seconds:.2f} s, "
            f"+{self.all_bytes / 2**20:.0f} MiB; afterwards +{self.left_bytes / 2**20:.0f} MiB"
        )


def many_readers(size: int, readers: int) -> ManyReaders:
    """Read a result of ``size`` bytes by one client, and by several at once."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "jobs.sqlite"
        _write(store, size)
        with _server(store) as (port, process):
            _read(port, [])  # what is imported, and what the allocator takes, once
            before = process.memory_info().rss
            one_seconds, one_bytes = _measured(process, port, 1)
            all_seconds, all_bytes = _measured(process, port, readers)
            left = process.memory_info().rss - before
    return ManyReaders(size, one_seconds, all_seconds, one_bytes, all_bytes, left)


def shared_results() -> Iterator[Row]:
    """S3: a result of 100 MB, read by 8 clients at once."""
    found = many_readers(100_000_000, 8)
    ratio = found.all_seconds / found.one_seconds
    memory = found.all_bytes / max(found.one_bytes, 1)
    yield Row(
        "S3",
        "a 100 MB result read by 8 clients at once, times one: time, memory",
        f"{ratio:.2f}, {memory:.2f}",
        "<= 2",
        ratio <= 2 and memory <= 2,
        str(found),
    )


def _write(path: Path, size: int) -> None:
    text = json.dumps({"data": base64.b64encode(os.urandom(3 * (size // 4))).decode()})
    store = SqlStore(f"sqlite:///{path}")
    now = now_microseconds()
    row = JobRow(
        _JOB, "head", _INSTANCE, "fake_manila", "sampler", now, ending="completed", is_final=True,
        ended_at=now, facts=FACTS,
    )  # fmt: skip
    with store.writing() as changes:
        changes.save_instance(_INSTANCE, {"plan": {}, **dict.fromkeys(_SECONDS)})
        changes.add_job(row, {"result": text})
    store.close()


_SECONDS = ("allocation_seconds", "limit_seconds")


@contextlib.contextmanager
def _server(store: Path) -> Iterator[tuple[int, psutil.Process]]:
    command = [sys.executable, "-m", __name__, str(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield int(process.stdout.readline()), psutil.Process(process.pid)
        process.stdin.close()
        assert process.wait(30) == 0


def _read(port: int, lengths: list[int]) -> None:
    path, headers = f"/experimental/jobs/{_JOB}/results", {"Service-CRN": _INSTANCE}
    with answering(port, "GET", path, headers=headers) as answer:
        assert answer.status == 200
        piece, length = bytearray(2**20), 0
        while count := answer.readinto(piece):
            length += count
        lengths.append(length)


def _measured(process: psutil.Process, port: int, readers: int) -> tuple[float, int]:
    before, lengths, most = process.memory_info().rss, [], 0
    threads = [threading.Thread(target=_read, args=(port, lengths)) for _ in range(readers)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        most = max(most, process.memory_info().rss - before)
        time.sleep(0.005)
    seconds = time.perf_counter() - began
    assert len(lengths) == readers
    assert len(set(lengths)) == 1
    return seconds, most


def main() -> None:
    """Serve a store."""
    known = [Instance(_INSTANCE)]
    with serve(backends=["ibm_manila"], instances=known, store=sys.argv[1]) as server:
        print(server.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
