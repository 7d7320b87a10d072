"""Batch mode: many independent jobs that share the lanes and are packed on the QPU."""

from __future__ import annotations

from typing import ClassVar

from qiskit_modes.modes.session import Session
from qiskit_modes.scheduling import Mode

__all__ = ["Batch"]


class Batch(Session):
    """A batch: its jobs are compiled in parallel, and executed back to back.

    A batch stands in the queue as one. When its first job has started, its other jobs come before
    everything else in the queue, as many at a time as there are lanes; what lanes it does not need
    are free for others, since a batch does not have the QPU for itself. The order of its jobs is
    not guaranteed. When it has had no job for its interactive TTL (1 s) it loses its priority.
    Everything else is as in a `Session`.

    Args:
        backend: See `Session`.
        max_time: See `Session`.
        create_new: See `Session`.
        instance: See `Session`.
        runtime: See `Session`.

    Raises:
        InvalidInputError: If the backend or ``max_time`` cannot be used.

    Example:
        >>> from qiskit_ibm_runtime.fake_provider import FakeManilaV2
        >>> batch = Batch(FakeManilaV2())
        >>> batch.details()["mode"]
        'batch'
        >>> batch.close()
    """

    _mode: ClassVar[Mode] = Mode.BATCH
