"""The time after which a thread that computes lets others have the interpreter."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["letting_others_in"]

SWITCH_SECONDS = 0.0005
"""For how long a thread keeps the interpreter while others wait for it."""

_RESOLUTION_SECONDS = 1e-6
"""Of Python's setting."""

_mutex = threading.Lock()
"""Guards the two below, and the setting while there is somebody inside."""
_inside = 0
_before = 0.0
"""The setting that it was when the first one came."""


@contextmanager
def letting_others_in() -> Iterator[None]:
    """Let other threads have the interpreter soon after they ask for it.

    By default Python lets a thread that computes keep it for 5 ms. On its way to a worker and back,
    a program or a step passes four threads that only hand it on; so with one thread that computes,
    each execution would hold its QPU for 20 ms longer, and a worker would wait as long for its next
    step. The setting is the whole process'; it is put back when the last one leaves, unless
    somebody else has changed it meanwhile.
    """
    global _inside, _before
    with _mutex:
        if _inside == 0:
            _before = sys.getswitchinterval()
            if _before > SWITCH_SECONDS:
                sys.setswitchinterval(SWITCH_SECONDS)
        _inside += 1
    try:
        yield
    finally:
        with _mutex:
            _inside -= 1
            is_ours = abs(sys.getswitchinterval() - SWITCH_SECONDS) < 2 * _RESOLUTION_SECONDS
            if _inside == 0 and _before > SWITCH_SECONDS and is_ours:
                # Python cuts off what is less than a microsecond, and numbers may be just below.
                sys.setswitchinterval(_before + _RESOLUTION_SECONDS / 2)


def _forget() -> None:
    """Begin anew after a fork: whoever was inside is not in this process."""
    global _mutex, _inside
    _mutex = threading.Lock()
    if _inside:
        sys.setswitchinterval(_before)
    _inside = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
