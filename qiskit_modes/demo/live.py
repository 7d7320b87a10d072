"""The demonstration as a picture that moves: energies, locks, and who had the QPU when."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from qiskit_modes.demo.chart import Curve, bars, curves, nice_step, time_axis
from qiskit_modes.demo.hydrogen import exact_energy
from qiskit_modes.demo.scene import Moment, Scene

__all__ = ["STYLES", "LiveView"]

STYLES = {"COBYLA": "cyan", "Nelder-Mead": "magenta", "Bell job": "yellow", "session": "green"}
"""One colour for each who takes part."""

_STEPS = {
    "Compiling": "compiles",
    "Ready": "waits for the QPU",
    "Executing": "executes",
    "PostProcessing": "post-processes",
    "Abandoning": "is given up",
}

_WIDEST = 120
"""Characters; in wider lines the eye loses its way."""

_LABEL = 13
"""Characters of the left column."""

_OTHER_LINES = 20
"""Lines of the view without the chart, and one to spare."""

_LABEL_EVERY = 3
"""Lines of the chart from one label to the next."""

_SHORTEST_SECONDS = 8.0
"""Time that the bars have room for at first; a view that is always full shows no progress."""

_FEWEST_ENERGIES = 40
"""The same for the curves."""


class LiveView:
    """Shows a scene on a terminal; a context manager.

    Args:
        scene: What to show.
        console: Where.
    """

    def __init__(self, scene: Scene, console: Console) -> None:
        self._scene = scene
        self._console = console
        self._exact = exact_energy()
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> LiveView:
        self._live.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self) -> None:
        """Draw what there is to see now."""
        self._live.update(self.render(self._scene.moment()), refresh=True)

    def render(self, moment: Moment) -> RenderableType:
        """Return the picture of a moment."""
        width = min(self._console.width, _WIDEST)
        columns = max(width - 4 - _LABEL, 10)
        height = min(max(self._console.height - _OTHER_LINES, 4), 10)
        curves_of_energy = self._chart(columns, height)
        return Group(
            _panel(
                "Energy of H2, on a square-root scale", [*curves_of_energy, self._best()], width
            ),
            _panel("Who holds what", _holdings(self._scene, moment), width),
            _panel("Who had the QPU, over time", _timeline(self._scene, moment, columns), width),
        )

    def _chart(self, columns: int, height: int) -> Iterable[Text]:
        """Draw the energies; the root of the distance to the exact one, so that all of it shows."""
        series = [(list(search.energies), STYLES[search.name]) for search in self._scene.searches]
        highest = max((max(energies) for energies, _ in series if energies), default=0.0)
        top = math.sqrt(max(highest - self._exact, 0.5))
        longest = max((len(energies) for energies, _ in series), default=0)
        drawn = [
            Curve([math.sqrt(max(e - self._exact, 0.0)) for e in energies], style)
            for energies, style in series
        ]
        length = round(max(nice_step(longest, 20) * 20, _FEWEST_ENERGIES))
        lines = curves(drawn, high=top, length=length, width=columns, height=height)
        for number, line in enumerate(lines):
            energy = self._exact + (top * (1 - (number + 0.5) / height)) ** 2
            label = f"{energy:8.3f} Ha" if number % _LABEL_EVERY == 0 else ""
            yield Text(label.ljust(_LABEL), "dim") + line
        edge = Text(f"{self._exact:8.3f} Ha".ljust(_LABEL), "dim")
        yield edge + Text(" exact".rjust(columns, "─"), "green")

    def _best(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(width=_LABEL - 2)
        for _ in range(3):
            table.add_column(justify="right", no_wrap=True)
        table.add_column()
        for search in self._scene.searches:
            done = len(search.energies)
            gap = 1000 * (search.best_energy - self._exact)
            table.add_row(
                Text(search.name, STYLES[search.name]),
                f"{done:3} energies",
                f"lowest {search.best_energy:.4f} Ha" if done else "",
                f"{gap:5.1f} mHa above exact" if done else "",
                Text("" if search.running else "done", "dim"),
            )
        return table


def _panel(title: str, lines: Iterable[RenderableType], width: int) -> Panel:
    return Panel(
        Group(*lines),
        title=title,
        title_align="left",
        box=box.ROUNDED,
        border_style="dim",
        width=width,
    )


def _holdings(scene: Scene, moment: Moment) -> Iterable[Text]:
    snapshot = moment.snapshot
    free = Text("free", "dim")
    used = Text(f"used {moment.session_seconds:.1f} s", "bold")
    yield _row("session", f"{moment.session_name} is {moment.session_state}, ", used)
    reserved = snapshot.reserved_for and scene.name(snapshot.reserved_for)
    held = Text(f"held by {reserved}", STYLES["session"])
    yield _row("reservation", held if reserved else free)
    yield _row("QPU lock", _named(scene, snapshot.on_qpu) if snapshot.on_qpu else free)
    users = [
        _named(scene, use.job_id) + Text(f" {_STEPS.get(use.step, use.step)}")
        for use in snapshot.in_lanes
    ]
    yield _row("lanes", f"{len(users)} of {snapshot.lanes}   ", Text(", ").join(users))
    yield _row(scene.outsider.name, _outsider(scene, moment))


def _outsider(scene: Scene, moment: Moment) -> Text:
    if moment.outsider_queued is None:
        return Text("has not been submitted yet", "dim")
    start, end = moment.outsider_queued
    seconds = f"{end - start:.1f} s"
    text = moment.outsider_status
    if scene.outsider.counts:
        text += f" after {seconds} in the queue: {scene.outsider.outcomes()}"
    elif moment.outsider_wait:
        text += f" for {seconds}: {moment.outsider_wait}"
    return Text(text, STYLES["Bell job"])


def _timeline(scene: Scene, moment: Moment, columns: int) -> Iterable[Text]:
    step = nice_step(max(moment.seconds, _SHORTEST_SECONDS), columns)

    def drawn(intervals: Iterable[tuple[float, float]]) -> str:
        return bars(intervals, step=step, width=columns)

    window = drawn([moment.session_window] if moment.session_window else [])
    line = "".join(" " if mark == " " else "━" for mark in window)
    yield _row("session", Text(line, STYLES["session"]))
    on_qpu = _intervals_on_qpu(scene, moment)
    for search in scene.searches:
        yield _row(search.name, Text(drawn(on_qpu.get(search.name, [])), STYLES[search.name]))
    queued = drawn([moment.outsider_queued] if moment.outsider_queued else [])
    cells = [
        (mark, STYLES["Bell job"]) if mark != " " else ("·" if wait != " " else " ", "dim")
        for mark, wait in zip(drawn(on_qpu.get(scene.outsider.name, [])), queued, strict=True)
    ]
    yield _row(scene.outsider.name, Text.assemble(*cells))
    yield _row("", Text(time_axis(step, columns), "dim"))


def _intervals_on_qpu(scene: Scene, moment: Moment) -> dict[str, Sequence[tuple[float, float]]]:
    """Return when each of those who take part held the QPU lock."""
    snapshot, origin = moment.snapshot, moment.origin
    found: dict[str, list[tuple[float, float]]] = {}
    for hold in snapshot.holds:
        if hold.start >= origin:
            interval = (hold.start - origin, hold.end - origin)
            found.setdefault(scene.name(hold.holder), []).append(interval)
    if snapshot.on_qpu is not None and snapshot.on_qpu_since is not None:
        unfinished = (snapshot.on_qpu_since - origin, moment.seconds)
        found.setdefault(scene.name(snapshot.on_qpu), []).append(unfinished)
    return dict(found)


def _named(scene: Scene, job_id: str) -> Text:
    name = scene.name(job_id)
    return Text(name, STYLES.get(name, ""))


def _row(label: str, *content: str | Text) -> Text:
    """Return a line with a label in its column; what is too long for it is cut off."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(label.ljust(_LABEL), STYLES.get(label))
    for part in content:
        text.append(part)
    return text
