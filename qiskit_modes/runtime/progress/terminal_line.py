"""One line on a terminal that comes, changes and goes, and leaves everything else as it was.

It stands in the row below the cursor, and the cursor goes back to where the user's output had left
it, so that a line which is not finished yet (``print("running ...", end="")``) is safe. While it is
there, what is printed goes through a guard that takes it away first, and puts it back afterwards.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from qiskit_modes.runtime.progress.outlook import Outlook, clock_face

__all__ = ["TerminalLine"]

_BELOW = "\x1bD\x1b7\r\x1b[2K"
"""Go one row down, scrolling if it is the last; note the place; empty the row."""

_BACK = "\x1b8\x1bM"
"""Back to the place, and one row up."""

_BAR = 16
"""Characters of the bar."""

_GUARD_SECONDS = 0.5
"""Whoever prints waits no longer for the line; what they print is more important."""


class TerminalLine:
    """The line. Draws and erases may come from any thread.

    Args:
        stream: The terminal.
        console: What knows its width, its colours and its characters.
    """

    def __init__(self, stream: TextIO, console: Console) -> None:
        self._stream = stream
        self._console = console
        self._mutex = threading.RLock()
        """Held while something is written to the terminal, by the line or through a guard. It can
        be taken again: a signal handler may print while its own thread prints."""
        self._drawn = ""
        """What stands on the terminal."""
        self._process_id = os.getpid()
        self._guards: dict[str, tuple[Any, _Guard]] = {}

    @classmethod
    def on(cls, stream: TextIO | None) -> TerminalLine | None:
        """Return a line on ``stream``, or None if that is not a terminal which can move."""
        if stream is None or not stream.isatty():
            return None
        console = Console(file=stream, highlight=False, markup=False)
        if console.is_dumb_terminal or console.legacy_windows:
            return None
        return cls(stream, console)

    def draw(self, outlook: Outlook, seconds: float) -> None:
        """See `qiskit_modes.runtime.progress.progress.Surface`."""
        text = _sentence(outlook, seconds, ascii_only=self._console.options.ascii_only)
        text.truncate(max(self._console.width - 1, 1), overflow="ellipsis")
        with self._console.capture() as captured:
            self._console.print(text, end="", soft_wrap=True)
        with self._mutex:
            if not self._guards:
                self._put_guards()
            self._drawn = captured.get()
            self._write(_BELOW + self._drawn + _BACK)

    def erase(self) -> None:
        """See `qiskit_modes.runtime.progress.progress.Surface`."""
        with self._mutex:
            if self._drawn:
                self._drawn = ""
                self._write(_BELOW + _BACK)
            self._take_guards()

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Take the line away for as long as somebody prints."""
        # A child of a fork has inherited the guards, but neither the line nor who keeps it fresh.
        mine = os.getpid() == self._process_id and self._mutex.acquire(timeout=_GUARD_SECONDS)
        try:
            if mine and self._drawn:
                self._write(_BELOW + _BACK)
            yield
        finally:
            if mine:
                try:
                    if self._drawn:
                        self._write(_BELOW + self._drawn + _BACK)
                finally:
                    self._mutex.release()

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def _put_guards(self) -> None:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None and stream.isatty():
                guard = _Guard(stream, self)
                self._guards[name] = (stream, guard)
                setattr(sys, name, guard)

    def _take_guards(self) -> None:
        for name, (stream, guard) in self._guards.items():
            if getattr(sys, name) is guard:  # otherwise somebody else has put theirs around it
                setattr(sys, name, stream)
        self._guards.clear()


class _Guard:
    """A stream on the terminal, while the line is there: it is lifted for whatever is written.

    Args:
        stream: The stream.
        line: The line.
    """

    def __init__(self, stream: TextIO, line: TerminalLine) -> None:
        self._stream = stream
        self._line = line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write to the stream."""
        with self._line.lifted():
            written = self._stream.write(text)
            self._stream.flush()
            return written

    def writelines(self, lines: Iterable[str]) -> None:
        """Write to the stream."""
        self.write("".join(lines))


def _sentence(outlook: Outlook, seconds: float, *, ascii_only: bool) -> Text:
    separator = " | " if ascii_only else " · "
    text = Text(no_wrap=True).append(outlook.subject, "bold")
    if outlook.total is not None and outlook.total > 1:
        full, empty = ("#", ".") if ascii_only else ("━", "─")
        marks = _BAR * outlook.done // outlook.total
        text.append(" ").append(full * marks, "green").append(empty * (_BAR - marks), "dim")
    if outlook.count:
        text.append(f" {outlook.count}")
    text.append(f"{separator}QPU: {outlook.holder}")
    if outlook.pieces:
        text.append(f"{separator}{outlook.pieces}")
    if outlook.next_end is not None:
        text.append(f"{separator}{outlook.next_end.what} in {clock_face(outlook.next_end.seconds)}")
    return text.append(f"{separator}{clock_face(seconds)}", "dim")
