"""A proxy that leads what is sent to IBM Cloud to the local server, and refuses the rest."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from qiskit_modes.server.guard.guard import is_ibm_cloud
from qiskit_modes.server.isolation.certificates import Authority
from qiskit_modes.server.listening_socket import listening_socket

__all__ = ["tunnel_to"]

_HEAD_SECONDS = 30.0
"""How long a program may take to say whom it wants to reach."""

_CHUNK_BYTES = 2**16


@contextmanager
def tunnel_to(port: int, authority: Authority, refused: Callable[[str], None]) -> Iterator[str]:
    """Run the proxy for as long as the block lasts.

    Args:
        port: Of the local server.
        authority: Gives the certificates of the names that are answered.
        refused: Called with the name of everything else that a program wants to reach, from the
            thread of the proxy.

    Yields:
        The address of the proxy.
    """
    with listening_socket("127.0.0.1", 0) as bound:
        loop = asyncio.new_event_loop()
        end = asyncio.Event()
        proxy = _Proxy(port, authority, refused)
        thread = threading.Thread(
            target=lambda: loop.run_until_complete(proxy.serve(bound, end)),
            name="qiskit_modes proxy",
            daemon=True,
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            loop.call_soon_threadsafe(end.set)
            thread.join()
            loop.close()


class _Proxy:
    def __init__(self, port: int, authority: Authority, refused: Callable[[str], None]) -> None:
        self._port = port
        self._authority = authority
        self._refused = refused
        self._connections: set[asyncio.Task[None]] = set()

    async def serve(self, bound: socket.socket, end: asyncio.Event) -> None:
        server = await asyncio.start_server(self._accept, sock=bound)
        try:
            await end.wait()
        finally:
            server.close()
            for connection in list(self._connections):
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "connections are accepted in tasks"
        self._connections.add(task)
        try:
            # Programs end, hang up and speak nonsense; the next connection is another one.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._connect(reader, writer)
        except (TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head.partition(b" ")
        target = rest.partition(b" ")[0].decode("latin-1")
        host = _host_of(target if method != b"CONNECT" else f"//{target}")
        if method != b"CONNECT" or not is_ibm_cloud(host):
            await asyncio.to_thread(self._refused, host)
            await _refuse(writer, host)
            return
        context = await asyncio.to_thread(self._authority.context, host)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(context)
        there = await asyncio.open_connection("127.0.0.1", self._port)
        both_ways = [
            asyncio.ensure_future(_pass_on(reader, there[1])),
            asyncio.ensure_future(_pass_on(there[0], writer)),
        ]
        try:
            await asyncio.wait(both_ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in both_ways:
                way.cancel()
            there[1].transport.abort()
            await asyncio.gather(*both_ways, return_exceptions=True)


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or address
    except ValueError:  # brackets without an address
        return address


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes, until nothing comes any more."""
    with suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()


async def _refuse(writer: asyncio.StreamWriter, host: str) -> None:
    # The reason is what programs show; it is one line of plain characters.
    name = "".join(c for c in host if c.isprintable() and c.isascii())[:200]
    reason = f"qiskit-modes run: nothing leaves this machine, not to {name}"
    writer.write(
        f"HTTP/1.1 403 {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
