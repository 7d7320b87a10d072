"""Arrays in the client's schemas."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DTYPES", "tensor"]

DTYPES = {
    "b1": "bool",
    "c16": "c128",
    "c8": "c64",
    "f2": "f16",
    "f4": "f32",
    "f8": "f64",
    "i1": "i8",
    "i2": "i16",
    "i4": "i32",
    "i8": "i64",
    "u1": "u8",
    "u2": "u16",
    "u4": "u32",
    "u8": "u64",
}
"""The schema's names of the types of numbers, by numpy's."""


def tensor(array: NDArray[Any], *, compressed: bool) -> dict[str, Any]:
    """Return an array as the schemas have it: little-endian, in C order, bits from the lowest.

    Args:
        array: Of numbers or of bits, of any shape.
        compressed: Whether it is packed with zlib, too, and not with base64 only.
    """
    kind = DTYPES[array.dtype.str[1:]]
    if kind == "bool":
        data = np.packbits(array, bitorder="little").tobytes()
    else:
        data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    packed = base64.b64encode(zlib.compress(data) if compressed else data).decode()
    return {"data": packed, "shape": list(array.shape), "dtype": kind}
