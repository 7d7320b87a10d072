"""Random streams: one for each place in a program, whoever draws from it, and when.

What a stream begins with is a digest of the seed and the place, which is all of the state that an
`SFC64` has: none depends on another one, nor on how a job was divided. That takes less than numpy's
`SeedSequence`, and less than making a generator, so those that nobody draws from any more are used
again.
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["give_back", "stream"]

_STATE_BYTES = 32

_idle: list[np.random.Generator] = []
"""Those that nobody draws from; taken and given back in one step each."""


def stream(seed: int, *place: int) -> np.random.Generator:
    """Return the random numbers of one place in a program.

    Streams of different seeds or places are independent. They are the same in every process.

    Args:
        seed: The program's; at least 0.
        place: Run, parameter set and component, and the block of shots where there are blocks.
    """
    if seed < 0:
        raise ValueError(f"expected a seed of at least 0, found {seed}")
    written = b" %d" * (1 + len(place)) % (seed, *place)
    digest = hashlib.blake2b(written, digest_size=_STATE_BYTES).digest()
    try:
        generator = _idle.pop()
    except IndexError:
        generator = np.random.Generator(np.random.SFC64(0))
    generator.bit_generator.state = {
        "bit_generator": "SFC64",
        "state": {"state": np.frombuffer(digest, "<u8")},
        "has_uint32": 0,
        "uinteger": 0,
    }
    return generator


def give_back(generator: np.random.Generator) -> None:
    """Take back a generator that `stream` has returned, and that nobody draws from any more."""
    _idle.append(generator)
