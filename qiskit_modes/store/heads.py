"""Heads: the processes that use a store, and which of them live.

A job belongs to the head in which it runs. A head gives a sign of life every few seconds. One that
is dead is buried by the next: what it had under way ends, once, whoever looks first. On one machine
death is seen at once, by the process; from another machine after `LEASE_SECONDS` of silence.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from functools import cache

import psutil

from qiskit_modes.store.rows import HeadRow

__all__ = ["BEAT_SECONDS", "LEASE_SECONDS", "host_name", "is_dead", "new_head", "now_microseconds"]

BEAT_SECONDS = 5.0
"""Between two signs of life."""

LEASE_SECONDS = 20.0
"""After how long a silence another machine takes a head for dead."""

_STARTED_WITHIN = 1.0
"""Seconds by which what the system says of a process's start may differ."""


def now_microseconds() -> int:
    """Return the present calendar time as rows have it."""
    return time.time_ns() // 1000


@cache
def host_name() -> str:
    """Return a name of this machine, and of the set of processes that this one can see on it."""
    try:
        seen = os.readlink("/proc/self/ns/pid")  # containers may share the machine's name
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            seen += " " + file.read().strip()
    except OSError:
        seen = ""
    return f"{socket.gethostname()} {seen}".strip()


def new_head(*, serves: bool) -> HeadRow:
    """Return a head for this process."""
    now, me = now_microseconds(), psutil.Process()
    return HeadRow(
        id=str(uuid.uuid4()),
        host=host_name(),
        process_id=me.pid,
        process_started=me.create_time(),
        serves=serves,
        began_at=now,
        seen_at=now,
    )


def is_dead(head: HeadRow, now: int) -> bool:
    """Return whether a head that has not written down its end cannot give signs of life any more.

    Args:
        head: Which one.
        now: The present time, in microseconds.
    """
    if not head.process_id:
        return True
    if head.host != host_name():
        return now - head.seen_at > LEASE_SECONDS * 1e6
    try:
        process = psutil.Process(head.process_id)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return abs(process.create_time() - head.process_started) > _STARTED_WITHIN
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
