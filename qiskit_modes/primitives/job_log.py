"""The log of a job while it runs, from a level on."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from qiskit_modes.runtime.clock import iso
from qiskit_modes.runtime.steps import ExecutionSpan, Steps
from qiskit_modes.simulation import Program, Samples
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["JobLog", "logged"]

logger = logging.getLogger("qiskit_modes.jobs")


class JobLog:
    """Lines of a job's log, which go to Python's logging too. Any thread may write and read.

    Args:
        level: From which level on lines are kept, as in Python's logging.
    """

    def __init__(self, level: int) -> None:
        self.level = level
        self._lines: list[tuple[datetime, str]] = []

    def write(self, level: int, message: str) -> None:
        """Add a line, if its level is high enough."""
        if level >= self.level:
            self._lines.append((datetime.now(UTC), f"{logging.getLevelName(level)} {message}"))
            logger.log(level, message)

    def __iter__(self) -> Iterator[str]:
        """Yield the lines in the order in which they were written."""
        return (f"{iso(at)} {line}" for at, line in list(self._lines))


def logged(steps: Steps, log: JobLog) -> Steps:
    """Return steps that write into a log what they do; the same ones if nothing would be kept."""
    if log.level > logging.INFO:
        return steps

    def compiled(elsewhere: Elsewhere = here) -> Program:
        begin = time.perf_counter()
        program = steps.compile(elsewhere)
        sets = sum(len(run.parameter_values) for run in program.runs)
        log.write(
            logging.INFO,
            f"compiled {len(program.circuits)} circuits with {sets} parameter sets in "
            f"{time.perf_counter() - begin:.3f} s",
        )
        for number, run in enumerate(program.runs):
            about = dict(program.circuits[run.circuit].metadata)
            log.write(
                logging.DEBUG,
                f"run {number}: {len(run.parameter_values)} parameter sets of {run.shots} shots, "
                f"{about}",
            )
        return program

    def post_processed(samples: Samples, span: ExecutionSpan) -> Any:
        executed = (span.stop - span.start).total_seconds()
        log.write(logging.INFO, f"executed in {executed:.3f} s")
        result = steps.post_process(samples, span)
        log.write(logging.INFO, "post-processed")
        return result

    return replace(steps, compile=compiled, post_process=post_processed)
