"""What both primitives do: find their mode, and hand jobs in."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from qiskit.providers import BackendV2
from qiskit_ibm_runtime.exceptions import IBMRuntimeError

from qiskit_modes.exceptions import (
    QiskitModesWarning,
    RefusedError,
    UnsupportedOptionError,
)
from qiskit_modes.modes import Resolution, Session, resolve_mode
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.primitives.job_limits import check_size
from qiskit_modes.primitives.options import (
    ResolvedEstimatorOptions,
    ResolvedSamplerOptions,
    options_as_dict,
)
from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.runtime.steps import Steps
from qiskit_modes.warn import warn

__all__ = ["Primitive"]

_OVERHEAD_SECONDS = 2.0
_CIRCUIT_SECONDS = 100e-6
_REP_DELAY_SECONDS = 250e-6
"""The service's quick formula for usage: an overhead for each job, and for each execution the time
of a typical circuit and the usual delay between two of them."""


class Primitive:
    """A primitive with a mode and options.

    Args:
        mode: A backend, a `Session`, a `Batch`, or None for the innermost ``with`` block.
        options: The options, as a model or a dictionary.

    Raises:
        InvalidInputError: If there is no such mode, or an option does not exist.
    """

    _primitive_id: ClassVar[str]
    options: Any

    def __init__(self, mode: Any = None, options: Any = None) -> None:
        self._mode_argument = mode
        self._resolution = resolve_mode(mode)
        self.options = options

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; options are checked and may be a dictionary."""
        if name == "options":
            value = self._coerce_options(value)
        super().__setattr__(name, value)

    @staticmethod
    def _coerce_options(options: Any) -> Any:
        """Return options as upstream's model for this primitive."""
        raise NotImplementedError

    def backend(self) -> BackendV2:
        """Return the backend that jobs run on."""
        return self._resolution.backend

    @property
    def mode(self) -> Session | None:
        """The session or batch of its jobs; None for job mode."""
        return self._resolution.session

    def _resolve(self, *, dry_run: bool) -> Resolution:
        """Return where a job that is submitted now runs.

        Raises:
            IBMRuntimeError: If its session or batch was closed.
            UnsupportedOptionError: If a dry run is asked for.
        """
        if dry_run:
            raise UnsupportedOptionError(
                "dry_run=True asks the service for mock data; here jobs cost nothing, so run the "
                "job, or leave dry_run out"
            )
        # A session is kept; a backend is looked at again, for where it is run now.
        resolution = self._resolution
        if resolution.session is None:
            resolution = resolve_mode(self._mode_argument, stacklevel=4)
        if resolution.session is not None:
            resolution.session.check_open()
        return resolution

    def _submit(
        self,
        resolution: Resolution,
        options: ResolvedSamplerOptions | ResolvedEstimatorOptions,
        steps: Steps,
        *,
        pubs: list[Any],
        executions: int,
    ) -> RuntimeJobV2:
        """Hand a job in and return it.

        Raises:
            IBMRuntimeError: If the rules refuse it, with the reason.

        Warns:
            QiskitModesWarning: If its instance has reached its limit, so that it will wait.
        """
        instance = resolution.instance
        check_size(self._primitive_id, pubs, executions, instance)
        if resolution.runtime.ledger.is_limited(instance, resolution.runtime.clock.now()):
            warn(
                f"Instance {instance.id!r} has reached its limit of usage. The job is accepted, "
                "but does not start before usage leaves the window of the plan.",
                QiskitModesWarning,
                stacklevel=3,
            )
        record = JobRecord(
            id=str(uuid.uuid4()),
            qpu=resolution.runtime.qpu(resolution.backend),
            steps=steps,
            backend=resolution.backend,
            instance=instance,
            mode=resolution.mode,
            workload=resolution.workload,
            primitive_id=self._primitive_id,
            inputs={"pubs": pubs, "options": options_as_dict(self.options)},
            tags=list(options.job_tags),
            usage_estimation_seconds=_quick_estimate(options, executions),
        )
        try:
            resolution.runtime.submit(
                record, max_execution_seconds=options.max_execution_time_seconds
            )
        except RefusedError as error:
            raise IBMRuntimeError(f"Failed to run program: {error.message}") from error
        return RuntimeJobV2(record, resolution.runtime)


def _quick_estimate(
    options: ResolvedSamplerOptions | ResolvedEstimatorOptions, executions: int
) -> float:
    rep_delay = _REP_DELAY_SECONDS if options.rep_delay is None else options.rep_delay
    return _OVERHEAD_SECONDS + (rep_delay + _CIRCUIT_SECONDS) * executions
