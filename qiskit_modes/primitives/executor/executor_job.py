"""An executor's job: a quantum program to a program of the simulation, samples to its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qiskit.providers import BackendV2

from qiskit_modes.primitives.executor.options import ResolvedExecutorOptions
from qiskit_modes.primitives.executor.program_input import ProgramInput
from qiskit_modes.primitives.programs.compile import (
    CompiledQuantumProgram,
    compile_quantum_program,
)
from qiskit_modes.runtime.steps import CircuitExecutions, ExecutionSpan
from qiskit_modes.simulation import Program, Samples
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["ExecutorJob"]


@dataclass(frozen=True)
class ExecutorJob:
    """The steps of an executor's job."""

    checked: ProgramInput
    options: ResolvedExecutorOptions
    backend: BackendV2
    seed: int
    """From which randomisations and shots are drawn."""
    decode: Callable[[Any], Any] | None
    """Makes of upstream's result what the user gets; None for nothing else."""

    def compile(self, elsewhere: Elsewhere = here) -> tuple[Program, CompiledQuantumProgram]:
        """Compile the circuit of each item, and draw its randomisations; see `Steps.compile`."""
        compiled = compile_quantum_program(
            self.checked.program,
            self.backend,
            seed=self.seed,
            layer_noise=self.options.layer_noise,
            angle_decimals=self.options.angle_decimals,
            fingerprints=self.checked.fingerprints,
            elsewhere=elsewhere,
        )
        return compiled.program, compiled

    def post_process(
        self, samples: Samples, notes: CompiledQuantumProgram, span: ExecutionSpan
    ) -> Any:
        """Return upstream's result, decoded if that is asked for; see `Steps.post_process`."""
        result = notes.result(samples, span)
        return result if self.decode is None else self.decode(result)

    def executions(self) -> tuple[CircuitExecutions, ...]:
        """Return nothing: estimates are made of PUBs; see `Steps.executions`."""
        return ()
