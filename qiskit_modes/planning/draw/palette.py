"""Colours that people with any kind of sight can tell apart: those of Okabe and Ito."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["INK", "MUTED", "PAPER", "STRENGTH", "owner_colours", "tint"]

INK = "#1f2933"
MUTED = "#5f6c7b"
PAPER = "#ffffff"

STRENGTH = {"compile": 0.35, "execute": 1.0, "post_process": 0.6, "abandon": 0.15}
"""How much of its owner's colour the step of a job has."""

_MINE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_OTHERS = ("#8a8f98", "#6b5f7a", "#7a7356")
"""Greys: who else is there matters less."""


def owner_colours(mine: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Return a colour for each of some names; the own ones first, the others in greys."""
    colours = {name: _MINE[number % len(_MINE)] for number, name in enumerate(mine)}
    return colours | {name: _OTHERS[n % len(_OTHERS)] for n, name in enumerate(others)}


def tint(colour: str, strength: float) -> str:
    """Return a colour mixed with white.

    Args:
        colour: As ``#rrggbb``.
        strength: How much of it is left: 1 for all, 0 for white.

    Example:
        >>> tint("#0072b2", 0.5)
        '#80b8d8'
    """
    parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    mixed = [round(part * strength + 255 * (1 - strength)) for part in parts]
    return "#" + "".join(f"{part:02x}" for part in mixed)
