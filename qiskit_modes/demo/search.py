"""One search for the lowest energy: an optimizer in a thread, with an estimator of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError
from scipy.optimize import minimize

from qiskit_modes.primitives.estimator.estimator import EstimatorV2
from qiskit_modes.primitives.job import RuntimeJobV2

__all__ = ["OPTIMIZERS", "Optimizer", "Search"]

_UNLIMITED = 100_000
"""More than any search does: it is we who count, the same way for every optimizer."""


@dataclass(frozen=True)
class Optimizer:
    """A method of `scipy.optimize.minimize`, set up for four angles and a few noisy mHa."""

    method: str
    options: Callable[[np.ndarray], Mapping[str, Any]]
    """From the start, in radians, to the method's options."""


def _cobyla(_: np.ndarray) -> dict[str, Any]:
    return {"rhobeg": 0.8, "tol": 0.003, "maxiter": _UNLIMITED}


def _nelder_mead(start: np.ndarray) -> dict[str, Any]:
    # SciPy's own first simplex is 5 % wide, which near zero is lost in the shot noise.
    simplex = np.vstack([start, start + 0.8 * np.eye(len(start))])
    return {
        "initial_simplex": simplex,
        "xatol": 0.02,
        "fatol": 0.0005,
        "maxiter": _UNLIMITED,
        "maxfev": _UNLIMITED,
    }


OPTIMIZERS = (Optimizer("COBYLA", _cobyla), Optimizer("Nelder-Mead", _nelder_mead))


class _Enough(Exception):  # noqa: N818 - named for what happened
    """Thrown through an optimizer to end it."""


class Search:
    """An optimizer that asks a QPU for energies, in a thread of its own.

    Its attributes may be read from any thread; lists only grow.

    Args:
        optimizer: Which one.
        estimator: Whose jobs give the energies.
        circuit: The ansatz, in the backend's instruction set.
        observable: The Hamiltonian, laid out for that circuit.
        start: The angles to start from, shape (num_parameters,), in radians.
        max_evaluations: After so many energies it stops.
        on_progress: Called from its thread after each energy and at the end.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        estimator: EstimatorV2,
        circuit: QuantumCircuit,
        observable: SparsePauliOp,
        start: np.ndarray,
        max_evaluations: int,
        on_progress: Callable[[], object],
    ) -> None:
        self.name = optimizer.method
        self.energies: list[float] = []
        """Every energy measured, in hartree."""
        self.jobs: list[RuntimeJobV2] = []
        """One for each energy, and the one under way."""
        self.best_energy = float("inf")
        self.best_angles = start
        self.error: Exception | None = None
        """What ended it too early."""
        self._optimizer = optimizer
        self._estimator = estimator
        self._circuit = circuit
        self._observable = observable
        self._start = start
        self._max_evaluations = max_evaluations
        self._on_progress = on_progress
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"qiskit_modes-demo-{self.name}")

    @property
    def running(self) -> bool:
        """Tell whether it will ask for more energies."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Take back the job under way, and ask for no other energy; does not wait."""
        self._stopped = True
        for job in self.jobs[-1:]:
            with contextlib.suppress(RuntimeInvalidStateError):  # it has ended
                job.cancel()

    def join(self) -> None:
        """Wait for its end."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        options = dict(self._optimizer.options(self._start))
        tolerance = options.pop("tol", None)
        try:
            minimize(self._energy, self._start, method=self.name, tol=tolerance, options=options)
        except _Enough:
            pass
        except Exception as error:  # whatever it is, the scene must learn of it
            self.error = error
        finally:
            self._on_progress()

    def _energy(self, angles: np.ndarray) -> float:
        if self._stopped or len(self.energies) >= self._max_evaluations:
            raise _Enough
        job = self._estimator.run([(self._circuit, self._observable, angles)])
        self.jobs.append(job)
        energy = float(job.result()[0].data.evs)
        if energy < self.best_energy:
            self.best_energy, self.best_angles = energy, np.array(angles)
        self.energies.append(energy)
        self._on_progress()
        return energy
