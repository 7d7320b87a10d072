"""The session or batch whose ``with`` block the present code stands in."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit_modes.modes.session import Session

__all__ = ["Block", "current_session", "enter", "leave", "new_block"]


@dataclass(eq=False)
class Block:
    """One ``with`` block that was entered, inside those that were entered before it.

    It may be left in another thread or task than it was entered in. The context variable of the
    one cannot be changed from the other, so that leaving is a mark on the block itself, and
    whoever still has it looks at the blocks around it.
    """

    session: Session
    around: Block | None
    left: bool = False


_innermost: ContextVar[Block | None] = ContextVar("qiskit_modes_innermost_block", default=None)


def current_session() -> Session | None:
    """Return the session or batch of the innermost block of this context, or None.

    New threads start without one, asyncio tasks inherit it: those are the rules of `contextvars`.
    """
    block = _not_left(_innermost.get())
    return None if block is None else block.session


def new_block(session: Session) -> Block:
    """Return a block inside the present one, not entered yet."""
    return Block(session, _not_left(_innermost.get()))


def enter(block: Block) -> None:
    """Enter a block."""
    _innermost.set(block)


def leave(block: Block) -> None:
    """Leave a block; what was current around it is current again, wherever this is called."""
    block.left = True
    _innermost.set(_not_left(_innermost.get()))


def _not_left(block: Block | None) -> Block | None:
    while block is not None and block.left:
        block = block.around
    return block
