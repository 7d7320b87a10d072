"""Ends of programs whose jobs have not all finished: they are cancelled, and named once."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Protocol

from qiskit_modes.exceptions import OutstandingJobsWarning
from qiskit_modes.runtime.threads.process_end import call_before_exit
from qiskit_modes.warn import warn_at_users_line

if TYPE_CHECKING:
    from qiskit_modes.runtime.records import JobRecord

__all__ = ["end_with_process"]


class _Runtime(Protocol):
    """Runtime that ends with its process."""

    @property
    def is_of_this_process(self) -> bool:
        """Tell whether it runs here, and not in the process from which this was forked."""
        ...

    def shut_down(self) -> list[JobRecord]:
        """End everything, and return the jobs that had not finished."""
        ...


def end_with_process(runtime: weakref.ref[_Runtime]) -> None:
    """Have a runtime shut down before its process ends, unless it is gone by then.

    Args:
        runtime: Which one; asked for a second time, it is shut down by the first that comes.
    """
    call_before_exit(partial(_shut_down, runtime))


def _shut_down(reference: weakref.ref[_Runtime]) -> None:
    living = reference()
    if living is not None and living.is_of_this_process:
        _warn_of(living.shut_down())


def _warn_of(outstanding: list[JobRecord]) -> None:
    if not outstanding:
        return
    names = ", ".join(f"{job.primitive_id} job {job.id}" for job in outstanding[:5])
    more = f" and {len(outstanding) - 5} more" if len(outstanding) > 5 else ""
    warn_at_users_line(
        f"The program ended while {len(outstanding)} job(s) had not finished; they were "
        f"cancelled: {names}{more}. Call result() on a job to wait for it.",
        OutstandingJobsWarning,
    )
