"""The one thread that writes what happens into a store: many changes in one transaction.

Whoever has a change puts it into a queue and goes on, or waits until it is committed. What fails in
a batch is tried again alone, so that one change never takes others with it. What must not be lost
is tried again every few seconds for as long as the process lasts; who waits for it is told so. Only
what the store can never keep is given up. Whether the store is well is not told by what fails in
it, which may be to blame itself, but by whether a sign of life can be written.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, SimpleQueue

from qiskit_modes.exceptions import NotStorableError, StoreError
from qiskit_modes.runtime.threads.latch import Latch
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.store.writing import Transaction

__all__ = ["Change", "Writer"]

logger = logging.getLogger("qiskit_modes")

_MOST_AT_ONCE = 200
"""Changes in one transaction."""

_FAILURES = 3
"""After so many the others wait for the next time: a database that is gone fails with all."""


@dataclass(frozen=True)
class Change:
    """Something that is to be written."""

    write: Callable[[Transaction], None]
    """Writes it; may be called again after a transaction that failed."""
    done: Callable[[BaseException | None], None]
    """Called once, on the writing thread: with None when it is committed, or with what failed."""
    must: bool = False
    """Whether it is tried again after ``done`` was told that it failed, until it is written."""
    at_last: Callable[[], None] = lambda: None
    """Called when it is written after all."""
    instead: Callable[[StoreError], Callable[[Transaction], None] | None] = lambda _: None
    """Returns what is written instead if it can never be, for what was said then; None for
    nothing."""


class Writer:
    """Writes changes on a thread of its own, in the order in which they are put.

    Args:
        store: Into which.
        committed: Called after each transaction, before its changes are done: True if it was
            committed, False if not.
        beat: Called every ``beat_seconds``, and when something fails, on the writing thread.
        beat_seconds: Between two such calls, and between two trials of what failed.
    """

    def __init__(
        self,
        store: SqlStore,
        *,
        committed: Callable[[bool], None],
        beat: Callable[[], None],
        beat_seconds: float,
    ) -> None:
        self._store = store
        self._committed = committed
        self._beat = beat
        self._beat_seconds = beat_seconds
        self._queue: SimpleQueue[Change | None] = SimpleQueue()
        self._again: list[Change] = []
        self._ended = False
        self.works = True
        """Whether the last sign of life could be written."""
        self._thread = threading.Thread(target=self._run, name="qiskit_modes-store", daemon=True)
        self._thread.start()

    def put(self, change: Change) -> None:
        """Have something written; does not wait. Nothing is after the end."""
        self._queue.put(change)

    def write(
        self, write: Callable[[Transaction], None], *, otherwise: Callable[[], None] = lambda: None
    ) -> None:
        """Have something written, and wait until it is committed.

        Args:
            write: Writes it.
            otherwise: Called if it cannot be, on the writing thread, before anything else is
                written.

        Raises:
            StoreError: If it cannot be.
        """
        latch, errors = Latch(), list[BaseException]()

        def done(error: BaseException | None) -> None:
            if error is not None:
                errors.append(error)
                _call_safely(otherwise)
            latch.set()

        self.put(Change(write, done))
        while not latch.wait(1.0):
            if not self._thread.is_alive() and not latch.is_set():
                raise StoreError("the store is closed")
        if errors and isinstance(errors[0], StoreError):
            raise errors[0]
        if errors:
            raise StoreError(f"this cannot be kept: {errors[0]}") from errors[0]

    def flush(self) -> None:
        """Wait until everything that was put so far is written, or has failed once."""
        if self._thread.is_alive():
            with suppress(StoreError):  # what it can be read for is read; who must know was told
                self.write(lambda _: None)

    def close(self) -> None:
        """Write what is left, and end the thread; returns when it has."""
        self._queue.put(None)
        if self._thread is not threading.current_thread():
            self._thread.join()

    # -- the thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        beats_at = time.monotonic() + self._beat_seconds
        while not self._ended:
            try:
                batch = self._take(max(beats_at - time.monotonic(), 0.0))
            except Empty:
                batch = []
            self._write_all(batch)
            if time.monotonic() >= beats_at:
                beats_at = time.monotonic() + self._beat_seconds
                self._try_again()
                self._beat_safely()
        self._try_again()

    def _take(self, timeout: float) -> list[Change]:
        change = self._queue.get(timeout=timeout)
        batch: list[Change] = []
        while change is not None:
            batch.append(change)
            if len(batch) >= _MOST_AT_ONCE:
                return batch
            try:
                change = self._queue.get_nowait()
            except Empty:
                return batch
        self._ended = True
        return batch

    def _write_all(self, batch: list[Change]) -> None:
        if not batch:
            return
        error = self._commit(batch)
        if error is not None and len(batch) > 1:
            for change in batch:
                self._write_all([change])
            return
        if isinstance(error, NotStorableError):
            batch, error = self._give_up(batch[0], error)
        if error is not None and batch[0].must and not isinstance(error, NotStorableError):
            logger.error("A change is not in the store yet, and is tried again: %s", error)
            self._again.append(batch[0])
        for change in batch:
            _tell(change, error)
        if self.works and isinstance(error, StoreError) and not isinstance(error, NotStorableError):
            self._beat_safely()  # is it the store, or this alone?

    def _give_up(
        self, change: Change, error: NotStorableError
    ) -> tuple[list[Change], BaseException | None]:
        """Write what there is instead of a change, and return that with what failed then."""
        write = change.instead(error)
        if write is None:
            if change.must:
                logger.error("A change can never be in the store, and is given up: %s", error)
            return [change], error
        change = replace(change, write=write, instead=lambda _: None)
        return [change], self._commit([change])

    def _commit(self, batch: list[Change]) -> BaseException | None:
        try:
            with self._store.writing() as transaction:
                for change in batch:
                    change.write(transaction)
        except Exception as error:  # whoever put it is told
            self._committed(False)
            return error
        self._committed(True)
        return None

    def _took_note(self, error: StoreError | None) -> None:
        """Say once that the store cannot be written, and once that it can be again.

        The latter is shown by a sign of life, which is a change; who waits writes nothing.
        """
        if error is not None and self.works:
            logger.error("Nothing can be written at present, and no jobs are taken: %s", error)
        elif error is None and not self.works:
            logger.warning("The store can be written again")
        self.works = error is None

    def _try_again(self) -> None:
        failed, self._again = self._again, []
        if not failed:
            return
        if self._commit(failed) is None:
            _tell_at_last(failed)
            return
        for number, change in enumerate(failed, 1):  # one may be to blame, or the database
            error = self._commit([change])
            if isinstance(error, NotStorableError):
                (change,), error = self._give_up(change, error)
            if error is None:
                _tell_at_last([change])
            if error is None or isinstance(error, NotStorableError):
                continue
            self._again.append(change)
            if len(self._again) == _FAILURES:
                self._again = failed[number:] + self._again
                return

    def _beat_safely(self) -> None:
        try:
            self._beat()
            self._took_note(None)
        except StoreError as error:
            self._took_note(error)
        except Exception:  # the next one may come through
            logger.exception("A sign of life could not be written")


def _tell_at_last(changes: list[Change]) -> None:
    for change in changes:
        _call_safely(change.at_last)


def _tell(change: Change, error: BaseException | None) -> None:
    _call_safely(partial(change.done, error))


def _call_safely(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:  # a bug of one, and others wait for this thread
        logger.exception("Something that waited for the store failed")
