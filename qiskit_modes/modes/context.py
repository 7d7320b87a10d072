"""The session or batch whose ``with`` block the present code stands in."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["Block", "current_block", "enter", "leave", "new_block"]

_Session = TypeVar("_Session")


@dataclass(eq=False)
class Block(Generic[_Session]):
    """One ``with`` block that was entered, inside those that were entered before it.

    It may be left in another thread or task than it was entered in. The context variable of the
    one cannot be changed from the other, so that leaving is a mark on the block itself, and
    whoever still has it looks at the blocks around it.
    """

    session: _Session
    """Whose block it is."""
    around: Block[Any] | None
    left: bool = False


_innermost: ContextVar[Block[Any] | None] = ContextVar("qiskit_modes_innermost_block", default=None)


def current_block() -> Block[Any] | None:
    """Return the innermost block of this context that was not left, or None."""
    return _not_left(_innermost.get())


def new_block(session: _Session) -> Block[_Session]:
    """Return a block inside the present one, not entered yet."""
    return Block(session, current_block())


def enter(block: Block[Any]) -> None:
    """Enter a block."""
    _innermost.set(block)


def leave(block: Block[Any]) -> None:
    """Leave a block; what was current around it is current again, wherever this is called."""
    block.left = True
    _innermost.set(current_block())


def _not_left(block: Block[Any] | None) -> Block[Any] | None:
    while block is not None and block.left:
        block = block.around
    return block
