"""Finds out whether a Dask scheduler may be at an address, with nothing but sockets.

Dask takes seconds to import on a busy machine, and Qiskit more; so a wrong address is told before
either is needed. What speaks there is asked afterwards, see `connect` in `engine`.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import threading
import time
from queue import Empty, SimpleQueue
from typing import Any

__all__ = ["CLUSTER_VARIABLE", "CONNECT_SECONDS", "NoSchedulerError", "check_address", "knock"]

CLUSTER_VARIABLE = "QISKIT_MODES_CLUSTER"
"""The environment variable with the address of a cluster, for whoever says nothing else."""

CONNECT_SECONDS = 5.0
"""How long an address may take to answer, with its name and all that."""

LOCAL = re.compile(r"local:(\d+)")
"""How somebody asks for a cluster of so many workers on this machine."""

_STARTING_SECONDS = 2.0
"""For how long a refusal is not believed: a scheduler that is just being started refuses first."""

_AGAIN_SECONDS = 0.1
"""How long it is waited before somebody who refused is asked again."""

_ADDRESS = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?:\[(?P<v6>[^]]+)\]|(?P<host>[^]:/[\s]+)):(?P<port>[0-9]+)/?"
)
_SCHEMES = {None: True, "tcp": True, "tls": False, "ws": False, "wss": False}
"""Those of which we know how they connect, and whether what answers speaks first."""

_MOST_HERE = 64
"""Workers on this machine, or four for each core if that is more; each takes 300 MB in use."""

_OF_PAGES = ("http", "https")
"""Of Dask's dashboard, which is another address."""

_LONGEST_GREETING = 1 << 20
"""Bytes; Dask's has some 200, after their number. Other protocols begin with letters, which are
large numbers."""


class NoSchedulerError(ConnectionError):
    """An address is none, or no Dask scheduler answers there. It has the address in its message."""


def check_address(address: str) -> str:
    """Return an address if it can be one: of a scheduler, or ``local:N``.

    Raises:
        NoSchedulerError: If it cannot.
    """
    local, match = LOCAL.fullmatch(address), _ADDRESS.fullmatch(address)
    scheme, separator, rest = address.partition("://")
    if local is not None:
        most = max(_MOST_HERE, 4 * (os.cpu_count() or 1))
        if not 0 < int(local[1]) <= most:
            raise NoSchedulerError(
                f"a cluster on this machine has at least 1 worker and at most {most}, not {address}"
            )
        fits = True
    elif separator and scheme not in _SCHEMES:
        fits = bool(rest) and scheme not in _OF_PAGES  # Dask has its own words for others
    else:
        fits = match is not None and 0 < int(match["port"]) < 1 << 16
    if not fits:
        raise NoSchedulerError(
            f"{address!r} is not the address of a Dask scheduler; expected one such as "
            "'tcp://head:8786', or 'local:2' for two workers on this machine"
        )
    return address


def knock(address: str, seconds: float | None = None) -> None:
    """Return if somebody answers at an address who may be a Dask scheduler; blocks for that.

    Args:
        address: Of a scheduler. Where there is nothing to knock at, as for ``local:2``, it is only
            looked at.
        seconds: How long it may take; None for `CONNECT_SECONDS`.

    Raises:
        NoSchedulerError: If nobody does in that time, or it is no address.
    """
    match = _ADDRESS.fullmatch(check_address(address))
    if LOCAL.fullmatch(address) or match is None or match["scheme"] not in _SCHEMES:
        return
    until = time.monotonic() + (CONNECT_SECONDS if seconds is None else seconds)
    greets = _SCHEMES[match["scheme"]]
    try:
        places = _resolved(match["v6"] or match["host"], int(match["port"]), until)
        with _connected(places, until) as connection:
            if greets:
                _check_greeting(connection, until)
    except OSError as error:
        why = str(error.strerror or error) or type(error).__name__
        raise NoSchedulerError(
            f"no Dask scheduler answers at {address} ({why}); check the address, and that "
            "`dask scheduler` runs there"
        ) from error


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("nothing was heard in time")
    return left


def _resolved(host: str, port: int, until: float) -> list[Any]:
    """Return where a host is; a thread that nobody waits for asks, as it may take for ever."""
    answers: SimpleQueue[Any] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # UnicodeError, too: of a name that cannot be one
            answers.put(error)

    thread = threading.Thread(target=ask, name="qiskit_modes-resolver", daemon=True)
    thread.start()
    try:
        answer = answers.get(timeout=_left(until))
    except Empty:
        raise TimeoutError(f"the name {host} was not resolved in time") from None
    thread.join()
    if isinstance(answer, Exception):
        why = getattr(answer, "strerror", None) or answer
        raise OSError(f"the name {host} cannot be resolved: {why}") from answer
    return list(answer)


def _connected(places: list[Any], until: float) -> socket.socket:
    """Return a connection to one of some places, each of which gets its share of the time."""
    believed = time.monotonic() + _STARTING_SECONDS
    while True:
        for number, (family, kind, protocol, _, place) in enumerate(places):
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(_left(until) / (len(places) - number))
                connection.connect(place)
            except OSError as error:
                connection.close()
                late = isinstance(error, TimeoutError)
                failure = TimeoutError("nothing answers there") if late else error
            else:
                return connection
        if time.monotonic() + 2 * _AGAIN_SECONDS >= min(believed, until):
            raise failure
        time.sleep(_AGAIN_SECONDS)  # nothing tells when somebody begins to listen


def _check_greeting(connection: socket.socket, until: float) -> None:
    """Read how a greeting begins: Dask's listeners speak first, of how they are set up."""
    heard = b""
    while len(heard) < 8:
        connection.settimeout(_left(until))
        try:
            some = connection.recv(8 - len(heard))
        except TimeoutError:
            raise TimeoutError(
                "it takes connections, and says nothing"
                if not heard
                else f"it says {heard!r}, and nothing more"
            ) from None
        if not some:
            raise ConnectionError("it takes connections, and closes them")
        heard += some
    if not 0 < struct.unpack("<Q", heard)[0] < _LONGEST_GREETING:
        raise ConnectionError(f"something else answers there, which says {heard!r}")
