"""Which mode to choose, in one sentence with its reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qiskit_modes.planning.outcomes import ModeOutcome
from qiskit_modes.planning.wording import MODES, duration, times
from qiskit_modes.scheduling import Mode

__all__ = ["recommend"]

_EQUAL = 1.05
"""Figures that differ by less than five percent count as equal."""

_WORTH_PAYING = 1.5
"""A mode that is charged more must be faster than the cheapest by this factor."""


def recommend(outcomes: Sequence[ModeOutcome], *, jobs: int, dependent: int) -> str:
    """Return a recommendation.

    The rule: modes that are equal in time and charge, within five percent, are one, and the
    simplest of them stands for it: job before batch before session. Of the rest the fastest is
    recommended, if it is not charged more than the cheapest, or is at least one and a half times
    faster; otherwise the cheapest.

    Args:
        outcomes: Of the three modes, simplest first; medians count.
        jobs: How many jobs there are.
        dependent: How many of them waited for the result of another one.
    """
    possible = [each for each in outcomes if each.refusal is None]
    if not possible:
        return "None of the modes is possible: " + (outcomes[0].refusal or "")
    fastest = _first_within(possible, _seconds)
    cheapest = _first_within(possible, _charge)
    pays = _charge(fastest) <= _EQUAL * _charge(cheapest)
    pays = pays or _seconds(cheapest) >= _WORTH_PAYING * _seconds(fastest)
    best = fastest if pays else cheapest
    return f"Use {MODES[best.mode]}: {_reason(best, possible, jobs, dependent)}."


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


def _reason(best: ModeOutcome, possible: Sequence[ModeOutcome], jobs: int, dependent: int) -> str:
    by_mode = {each.mode: each for each in possible}
    match best.mode:
        case Mode.JOB:
            return _why_jobs(best, by_mode, jobs)
        case Mode.BATCH:
            return _why_batch(best, by_mode)
        case Mode.SESSION:
            return _why_session(best, by_mode, jobs, dependent)


def _why_jobs(best: ModeOutcome, others: dict[Mode, ModeOutcome], jobs: int) -> str:
    session = others.get(Mode.SESSION)
    alone = "it is one job" if jobs == 1 else "nothing else is faster for the same charge"
    if session is None or _charge(session) <= _EQUAL * _charge(best):
        return alone
    return (
        f"{alone}, and a session would be charged {duration(_charge(session))} instead of "
        f"{duration(_charge(best))} for {_gain(session, best)}"
    )


def _why_batch(best: ModeOutcome, others: dict[Mode, ModeOutcome]) -> str:
    reason = f"it ends after {duration(_seconds(best))}"
    job, session = others.get(Mode.JOB), others.get(Mode.SESSION)
    if job is not None:
        reason += (
            f", {times(_seconds(job) / _seconds(best))} sooner than single jobs, because only its "
            "first job waits in the queue"
        )
    if session is not None and _charge(session) > _EQUAL * _charge(best):
        reason += (
            f", and a session would be charged {duration(_charge(session))} instead of "
            f"{duration(_charge(best))}"
        )
    return reason


def _why_session(
    best: ModeOutcome, others: dict[Mode, ModeOutcome], jobs: int, dependent: int
) -> str:
    other = min(
        (each for each in others.values() if each.mode is not Mode.SESSION),
        key=_seconds,
        default=None,
    )
    if other is None:
        return "it is the only mode that is possible"
    waits = f"{dependent} of the {jobs} jobs wait for a result before them, and "
    same = _charge(best) <= _EQUAL * _charge(other)
    charge = (
        "for the same charge"
        if same
        else f"and is charged {duration(_charge(best))} instead of {duration(_charge(other))}"
    )
    return (
        f"{waits if dependent else ''}in a session none of them queues again, so that it ends "
        f"after {duration(_seconds(best))} instead of {duration(_seconds(other))}, {charge}"
    )


def _gain(faster: ModeOutcome, than: ModeOutcome) -> str:
    saved = _seconds(than) - _seconds(faster)
    if saved <= (_EQUAL - 1) * _seconds(than):
        return "no gain in time"
    return f"an end after {duration(_seconds(faster))} instead of {duration(_seconds(than))}"
