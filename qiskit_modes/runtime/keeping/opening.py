"""Opening of an archive: in memory, or with the store that somebody names."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from qiskit_modes.runtime.clock import Clock
from qiskit_modes.runtime.keeping.archive import Archive
from qiskit_modes.runtime.qpu import QPURegistry
from qiskit_modes.scheduling import Ledger
from qiskit_modes.store.locations import location_of

__all__ = ["open_archive"]


def open_archive(
    clock: Clock,
    store: str | os.PathLike[str] | None,
    *,
    registry: QPURegistry,
    ledger: Ledger,
    whole: Callable[[Callable[[], Any]], Any],
    serves: bool,
    resumes: bool,
    waits: Callable[[str], None],
) -> Archive:
    """Open what keeps the jobs and workloads of a runtime.

    Args:
        clock: Whose time counts.
        store: Where they outlive the process, see `location_of`; None for in memory.
        registry: The QPUs on which they are.
        ledger: Where their usage is charged.
        whole: Makes a call that no signal cuts in two.
        serves: Whether the runtime is the one server of the store.
        resumes: Whether jobs that an earlier server has left are kept.
        waits: Told for whom the opening waits, if it does.

    Raises:
        InvalidInputError: If there can be no such store.
        StoreError: If it cannot be opened.
    """
    url = None if store is None else location_of(store)
    if url is None:
        return Archive(clock)
    # Only here: whoever keeps nothing needs none of it.
    from qiskit_modes.runtime.keeping.stored_archive import StoredArchive
    from qiskit_modes.store.sql_store import SqlStore

    opened = SqlStore(url)
    try:
        return StoredArchive(
            clock,
            opened,
            registry=registry,
            ledger=ledger,
            whole=whole,
            serves=serves,
            resumes=resumes,
            waits=waits,
        )
    except BaseException:
        opened.close()
        raise
