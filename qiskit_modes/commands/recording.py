"""What commands that record have in common: a file is written, and it is said what is next."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from qiskit_modes.planning.recorder import Recorder, check_can_be_written, record, save_and_tell
from qiskit_modes.runtime.local_runtime import LocalRuntime

__all__ = ["recording_to"]


@contextmanager
def recording_to(
    path: str, *, runtime: LocalRuntime | None = None, one_user: bool = False
) -> Iterator[Recorder]:
    """Record while the block lasts; at its end, also by Ctrl-C, write the file and say so.

    Args:
        path: Where to write; what is there stays if no job was submitted.
        runtime: See `record`.
        one_user: See `record`.

    Raises:
        InvalidInputError: If there is no directory to write to.
    """
    check_can_be_written(path)
    with record(runtime=runtime, one_user=one_user) as recorder:
        try:
            yield recorder
        finally:
            told = save_and_tell(recorder, path)
            with suppress(OSError):  # nobody may be left to read it
                sys.stdout.flush()
                print(f"qiskit-modes: {told}", file=sys.stderr)
