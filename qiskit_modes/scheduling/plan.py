"""What a tenant may use: plans, and the instances that have them."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Instance", "Plan"]

_HOUR = 3600.0


@dataclass(frozen=True)
class Plan:
    """The limits under which an instance uses the QPUs.

    The defaults are those of IBM's paid plans. Where the service's documentation is silent or
    contradicts itself, the choice made here is a field, so that it can be made differently.
    """

    name: str = "local"
    """Shown to users in refusals."""

    sessions_allowed: bool = True
    """Whether dedicated sessions may be opened; IBM's Open plan refuses them."""

    max_ttl_seconds: float = 8 * _HOUR
    """Longest life of a session or batch, from the start of its first job; never pauses."""

    session_interactive_ttl_seconds: float = 60.0
    """How long an active session may have nothing to do before it is deactivated."""

    batch_interactive_ttl_seconds: float = 1.0
    """The same for a batch. The service's text says a minute, its output says 1 s."""

    unused_ttl_seconds: float = _HOUR / 2
    """An open session or batch without a job is closed after this time."""

    max_execution_seconds: float = 3 * _HOUR
    """Longest time that one job may hold the QPU, whatever its own limit says."""

    max_pending_jobs: int | None = None
    """Most jobs of an instance that may be unfinished on one QPU at a time; None for no limit."""


@dataclass(frozen=True)
class Instance:
    """The tenant to whom usage is charged, IBM's word for it."""

    id: str = "local"
    """Unique among the instances that share QPUs."""

    plan: Plan = field(default_factory=Plan)
    """The limits of this instance."""

    allocation_seconds: float | None = None
    """Its share of QPU time in the accounting window; None counts as unlimited, which is always
    first in line among the instances with the same waiting time."""
