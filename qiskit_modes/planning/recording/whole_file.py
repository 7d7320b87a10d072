"""Files that are replaced only by whole ones."""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qiskit_modes.exceptions import InvalidInputError

__all__ = ["check_can_be_written", "whole_file"]


def check_can_be_written(path: str | Path) -> None:
    """Check that a file has a directory to be in, where files can be made.

    Raises:
        InvalidInputError: If it has not.
    """
    target = _target(path)
    if target.is_dir():
        raise InvalidInputError(f"{path} is a directory; name a file in it")
    if not target.parent.is_dir():
        raise InvalidInputError(f"there is no directory for {path}; make it, or write elsewhere")
    if _is_replaced(target) and not os.access(target.parent, os.W_OK):
        raise InvalidInputError(f"no file can be made beside {path}; write elsewhere")


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield where to write what is to become a file at the end of the block.

    If the block fails, or the disk is full, what was there stays as it was. What is no file, such
    as ``/dev/stdout``, is written to as it is, and a link goes on leading where it leads.

    Args:
        path: Of the file.

    Raises:
        OSError: If it cannot be written; the message names ``path``.
    """
    target = _target(path)
    beside = target.with_name(f".{uuid.uuid4().hex}{target.suffix}")
    try:
        if not _is_replaced(target):
            yield target
            return
        # Made here and not by tempfile, whose files nobody else may read.
        os.close(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        with suppress(OSError):
            os.chmod(beside, stat.S_IMODE(target.stat().st_mode))
        yield beside
        with beside.open("rb+") as written:
            os.fsync(written.fileno())
        os.replace(beside, target)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        with suppress(OSError):
            beside.unlink()


def _target(path: str | Path) -> Path:
    path = Path(path)
    return Path(os.path.realpath(path)) if _is_replaced(path) else path


def _is_replaced(target: Path) -> bool:
    return target.is_file() or not target.exists()
