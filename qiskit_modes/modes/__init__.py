"""Session and batch mode, and the rules by which a primitive finds its mode."""

from qiskit_modes.modes.batch import Batch
from qiskit_modes.modes.resolution import Resolution, resolve_mode
from qiskit_modes.modes.session import Session, current_session

__all__ = ["Batch", "Resolution", "Session", "current_session", "resolve_mode"]
