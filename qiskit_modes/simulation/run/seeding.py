"""Random streams that are begun by numbers of Python, and drawn from by generators used again.

The first thing that a job asks of numpy's `SeedSequence` and `PCG64` takes several times as long as
their arithmetic, since nothing of them is in the processor's caches any more. Here that arithmetic
is done by Python: it comes to the same bits, which numpy promises never to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

__all__ = ["POOL_WORDS", "begun", "give_back"]

POOL_WORDS = 4
"""So many words of a seed `SeedSequence` mixes among each other before the others come."""

_WORD = 0xFFFFFFFF
_LEFT, _RIGHT = 0xCA01F9DD, 0x4973F715
_MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
"""By which `PCG64` multiplies its state of 128 bits."""
_STATE = (1 << 128) - 1


def _constants(first: int, factor: int, number: int) -> list[tuple[int, int]]:
    """Return what so many words are met by, one after the other: a mask and a factor."""
    members = [first]
    for _ in range(number):
        members.append(members[-1] * factor & _WORD)
    return list(pairwise(members))


_MOST_WORDS = 16
_IN = _constants(0x43B0D7E5, 0x931E8875, POOL_WORDS * _MOST_WORDS)
_OUT = _constants(0x8B51F9DD, 0x58F38DED, 8)


def _mixings() -> list[list[tuple[int, int, int]]]:
    """Return where each word is mixed in, all but in itself, and what it is met by there."""
    constants = iter(_IN[POOL_WORDS:])
    return [
        [(at, *next(constants)) for at in range(POOL_WORDS) if at != source]
        for source in range(_MOST_WORDS)
    ]


_MIXINGS = _mixings()

_idle: list[np.random.Generator] = []
"""Those that nobody draws from; taken and given back in one step each."""


def begun(words: Sequence[int]) -> np.random.Generator:
    """Return a generator that begins as one of ``PCG64(SeedSequence(words))``.

    Sooner where that is done once, and later where it is done over and over again.

    Args:
        words: Of 32 bits each, at least four.
    """
    if len(words) > _MOST_WORDS:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))
    a, b, c, d, e, f, g, h = _spread(_mixed(words))
    increment = (f << 97 | e << 65 | h << 33 | g << 1 | 1) & _STATE
    state = (b << 96 | a << 64 | d << 32 | c) + increment
    try:
        generator = _idle.pop()
    except IndexError:
        generator = np.random.Generator(np.random.PCG64(0))
    generator.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": (state * _MULTIPLIER + increment) & _STATE, "inc": increment},
        "has_uint32": 0,
        "uinteger": 0,
    }
    return generator


def give_back(generator: np.random.Generator) -> None:
    """Take back a generator that `begun` has returned, and that nobody draws from any more."""
    _idle.append(generator)


def _mixed(words: Sequence[int]) -> list[int]:
    """Return the pool of ``SeedSequence(words)``."""
    pool: list[int] = []
    for word, (mask, factor) in zip(words[:POOL_WORDS], _IN, strict=False):
        hashed = (word ^ mask) * factor & _WORD
        pool.append(hashed ^ hashed >> 16)
    for source, word in enumerate(words):
        mixed_in = pool[source] if source < POOL_WORDS else word
        for at, mask, factor in _MIXINGS[source]:
            hashed = (mixed_in ^ mask) * factor & _WORD
            mixed = _LEFT * pool[at] - _RIGHT * (hashed ^ hashed >> 16) & _WORD
            pool[at] = mixed ^ mixed >> 16
    return pool


def _spread(pool: Sequence[int]) -> list[int]:
    """Return the eight words that a pool gives ``PCG64``."""
    words = []
    for (mask, factor), word in zip(_OUT, [*pool, *pool], strict=True):
        hashed = (word ^ mask) * factor & _WORD
        words.append(hashed ^ hashed >> 16)
    return words
