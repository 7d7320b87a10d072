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

_MOST_SECONDS = 300
"""A call that takes longer hangs."""


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
        assert ours.poll(_MOST_SECONDS), "a process of its own does not answer"
        succeeded, value = ours.recv()
        process.join(_MOST_SECONDS)
        assert process.exitcode is not None, "a process of its own has answered, and does not end"
    finally:
        process.kill()  # if it lives: `stop` waits for all, as would who waits for the tests
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
