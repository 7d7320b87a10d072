"""Asks workers of a cluster whether they will do: what they run must be what runs here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qiskit_modes.runtime.workers.dask import child
from qiskit_modes.runtime.workers.dask.leaves import Leaves

__all__ = ["ANSWER_SECONDS", "Examined", "examine", "members"]

ANSWER_SECONDS = 10.0
"""How long a worker may take to tell its versions; another one does not wait for it."""

MEMBERS_SECONDS = 20.0
"""How long a scheduler may take to tell who there is; then it is given up."""


@dataclass(frozen=True)
class Examined:
    """Answer of a worker, and what follows from it."""

    versions: dict[str, str | None]
    problem: str | None
    """Why it gets no work, in a sentence without its name; None if it will do."""
    later: bool = False
    """Whether it did not answer, so that it is to be asked again."""


def members(client: Any) -> dict[str, dict[str, Any]]:
    """Return what the scheduler knows of each worker, by their addresses.

    Args:
        client: Of the cluster, a `distributed.Client`.

    Raises:
        OSError: If it does not say so in time, a `TimeoutError`, or is gone.
    """

    async def ask() -> Any:
        return await client.scheduler.identity(n_workers=-1)

    # The client's own question waits for ever for a scheduler that stands still.
    told = client.sync(ask, callback_timeout=MEMBERS_SECONDS)
    workers: dict[str, dict[str, Any]] = told["workers"]
    return workers


def examine(
    client: Any, addresses: Iterable[str], leaves: Leaves | None = None
) -> dict[str, Examined]:
    """Ask workers what they run, all at once; a worker that hangs holds up nobody for long.

    Args:
        client: Of the cluster, a `distributed.Client`.
        addresses: Of the workers.
        leaves: Who leaves meanwhile; None if nobody tells.
    """
    leaves = leaves or Leaves()
    wanted = list(addresses)

    async def ask(address: str) -> Any:
        asked = client.run(child.versions, workers=[address], on_error="return")
        try:
            return (await leaves.answer(address, asked, ANSWER_SECONDS)).get(address)
        except OSError as error:
            return OSError(f"{type(error).__name__} {error}".strip())

    async def ask_all() -> list[Any]:
        return list(await asyncio.gather(*map(ask, wanted)))

    here = child.versions()
    answers = client.sync(ask_all)
    return {address: _judged(here, answer) for address, answer in zip(wanted, answers, strict=True)}


def _judged(here: dict[str, str | None], there: Any) -> Examined:
    if isinstance(there, OSError) or there is None:
        return Examined({}, f"did not answer ({there})", later=True)
    if not isinstance(there, dict):
        return Examined({}, f"cannot import qiskit_modes ({there!r}); install it there")
    different = [
        f"no {package}, here {ours}"
        if there.get(package) is None
        else f"{package} {there[package]}, here {ours}"
        for package, ours in here.items()
        if there.get(package) != ours
    ]
    return Examined(there, f"has {' and '.join(different)}" if different else None)
