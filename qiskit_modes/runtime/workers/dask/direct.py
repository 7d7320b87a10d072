"""The direct way to the workers of a cluster, beside its scheduler; where there is one.

A firewall, or a proxy, may lead to the scheduler only; then pieces go that way, as tasks of Dask's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from qiskit_modes.runtime.workers.dask import inbox
from qiskit_modes.runtime.workers.dask.leaves import Leaves

__all__ = ["Direct"]

MOST_DIRECT = 200
"""So many workers get their pieces directly, as each of them takes two or three connections of this
process; what the system allows is often a thousand."""

OPEN_SECONDS = 3.0
"""How long the direct way is tried; whoever drops what comes does not say so."""


class Direct:
    """Sends pieces to workers, and takes what comes of them. Any thread may use it.

    Args:
        client: Of the cluster, a `distributed.Client`.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._open: set[str] = set()
        """Addresses of workers that are reached."""
        self._broken: set[str] = set()
        """Addresses to which a connection broke; it is not tried again."""
        # Not on the thread of the client's loop, which is to go on.
        self._answers = ThreadPoolExecutor(1, thread_name_prefix="qiskit_modes-answers")

    def open(self, addresses: Iterable[str], leaves: Leaves | None = None) -> set[str]:
        """Return which workers can be reached; tries all at once, and waits a few seconds at most.

        Args:
            addresses: Of workers that have this package.
            leaves: Who leaves meanwhile; None if nobody tells.
        """
        leaves = leaves or Leaves()
        trusted = [address for address in addresses if address not in self._broken]
        tried = trusted[: max(0, MOST_DIRECT - len(self._open))]

        async def reach(address: str) -> Any:
            await self._client.run(inbox.open_inbox, workers=[address])
            return await getattr(self._client.rpc(address), inbox.NAME)()

        async def try_one(address: str) -> str | None:
            with suppress(Exception):  # whatever it is, there is the other way
                if await leaves.answer(address, reach(address), OPEN_SECONDS) == {}:
                    return address
            return None

        async def try_all() -> list[str]:
            found = await asyncio.gather(*map(try_one, tried), return_exceptions=True)
            return [each for each in found if isinstance(each, str)]

        found: set[str] = set(self._client.sync(try_all)) if tried else set()
        self._open |= found
        return found

    def leave(self, address: str, *, broken: bool = False) -> None:
        """Take note that a worker is sent nothing any more.

        Args:
            address: Of the worker.
            broken: Whether that is because a connection broke; the worker itself may be well.
        """
        self._open.discard(address)
        if broken:
            self._broken.add(address)

    def forget(self, address: str) -> None:
        """Take note that a worker is gone, and will not be back at this address."""
        self._open.discard(address)
        self._broken.discard(address)

    def send(
        self, address: str, piece: str, call: bytes, arrived: Callable[[Future[Any]], object]
    ) -> Future[dict[str, Any]]:
        """Send a piece to a worker; does not wait.

        Args:
            address: Of the worker.
            piece: Its name, for `child.stop`.
            call: What is to be done, as `child.do` takes it.
            arrived: Called with the returned future when that is done, on a thread of this object.

        Returns:
            What `inbox` answers, or why it did not. It can be cancelled: then nobody waits for the
            worker any more.
        """

        async def ask() -> dict[str, Any]:
            there = self._client.rpc(address)
            found = await getattr(there, inbox.NAME)(piece=piece, call=call)
            if not isinstance(found, dict):  # Dask says None where nobody takes pieces in
                raise OSError(f"{address} takes no pieces")
            return found

        asking = ask()
        try:
            sent = asyncio.run_coroutine_threadsafe(asking, self._client.loop.asyncio_loop)
        except BaseException:  # the client is closed
            asking.close()
            raise
        sent.add_done_callback(lambda sent: self._hand_on(arrived, sent))
        return sent

    def _hand_on(self, arrived: Callable[[Future[Any]], object], sent: Future[Any]) -> None:
        with suppress(RuntimeError):  # closed: whoever waited has been answered
            self._answers.submit(arrived, sent)

    def close(self) -> None:
        """End its thread, when that has done what it is doing."""
        self._answers.shutdown(wait=False)
