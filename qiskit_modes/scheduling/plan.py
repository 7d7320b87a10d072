"""Plans, which limit what a tenant may use, and the instances that have them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

__all__ = ["FLEX", "OPEN", "PAY_AS_YOU_GO", "PLANS", "PREMIUM", "Budget", "Instance", "Plan"]

_HOUR = 3600.0
_DAY = 24 * _HOUR

_LONGEST_SECONDS = 1e9
"""What is longer, 31 years, has no end for anybody, but calendars and databases have one."""


def _check_seconds(limits: Plan | Instance) -> None:
    """Check all times among limits, and let those that never end be the longest that there is."""
    for each in fields(limits):
        value = getattr(limits, each.name)
        if each.name.endswith("_seconds") and value is not None:
            if not value >= 0:
                raise ValueError(f"{each.name} must be a number of seconds from 0 on, not {value}")
            if value > _LONGEST_SECONDS:
                object.__setattr__(limits, each.name, _LONGEST_SECONDS)


@dataclass(frozen=True)
class Plan:
    """The limits under which an instance uses the QPUs.

    The defaults have the time limits of IBM's paid plans and nothing else. Where the service's
    documentation is silent or contradicts itself, the choice made here is a field, so that it can
    be made differently.

    Times are in seconds from 0 on. Any of more than 31 years, also an infinite one, is 10^9 s.

    Raises:
        ValueError: If a time is negative, or no number.
    """

    name: str = "local"
    """Shown to users in refusals."""

    sessions_allowed: bool = True
    """Whether dedicated sessions may be opened; IBM's Open plan refuses them."""

    max_ttl_seconds: float = 8 * _HOUR
    """Longest life of a session or batch, from the start of its first job; never pauses. A longer
    one is refused, not cut."""

    session_interactive_ttl_seconds: float = 60.0
    """How long an active session may have nothing to do before it is deactivated."""

    batch_interactive_ttl_seconds: float = 1.0
    """The same for a batch. The service's text says a minute, its output says 1 s."""

    active_ttl_seconds: float | None = None
    """How long a session or batch may be active at a stretch; None for as long as it lasts. Then
    it starts no more of its jobs and, once the running ones have ended, is inactive: what it has
    queued goes through the queue. The service has such a limit and does not say what happens at
    it; it has only been seen equal to the maximum TTL, where it never comes."""

    unused_ttl_seconds: float = _HOUR / 2
    """An open session or batch without a job is closed after this time. Documented for sessions."""

    max_execution_seconds: float = 3 * _HOUR
    """Longest time that one job may hold the QPU, whatever its own limit says."""

    queued_fail_at_ttl: bool = True
    """Whether jobs that wait when a maximum TTL runs out end as failed; otherwise as cancelled.
    Four pages of the documentation say the one, two the other."""

    max_pending_jobs: int | None = None
    """Most jobs of an instance that may be unfinished on one QPU at a time; None for no limit."""

    max_submissions_per_minute: int | None = None
    """Most jobs that an instance may submit to one QPU within a minute; None for no limit. The
    service's interface speaks of five, its guides submit more."""

    allocation_seconds: float | None = None
    """Share of QPU time of an instance that does not say its own; None counts as unlimited."""

    limit_seconds: float | None = None
    """Usage within the window at which nothing more of an instance starts that does not say its
    own; None for no limit."""

    stops_at_limit: bool = False
    """Whether what runs is stopped, and charged, when the limit is reached; otherwise what is
    active goes on. The service's pages contradict each other; its page on cost says the former."""

    running_usage_counts: bool = True
    """Whether what a job has used on the QPU by now, and an active session of its window, counts
    against the limit before it has ended; otherwise it counts at its end, all at once. The service
    says that jobs report their usage while they run, and nothing of sessions."""

    maintenance_interrupts_sessions: bool = False
    """Whether a maintenance that begins while a session is active takes the QPU away from it, which
    is charged as before; otherwise it begins when the session gives the QPU back. The service says
    that nothing interrupts a session."""

    interactive_ttl_may_exceed_max_ttl: bool = False
    """Whether the interactive TTL stays what it is in a session or batch whose maximum TTL is
    shorter; otherwise it is as short. The service's interface wants it so."""

    window_seconds: float | None = 28 * _DAY
    """Usage counts against allocation and limit for this long; None for ever."""

    max_sampler_executions: int | None = 10_000_000
    """Most executions of circuits, shots included, in one job of a sampler; None for no limit."""

    max_two_qubit_gates: int | None = 5_000_000
    """Most gates on two qubits in one job, all its circuits together and those that gate folding
    adds; None for no limit. The service's page has it both for a job and for a circuit."""

    max_rz_gates: int | None = 30_000_000
    """Most gates named ``rz`` in one circuit; None for no limit."""

    max_sx_gates: int | None = 20_000_000
    """Most gates named ``sx`` in one circuit; None for no limit."""

    max_control_instructions: int | None = 26_800_000
    """Most instructions of the control system for one qubit in one job, counted by the service's
    table; None for no limit. What is not in that table is counted as ``sx`` or ``cz`` is."""

    def __post_init__(self) -> None:
        _check_seconds(self)


PREMIUM = Plan("premium")
"""The service's Premium plan: sessions, a share in a rolling window of 28 days."""

PAY_AS_YOU_GO = Plan("pay-as-you-go", window_seconds=None, stops_at_limit=True)
"""The service's Pay-As-You-Go plan: sessions, no allocation, and a limit of cost if one is set."""

FLEX = Plan("flex", window_seconds=None)
"""The service's Flex plan: sessions, a share of the whole contract."""

OPEN = Plan(
    "open",
    sessions_allowed=False,
    max_ttl_seconds=600.0,
    max_pending_jobs=3,
    allocation_seconds=600.0,
    limit_seconds=600.0,
)
"""The service's free Open plan: no sessions, ten minutes in 28 days, three jobs at a time."""

PLANS = {plan.name: plan for plan in (OPEN, PAY_AS_YOU_GO, FLEX, PREMIUM)}
"""The service's plans by their names."""


@dataclass(frozen=True)
class Budget:
    """Limits of what an instance may have at once where it runs, whatever its plan says.

    What would go beyond it is refused; nothing that is there is dropped for it. Budgets of what is
    kept need a store, and those of what is under way count what one process has.
    """

    max_bytes: int | None = None
    """Most bytes of inputs and results that are kept; None for no limit, as the others. The results
    of what is under way are not known, so that they may go beyond it."""

    max_jobs: int | None = None
    """Most jobs that are kept, those that have not ended among them."""

    max_pending_jobs: int | None = None
    """Most jobs that have not ended, on all QPUs together."""

    max_open_workloads: int | None = None
    """Most sessions and batches that are open."""

    @property
    def needs_store(self) -> bool:
        """Tell whether it limits what is kept."""
        return self.max_bytes is not None or self.max_jobs is not None


@dataclass(frozen=True)
class Instance:
    """The tenant to whom usage is charged, IBM's word for it.

    Its times are checked as those of a `Plan`.
    """

    id: str = "local"
    """Unique among the instances that share QPUs."""

    plan: Plan = field(default_factory=Plan)
    """The limits of this instance."""

    allocation_seconds: float | None = None
    """Its share of QPU time in the plan's window; None for the plan's. One without any is first in
    line among those that have waited as long."""

    limit_seconds: float | None = None
    """When it has used this much within the window, nothing more of it starts until usage leaves
    the window. None for the plan's; an instance without any is only served later."""

    budget: Budget = Budget()
    """What it may keep, and have under way."""

    def __post_init__(self) -> None:
        _check_seconds(self)

    def __hash__(self) -> int:
        return hash(self.id)  # a plan has twenty fields, and one is looked up forty times for a job

    @property
    def allocation(self) -> float | None:
        """Its own allocation, or that of its plan; in seconds."""
        own = self.allocation_seconds
        return self.plan.allocation_seconds if own is None else own

    @property
    def limit(self) -> float | None:
        """Its own limit of usage, or that of its plan; in seconds."""
        return self.plan.limit_seconds if self.limit_seconds is None else self.limit_seconds
