"""The runtime that everything uses unless told otherwise.

It starts with the first job and is shut down when the interpreter ends: whatever is still under way
then is cancelled, with one warning that names it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.threads.process_end import disown_workers
from qiskit_modes.store.locations import location_of, named_in_environment

__all__ = ["default_runtime", "runtime_with_store", "use_runtime"]

_default: dict[str, LocalRuntime] = {}
"""At most one. A dictionary makes one step of looking and keeping, and needs no mutex for it."""


def default_runtime() -> LocalRuntime:
    """Return the runtime that everything uses unless told otherwise.

    Its jobs are kept where the environment variable ``QISKIT_MODES_STORE`` says, if it is set.
    """
    known = _default.get("runtime")
    if known is not None:
        return known
    made = LocalRuntime(store=named_in_environment())
    kept = _default.setdefault("runtime", made)
    if kept is not made:
        made.shut_down()  # another thread was first; this one may have a store or a cluster
    return kept


_with_stores: dict[str, LocalRuntime] = {}
"""Those that `runtime_with_store` has made, by the URL of their store."""


def runtime_with_store(store: str | os.PathLike[str]) -> LocalRuntime:
    """Return the runtime of this process that keeps its jobs in a store.

    It is the default one if that does, and otherwise one for all who name the same store.

    Args:
        store: See `LocalRuntime`.
    """
    url = location_of(store)
    if url is None:
        return LocalRuntime()
    named = named_in_environment()
    if named is not None and location_of(named) == url:
        return default_runtime()
    known = _with_stores.get(url)
    if known is not None and known.is_open:
        return known
    _with_stores[url] = made = LocalRuntime(store=url)
    return made


@contextmanager
def use_runtime(runtime: LocalRuntime) -> Iterator[LocalRuntime]:
    """Make ``runtime`` the default one of the whole process for a while, as tests do.

    Args:
        runtime: What `default_runtime` returns meanwhile, in all threads.
    """
    before = _default.get("runtime")
    _default["runtime"] = runtime
    try:
        yield runtime
    finally:
        if before is None:
            _default.pop("runtime", None)
        else:
            _default["runtime"] = before


def _start_afresh_after_fork() -> None:
    """Forget what is the parent's: its threads do not exist here, its workers are not ours."""
    _default.clear()
    _with_stores.clear()
    disown_workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh_after_fork)
