"""Summary of several simulations: what they have in common is said once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["summary"]


def summary(simulations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Say once what all simulations have in common, and only what differs as a list."""
    if simulations and simulations.count(simulations[0]) == len(simulations):
        return dict(simulations[0])
    told: dict[str, Any] = {}
    for key in dict.fromkeys(key for each in simulations for key in each):
        values = [each.get(key) for each in simulations]
        same = all(value == values[0] for value in values)
        told[key] = values[0] if same else values
    return told
