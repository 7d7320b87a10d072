"""Finds the mode of a primitive's jobs, by the rules of the service's client.

| ``mode`` argument | no ``with`` around | inside ``with Session(...)`` or ``with Batch(...)`` |
| ----------------- | ------------------ | --------------------------------------------------- |
| None              | an error           | the innermost one                                   |
| a session, batch  | that one           | that one                                            |
| a backend         | job mode           | the innermost one, with a warning                   |
| one of another QPU| job mode           | an error                                            |

A backend is looked at again at every ``run()``, as the service's newer primitives do: a primitive
that was made outside and is run inside joins what it is run in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from qiskit.providers import BackendV2
from qiskit_ibm_runtime.exceptions import IBMInputValueError

from qiskit_modes.exceptions import InvalidInputError, ModeWarning
from qiskit_modes.modes.backends import belonging, check_backend, instance_of, is_backend
from qiskit_modes.modes.session import Session, current_session
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.records import JobMode, WorkloadRecord
from qiskit_modes.runtime.shared_runtime import default_runtime
from qiskit_modes.scheduling import Instance, Mode
from qiskit_modes.warn import warn

__all__ = ["Resolution", "resolve_mode"]

_ALONE = JobMode(Mode.JOB, "a backend was passed, and no session or batch is open here")
_JOINS = (
    "A backend was passed in as the mode but a session context manager is open so this job will "
    "run inside this session/batch instead of in job mode."
)
_DIFFERENT = (
    "The backend passed in to the primitive is different from the session backend. Please check "
    "which backend you intend to use or leave the mode parameter empty to use the session backend."
)


class Resolution(NamedTuple):
    """Place where a job will run."""

    session: Session | None
    """The session or batch; None for job mode."""
    backend: BackendV2
    """The backend whose noise counts."""
    mode: JobMode
    runtime: LocalRuntime
    instance: Instance

    @property
    def workload(self) -> WorkloadRecord | None:
        """The runtime's record of the session or batch."""
        return None if self.session is None else self.session.record


def resolve_mode(mode: Any) -> Resolution:
    """Return where a job with this ``mode`` runs when it is submitted here and now.

    Args:
        mode: A backend, a `Session`, a `Batch`, or None for the innermost ``with`` block.

    Raises:
        InvalidInputError: If it is none of these, or None without a ``with`` block.
        OtherProcessError: If its session is that of the process this one was forked from.
        IBMInputValueError: If it is a backend of another QPU than that of the ``with`` block.

    Warns:
        ModeWarning: If a backend was passed inside a ``with`` block.
    """
    around = current_session()
    if isinstance(mode, Session):
        kind = mode.record.core.mode
        return _in_session(mode, f"the {kind} was passed as mode")
    if mode is None:
        if around is None:
            raise InvalidInputError(
                "A backend or session must be specified. Pass mode=backend for job mode, "
                "mode=session for a session or batch, or make the primitive in the `with` block of "
                "one; a new thread does not know the `with` block it was started in"
            )
        return _in_session(around, f"it stands inside `with {type(around).__name__}(...)`")
    if not is_backend(mode):
        raise InvalidInputError(
            f"mode must be of type Backend, Session, Batch or None, not {type(mode).__name__}"
        )
    check_backend(mode)
    if around is None:
        runtime = belonging(mode).runtime or default_runtime()
        return Resolution(None, mode, _ALONE, runtime, instance_of(mode, runtime.instance))
    warn(_JOINS, ModeWarning)
    if around.runtime.qpu(mode) is not around.record.qpu:
        raise IBMInputValueError(_DIFFERENT)
    joined = _in_session(around, "a backend was passed, but inside a `with` block it joins that")
    return Resolution(around, mode, joined.mode, joined.runtime, joined.instance)


def _in_session(session: Session, reason: str) -> Resolution:
    session.runtime.check_process()
    record = session.record
    return Resolution(
        session,
        record.backend,
        JobMode(record.core.mode, reason),
        session.runtime,
        record.core.instance,
    )
