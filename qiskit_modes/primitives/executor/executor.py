"""The executor: quantum programs in, bits out."""

from __future__ import annotations

from typing import Any

from qiskit.providers import BackendV2
from qiskit_ibm_runtime.options_models import ExecutorOptions
from samplomatic.quantum_program import QuantumProgram

from qiskit_modes.primitives.boxes.templates import warn_absent
from qiskit_modes.primitives.executor.options import (
    ResolvedExecutorOptions,
    coerce_executor_options,
    resolve_executor_options,
)
from qiskit_modes.primitives.executor.program_input import ProgramInput, coerce_quantum_program
from qiskit_modes.primitives.executor.semantic_role import decoder_of
from qiskit_modes.primitives.inputs.isa import warn_of_broken
from qiskit_modes.primitives.inputs.job_limits import check_results
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.primitives.primitive import Primitive
from qiskit_modes.primitives.programs.compile import (
    CompiledQuantumProgram,
    compile_quantum_program,
)
from qiskit_modes.primitives.sampler.plain_job import draw_seed
from qiskit_modes.runtime.steps import ExecutionSpan, Steps
from qiskit_modes.simulation import Program, Samples
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["Executor"]


class Executor(Primitive):
    """Runs quantum programs on a backend's simulated QPU, in job, batch or session mode.

    May be used from any thread. Options that cannot be honoured are refused in `run`, by name.

    Args:
        mode: A backend for job mode, a `Session`, a `Batch`, or None for the innermost ``with``.
        options: Upstream's ``ExecutorOptions`` or a dictionary of the same form. What acts:
            ``simulator.seed_simulator``; ``simulator.layer_noise_model``, whose noise acts on
            tagged layers beside that of the backend, with ``simulator.warn_absent``;
            ``simulator.angle_decimals`` where it is set; ``max_execution_time`` in seconds, and
            ``environment.job_tags``.

    Raises:
        InvalidInputError: If there is no such mode, or an option does not exist.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from qiskit_aer import AerSimulator
        >>> from qiskit_ibm_runtime import QuantumProgram
        >>> circuit = QuantumCircuit(1)
        >>> _ = circuit.x(0), circuit.measure_all()
        >>> program = QuantumProgram(shots=100)
        >>> program.append_circuit_item(circuit)
        >>> result = Executor(mode=AerSimulator()).run(program).result()
        >>> result[0]["meas"].shape, bool(result[0]["meas"].all())
        ((100, 1), True)
    """

    _primitive_id = "executor"
    options: ExecutorOptions

    @staticmethod
    def _coerce_options(options: Any) -> ExecutorOptions:
        return coerce_executor_options(options)

    def run(self, program: QuantumProgram, dry_run: bool = False) -> RuntimeJobV2:
        """Submit a job; does not wait for it.

        Args:
            program: A ``QuantumProgram`` of ``qiskit_ibm_runtime`` or of ``samplomatic``.
            dry_run: Refused: it asks the service for mock data.

        Returns:
            The job; its result is a ``QuantumProgramResult``. For a program that upstream's client
            prepared from PUBs it is what the client makes of that.

        Raises:
            InvalidInputError: If something cannot be run; the message names the item.
            NotISAError: If a circuit is not in the backend's instruction set.
            UnsupportedOptionError: If an option was set that cannot be honoured.
            IBMRuntimeError: If the session is closed, or the rules refuse the job.

        Warns:
            QiskitModesWarning: If ``layer_noise_model`` has no noise for a layer of the program, or
                if a circuit uses what its backend reports as broken.
        """
        resolution = self._resolve(dry_run=dry_run)
        options = resolve_executor_options(self.options, resolution.backend)
        checked = coerce_quantum_program(program, resolution.backend)
        items, shots = checked.program.items, checked.program.shots
        circuits = [item.circuit for item in items]
        bits = [sum(register.size for register in circuit.cregs) for circuit in circuits]
        # Each bit is a byte of the result.
        check_results(zip([shots * item.size() for item in items], bits, strict=True), "Item")
        if options.layer_noise is not None and options.warn_absent:
            warn_absent(options.layer_noise, circuits)
        warn_of_broken(checked.fingerprints, resolution.backend)
        return self._submit(
            resolution,
            options,
            # Whoever sent a request decodes the result.
            _executor_steps(checked, options, resolution.backend, decoded=self.request is None),
            inputs={"quantum_program": checked.program},
            executions=checked.executions,
            circuits=[(f"the circuit of item {n}", circuit) for n, circuit in enumerate(circuits)],
        )


def _executor_steps(
    checked: ProgramInput,
    options: ResolvedExecutorOptions,
    backend: BackendV2,
    *,
    decoded: bool = True,
) -> Steps:
    """Return the steps of an executor's job.

    Args:
        checked: The program.
        options: What of the user's options acts.
        backend: The backend to simulate.
        decoded: Whether the result of a program that upstream's client prepared from PUBs is what
            the client makes of it, and not the program's own.
    """
    job = _ExecutorJob(checked, options, backend, decoded=decoded)
    return Steps(compile=job.compile, post_process=job.post_process)


class _ExecutorJob:
    """Facts that compilation finds out and post-processing needs."""

    def __init__(
        self,
        checked: ProgramInput,
        options: ResolvedExecutorOptions,
        backend: BackendV2,
        *,
        decoded: bool,
    ) -> None:
        self._checked = checked
        self._options = options
        self._backend = backend
        self._seed = draw_seed(options.seed, backend)
        self._decode = decoder_of(checked.program) if decoded else None
        self._compiled: CompiledQuantumProgram

    def compile(self, elsewhere: Elsewhere = here) -> Program:
        self._compiled = compile_quantum_program(
            self._checked.program,
            self._backend,
            seed=self._seed,
            layer_noise=self._options.layer_noise,
            angle_decimals=self._options.angle_decimals,
            fingerprints=self._checked.fingerprints,
            elsewhere=elsewhere,
        )
        return self._compiled.program

    def post_process(self, samples: Samples, span: ExecutionSpan) -> Any:
        result = self._compiled.result(samples, span)
        return result if self._decode is None else self._decode(result)
