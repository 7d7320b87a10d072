"""Shows how it is going while a user waits long for jobs; nothing at all while it is quick.

A wait that is over within two seconds costs nothing but a look at the clock. After that a line
appears on the terminal, or a bar in the notebook, and goes away when nobody waits any more. The
thread that keeps it fresh exists only as long as there is something to see.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Protocol

from qiskit_modes._mutex import new_mutex
from qiskit_modes.runtime.progress.outlook import Outlook, take_outlook

if TYPE_CHECKING:
    from qiskit_modes.runtime.clock import Clock, Timer
    from qiskit_modes.runtime.records import JobRecord

__all__ = ["SETTING", "Progress", "Surface", "find_surface", "show_progress"]

logger = logging.getLogger("qiskit_modes")

SETTING = "QISKIT_MODES_PROGRESS"
"""Name of the environment variable: set to 0, no progress is shown."""

_PATIENCE_SECONDS = 2.0
"""Waiting of so long is long; the log's notice of what a job waits for comes then, too."""

_SAME_WORK_SECONDS = 1.0
"""Waits with shorter pauses between them are one piece of work: an optimizer's, or a loop's."""

_TICK_SECONDS = 0.25
"""Time between two looks: seconds go by evenly, and it costs next to nothing."""

_LINGER_SECONDS = 0.5
"""For so long the line outlives a wait, if the next one may come soon: it must not flicker."""

_wanted: bool | None = None
"""What `show_progress` was told."""

_screen = threading.Lock()
"""Held by the one `Progress` of this process that shows something; never waited for."""


def show_progress(shown: bool | None = True) -> None:
    """Say whether long waits for jobs are to be shown, in all threads.

    It is shown on a terminal and in a notebook only, never in a file or a pipe.

    Args:
        shown: Whether; None for what the environment variable ``QISKIT_MODES_PROGRESS`` says:
            everything but 0 means yes, and so it is where it is not set.

    Example:
        >>> show_progress(False)
        >>> show_progress(None)
    """
    global _wanted
    _wanted = shown


def _is_wanted() -> bool:
    return os.environ.get(SETTING, "1") not in ("", "0") if _wanted is None else _wanted


class Surface(Protocol):
    """Surface on which progress is seen. One thread at a time draws or erases."""

    def draw(self, outlook: Outlook, seconds: float) -> None:
        """Show how it stands, instead of what was shown before.

        Args:
            outlook: How it stands.
            seconds: For how long the user has been waiting.
        """

    def erase(self) -> None:
        """Take it away, and leave everything as it was; erasing again does nothing."""


def find_surface() -> Surface | None:
    """Return the terminal or notebook of this process, or None if its output goes elsewhere."""
    from qiskit_modes.runtime.progress.notebook_bar import notebook_bar
    from qiskit_modes.runtime.progress.terminal_line import TerminalLine

    return notebook_bar() or TerminalLine.on(sys.stderr)


class Progress:
    """Waits for jobs on behalf of users, and shows how it is going.

    All methods may be called from any thread. Whatever goes wrong with showing, waiting goes on.

    Args:
        clock: Whose time counts.
        new_surface: Returns where to show it, or None for nowhere.
        whole: Makes a call that no signal cuts in two.
    """

    def __init__(
        self,
        clock: Clock,
        new_surface: Callable[[], Surface | None],
        whole: Callable[[Callable[[], Outlook]], Outlook] = lambda look: look(),
    ) -> None:
        self._clock = clock
        self._whole = whole
        self._new_surface = new_surface
        self._numbers = count()
        self._mutex = new_mutex()
        """Guards what users wait for, which is the next five; nothing else is taken inside."""
        self._waiting: dict[int, JobRecord] = {}
        self._last: Callable[[], JobRecord | None] = lambda: None
        """Returns the job that was waited for last, unless nobody holds it any more."""
        self._ended = 0
        self._busy_since = -math.inf
        self._waited_until = -math.inf
        self._drawing = threading.Lock()
        """Guards the surface and its timer; taken before ``_mutex``."""
        self._surface: Surface | None = None
        self._timer: Timer | None = None

    def wait(self, job: JobRecord, timeout: float | None) -> bool:
        """Wait until ``job`` has ended, at most ``timeout`` seconds; return whether it has."""
        clock, begin = self._clock, self._clock.now()
        me = next(self._numbers)
        with self._mutex:
            if not self._waiting and begin - self._waited_until > _SAME_WORK_SECONDS:
                self._busy_since, self._ended = begin, 0
            self._waiting[me], self._last = job, weakref.ref(job)
            patience = self._busy_since + _PATIENCE_SECONDS - begin
        ended = False
        try:
            if patience > 0:
                if timeout is not None and timeout <= patience:
                    ended = clock.wait(job.finished, timeout)
                    return ended
                ended = clock.wait(job.finished, patience)
                if ended:
                    return True
            self._show()
            rest = None if timeout is None else max(begin + timeout - clock.now(), 0.0)
            ended = clock.wait(job.finished, rest)
            return ended
        finally:
            now = clock.now()
            with self._mutex:
                del self._waiting[me]
                self._waited_until = now
                self._ended += ended
                over = not self._waiting
            # What comes next is the user's: only in a quick series does it stay for a moment.
            if over and (not ended or now - begin >= _LINGER_SECONDS or hasattr(sys, "ps1")):
                self._end(even_if_waiting=False)

    def close(self) -> None:
        """Take away what is shown; it comes back when somebody begins to wait."""
        self._end(even_if_waiting=True)

    # -- what is shown -----------------------------------------------------------------------------

    def _show(self) -> None:
        """Begin to show it, unless it is shown already or is not wanted."""
        if self._surface is not None or not _is_wanted():
            return
        with self._the_surface() as mine:
            surface = self._new_surface() if mine and self._surface is None else None
            if surface is not None and _screen.acquire(blocking=False):
                self._surface = surface
                self._timer = self._clock.new_timer()
                self._draw()

    def _tick(self) -> None:
        """Draw it again, or take it away if nobody waits any more; in the timer's thread."""
        with self._the_surface() as mine:
            if mine and self._surface is not None:
                self._draw()

    def _end(self, *, even_if_waiting: bool) -> None:
        if self._surface is None:
            return
        timer = None
        with self._the_surface() as mine:
            if mine and (even_if_waiting or not self._waiting):
                timer = self._timer
                self._hide()
        if timer is not None:
            timer.close()  # its thread may be waiting for the surface, so not before

    def _draw(self) -> None:
        now = self._clock.now()
        with self._mutex:
            over = not self._waiting and now - self._waited_until >= _LINGER_SECONDS
            job = next(iter(self._waiting.values()), self._last())
            ended, busy_since = self._ended, self._busy_since
        assert self._surface is not None
        assert self._timer is not None
        if over or job is None:
            timer = self._timer
            self._hide()
            timer.close()  # this is its own thread: it ends after this
        else:
            outlook = self._whole(partial(take_outlook, job, now, ended=ended))
            self._surface.draw(outlook, now - busy_since)
            self._timer.set(self, now + _TICK_SECONDS, self._tick)

    def _hide(self) -> None:
        surface, self._surface, self._timer = self._surface, None, None
        if surface is not None:
            try:
                surface.erase()
            finally:
                _screen.release()

    @contextmanager
    def _the_surface(self) -> Iterator[bool]:
        """Guard the surface; yields whether it may be touched. No error gets out."""
        # A terminal that was stopped with Ctrl-S holds whoever draws; not everybody else too.
        mine = self._drawing.acquire(timeout=_TICK_SECONDS)
        try:
            yield mine
        except Exception:
            self._give_up()
        finally:
            if mine:
                self._drawing.release()

    def _give_up(self) -> None:
        """Show nothing from now on: a terminal that has failed would fail again."""
        logger.debug("progress cannot be shown", exc_info=True)
        self._new_surface = lambda: None
        timer = self._timer
        with suppress(Exception):
            self._hide()
        if timer is not None:
            timer.set(self, None, lambda: None)
