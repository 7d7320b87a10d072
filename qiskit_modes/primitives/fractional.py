"""Fakes with fractional gates, where 0.1 had them: what was pickled there names this module."""

from qiskit_modes.primitives.backends.fractional import _unpickled, with_fractional_gates

__all__ = ["_unpickled", "with_fractional_gates"]
