"""Calls in a process in which nothing has run yet."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["call", "stop"]

_CONTEXT = multiprocessing.get_context("forkserver")
# What the server has imported, its children have; none of it has been used.
_CONTEXT.set_forkserver_preload(
    ["tests.primitives.job_families_ready", "qiskit_aer.noise", "tests.fresh"]
)


def call(function: Callable[..., Any], *args: Any) -> Any:
    """Return what a function returns in a process of its own; may be called from any thread.

    Args:
        function: A function that can be imported.
        args: Its arguments, which can be pickled.
    """
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_answer, args=(theirs, function, args))
    process.start()
    theirs.close()
    try:
        succeeded, value = ours.recv()
    finally:
        process.join()
        ours.close()
    if not succeeded:
        raise AssertionError(f"in a process of its own:\n{value}")
    return value


def stop() -> None:
    """End the process from which the others were forked."""
    forkserver._forkserver._stop()


def _answer(connection: Connection, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    try:
        answer = (True, function(*args))
    except BaseException:
        answer = (False, traceback.format_exc())
    connection.send(answer)
    connection.close()
