"""The fixtures of `tests.modes.staging` for this folder."""

from tests.modes.staging import runtime, stage, timed

__all__ = ["runtime", "stage", "timed"]
