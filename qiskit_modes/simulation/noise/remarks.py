"""Remarks on the noise that a circuit was given: what is broken, and what is assumed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from qiskit.transpiler import Target

__all__ = ["Reports", "broken", "remarks", "written"]

Place = tuple[str, tuple[int, ...]]
"""An instruction by its name, and its qubits."""

BROKEN = 1.0
"""An error with which backends report what does not work."""


def broken(target: Target | None, places: Iterable[Place]) -> list[Place]:
    """Return the places where an instruction is reported not to work, in order."""
    found = []
    tables: dict[str, Any] = {}
    for name, qubits in places:
        if target is None or name not in target:
            continue
        if name not in tables:
            tables[name] = target[name] or {}  # made anew for each access
        properties = tables[name].get(qubits)
        if properties is not None and properties.error is not None and properties.error >= BROKEN:
            found.append((name, qubits))
    return sorted(set(found))


def written(place: Place) -> str:
    """Return the name of a place for people.

    Example:
        >>> written(("cz", (15, 19))), written(("x", (19,)))
        ('cz on qubits 15, 19', 'x on qubit 19')
    """
    name, qubits = place
    return f"{name} on qubit{'s' if len(qubits) > 1 else ''} {', '.join(map(str, qubits))}"


class Reports(Protocol):
    """Teller of the errors that are reported, such as the description of a backend."""

    @property
    def reported(self) -> Target | None:
        """Report of errors; None where there is none."""

    @property
    def assumed_errors(self) -> Mapping[str, str]:
        """Gates of which the errors are taken for those without any report, by their names."""


def remarks(backend: Reports, read: Collection[tuple[Any, ...]]) -> dict[str, Any]:
    """Return what the metadata of a result is to say beside what noise acted.

    Args:
        backend: Whose noise it is.
        read: The keys of the facts that went into the circuit's noise.

    Returns:
        ``broken``, the instructions that are reported not to work; ``assumed``, by the name of an
        instruction of which nothing is reported, whose errors and durations it was given. Either
        is left out where there is nothing to say.
    """
    places = [(key[1], key[2]) for key in read if key[0] == "gate"]
    said: dict[str, Any] = {}
    if names := broken(backend.reported if places else None, places):
        said["broken"] = [written(place) for place in names]
    assumed = backend.assumed_errors
    if used := sorted({name for name, _ in places if name in assumed}):
        said["assumed"] = {name: f"errors and durations of {assumed[name]}" for name in used}
    return said
