"""Recordings: what a program ran and when, written down as it happens."""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.planning.recording.recording import RecordedJob, RecordedWorkload, Recording

__all__ = ["RecordedJob", "RecordedWorkload", "Recording"]

__getattr__, __dir__ = lazy(__name__, dict.fromkeys(__all__, f"{__name__}.recording"))
