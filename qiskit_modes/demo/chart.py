"""Small drawings of characters: curves in braille, and bars over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text

__all__ = ["Curve", "bars", "curves", "nice_step", "time_axis"]

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a braille character, by row and column."""

_BLOCKS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Curve:
    """Values at 0, 1, 2, ..., none below 0, and how to draw them."""

    values: Sequence[float]
    style: str


def curves(
    drawn: Sequence[Curve], *, high: float, length: int, width: int, height: int
) -> list[Text]:
    """Draw curves into a box of ``width`` by ``height`` characters.

    Args:
        drawn: The curves; where two meet in a character, the last one gives it its colour.
        high: The value at the upper edge; at the lower one it is 0.
        length: How many values fit into the width.
        width: In characters.
        height: In characters.

    Returns:
        The lines, from the top.
    """
    bits = [[0] * width for _ in range(height)]
    styles = [[""] * width for _ in range(height)]
    for curve in drawn:
        for x, y in _dots(curve.values, high, length, width * 2, height * 4):
            row, column = y // 4, x // 2
            bits[row][column] |= _DOTS[y % 4][x % 2]
            styles[row][column] = curve.style
    return [
        Text.assemble(*((chr(_BRAILLE + b) if b else " ", s) for b, s in zip(*row, strict=True)))
        for row in zip(bits, styles, strict=True)
    ]


def _dots(
    values: Sequence[float], high: float, length: int, columns: int, rows: int
) -> Iterable[tuple[int, int]]:
    """Yield the dots of a line through all values."""
    scale = (columns - 1) / max(length - 1, 1)
    before: tuple[int, int] | None = None
    for position, value in enumerate(values):
        share = min(max(value / high, 0.0), 1.0)
        here = round(position * scale), round((1.0 - share) * (rows - 1))
        if before is None:
            yield here
        else:
            yield from _line(before, here)
        before = here


def _line(start: tuple[int, int], end: tuple[int, int]) -> Iterable[tuple[int, int]]:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    for step in range(1, steps + 1):
        yield tuple(round(a + (b - a) * step / steps) for a, b in zip(start, end, strict=True))  # type: ignore[misc]


def nice_step(length: float, most: int) -> float:
    """Return the smallest of 0.1, 0.2, 0.5, 1, 2, 5, ... of which at most ``most`` fill ``length``.

    Example:
        >>> nice_step(9.0, 60), nice_step(35.0, 60)
        (0.2, 1.0)
    """
    step = 0.1
    for factor in (2.0, 2.5, 2.0) * 10:
        if length <= step * most:
            break
        step *= factor
    return round(step, 6)


def bars(intervals: Iterable[tuple[float, float]], *, step: float, width: int) -> str:
    """Draw how much of each step of time some intervals fill, one character a step.

    Args:
        intervals: Disjoint; start and end of each, in seconds from the left edge.
        step: Seconds in one character.
        width: In characters.

    Example:
        >>> bars([(0.0, 0.5), (1.0, 3.0)], step=1.0, width=4)
        '▄██ '
    """
    filled = [0.0] * width
    for start, end in intervals:
        for column in range(max(int(start / step), 0), min(int(end / step), width - 1) + 1):
            overlap = min(end, (column + 1) * step) - max(start, column * step)
            filled[column] += max(overlap, 0.0) / step
    # Whatever there is at all is shown.
    levels = (0 if share <= 0 else min(max(round(share * 8), 1), 8) for share in filled)
    return "".join(_BLOCKS[level] for level in levels)


def time_axis(step: float, width: int) -> str:
    """Return labels in seconds for an axis of ``width`` characters.

    Example:
        >>> time_axis(0.5, 25)
        '0 s       5         10   '
    """
    every = nice_step(step * width / 4, 1)
    text = "0 s"
    mark = every
    while (column := round(mark / step)) + 3 <= width:
        if column > len(text):
            text = f"{text:<{column}}{mark:g}"
        mark += every
    return f"{text:<{width}}"
