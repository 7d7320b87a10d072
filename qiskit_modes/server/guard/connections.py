"""The connections of a server: how many there are, and how long each may be silent.

`uvicorn` reads and answers them; here somebody stands between it and the system who counts them
and closes those that stay too long. A connection is a *stranger's* until a request with a token
has come on it. A stranger that does nothing gives way to the next one, so that no number of silent
connections keeps anybody out; who is being answered stays, also while its token is looked up. Who
holds the most gives way first, so that one machine's connections push out its own and no others'.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_network
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from qiskit_modes.server.guard.limits import Limits
from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code

__all__ = ["ACCEPTED_AT_ONCE", "Connections"]

ACCEPTED_AT_ONCE = 64
"""Connections that the event loop may take from the system before any of them is counted."""

_FILES_FOR_OTHERS = 128
"""Files that the rest of the process may open: pipes to its workers, above all."""

_FEWEST = 16
"""Connections that there may be, however few files the process may open."""

_PROMPT_PIECES = 3
"""Pieces of a request that are looked at as they come; clients send two, or large ones."""

_SMALL_BYTES = 1_024
_REST_SECONDS = 0.1
"""After each later piece that is smaller nothing is read for so long: who sends one byte after the
other does not keep the event loop busy."""

_RETRY_SECONDS = 2
"""When an instance that has all of its share may ask again."""

_Address = tuple[str, int]


class Connections:
    """The table of all connections. Used by the thread of the event loop alone.

    Args:
        limits: How many there may be, and how long they may be silent.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.most = min(limits.connections, max(_FEWEST, _files_left()))
        self._strangers: dict[_Address, _Connection] = {}
        """Nobody knows who they are, also while what they have sent is refused; the oldest first.
        """
        self._idle: dict[_Address, _Connection] = {}
        """Of callers with a token, which ask for nothing now, or whose token is looked up again; in
        the order in which they were answered last."""
        self._served: dict[_Address, _Connection] = {}
        self._served_of: Counter[str] = Counter()
        """How many of these are of each instance."""

    def __len__(self) -> int:
        return len(self._strangers) + len(self._idle) + len(self._served)

    def protocol(self, **uvicorns: Any) -> asyncio.Protocol:
        """Return what reads and answers one connection; `uvicorn` calls it for each."""
        return _Connection(self, uvicorns)

    @contextmanager
    def request(
        self, address: _Address | None, *, known: bool, instance: str = ""
    ) -> Iterator[None]:
        """Take note of a request for as long as it is answered.

        Args:
            address: From where; None if that is not known.
            known: Whether it has a token, so that nobody may close its connection.
            instance: For whom; empty if for no instance.
        """
        self._served_of[instance] += 1
        try:
            with self._noted(address, instance, known=known):
                yield
        finally:
            self._served_of[instance] -= 1
            if not self._served_of[instance]:
                del self._served_of[instance]

    def check_share(self, instance: str) -> None:
        """Check that an instance leaves connections to others: what is answered is not closed.

        Raises:
            ApiError: 429 if half of all are being answered for it.
        """
        most = max(self.most // 2, 1)
        if instance and self._served_of[instance] >= most:
            raise ApiError(
                429,
                Code.REFUSED,
                f"Instance {instance!r} has {most} requests that are being answered, half of all "
                "that there may be; wait for one of them",
                _RETRY_SECONDS,
            )

    @contextmanager
    def answering(self, address: _Address | None) -> Iterator[None]:
        """Let a connection stay while a request that has come on it is looked at.

        Args:
            address: From where it came; None if that is not known.
        """
        connection = self._of(address)
        if connection is None:
            yield
            return
        connection.is_answered = True
        try:
            yield
        finally:
            connection.is_answered = False

    @contextmanager
    def _noted(self, address: _Address | None, instance: str, *, known: bool) -> Iterator[None]:
        connection = self._of(address)
        if connection is None:
            yield
            return
        connection.expect_nothing()
        if known:
            self._move(connection, self._served)
            connection.holder = instance or connection.holder
        try:
            yield
        finally:
            if self._find(connection.address) is connection:
                seconds = self.limits.head_seconds
                if known:
                    self._move(connection, self._idle)
                    seconds = self.limits.idle_seconds
                connection.expect_something(seconds)

    def add(self, connection: _Connection) -> None:
        """Take in a new connection, and close another one if there are too many."""
        self._strangers[connection.address] = connection
        connection.expect_something(self.limits.head_seconds)
        if len(self) > self.most:
            self._giving_way(connection).close()

    def _giving_way(self, newcomer: _Connection) -> _Connection:
        """Return the connection that gives way to another one.

        That is a stranger that is not being answered, or else one that is idle, or else the one
        that has just come. Strangers that are being answered stay too, as long as they are no more
        than half of all: what they ask for needs no token, or they have shown one that is wrong.
        """
        strangers = [each for each in self._strangers.values() if each is not newcomer]
        silent = [each for each in strangers if not each.is_answered]
        are_many = len(strangers) - len(silent) > self.most // 2
        idle = [each for each in self._idle.values() if not each.is_answered]
        some = silent or (strangers if are_many else idle)
        return _first_of_most(some) if some else newcomer

    def close_silent(self) -> None:
        """End the connections on which nothing has come; `uvicorn` does not know them."""
        for connection in list(self._strangers.values()):
            if connection.is_silent:
                connection.close()

    def remove(self, connection: _Connection) -> None:
        """Forget a connection that is no more."""
        for table in (self._strangers, self._idle, self._served):
            if table.get(connection.address) is connection:
                del table[connection.address]

    def _of(self, address: _Address | None) -> _Connection | None:
        return None if address is None else self._find((address[0], address[1]))

    def _find(self, address: _Address) -> _Connection | None:
        tables = (self._served, self._idle, self._strangers)
        return next((table[address] for table in tables if address in table), None)

    def _move(self, connection: _Connection, table: dict[_Address, _Connection]) -> None:
        self.remove(connection)
        table[connection.address] = connection


class _Connection(asyncio.Protocol):
    """One connection: passes on everything, and ends it when its time is over."""

    def __init__(self, table: Connections, uvicorns: Mapping[str, Any]) -> None:
        self._table = table
        self._uvicorns = uvicorns
        self._inner: H11Protocol | None = None
        """Made when something comes, so that silence costs next to nothing."""
        self._transport: asyncio.Transport | None = None
        self._end: asyncio.TimerHandle | None = None
        self._head_began = False
        """Whether the end that is set counts from the first byte of a head."""
        self._pieces = 0
        """In which the present request has come."""
        self._small = bytearray()
        """What came in such a piece, and is passed on after a rest."""
        self._rest: asyncio.TimerHandle | None = None
        """Ends the time in which nothing is read."""
        self.address: _Address = ("", 0)
        self.holder = ""
        """Whose it is: an instance's, or of somebody on that network."""
        self.is_answered = False
        """Whether a request that came on it is being looked at."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), "connections are streams"
        self._transport = transport
        peer = transport.get_extra_info("peername") or ("", id(self))
        self.address = (str(peer[0]), int(peer[1]))
        self.holder = _network_of(self.address[0])
        self._table.add(self)

    @property
    def is_silent(self) -> bool:
        """Tell whether nothing has come."""
        return self._inner is None

    def data_received(self, data: bytes) -> None:
        if self._end is not None and not self._head_began:
            self.expect_something(self._table.limits.head_seconds)
            self._head_began = True
        self._pieces += 1
        if self._rest is not None:  # somebody else has it read on
            self._small += data
        elif self._pieces <= _PROMPT_PIECES or len(data) >= _SMALL_BYTES:
            self._pass_on(data)
        elif self._transport is not None:
            # Nothing is read meanwhile; by then the system has gathered what comes.
            self._transport.pause_reading()
            loop = asyncio.get_running_loop()
            self._small += data
            self._rest = loop.call_later(_REST_SECONDS, self._go_on)

    def _go_on(self) -> None:
        self._rest = None
        data = bytes(self._small)
        self._small.clear()
        if self._transport is not None and not self._transport.is_closing():
            # In this order: `uvicorn` may stop the reading again.
            self._transport.resume_reading()
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        if self._inner is None:
            assert self._transport is not None, "data comes from somewhere"
            self._inner = H11Protocol(**self._uvicorns)
            self._inner.connection_made(self._transport)
        self._inner.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.expect_nothing()
        if self._rest is not None:
            self._rest.cancel()
        self._table.remove(self)
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def expect_nothing(self) -> None:
        """Let it stay for as long as it likes."""
        self._head_began = False
        if self._end is not None:
            self._end.cancel()
            self._end = None

    def expect_something(self, seconds: float) -> None:
        """End it unless a whole head comes within a time."""
        self.expect_nothing()
        self._pieces = 0
        self._end = asyncio.get_running_loop().call_later(seconds, self.close)

    def close(self) -> None:
        """End it at once; it is no longer counted."""
        self.expect_nothing()
        self._table.remove(self)
        if self._transport is not None:
            self._transport.abort()


def _first_of_most(connections: Iterable[_Connection]) -> _Connection:
    """Return the first connection of whoever holds the most."""
    held: defaultdict[str, list[_Connection]] = defaultdict(list)
    for each in connections:
        held[each.holder].append(each)
    return max(held.values(), key=len)[0]


def _network_of(address: str) -> str:
    """Return what stands for the machine of an address: one has a whole network of IPv6's.

    >>> _network_of("192.0.2.7"), _network_of("2001:db8::7"), _network_of("")
    ('192.0.2.7', '2001:db8::/64', '')
    """
    try:
        whole = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if whole.ipv4_mapped is not None:
        return str(whole.ipv4_mapped)
    return str(ip_network((whole, 64), strict=False))


def _files_left() -> int:
    """Return how many connections the system lets this process have."""
    try:
        import resource
    except ImportError:  # a system without such limits
        return 2**31
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return 2**31
    try:
        used = len(os.listdir("/proc/self/fd"))
    except OSError:  # a system that does not tell
        used = 64
    return most - used - 2 * ACCEPTED_AT_ONCE - _FILES_FOR_OTHERS
