"""Recordings: what a program ran and when, written down as it happens."""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.planning.recording.recorded_job import RecordedJob
    from qiskit_modes.planning.recording.recording import RecordedWorkload, Recording

__all__ = ["RecordedJob", "RecordedWorkload", "Recording"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "RecordedJob": f"{__name__}.recorded_job",
        **dict.fromkeys(("RecordedWorkload", "Recording"), f"{__name__}.recording"),
    },
)
