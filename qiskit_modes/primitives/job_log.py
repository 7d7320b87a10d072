"""The log of a job while it runs, from a level on."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from qiskit_modes.runtime.clock import iso
from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan, Steps
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
    return steps if log.level > logging.INFO else _LoggedSteps(steps, log)


@dataclass(frozen=True)
class _LoggedSteps:
    """Steps that write into a log what they do."""

    steps: Steps
    log: JobLog

    def compile(self, elsewhere: Elsewhere = here) -> tuple[Program, Any]:
        begin = time.perf_counter()
        program, notes = self.steps.compile(elsewhere)
        sets = sum(len(run.parameter_values) for run in program.runs)
        self.log.write(
            logging.INFO,
            f"compiled {len(program.circuits)} circuits with {sets} parameter sets in "
            f"{time.perf_counter() - begin:.3f} s",
        )
        for number, run in enumerate(program.runs):
            about = dict(program.circuits[run.circuit].metadata)
            self.log.write(
                logging.DEBUG,
                f"run {number}: {len(run.parameter_values)} parameter sets of {run.shots} shots, "
                f"{about}",
            )
        return program, notes

    def post_process(self, samples: Samples, notes: Any, span: ExecutionSpan) -> Any:
        executed = (span.stop - span.start).total_seconds()
        self.log.write(logging.INFO, f"executed in {executed:.3f} s")
        result = self.steps.post_process(samples, notes, span)
        self.log.write(logging.INFO, "post-processed")
        return result

    def executions(self) -> Sequence[CircuitExecutions]:
        return self.steps.executions()
