"""A recommendation of a mode, in one sentence with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qiskit_modes.durations import duration
from qiskit_modes.planning.compare.outcomes import ModeOutcome
from qiskit_modes.planning.wording import MODES, times
from qiskit_modes.scheduling import Mode

__all__ = ["Pattern", "recommend"]

_EQUAL = 1.05
"""Figures that differ by less than five percent count as equal."""

_AT_ONCE_SECONDS = 1.0
"""A program that waits for nothing submits its jobs within about so long; less than any queue."""

_WORTH_PAYING = 1.5
"""A mode that is charged more must be faster than the cheapest by this factor."""


@dataclass(frozen=True)
class Pattern:
    """The way in which the jobs in question were submitted."""

    jobs: int
    """How many there are."""
    dependent: int
    """How many of them waited for the result of another one."""
    within_seconds: float
    """From the first submission to the last one, in the recording."""

    @property
    def is_known_from_the_start(self) -> bool:
        """Tell whether most of several jobs waited for no result."""
        return self.jobs > 1 and 2 * self.dependent < self.jobs

    @property
    def is_at_once(self) -> bool:
        """Tell whether all were submitted as fast as a program can."""
        return not self.dependent and self.within_seconds < _AT_ONCE_SECONDS

    def describe(self) -> str:
        """Return it as a sentence."""
        if self.jobs == 1:
            return "one job"
        when = "all at once" if self.is_at_once else f"within {duration(self.within_seconds)}"
        waiting = f"{self.dependent} of them" if self.dependent else "none of them"
        return f"{self.jobs} jobs {when}, {waiting} after the result of another one"


def recommend(outcomes: Sequence[ModeOutcome], pattern: Pattern, *, alone: bool = False) -> str:
    """Return a recommendation.

    The rule: modes that are equal in time and charge, within five percent, are one, and the
    simplest of them stands for it: job before batch before session. But where most jobs are known
    from the start, a batch stands before job mode: it can only be better. Of the rest the fastest
    is recommended, if it is not charged more than the cheapest, or is at least one and a half times
    faster; otherwise the cheapest.

    Args:
        outcomes: Of the three modes, simplest first; medians count.
        pattern: How the jobs were submitted.
        alone: Whether nobody else uses the QPU.
    """
    possible = [each for each in outcomes if each.refusal is None]
    if not possible:
        return "None of the modes is possible: " + (outcomes[0].refusal or "")
    if pattern.is_known_from_the_start:
        possible.sort(key=lambda each: each.mode is not Mode.BATCH)
    fastest = _first_within(possible, _seconds)
    cheapest = _first_within(possible, _charge)
    pays = _charge(fastest) <= _EQUAL * _charge(cheapest)
    pays = pays or _seconds(cheapest) >= _WORTH_PAYING * _seconds(fastest)
    best = fastest if pays else cheapest
    return f"Use {MODES[best.mode]}: {_reason(best, possible, pattern, alone)}."


def _seconds(outcome: ModeOutcome) -> float:
    assert outcome.makespan is not None, "only modes that are possible are compared"
    return outcome.makespan.median


def _charge(outcome: ModeOutcome) -> float:
    assert outcome.charged is not None, "only modes that are possible are compared"
    return outcome.charged.median


def _first_within(
    outcomes: Sequence[ModeOutcome], figure: Callable[[ModeOutcome], float]
) -> ModeOutcome:
    """Return the simplest mode whose figure equals the least one, within five percent.

    Of those that are equal in time, the one that is charged least; and the other way round.
    """
    least = min(figure(each) for each in outcomes)
    equal = [each for each in outcomes if figure(each) <= _EQUAL * least]
    other = _charge if figure is _seconds else _seconds
    best = min(other(each) for each in equal)
    return next(each for each in equal if other(each) <= _EQUAL * best)


def _reason(
    best: ModeOutcome, possible: Sequence[ModeOutcome], pattern: Pattern, alone: bool
) -> str:
    by_mode = {each.mode: each for each in possible}
    match best.mode:
        case Mode.JOB:
            return _why_jobs(best, by_mode, pattern.jobs)
        case Mode.BATCH:
            return _why_batch(best, by_mode, pattern, alone)
        case Mode.SESSION:
            return _why_session(best, by_mode, pattern)


def _why_jobs(best: ModeOutcome, others: dict[Mode, ModeOutcome], jobs: int) -> str:
    session = others.get(Mode.SESSION)
    alone = "it is one job" if jobs == 1 else "nothing else is faster for the same charge"
    if any(_seconds(each) < _seconds(best) for each in others.values()):
        alone = "nothing else is more than 5 % faster for about the same charge"
    if session is None or _charge(session) <= _EQUAL * _charge(best):
        return alone
    return f"{alone}, and a session would be {_charged(session, best)} for {_gain(session, best)}"


def _why_batch(
    best: ModeOutcome, others: dict[Mode, ModeOutcome], pattern: Pattern, alone: bool
) -> str:
    job, session = others.get(Mode.JOB), others.get(Mode.SESSION)
    if job is not None and _seconds(job) <= _EQUAL * _seconds(best):
        reason = _why_not_jobs(best, job, pattern, alone)
    else:
        reason = f"it ends after {duration(_seconds(best))}"
        if job is not None:
            reason += (
                f", {times(_seconds(job) / _seconds(best))} sooner than single jobs, because only "
                "its first job waits in the queue"
            )
    if session is not None and _charge(session) > _EQUAL * _charge(best):
        reason += f", and a session would be {_charged(session, best)}"
    return reason


def _why_not_jobs(best: ModeOutcome, job: ModeOutcome, pattern: Pattern, alone: bool) -> str:
    """Return why a batch is not better here, and why to prefer it all the same."""
    same = "the same" if _seconds(job) == _seconds(best) else "about the same"
    if alone:
        why = "nobody else uses the QPU"
    elif pattern.is_at_once:
        why = "all jobs are submitted at once, so that single ones stand together in the queue too"
    else:
        why = "single jobs, too, are submitted before many of others come between them"
    return (
        f"batch and job mode are {same} here, since {why}; where the jobs of others come between, "
        "only a batch's first job waits in the queue"
    )


def _why_session(best: ModeOutcome, others: dict[Mode, ModeOutcome], pattern: Pattern) -> str:
    other = min(
        (each for each in others.values() if each.mode is not Mode.SESSION),
        key=_seconds,
        default=None,
    )
    if other is None:
        return "it is the only mode that is possible"
    waits = f"{pattern.dependent} of the {pattern.jobs} jobs wait for a result before them, and "
    charge = f"and is {_charged(best, other)}"
    if _charge(best) <= _EQUAL * _charge(other):
        equal = duration(_charge(best)) == duration(_charge(other))
        charge = "for the same charge" if equal else f"for about the same charge: it {charge[4:]}"
    return (
        f"{waits if pattern.dependent else ''}in a session none of them queues again, so that it "
        f"ends after {duration(_seconds(best))} instead of {duration(_seconds(other))}, {charge}"
    )


def _charged(one: ModeOutcome, other: ModeOutcome) -> str:
    return f"charged {duration(_charge(one))} instead of {duration(_charge(other))}"


def _gain(faster: ModeOutcome, than: ModeOutcome) -> str:
    saved = _seconds(than) - _seconds(faster)
    if saved <= (_EQUAL - 1) * _seconds(than):
        return "no gain in time"
    return f"an end after {duration(_seconds(faster))} instead of {duration(_seconds(than))}"
