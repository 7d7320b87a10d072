"""Every error and warning that users of this package can meet.

Where the service's client raises one of IBM's exceptions, the same one is raised here; what only
exists here inherits from the fitting one, so that ``except`` clauses written for the service work::

    qiskit.exceptions.QiskitError
    └── IBMError
        ├── IBMInputValueError (also a ValueError)
        │   └── InvalidInputError            what was passed cannot be used
        │       ├── NotISAError              a circuit is not in the backend's instruction set
        │       ├── UnsupportedOptionError   an option that cannot be honoured here
        │       ├── UnsupportedCircuitError  a construct that the simulation does not know
        │       └── SimulationTooLargeError  more memory needed than there is
        └── IBMRuntimeError
            └── QiskitModesError             something went wrong while serving a request
                ├── RefusedError             the QPU's rules do not allow it
                ├── WorkerDiedError          the process that worked for a job died
                ├── ClusterError             a Dask cluster cannot be reached or used
                ├── StoreError               jobs cannot be kept, or read, where they should be
                │   └── NotStorableError     something that the store can never keep
                └── RuntimeClosedError       the runtime has been shut down
                    └── OtherProcessError    it is that of another process

    UserWarning
    └── QiskitModesWarning
        ├── BrokenHardwareWarning            a circuit uses what its backend reports as broken
        ├── ModeWarning                      a job does not run in the mode one might expect
        ├── OptionWithoutEffectWarning       an option tunes a feature that is off
        ├── OutstandingJobsWarning           jobs were cancelled because the program ended
        ├── StoreWarning                     the place where jobs are kept may lose them
        └── UnsupportedOptionWarning         an option is ignored, where a setting allows that

IBM's own exceptions that are raised as they are: ``RuntimeJobFailureError``,
``RuntimeJobMaxTimeoutError``, ``RuntimeJobTimeoutError``, ``RuntimeInvalidStateError``,
``RuntimeJobNotFound``, ``IBMInputValueError`` and ``IBMRuntimeError``. Several of them print their
message in quotes; the plain text is in ``message``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiskit_ibm_runtime.exceptions import IBMInputValueError, IBMRuntimeError

if TYPE_CHECKING:
    from qiskit_modes.scheduling.instructions import Refusal

__all__ = [
    "BrokenHardwareWarning",
    "ClusterError",
    "InvalidInputError",
    "ModeWarning",
    "NotISAError",
    "NotStorableError",
    "OptionWithoutEffectWarning",
    "OtherProcessError",
    "OutstandingJobsWarning",
    "QiskitModesError",
    "QiskitModesWarning",
    "RefusedError",
    "RuntimeClosedError",
    "SimulationTooLargeError",
    "StoreError",
    "StoreWarning",
    "UnsupportedCircuitError",
    "UnsupportedOptionError",
    "UnsupportedOptionWarning",
    "WorkerDiedError",
]


class InvalidInputError(IBMInputValueError):
    """Something that a user passed cannot be used; the message says what to pass instead."""


class NotISAError(InvalidInputError):
    """A circuit uses an instruction that its backend does not have on those qubits."""


class UnsupportedOptionError(InvalidInputError):
    """An option was set that cannot be honoured here, and nothing is dropped in silence."""


class UnsupportedCircuitError(InvalidInputError):
    """A circuit holds a construct that the simulation does not know."""


class SimulationTooLargeError(InvalidInputError):
    """A circuit needs more memory than there is.

    Args:
        message: What is too large, and the ways out.
        num_qubits: How many joined qubits would have to be simulated as one state.
        needed_bytes: Memory that this state would take.
        available_bytes: Memory that may be used.
    """

    def __init__(
        self, message: str, *, num_qubits: int, needed_bytes: int, available_bytes: int
    ) -> None:
        super().__init__(message)
        self.num_qubits = num_qubits
        self.needed_bytes = needed_bytes
        self.available_bytes = available_bytes

    def __reduce__(self) -> tuple[object, ...]:
        return _too_large, (self.message, self.num_qubits, self.needed_bytes, self.available_bytes)


def _too_large(
    message: str, num_qubits: int, needed_bytes: int, available_bytes: int
) -> SimulationTooLargeError:
    """Rebuild the error in another process: keyword arguments do not survive pickling alone."""
    return SimulationTooLargeError(
        message, num_qubits=num_qubits, needed_bytes=needed_bytes, available_bytes=available_bytes
    )


class QiskitModesError(IBMRuntimeError):
    """Something went wrong while a request was served."""


class RefusedError(QiskitModesError):
    """The rules of the QPU, the plan or the workload do not allow what was asked for.

    Args:
        message: What is not allowed, and what to do instead.
        refusal: Which kind of rule it was; None if nobody says.
    """

    def __init__(self, message: str, refusal: Refusal | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal

    def __reduce__(self) -> tuple[object, ...]:
        return RefusedError, (self.message, self.refusal)


class WorkerDiedError(QiskitModesError):
    """The process that compiled or executed a job's circuits died before it answered."""


class ClusterError(QiskitModesError):
    """A Dask cluster that is to execute programs cannot be reached, or not be used."""


class StoreError(QiskitModesError):
    """The store, in which jobs outlive their process, cannot be opened, read or written."""


class NotStorableError(StoreError):
    """The store can never keep this: it is too large for it, or text that it has no place for."""


class RuntimeClosedError(QiskitModesError):
    """The local runtime has been shut down and takes no more work."""


class OtherProcessError(RuntimeClosedError):
    """A handle stands for something of another process, from which this one got it."""


class QiskitModesWarning(UserWarning):
    """Base class of the warnings of this package; ``-W error`` turns them into errors."""


class BrokenHardwareWarning(QiskitModesWarning):
    """A circuit uses a qubit or a coupler that its backend reports not to work."""


class ModeWarning(QiskitModesWarning):
    """A job runs, or will run, in another mode than the code suggests."""


class OptionWithoutEffectWarning(QiskitModesWarning):
    """An option was set that has no effect, because what it tunes is off."""


class OutstandingJobsWarning(QiskitModesWarning):
    """Jobs that had not finished were cancelled because the program ended."""


class StoreWarning(QiskitModesWarning):
    """Jobs are kept where they may be lost, such as in SQLite on a network file system."""


class UnsupportedOptionWarning(QiskitModesWarning):
    """An option cannot be honoured and is ignored, because a setting says not to refuse it."""
