"""A noise learner's job: what its compilation finds out is the result, and nothing is executed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan
from qiskit_modes.simulation import Program, Samples
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["LearnerJob"]


@dataclass(frozen=True)
class LearnerJob:
    """The steps of a noise learner's job."""

    learn: Callable[[], Any]
    """Computes the noise of all layers, and returns the result."""

    def compile(self, elsewhere: Elsewhere = here) -> tuple[Program, Any]:
        """Learn, and have nothing executed; see `Steps.compile`."""
        del elsewhere  # nothing is heavy: the matrices are those of single gates
        return Program({}, (), 0), self.learn()

    def post_process(self, samples: Samples, notes: Any, span: ExecutionSpan) -> Any:
        """Return what was learned; see `Steps.post_process`."""
        del samples, span
        return notes

    def executions(self) -> tuple[CircuitExecutions, ...]:
        """Return nothing: nothing is executed; see `Steps.executions`."""
        return ()
