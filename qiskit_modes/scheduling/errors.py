"""Errors that mean a bug: in the scheduler, or in the shell that drives it.

Nothing that a user does raises them. A request that the rules do not allow is answered by the
instruction `Refuse`.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["IllegalTransition", "InvariantViolation", "NotHolder"]


class IllegalTransition(RuntimeError):  # noqa: N818 - named for what happened
    """Something was moved into a state that cannot follow its present one."""

    def __init__(
        self, subject: str, old: object, new: object, story: Sequence[tuple[float, str]]
    ) -> None:
        lines = "".join(f"\n  {at:12.6f}  {what}" for at, what in story)
        super().__init__(f"{subject} cannot go from {old} to {new}; its story so far:{lines}")


class InvariantViolation(AssertionError):  # noqa: N818 - named for what happened
    """`Scheduler.validate` found that something does not hold that must always hold."""


class NotHolder(RuntimeError):  # noqa: N818 - named for what happened
    """A lock was released by someone who does not hold it."""
