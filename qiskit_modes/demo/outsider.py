"""Somebody else who wants the same QPU: one job in job mode, from a thread of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2
from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError

from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.primitives.sampler.sampler import SamplerV2

__all__ = ["Outsider", "bell_circuit"]

_SHOTS = 1000


def bell_circuit() -> QuantumCircuit:
    """Return a circuit that prepares a Bell pair and measures it."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


class Outsider:
    """Submits one sampler job in job mode as soon as it is told to, and waits for its result.

    Its thread is started before the session is opened: it stands outside of every ``with`` block.

    Args:
        backend: Where it runs.
        circuit: What it runs, in the backend's instruction set.
        seed: Decides its shots.
        on_progress: Called from its thread when it has submitted and at the end.
    """

    name = "Bell job"

    def __init__(
        self,
        backend: BackendV2,
        circuit: QuantumCircuit,
        seed: int,
        on_progress: Callable[[], object],
    ) -> None:
        self.job: RuntimeJobV2 | None = None
        self.counts: dict[str, int] = {}
        """What it measured, once it has."""
        self.error: Exception | None = None
        self.decided = threading.Event()
        """Set when its job was submitted, or never will be."""
        self._backend = backend
        self._circuit = circuit
        self._options = {
            "default_shots": _SHOTS,
            "simulator": {"seed_simulator": seed},
            "environment": {"job_tags": [self.name]},
        }
        self._on_progress = on_progress
        self._go = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="qiskit_modes-demo-outsider")

    @property
    def running(self) -> bool:
        """Tell whether its job is still to be submitted or to end."""
        return self._thread.is_alive()

    def outcomes(self) -> str:
        """Return what it measured as text, the most frequent outcome first."""
        ranked = sorted(self.counts.items(), key=lambda item: -item[1])
        return " ".join(f"{count}×{bits}" for bits, count in ranked)

    def start(self) -> None:
        """Stand ready."""
        self._thread.start()

    def submit(self) -> None:
        """Let it submit its job; telling it again does nothing."""
        self._go.set()

    def stop(self) -> None:
        """Take the job back, or do not submit it at all; does not wait."""
        self._stopped = True
        self._go.set()
        if self.job is not None:
            with contextlib.suppress(RuntimeInvalidStateError):  # it has ended
                self.job.cancel()

    def join(self) -> None:
        """Wait for its end."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        self._go.wait()
        try:
            if not self._stopped:
                sampler = SamplerV2(mode=self._backend, options=self._options)
                self.job = sampler.run([self._circuit])
                if self._stopped:  # meanwhile, when there was no job to take back
                    self.stop()
                self.decided.set()
                self._on_progress()
                self.counts = self.job.result()[0].data.meas.get_counts()
        except Exception as error:  # whatever it is, the scene must learn of it
            self.error = error
        finally:
            self.decided.set()
            self._on_progress()
