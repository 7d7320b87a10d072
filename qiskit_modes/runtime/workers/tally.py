"""Counts what each worker has done, for whoever watches over them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit_modes.runtime.workers.worker_process import Work

__all__ = ["MOST_NAMED", "OTHERS", "Tally"]

MOST_NAMED = 1_000
"""Workers that are counted by their names. They come and go, and a server stays: those that have
done nothing for longest are added up."""

OTHERS = "others"
"""What those are called together."""


class Tally:
    """Counts pieces and seconds for each worker and step. May be used from any thread.

    Args:
        most: How many workers are counted by their names.
    """

    def __init__(self, most: int = MOST_NAMED) -> None:
        self._most = most
        self._mutex = threading.Lock()
        """Guards the two below; nothing is called inside."""
        self._named: OrderedDict[str, dict[str, tuple[int, float]]] = OrderedDict()
        self._others: dict[str, tuple[int, float]] = {}

    def note(self, work: Iterable[Work]) -> None:
        """Count what has been done."""
        with self._mutex:
            for each in work:
                of_it = self._named.setdefault(each.worker, {})
                self._named.move_to_end(each.worker)
                _add(of_it, each.step, 1, each.stopped - each.started)
            while len(self._named) > self._most:
                _, of_it = self._named.popitem(last=False)
                for step, (pieces, seconds) in of_it.items():
                    _add(self._others, step, pieces, seconds)

    def totals(self) -> dict[tuple[str, str], tuple[int, float]]:
        """Return pieces and seconds by the name of the worker and the step."""
        with self._mutex:
            everybody = [*self._named.items(), (OTHERS, self._others)]
            return {(name, step): sums for name, of_it in everybody for step, sums in of_it.items()}


def _add(to: dict[str, tuple[int, float]], step: str, pieces: int, seconds: float) -> None:
    before = to.get(step, (0, 0.0))
    to[step] = (before[0] + pieces, before[1] + seconds)
