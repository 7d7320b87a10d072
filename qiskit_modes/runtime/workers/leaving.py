"""Workers that are being stopped, each on a thread of its own, and the waiting for their ends."""

from __future__ import annotations

import logging
import threading
from functools import partial

from qiskit_modes.runtime.workers.worker import Worker

__all__ = ["Leaving", "stop_whatever_comes"]

logger = logging.getLogger("qiskit_modes")


class Leaving:
    """Workers that get no more items and are being stopped. Any thread may use it."""

    def __init__(self) -> None:
        self._mutex = threading.Condition()
        """Guards what follows; notified when a worker has been stopped. It is taken after the
        pool's mutex, and nothing else is taken while it is held."""
        self._workers: list[Worker] = []

    def add(self, worker: Worker) -> None:
        """Take note of a worker that the caller stops, by `stop_aside`."""
        with self._mutex:
            self._workers.append(worker)

    def stop_aside(self, worker: Worker) -> None:
        """Stop a worker on a thread of its own: this one may be needed for it to end."""
        try:
            threading.Thread(
                target=partial(self._stop, worker), name="qiskit_modes-stopper"
            ).start()
        except RuntimeError:  # no more threads: it is killed all the same
            self._stop(worker, wait=False)

    def _stop(self, worker: Worker, *, wait: bool = True) -> None:
        stop_whatever_comes(worker, wait=wait)
        with self._mutex:
            self._workers.remove(worker)
            self._mutex.notify_all()

    def wait(self) -> None:
        """Wait until all of them have been stopped."""
        with self._mutex:
            while self._workers:
                self._mutex.wait()


def stop_whatever_comes(worker: Worker, *, wait: bool = True) -> None:
    """Stop a worker; what that raises goes to the log.

    Args:
        worker: Which one.
        wait: Whether to wait for its end.
    """
    try:
        worker.stop(wait=wait)
    except Exception:  # somebody else's: nothing more is sent to it anyway
        logger.exception("a worker could not be stopped")
