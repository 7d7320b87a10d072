"""The demonstration as lines, for files, pipes and logs."""

from __future__ import annotations

from rich.console import Console

from qiskit_modes.demo.scene import Moment, Scene

__all__ = ["PlainView"]

_LINE_SECONDS = 2.0
"""Time between two lines."""


class PlainView:
    """Prints a line every two seconds, and when something happens; a context manager.

    Args:
        scene: What to show.
        console: Where.
    """

    def __init__(self, scene: Scene, console: Console) -> None:
        self._scene = scene
        self._console = console
        self._next = 0.0
        self._last = ("", "")
        self._notices = 0

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def show(self) -> None:
        """Print what is new; nothing if nothing is."""
        moment = self._scene.moment()
        for notice in self._scene.notices[self._notices :]:
            self._notices += 1
            self._print(moment, notice)
        states = (moment.session_state, moment.outsider_status)
        if moment.seconds >= self._next or states != self._last:
            self._next = moment.seconds + _LINE_SECONDS
            self._last = states
            self._print(moment, self._line(moment))

    def _line(self, moment: Moment) -> str:
        parts = [
            f"{search.name} {len(search.energies)}: {search.best_energy:.4f} Ha"
            for search in self._scene.searches
            if search.energies
        ]
        snapshot = moment.snapshot
        on_qpu = self._scene.name(snapshot.on_qpu) if snapshot.on_qpu else "free"
        parts.append(f"QPU lock {on_qpu}")
        parts.append(f"lanes {len(snapshot.in_lanes)}/{snapshot.lanes}")
        parts.append(f"session {moment.session_state}")
        outsider = f"{self._scene.outsider.name} {moment.outsider_status}"
        if moment.outsider_wait:
            outsider += f", as {moment.outsider_wait}"
        parts.append(outsider)
        return "; ".join(parts)

    def _print(self, moment: Moment, text: str) -> None:
        self._console.print(f"{moment.seconds:6.1f} s  {text}", soft_wrap=True)
