"""The ledger of what each instance has used and is using, over all QPUs."""

from __future__ import annotations

import math
import weakref
from collections import deque
from dataclasses import dataclass, field

from qiskit_modes.scheduling.agenda import Agenda
from qiskit_modes.scheduling.plan import Instance

__all__ = ["ROUNDING_SECONDS", "Ledger", "Meter", "Watch"]

ROUNDING_SECONDS = 1e-6
"""Differences of times on a clock that has run for weeks are no more precise than this."""

_KEPT_SECONDS = 28 * 24 * 3600.0
"""Usage is remembered for this long, the service's window, also if no plan asks for it yet."""


@dataclass(eq=False)
class Meter:
    """Something that is running and will be charged: a job on a QPU, or an active session."""

    instance_id: str
    since: float
    until: float | None = None
    """When it stopped; None while it runs."""

    def seconds(self, now: float) -> float:
        """Return what it has come to by the time ``now``."""
        return max((now if self.until is None else self.until) - self.since, 0.0)


class Watch:
    """Collects the ids of the instances of which something has changed in a ledger."""

    def __init__(self) -> None:
        self.changed: set[str] = set()


class _Window:
    """Seconds charged within the latest so many seconds; None for ever."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self.entries: deque[tuple[float, float]] = deque()
        """When each charge ended, and its seconds."""
        self.total = 0.0

    def add(self, at: float, seconds: float) -> bool:
        """Take a charge in; return whether it is the one that leaves first."""
        self.total += seconds
        if self.seconds is None:
            return False
        self.entries.append((at, seconds))
        return len(self.entries) == 1

    def leaves_at(self) -> float | None:
        """Return when the oldest charge leaves it."""
        if self.seconds is None or not self.entries:
            return None
        return self.entries[0][0] + self.seconds

    def move_to(self, now: float) -> bool:
        """Drop what has left it by now; return whether anything has."""
        moved = False
        # The same expression as in leaves_at: rounded otherwise, usage would never be relieved.
        while (leaves_at := self.leaves_at()) is not None and leaves_at <= now:
            self.total -= self.entries.popleft()[1]
            moved = True
        if moved and not self.entries:
            # Subtracting what was added leaves rounding errors behind; an empty window has none.
            self.total = 0.0
        return moved


@dataclass(eq=False)
class _Account:
    windows: dict[float | None, _Window]
    meters: dict[Meter, None] = field(default_factory=dict)
    """What runs, and what has stopped and is not charged yet."""
    changed_at: float = -math.inf
    """When any of this, or what has left a window, last changed."""


class Ledger:
    """The charged seconds of every instance in the window of its plan, and what runs beside them.

    One ledger is shared by the schedulers of all QPUs, because a fair share is one over all of
    them, and so is a limit. Usage is that of an id: of two `Instance` objects with one id each has
    the limits that it says, and both have used the same. Like everything in this package it is not
    thread safe by itself.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._leaving: Agenda[str] = Agenda()
        """When something next leaves a window of an account."""
        self.next_leaving = math.inf
        """The earliest of these times; nothing changes by itself before. It moves on only after the
        watches were told of what has left."""
        self._changed: dict[str, Instance] = {}
        """The instances whose limits were changed, as they are now."""
        self._watches: dict[weakref.ref[Watch], None] = {}
        """Those that somebody holds. Each change is one step, for one may go at any time."""

    # -- who it is about -------------------------------------------------------------------------

    def change(self, instance: Instance, at: float) -> None:
        """Let ``instance`` stand for every other of its id from the time ``at`` on."""
        self._changed[instance.id] = instance
        self._touch(instance.id, self._account(instance), at)

    def current(self, instance: Instance) -> Instance:
        """Return an instance with the limits that it has now."""
        return self._changed.get(instance.id, instance)

    @property
    def shared(self) -> bool:
        """Tell whether more than one looks on."""
        return len(self._watches) > 1

    # -- who looks on ----------------------------------------------------------------------------

    def watch(self) -> Watch:
        """Return what is told of every change, for as long as somebody holds it."""
        watch, watches = Watch(), self._watches
        watches[weakref.ref(watch, lambda reference: watches.pop(reference, None))] = None
        return watch

    def take_changes(self, watch: Watch, now: float) -> set[str]:
        """Return the ids of which something has changed since this was asked last."""
        while self.next_leaving <= now:
            first = self._leaving.first()
            assert first is not None, "the next to leave is the first that leaves"
            at, instance_id = first
            account = self._accounts[instance_id]
            for window in account.windows.values():
                window.move_to(at)
            self._touch(instance_id, account, at)
            self._note_leaving(instance_id, account)
        changed, watch.changed = watch.changed, set()
        return changed

    # -- what is used ----------------------------------------------------------------------------

    def begin(self, instance: Instance, at: float) -> Meter:
        """Take note that something began that will be charged; it counts from now on."""
        account = self._account(instance)
        meter = Meter(instance.id, at)
        account.meters[meter] = None
        self._touch(instance.id, account, at)
        return meter

    def stop(self, meter: Meter, at: float) -> None:
        """Take note that it has stopped; what it has come to counts until it is settled."""
        meter.until = at
        self._touch(meter.instance_id, self._accounts[meter.instance_id], at)

    def settle(self, meter: Meter, seconds: float, at: float) -> None:
        """Charge ``seconds`` for what ended at the time ``at``; 0 for nothing."""
        account = self._accounts[meter.instance_id]
        del account.meters[meter]
        if seconds:
            self._add(meter.instance_id, account, seconds, at)
        self._touch(meter.instance_id, account, at)

    def charge(self, instance: Instance, seconds: float, at: float) -> None:
        """Add ``seconds`` of usage that ended at the time ``at``."""
        account = self._account(instance)
        self._add(instance.id, account, seconds, at)
        self._touch(instance.id, account, at)

    # -- what it comes to ------------------------------------------------------------------------

    def charged(self, instance: Instance, now: float) -> float:
        """Return the seconds charged to ``instance`` within the window that ends at ``now``."""
        if instance.id not in self._accounts:
            return 0.0
        account = self._account(self.current(instance))
        window = account.windows[self.current(instance).plan.window_seconds]
        if window.move_to(now):
            self._touch(instance.id, account, now)
            self._note_leaving(instance.id, account)
        return window.total

    def used(self, instance: Instance, now: float) -> float:
        """Return what counts against the limit: what was charged, and what runs, by the plan."""
        charged = self.charged(instance, now)
        account = self._accounts.get(instance.id)
        if account is None or not self.current(instance).plan.running_usage_counts:
            return charged
        return charged + sum(meter.seconds(now) for meter in account.meters)

    def share(self, instance: Instance, now: float) -> float:
        """Return which part of its allocation was charged: the order of the queue."""
        allocation = self.current(instance).allocation
        return self.charged(instance, now) / allocation if allocation else 0.0

    def is_limited(self, instance: Instance, now: float) -> bool:
        """Return whether ``instance`` has used all that it may, so that nothing of it starts."""
        if self.current(instance).limit is None:
            return False
        return self.remaining(instance, now) <= 0.0

    def remaining(self, instance: Instance, now: float) -> float:
        """Return how many seconds ``instance`` may still use; infinity without a limit."""
        limit = self.current(instance).limit
        if limit is None:
            return math.inf
        left = limit - self.used(instance, now)
        # What was stopped exactly at the limit may be charged a rounding error less.
        return left if left > ROUNDING_SECONDS else 0.0

    def reaches_limit_at(self, instance: Instance) -> float | None:
        """Return when it has used all that it may, if nothing changes; None if it will not.

        That may be in the past, and is before usage leaves the window or more of it runs.
        """
        current = self.current(instance)
        if current.limit is None:
            return None
        account = self._accounts.get(instance.id)
        if account is None:
            return -math.inf if self.is_limited(instance, -math.inf) else None
        left = self.remaining(instance, account.changed_at)
        if not left:
            return account.changed_at
        running = sum(meter.until is None for meter in account.meters)
        if math.isinf(left) or not running or not current.plan.running_usage_counts:
            return None
        return account.changed_at + left / running

    def changed_at(self, instance: Instance) -> float:
        """Return when anything of the usage of ``instance`` last changed."""
        account = self._accounts.get(instance.id)
        return -math.inf if account is None else account.changed_at

    def next_relief(self, instance: Instance) -> float | None:
        """Return when the oldest usage of ``instance`` leaves the window; None if none will."""
        if instance.id not in self._accounts:
            return None
        instance = self.current(instance)
        return self._account(instance).windows[instance.plan.window_seconds].leaves_at()

    # -- inside ----------------------------------------------------------------------------------

    def _account(self, instance: Instance) -> _Account:
        """Return the account of an instance, with the window of its plan."""
        account = self._accounts.get(instance.id)
        if account is None:
            windows = {seconds: _Window(seconds) for seconds in (None, _KEPT_SECONDS)}
            account = self._accounts[instance.id] = _Account(windows)
        seconds = instance.plan.window_seconds
        if seconds not in account.windows:
            longest = max(each for each in account.windows if each is not None)
            window = _Window(seconds)
            for at, charged in account.windows[longest].entries:
                window.add(at, charged)
            account.windows[seconds] = window
            self._tell(instance.id)
            self._note_leaving(instance.id, account)
        return account

    def _add(self, instance_id: str, account: _Account, seconds: float, at: float) -> None:
        leaves_first = [window.add(at, seconds) for window in account.windows.values()]
        if any(leaves_first):
            self._note_leaving(instance_id, account)

    def _touch(self, instance_id: str, account: _Account, at: float) -> None:
        account.changed_at = max(account.changed_at, at)
        self._tell(instance_id)

    def _note_leaving(self, instance_id: str, account: _Account) -> None:
        """Take note of when something next leaves a window; only charges and time change that."""
        leaving = [window.leaves_at() for window in account.windows.values()]
        next_at = min((at for at in leaving if at is not None), default=None)
        if next_at is None:
            self._leaving.discard(instance_id)
        else:
            self._leaving.set(instance_id, next_at)
        first = self._leaving.first()
        self.next_leaving = math.inf if first is None else first[0]

    def _tell(self, instance_id: str) -> None:
        for reference in list(self._watches):
            watch = reference()
            if watch is not None:
                watch.changed.add(instance_id)
