"""A watch over the compilation of a job, which tells users if it takes long."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import TYPE_CHECKING

from qiskit_modes.runtime.progress import notices
from qiskit_modes.runtime.progress.notices import describe_compilation, give_notice

if TYPE_CHECKING:
    from qiskit_modes.runtime.clock import Clock
    from qiskit_modes.runtime.records import JobRecord

__all__ = ["CompilationWatch"]


class CompilationWatch:
    """Has users told if what is done here of a job, which is compilation, takes long.

    It is told of each heavy part before that begins. Without one there is no timer.

    Args:
        job: Whose compilation.
        clock: Whose time counts.
        call_at: Sets, replaces or (with None) takes away the deadline of a key.
        beside: Has something done by another thread: whoever reads the log may be slow, and others
            wait for the timer.
    """

    def __init__(
        self,
        job: JobRecord,
        clock: Clock,
        call_at: Callable[[Hashable, float | None, Callable[[], None]], None],
        beside: Callable[[Callable[[], object]], None],
    ) -> None:
        self._job = job
        self._begun = clock.now()
        self._call_at = call_at
        self._beside = beside
        self._has_timer = False

    def foresee(self, seconds: float) -> None:
        """Take note that a part begins that takes so long."""
        if seconds >= notices.LONG_SECONDS:
            self._say(seconds)
        if not self._has_timer:
            self._has_timer = True
            late = partial(self._say, None)
            self._call_at(self._key, self._begun + notices.LONG_SECONDS, late)

    def end(self) -> None:
        """Take note that the compilation is over."""
        if self._has_timer:
            self._call_at(self._key, None, lambda: None)

    @property
    def _key(self) -> Hashable:
        return (self._job.id, "compilation")

    def _say(self, expected: float | None) -> None:
        job = self._job
        if job.core.ending is None and job.under_way.take_notice_of_compilation():
            text = describe_compilation(job.id, expected)
            self._beside(lambda: give_notice("long", job, text))
