"""Handles to what a runtime keeps, as they are copied, and as they travel between processes."""

from __future__ import annotations

import os
from typing import Any, Self

from qiskit_modes.exceptions import OtherProcessError

__all__ = ["Handle"]


_HELD = ("_record", "_runtime", "_inputs", "_blocks", "_closed_here")
"""Attributes that handles have only where they can be used."""


class Handle:
    """Something that users hold and that stands for what a runtime keeps, by its id.

    A copy of it is the same handle. Pickled it is its id: in the process where the runtime is, it
    is found again; in any other process whatever is asked of it raises `OtherProcessError`.
    """

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        process_id = vars(self).get("_process_id")
        if process_id is None:
            process_id = self._runtime.process_id
        return _unpickled, (type(self), self._id, process_id)

    def __getattr__(self, name: str) -> Any:
        """Say why something is not there, in a process where it cannot be."""
        known = vars(self)
        if "_process_id" in known and name in _HELD:
            raise OtherProcessError(
                f"This is the id ({known['_lost_id']}) of a {type(self).__name__} that process "
                f"{known['_process_id']} had; in this one, {os.getpid()}, there is none. Sessions, "
                "batches and jobs stay where they were made: make new ones here, send backends and "
                "results, or let several processes share QPUs with `qiskit-modes serve`"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def _id(self) -> str:
        """Its id, also of one that is elsewhere."""
        lost: str | None = vars(self).get("_lost_id")
        return self._record.id if lost is None else lost

    @property
    def _is_elsewhere(self) -> bool:
        """Tell whether it stands for something that another process had."""
        return "_process_id" in vars(self)

    def _find(self, handle_id: str) -> bool:
        """Become the handle of what has this id in this process; return whether there is any."""
        raise NotImplementedError


def _unpickled(kind: type[Handle], handle_id: str, process_id: int) -> Handle:
    handle = kind.__new__(kind)
    if not handle._find(handle_id):  # noqa: SLF001 - its own
        vars(handle).update(_lost_id=handle_id, _process_id=process_id)
    return handle
