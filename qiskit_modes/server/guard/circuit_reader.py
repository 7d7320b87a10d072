"""Reads circuits in a process of its own, with little memory: the program that `Inspector` starts.

Reads from standard input, for each text its kind in one byte, its length in eight, and then the
text: `CIRCUITS` in QPY, or a `SAMPLEX` in JSON, which has circuits in it too. Writes a byte for
each: 1 if it can be read, 0 if not; and a 1 when it is ready for the first.
"""

from __future__ import annotations

import io
import sys
import warnings
from contextlib import suppress
from typing import BinaryIO

__all__ = ["CIRCUITS", "SAMPLEX", "answer"]

CIRCUITS = b"c"
SAMPLEX = b"s"

_HEAD_BYTES = 9

_MOST_BYTES = 2 * 2**30
"""Memory beyond what Qiskit takes after it was imported."""


def answer(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more requests."""
    from ibm_quantum_schemas.common.qpy import ANNOTATION_FACTORIES
    from qiskit import qpy
    from samplomatic.serialization import samplex_from_json

    _limit_memory()
    warnings.simplefilter("ignore")
    _say(answers, True)
    while len(head := requests.read(_HEAD_BYTES)) == _HEAD_BYTES:
        data = requests.read(int.from_bytes(head[1:], "big"))
        try:
            if head[:1] == SAMPLEX:
                # It is finalized as before it is drawn, which expands what it says of itself.
                samplex_from_json(data.decode()).finalize()
            else:
                qpy.load(io.BytesIO(data), annotation_factories=ANNOTATION_FACTORIES)
            readable = True
        except KeyboardInterrupt:
            return
        except BaseException:  # a panic of Qiskit's own reader is no Exception
            readable = False
        _say(answers, readable)


def _say(answers: BinaryIO, yes: bool) -> None:
    answers.write(bytes([yes]))
    answers.flush()


def _limit_memory() -> None:
    """Let the system refuse more memory, where it can; else the time limit has to do."""
    with suppress(ImportError, OSError, ValueError):
        import resource
        from pathlib import Path

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + _MOST_BYTES
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


if __name__ == "__main__":
    answer(sys.stdin.buffer, sys.stdout.buffer)
