"""Trying strangers' circuits out in another process, before they are read in this one.

Qiskit trusts the circuits that it reads: some bytes make it take all the memory that there is, or
end its process. That process is one that nobody misses.
"""

from __future__ import annotations

import base64
import hashlib
import queue
import signal
import struct
import subprocess
import sys
import threading
import weakref
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from qiskit_modes.caches import BoundedCache
from qiskit_modes.server.errors import server_ends
from qiskit_modes.server.guard.circuit_reader import CIRCUITS, SAMPLEX
from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code
from qiskit_modes.wire.programs.params import MOST_INFLATED_BYTES, check_qpy_version
from qiskit_modes.wire.programs.schemas import CIRCUIT_KEYS, dictionaries

__all__ = ["Inspector"]

_START_SECONDS = 60.0
"""Longest time that the process may need to import Qiskit; usually one or two."""

_START_AGAIN_SECONDS = 5
"""When it makes sense to send a circuit again for which no process could be started."""

_SECONDS = 10.0
_SECONDS_PER_MIB = 1.0
"""Longest time that reading may take. A circuit of 6,500 gates has 0.4 MiB and takes 10 ms."""

_PROCESSES = 2
"""With fewer, a circuit that takes ten seconds would keep everybody waiting."""

_MOST_KNOWN = 10_000
"""Circuits that are known to be readable, by their digests of 32 bytes."""

_PACKED = ("QuantumCircuit", "Instruction")
"""Types of values, in the encoding of the primitives' parameters, that hold circuits."""

_SAMPLEX_KEY = "samplex_json"
"""In the client's schemas."""


class Inspector:
    """Knows which circuits can be read. May be used from any thread.

    There are two processes; each instance uses one of them at a time, so that one that sends much
    does not keep another one waiting for all of it.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        """Guards what follows; nothing waits while it is held."""
        self._known: BoundedCache[bytes, bool] = BoundedCache(_MOST_KNOWN)
        self._turns = weakref.WeakValueDictionary[str, _Turn]()
        self._readers = [_Reader() for _ in range(_PROCESSES)]
        self._free: queue.LifoQueue[_Reader] = queue.LifoQueue()
        """The one that was used last is used again: the others start only if they are needed."""
        for reader in reversed(self._readers):
            self._free.put(reader)

    def check(self, params: Mapping[str, Any], instance: str = "") -> None:
        """Check that the circuits and samplexes in the parameters of a program can be read.

        Args:
            params: As a plain JSON decoder made them.
            instance: Who sends them; its circuits are tried out one after the other.

        Raises:
            ApiError: 400 if one cannot, or takes too much time or memory; 503 if no process can try
                it out now.
        """
        for kind, data in _texts(params):
            digest = hashlib.sha256(kind + data).digest()
            if not self._is_known(digest):
                with self._turn(instance):
                    if not self._is_known(digest):  # it may have been sent twice
                        self._try(kind, data)
                        self._note(digest)

    def warm_up(self) -> None:
        """Start a process, without waiting for it."""
        reader = self._free.get()
        try:
            reader.start()
        finally:
            self._free.put(reader)

    def close(self) -> None:
        """End the processes."""
        for reader in self._readers:
            reader.close()

    def _is_known(self, digest: bytes) -> bool:
        with self._mutex:
            return bool(self._known.get(digest))

    def _note(self, digest: bytes) -> None:
        with self._mutex:
            self._known.put(digest, True)

    def _turn(self, instance: str) -> _Turn:
        with self._mutex:
            return self._turns.setdefault(instance, _Turn())

    def _try(self, kind: bytes, data: bytes) -> None:
        try:
            if kind == CIRCUITS:
                check_qpy_version(data)
        except struct.error as error:
            raise _unreadable(str(error)) from error
        reader = self._free.get()
        try:
            reader.try_out(kind, data)
        finally:
            self._free.put(reader)


class _Turn:
    """The turn of an instance; it is forgotten with the last thread that holds or awaits it."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        """Held while a circuit of the instance is tried out."""

    def __enter__(self) -> None:
        self._mutex.acquire()

    def __exit__(self, *_: object) -> None:
        self._mutex.release()


class _DiedError(Exception):
    """The process has ended while it read something.

    Args:
        how: It has ended.
    """

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class _Reader:
    """A process that reads circuits."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        """Guards what follows; held while a circuit is tried out."""
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        """Whether the process has said that it has begun."""
        self._is_closed = False

    def start(self) -> None:
        """Start it unless it runs, without waiting for it."""
        with self._mutex:
            self._started()

    def close(self) -> None:
        """End it for good; what it is trying out is not known to be readable."""
        self._is_closed = True
        process = self._process
        if process is not None:
            process.kill()  # who waits for its answer has the mutex
        with self._mutex:
            self._end()

    def try_out(self, kind: bytes, data: bytes) -> None:
        """Try out whether it can read something.

        If the process dies meanwhile, another one tries it once more: what has killed it may have
        been the system, or somebody, and none of it the sender's fault.

        Raises:
            ApiError: 400 if it cannot, 503 if no process can be started.
        """
        try:
            is_readable = self._read(kind, data)
        except _DiedError:
            try:
                is_readable = self._read(kind, data)
            except _DiedError as again:
                raise _unreadable(
                    "reading them crashes Qiskit, or takes too much memory: two processes that "
                    f"tried it ended, the last with {again.how}"
                ) from again
        if not is_readable:
            raise _unreadable("Qiskit cannot read them")

    def _read(self, kind: bytes, data: bytes) -> bool:
        seconds = _SECONDS + _SECONDS_PER_MIB * len(data) / 2**20
        with self._mutex:
            process = self._started()
            try:
                if not self._is_ready:
                    self._is_ready = _exchange(process, b"", _START_SECONDS) == b"\1"
                is_ready, answer = self._is_ready, b""
                if is_ready:
                    asked = kind + len(data).to_bytes(8, "big") + data
                    answer = _exchange(process, asked, seconds)
            except TimeoutError:
                self._end()
                if self._is_ready:
                    raise _unreadable(f"reading them takes more than {seconds:.3g} s") from None
                is_ready, answer = False, b""
            if answer == b"":
                self._end()
        if answer:
            return answer == b"\1"
        if self._is_closed:
            raise server_ends()
        if not is_ready:
            raise _no_reader()
        raise _DiedError(_how_it_ended(process.returncode))

    def _started(self) -> subprocess.Popen[bytes]:
        if self._is_closed:
            raise server_ends()
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._is_ready = False
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "qiskit_modes.server.guard.circuit_reader"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            except OSError as error:
                raise _no_reader() from error
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _exchange(process: subprocess.Popen[bytes], sent: bytes, seconds: float) -> bytes:
    """Send something to a process and return its answer, one byte; none if it ends.

    Raises:
        TimeoutError: If it is too slow; then it is killed.
    """
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "it was started with pipes"
    is_over = threading.Event()

    def kill() -> None:
        is_over.set()
        process.kill()

    timer = threading.Timer(seconds, kill)
    timer.start()
    answer = b""
    try:
        process.stdin.write(sent)
        process.stdin.flush()
        answer = process.stdout.read(1)
    except OSError:  # it has ended before it had read everything
        pass
    finally:
        timer.cancel()
        timer.join()
    if is_over.is_set():
        raise TimeoutError
    return answer


def _how_it_ended(code: int) -> str:
    """Return what is known of a process that has ended by itself.

    >>> _how_it_ended(-9), _how_it_ended(1)
    ('SIGKILL', 'exit code 1')
    """
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


def _no_reader() -> ApiError:
    return ApiError(
        503,
        Code.REFUSED,
        "No process can be started now that reads circuits; nothing was done, send the request "
        "again later",
        _START_AGAIN_SECONDS,
    )


def _texts(tree: Any) -> Iterator[tuple[bytes, bytes]]:
    """Yield all circuits and samplexes."""
    for each in dictionaries(tree):
        older = ("__value__",) if each.get("__type__") in _PACKED else ()
        for key in (*older, *CIRCUIT_KEYS):
            if isinstance(each.get(key), str):
                yield CIRCUITS, _unpacked(each[key])
        if isinstance(each.get(_SAMPLEX_KEY), str):
            yield SAMPLEX, each[_SAMPLEX_KEY].encode()


def _unpacked(packed: str) -> bytes:
    """Return circuits as Qiskit reads them; older requests do not compress them."""
    try:
        # Strictly: of letters that do not belong there other decoders think differently.
        data = base64.b64decode(packed, validate=True)
    except ValueError as error:
        raise _unreadable(f"they are not base64: {error}") from error
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(data, MOST_INFLATED_BYTES + 1)
    except zlib.error:
        return data
    if len(inflated) > MOST_INFLATED_BYTES:
        raise _unreadable(f"inflated, they are more than {MOST_INFLATED_BYTES // 2**20} MiB")
    return inflated


def _unreadable(why: str) -> ApiError:
    return ApiError(400, Code.INVALID, f"The circuits cannot be read: {why}")
