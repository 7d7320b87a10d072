"""The executor: quantum programs in, bits out."""

from __future__ import annotations

from typing import Any

from qiskit_ibm_runtime.options_models import ExecutorOptions
from samplomatic.quantum_program import QuantumProgram

from qiskit_modes.primitives.executor.options import coerce_executor_options
from qiskit_modes.primitives.executor.prepare import prepare_executor_job
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.primitives.primitive import Primitive

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
        # Whoever sent a request decodes the result.
        job = prepare_executor_job(
            program, self.options, resolution.backend, decoded=self.request is None
        )
        return self._submit(resolution, job)
