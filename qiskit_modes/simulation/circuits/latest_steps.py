"""The instructions of the circuit that was read last: most often it is compiled next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from qiskit.circuit import CircuitInstruction

__all__ = ["Steps", "keep_steps", "take_steps"]

_MOST_STEPS = 4096
"""A circuit with more of them is read twice, which matters least there."""


class Steps(NamedTuple):
    """Instructions of a circuit, and where they act."""

    key: bytes
    """The fingerprint of the circuit."""
    steps: Sequence[CircuitInstruction]
    bits: Sequence[list[int]]
    """For each of them the numbers of its qubits; then, if it has any, -1 and its classical bits.
    Nobody changes them."""


_latest: list[Steps] = []
"""Those of the circuit that was read last, if any; replaced in one step."""


def keep_steps(key: bytes, steps: Sequence[CircuitInstruction], bits: Sequence[list[int]]) -> None:
    """Keep the instructions of a circuit until they are taken, or another one is read.

    Args:
        key: The fingerprint of the circuit, which has no parameters, and whose instructions hold
            nothing but numbers: they are those of any circuit with this fingerprint.
        steps: The instructions.
        bits: Where they act, see `Steps`.
    """
    if len(steps) <= _MOST_STEPS:
        _latest[:] = [Steps(key, steps, bits)]


def take_steps(key: bytes) -> Steps | None:
    """Return the instructions of the circuit with this fingerprint if it was read last.

    They are not kept any longer: what a circuit is compiled from is let go at once, while it is
    still in the processor's caches.
    """
    for latest in _latest:
        if latest.key == key:
            _latest.clear()  # with those of another thread's circuit, if it was read meanwhile
            return latest
    return None
