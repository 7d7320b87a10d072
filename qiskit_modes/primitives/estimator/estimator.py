"""The estimator: circuits and observables in, expectation values out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from qiskit.circuit import CircuitInstruction
from qiskit.primitives import BaseEstimatorV2
from qiskit.primitives.containers import EstimatorPubLike
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit_ibm_runtime.options_models import EstimatorOptions

from qiskit_modes.primitives.estimator.prepare import prepare_estimator_job
from qiskit_modes.primitives.inputs.shots import precision_of
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.primitives.options.finalize import finalize_estimator_options
from qiskit_modes.primitives.options.read import coerce_estimator_options
from qiskit_modes.primitives.options.resolve import resolve_estimator_options
from qiskit_modes.primitives.primitive import Primitive

__all__ = ["EstimatorV2"]


class EstimatorV2(Primitive, BaseEstimatorV2):
    """Estimates expectation values on a backend's simulated QPU, in job, batch or session mode.

    May be used from any thread. Options that cannot be honoured are refused in `run`, by name.
    Measurements are mitigated unless ``resilience_level`` is 0; the fastest jobs have that.
    Measurements with which a circuit ends are left out, at every level, as upstream's client-side
    estimator leaves them out; others are made.

    Args:
        mode: A backend for job mode, a `Session`, a `Batch`, or None for the innermost ``with``.
        options: Upstream's ``EstimatorOptions``, a dictionary of the same form, or upstream's older
            class of that name. All act but ``execution.init_qubits=False``, ``scheduler_timing``,
            ``stretch_values``, ``environment.image`` and ``experimental``.

    Raises:
        InvalidInputError: If there is no such mode, or an option does not exist.

    Example:
        >>> from qiskit import QuantumCircuit
        >>> from qiskit_aer import AerSimulator
        >>> circuit = QuantumCircuit(1)
        >>> _ = circuit.x(0)
        >>> job = EstimatorV2(mode=AerSimulator()).run([(circuit, "Z")])
        >>> float(job.result()[0].data.evs)
        -1.0
    """

    options: EstimatorOptions
    older: bool = False
    """Whether jobs are what the service's older estimator makes of PUBs: measurements with which a
    circuit ends are made, and observables are sums of I, X, Y and Z. Set by doors, not by users."""

    @staticmethod
    def _coerce_options(options: Any) -> EstimatorOptions:
        return coerce_estimator_options(options)

    @property
    def default_precision(self) -> float:
        """Precision of what specifies none, by its options; libraries ask for it."""
        shots: int | None = self.options.default_shots
        return self.options.default_precision if shots is None else precision_of(shots)

    def finalize_options(self) -> EstimatorOptions:
        """Return a copy of the options in which every technique is on or off."""
        return finalize_estimator_options(self.options)

    def find_unique_layers(
        self, pubs: Iterable[EstimatorPubLike], types: Literal["gates", "all"] = "gates"
    ) -> list[CircuitInstruction]:
        """Return each layer once that the circuits of PUBs are boxed into, by the options.

        Their noise, in the same order, is what ``layer_noise_model`` takes.

        Args:
            pubs: The PUBs.
            types: "gates" for layers of gates, "all" for those of measurements too.

        Raises:
            InvalidInputError: If a circuit cannot be boxed.
        """
        from qiskit_modes.primitives.estimator.layers import estimator_layers

        circuits = [EstimatorPub.coerce(pub).circuit for pub in pubs]
        return estimator_layers(circuits, resolve_estimator_options(self.options), types)

    def run(
        self,
        pubs: Iterable[EstimatorPubLike],
        *,
        precision: float | None = None,
        dry_run: bool = False,
    ) -> RuntimeJobV2:
        """Submit a job; does not wait for it.

        Args:
            pubs: Tuples ``(circuit, observables, parameter_values, precision)``. Observables may
                hold projectors (0, 1, +, -, r, l of a ``SparseObservable``) where measurements
                are not mitigated.
            precision: For PUBs that have none of their own; 0.01 means 10,000 shots.
            dry_run: Refused: it asks the service for mock data.

        Returns:
            The job; its result has, for each PUB, ``evs`` and ``stds`` of the PUB's shape.

        Raises:
            InvalidInputError: If something cannot be run; the message names the PUB.
            NotISAError: If a circuit is not in the backend's instruction set.
            UnsupportedOptionError: If an option was set that cannot be honoured.
            IBMRuntimeError: If the session is closed, or the rules refuse the job.
        """
        resolution = self._resolve(dry_run=dry_run)
        job = prepare_estimator_job(
            pubs,
            self.options,
            resolution.backend,
            precision=precision,
            older=self.older,
        )
        return self._submit(resolution, job)
