"""The fixtures of `tests.modes.staging` for this folder."""

from tests.modes.staging import manila, runtime, stage, timed

__all__ = ["manila", "runtime", "stage", "timed"]
