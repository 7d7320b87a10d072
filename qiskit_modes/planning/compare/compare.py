"""Session or batch? A recording replayed in every mode, and what each would take and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qiskit_modes.durations import duration, seconds_of
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.planning.compare.machine import StepTimes
from qiskit_modes.planning.compare.outcomes import Figures, ModeOutcome, Spread, figures_of
from qiskit_modes.planning.compare.recommendation import Pattern, recommend
from qiskit_modes.planning.compare.replay import Replay, compared_jobs
from qiskit_modes.planning.compare.step_times import as_estimated
from qiskit_modes.planning.compare.traffic import Traffic, traffic_of
from qiskit_modes.planning.recording.recorded_job import RecordedJob
from qiskit_modes.planning.recording.recorder import NO_JOBS
from qiskit_modes.planning.recording.recording import Recording
from qiskit_modes.planning.wording import durations
from qiskit_modes.scheduling import Instance, Mode, Plan
from qiskit_modes.scheduling.plan import PLANS

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Comparison", "compare_modes"]


_COLUMNS = {
    "ends after": "from the first submission to the last end",
    "waiting": (
        "the part of it in which jobs waited for a lane or the QPU and none was in progress; in "
        "the rest one was compiled, on the QPU or post-processed, or the program was thinking"
    ),
    "on the QPU": "the jobs' times on the QPU together",
    "charged": (
        "for jobs and a batch their time on the QPU; for a session the wall clock, from the start "
        "of its first job until it is closed, without times in which it is inactive"
    ),
}
"""What stands in the columns of the table."""


@dataclass(frozen=True)
class Comparison:
    """Prospects of a recorded program in each mode.

    ``print()`` of it shows a table and a recommendation; so does a console of rich, in colour.
    """

    outcomes: tuple[ModeOutcome, ...]
    """Of job mode, batch and session."""
    recommendation: str
    """One sentence, with the reason."""
    assumptions: tuple[str, ...]
    """Everything that was assumed, a sentence each."""
    jobs: int
    """How many jobs were replayed in each mode."""
    dependent: int
    """How many of them waited for the result of another one."""
    replays: int
    """How often, with other times of the other tenants' jobs."""

    def outcome(self, mode: str) -> ModeOutcome:
        """Return what is to be expected in one mode."""
        return next(each for each in self.outcomes if each.mode.value == mode)

    def to_dict(self) -> dict[str, Any]:
        """Return everything, ready for JSON."""
        return {
            "modes": [each.to_dict() for each in self.outcomes],
            "recommendation": self.recommendation,
            "assumptions": list(self.assumptions),
            "jobs": self.jobs,
            "dependent_jobs": self.dependent,
            "replays": self.replays,
        }

    def rows(self) -> list[list[str]]:
        """Return the table as text: a line of headings, and one for each mode."""
        priced = any(each.price is not None for each in self.outcomes)
        failing = any(each.unsuccessful and each.unsuccessful.high for each in self.outcomes)
        headings = ["mode", "ends after", "waiting", "on the QPU", "charged"]
        headings += ["price"] * priced + ["not completed"] * failing
        lines = [headings]
        for each in self.outcomes:
            if each.refusal is not None:
                lines.append([each.mode.value, "not possible"])
                continue
            seconds = [each.makespan, each.waiting, each.on_qpu, each.charged]
            cells = [each.mode.value, *(_seconds(spread) for spread in seconds)]
            cells += [_number(each.price, "{:,.2f}")] * priced
            cells += [_number(each.unsuccessful, "{:g}")] * failing
            lines.append(cells)
        return lines

    def table(self) -> Table:
        """Return the table for a console of rich."""
        from rich import box
        from rich.table import Table

        headings, *lines = self.rows()
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for number, heading in enumerate(headings):
            table.add_column(heading, justify="right" if number else "left")
        for line in lines:
            table.add_row(*line)
        return table

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        notes = [Text(f"- {each}", "dim") for each in self._notes()]
        return Group(self.table(), Text(self.recommendation, "bold"), *notes)

    def __str__(self) -> str:
        lines = self.rows()
        columns = range(len(lines[0]))
        widths = [max(len(line[c]) for line in lines if c < len(line)) for c in columns]
        text = []
        for line in lines:
            first, *others = line
            cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=False)]
            text.append("   ".join([first.ljust(widths[0]), *cells]).rstrip())
        return "\n".join([*text, "", self.recommendation, *(f"- {each}" for each in self._notes())])

    def _notes(self) -> list[str]:
        columns = [f"{name}: {meaning}." for name, meaning in _COLUMNS.items()]
        refusals = [f"{each.mode.value}: {each.refusal}" for each in self.outcomes if each.refusal]
        many = (
            [
                (
                    f"Of {self.replays} replays: the median, and where eight of ten lie. Each "
                    "column has its own median, so that columns add up only roughly."
                )
            ]
            if self.replays > 1
            else []
        )
        return [*refusals, *columns, *many, *self.assumptions]


def compare_modes(
    recording: Recording | str | Path,
    *,
    plan: Plan | Instance | str | None = None,
    traffic: Traffic | str | float = "none",
    times: Literal["estimated", "recorded"] = "estimated",
    compile_time: float | str | None = None,
    post_process_time: float | str | None = None,
    price_per_minute: float | None = None,
    seeds: int = 10,
) -> Comparison:
    """Replay a recording as single jobs, as a batch and as a session, and compare them.

    Which jobs are in question: those of the user's sessions and batches, each of which becomes a
    session, a batch, or single jobs; or all of the user's jobs, if there is neither.

    Args:
        recording: A recording, or its file.
        plan: Under which plan: the name of one of the service's, a `Plan`, an `Instance`, or None
            for the recorded one.
        traffic: Who else uses the QPU: ``"none"``, ``"light"``, ``"heavy"`` (30 and 90 % of its
            time), a number of jobs an hour, or a `Traffic`.
        times: Whether jobs have the QPU as long as hardware's estimate, or the recording, says.
        compile_time: How long each job is compiled, in seconds or as text; None for as recorded.
        post_process_time: The same for the step after the QPU.
        price_per_minute: What a charged minute costs; None for no price.
        seeds: How many replays with different traffic; without traffic one is enough.

    Raises:
        InvalidInputError: If the recording has no jobs, or an argument cannot be used.
    """
    if not isinstance(recording, Recording):
        recording = Recording.load(recording)
    jobs = compared_jobs(recording)
    _check(jobs, times, seeds)
    steps = as_estimated(
        recording,
        estimated_qpu=times == "estimated",
        compile_seconds=None if compile_time is None else seconds_of(compile_time),
        post_process_seconds=None if post_process_time is None else seconds_of(post_process_time),
    )
    who = _instance(plan, recording)
    others = traffic_of(traffic)
    replays = seeds if others.jobs_per_hour else 1
    outcomes = []
    for mode in Mode:
        runs = _replay(recording, jobs, steps, mode, who, others, replays)
        outcomes.append(
            ModeOutcome(mode, runs)
            if isinstance(runs, str)
            else ModeOutcome.of(mode, runs, price_per_minute)
        )
    # What the first of them waited for is not compared, and is the same in every mode.
    dependent = sum(bool(job.after_ends) for job in jobs[1:])
    submitted = [job.submitted_at for job in jobs]
    pattern = Pattern(len(jobs), dependent, max(submitted) - min(submitted))
    advice = recommend(outcomes, pattern, alone=not others.jobs_per_hour)
    assumptions = _assumptions(jobs, pattern, who, others, times, compile_time)
    assumptions += _left_out(recording, jobs)
    return Comparison(tuple(outcomes), advice, tuple(assumptions), len(jobs), dependent, replays)


def _check(jobs: Sequence[RecordedJob], times: str, seeds: int) -> None:
    if not jobs:
        raise InvalidInputError(f"the recording has no jobs; {NO_JOBS}")
    if times not in ("estimated", "recorded"):
        raise InvalidInputError(f'times must be "estimated" or "recorded", not {times!r}')
    if seeds < 1:
        raise InvalidInputError(f"seeds must be at least 1, not {seeds}")


def _replay(
    recording: Recording,
    jobs: Sequence[RecordedJob],
    steps: dict[int, StepTimes],
    mode: Mode,
    instance: Instance,
    traffic: Traffic,
    replays: int,
) -> list[Figures] | str:
    """Return the figures of each replay in a mode, or why the plan does not allow it."""
    figures = []
    for seed in range(replays):
        replay = Replay(recording, steps, mode=mode, instance=instance, traffic=traffic, seed=seed)
        run = replay.run()
        if run.refusal is not None:
            return run.refusal
        figures.append(figures_of(run, jobs))
    return figures


def _instance(plan: Plan | Instance | str | None, recording: Recording) -> Instance:
    recorded = recording.instances[recording.main_instance()]
    if plan is None:
        return recorded
    if isinstance(plan, Instance):
        return plan
    if isinstance(plan, str):
        if plan not in PLANS:
            raise InvalidInputError(f"plan must be one of {', '.join(PLANS)}, not {plan!r}")
        plan = PLANS[plan]
    return replace(recorded, plan=plan)


def _assumptions(
    jobs: Sequence[RecordedJob],
    pattern: Pattern,
    instance: Instance,
    traffic: Traffic,
    times: str,
    compile_time: float | str | None,
) -> list[str]:
    if times == "recorded":
        qpu = "Jobs have the QPU for as long as in the recording."
    else:
        unknown = sum(job.estimated_seconds is None for job in jobs)
        qpu = "Jobs have the QPU for as long as IBM's published formula says"
        qpu += f", {unknown} of them by the quick formula." if unknown else "."
    compiling = f"Each job is compiled for {duration(seconds_of(compile_time or 0.0))}"
    if compile_time is None:
        taken = [job.seconds("compiling") or 0.0 for job in jobs]
        usual = duration(sum(taken) / len(taken))
        compiling = f"Compilation takes as long as in the recording, {usual} on average"
    order = (
        "fair share: who has used the smallest part of an allocation comes first"
        if instance.allocation
        else "first come, first served; where allocations are shared out, the order is another"
    )
    return [
        f"Traffic: {traffic.describe()}.",
        f"Plan: {instance.plan.name}. Queue: {order}.",
        f"Submitted: {pattern.describe()}.",
        qpu,
        f"{compiling}; thinking times between jobs are the recorded ones.",
    ]


def _left_out(recording: Recording, jobs: Sequence[RecordedJob]) -> list[str]:
    """Return what is recorded and not compared, as a sentence; nothing if all of it is."""
    beside = len(recording.jobs) - len(jobs)
    if not beside:
        return []
    which = "in none of the user's sessions and batches" if jobs[0].workload else "another user's"
    verb, they = ("is", "it runs") if beside == 1 else ("are", "they run")
    return [
        (
            f"Not compared: {beside} of the {len(recording.jobs)} recorded jobs {verb} {which}; "
            f"{they} as recorded beside the others."
        )
    ]


def _seconds(spread: Spread | None) -> str:
    return "" if spread is None else durations(spread.median, spread.low, spread.high)


def _number(spread: Spread | None, form: str) -> str:
    if spread is None:
        return ""
    median, low, high = map(form.format, (spread.median, spread.low, spread.high))
    return median if low == high else f"{median} [{low} – {high}]"
