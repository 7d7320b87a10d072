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

__all__ = ["default_runtime", "use_runtime"]

_default: dict[str, LocalRuntime] = {}
"""At most one. A dictionary makes one step of looking and keeping, and needs no mutex for it."""


def default_runtime() -> LocalRuntime:
    """Return the runtime that everything uses unless told otherwise."""
    return _default.get("runtime") or _default.setdefault("runtime", LocalRuntime())


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
    disown_workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh_after_fork)
