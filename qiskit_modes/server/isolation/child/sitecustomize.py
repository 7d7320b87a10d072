"""Runs first in every Python program under ``qiskit-modes run``, in whatever environment it lives.

What it does is in `qiskit_modes_child`, beside it. Until that is done, Ctrl-C ends the program as
it ends one that knows nothing of signals: without a word. Python would print that it could not
start, and a traceback through files that are not the user's. It does nothing where
``QISKIT_MODES_RUN`` is not set.
"""

from __future__ import annotations

import os
import signal


def _start() -> None:
    listening = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    try:
        if listening:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:  # an interpreter within another one, which has no signals
        listening = False

    import qiskit_modes_child  # type: ignore[import-not-found]

    try:
        qiskit_modes_child.start()
    finally:
        # A handler that the user's own `sitecustomize` has set stays.
        if listening and signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)


if os.environ.get("QISKIT_MODES_RUN"):
    _start()
