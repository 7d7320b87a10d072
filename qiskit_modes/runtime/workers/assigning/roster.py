"""Workers that there are, by what they have: so that who is free is known without a search.

A cluster has a thousand workers and more, and somebody is looked for at every answer. So each
worker says when it gets an item and when it has none any more.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit_modes.runtime.workers.worker import Worker

__all__ = ["Roster"]

_MOST_ASKED = 32
"""Of more free workers that could begin equally soon, those that became so last are asked what they
know: of a job whose circuits many have, one of them is likely to be among these."""

_Wait = tuple[int, bool]
"""What a free worker's next item would wait for: how many others, and whether for an import, too.
The lowest is best."""


class Roster(Collection["Worker"]):
    """All workers, in the order in which they came. Without threads, as `Dispatcher`."""

    def __init__(self) -> None:
        self._came = 0
        self._numbers: dict[Worker, int] = {}
        """In which order they came."""
        self._homes: dict[Hashable, dict[Worker, None]] = {}
        """Who is where: those of one home wait for each other."""
        self._programs: dict[Worker, Any] = {}
        self._steps: dict[Worker, Any] = {}
        self._waits: dict[Worker, _Wait] = {}
        """Of those that are free."""
        self._free: dict[_Wait, dict[Worker, None]] = {}
        """The same the other way round; who became so last is last."""

    def __iter__(self) -> Iterator[Worker]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, worker: object) -> bool:
        return worker in self._numbers

    @property
    def programs(self) -> Collection[Any]:
        """Programs that workers have."""
        return self._programs.values()

    @property
    def steps(self) -> Collection[Worker]:
        """Workers that have a classical step, or get ready for some."""
        return self._steps.keys()

    @property
    def busy(self) -> int:
        """Number of workers that have anything."""
        return len(self._programs) + len(self._steps)

    @property
    def importing(self) -> Collection[Any]:
        """Items that get workers ready for steps."""
        return [item for item in self._steps.values() if item.readies]

    def free(self, most_load: int | None = None) -> list[Worker]:
        """Return those without an item, those first that came first.

        Args:
            most_load: How many items the next one may have to wait for; None for any number.
        """
        found = [
            worker
            for (load, _), workers in self._free.items()
            if most_load is None or load <= most_load
            for worker in workers
        ]
        return sorted(found, key=self._numbers.__getitem__)

    def best(self, keys: tuple[str, ...]) -> Worker | None:
        """Return the free worker that is to have a program; None if none is free.

        One that can begin at once, rather than one that knows its circuits; and of those that do,
        the first.

        Args:
            keys: Of the program's circuits.
        """
        if not self._free:
            return None
        free = self._free[min(self._free)]
        asked = islice(reversed(free), _MOST_ASKED)
        return min(asked, key=lambda each: (not each.knows(keys), self._numbers[each]))

    def add(self, worker: Worker) -> None:
        """Take in one more."""
        self._came += 1
        self._numbers[worker] = self._came
        self._homes.setdefault(worker.home, {})[worker] = None
        worker.on_item = self._note
        self._note(worker)

    def remove(self, worker: Worker) -> None:
        """Let one go; whatever it has is not counted any more.

        The others of its home wait for that all the same, so it goes on saying when it has ended.
        """
        del self._numbers[worker]
        home = self._homes[worker.home]
        del home[worker]
        if not home:
            del self._homes[worker.home]
        self._programs.pop(worker, None)
        self._steps.pop(worker, None)
        self._is_free(worker, None)
        self._look_at(home)

    def clear(self) -> list[Worker]:
        """Let all go; return them, for whoever stops them."""
        workers = list(self)
        for worker in workers:
            self.remove(worker)
        return workers

    def _note(self, worker: Worker) -> None:
        """Take note that a worker has got an item, or has none any more."""
        self._programs.pop(worker, None)
        self._steps.pop(worker, None)
        if (item := worker.item) is not None and worker in self:
            (self._steps if item.is_step else self._programs)[worker] = item
        self._look_at(self._homes.get(worker.home, ()))

    def _look_at(self, home: Collection[Worker]) -> None:
        """See who of a home is free, and what the next item of each would wait for."""
        imports = any(each.item is not None and each.item.readies for each in home)
        for worker in home:
            self._is_free(worker, (worker.load, imports) if worker.item is None else None)

    def _is_free(self, worker: Worker, wait: _Wait | None) -> None:
        """Take note of what a worker's next item would wait for; None if it is not free."""
        before = self._waits.pop(worker, None)
        if wait is not None:
            self._waits[worker] = wait
        if wait == before:
            return
        if before is not None:
            del self._free[before][worker]
            if not self._free[before]:
                del self._free[before]
        if wait is not None:
            self._free.setdefault(wait, {})[worker] = None
