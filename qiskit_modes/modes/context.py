"""The session or batch whose ``with`` block the present code stands in."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit_modes.modes.session import Session

__all__ = ["Entered", "current_session", "enter", "leave"]

_current: ContextVar[Session | None] = ContextVar("qiskit_modes_current_session", default=None)

Entered = tuple[Token["Session | None"], "Session | None"]
"""What is needed to leave: the token, and what was there before."""


def current_session() -> Session | None:
    """Return the innermost open session or batch of this context, or None.

    New threads start without one, asyncio tasks inherit it: those are the rules of `contextvars`.
    """
    return _current.get()


def enter(session: Session) -> Entered:
    """Make ``session`` the current one."""
    before = _current.get()
    return _current.set(session), before


def leave(session: Session, entered: Entered) -> None:
    """Restore what was current before, also in another thread or task than the one that entered."""
    token, before = entered
    try:
        _current.reset(token)
    except ValueError:  # another context: it cannot be reset there, only replaced
        if _current.get() is session:
            _current.set(before)
