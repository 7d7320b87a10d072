"""Reading a program's parameters: JSON with circuits and arrays in it, from anybody.

The format is that of the client's public `RuntimeEncoder`. Its decoder makes whatever class of
whatever module a text names; this one refuses every type that a program has no use for, and looks
at sizes before it makes anything.
"""

from __future__ import annotations

import base64
import io
import json
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.qpy import QPY_VERSION, get_qpy_version
from qiskit.quantum_info import PauliList
from qiskit_ibm_runtime import RuntimeDecoder

from qiskit_modes.caches import BoundedCache
from qiskit_modes.wire.api_error import ApiError, Code

__all__ = ["MOST_INFLATED_BYTES", "Inflater", "check_qpy_version", "decode_params", "unreadable"]

MOST_INFLATED_BYTES = 256 * 2**20
"""What the circuits and arrays of one request may take together, inflated. The service itself has
a limit of 50 MB for what is sent, and circuits are packed to about a tenth."""

_PACKED = frozenset({"QuantumCircuit", "Instruction", "ndarray"})
_LEARNED_NOISE = frozenset({"LayerError", "PauliLindbladError", "NoiseLearnerResult"})
_LEARNED_NOISE_MODULES = frozenset(
    {"qiskit_ibm_runtime.results.noise_learner", "qiskit_ibm_runtime.utils.noise_learner_result"}
)
_GENERATORS = (PauliList.__module__, PauliList.__name__)
_PLAIN = frozenset(
    {
        "NoiseLearnerResult",
        "ObservablesArray",
        "Parameter",
        "PauliLindbladMap",
        "complex",
        "datetime",
        "set",
    }
)
_LEFT_AS_IT_IS = "NoiseModel"
"""No program takes one; the refusal of the option that it belongs to says what to do instead."""


def decode_params(params: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Read the parameters of a program.

    Args:
        params: JSON text, or what a plain JSON decoder made of it.

    Returns:
        The text, and the parameters with their circuits and arrays.

    Raises:
        ApiError: If they cannot be read; status 400.
    """
    try:
        text = params if isinstance(params, str) else json.dumps(params)
        decoded = json.loads(text, cls=_Decoder)
    except ApiError:
        raise
    except RecursionError:
        raise unreadable("they are nested too deeply") from None
    except Exception as error:  # parsers of foreign bytes fail in many ways
        raise unreadable(f"{type(error).__name__}: {error}") from error
    if not isinstance(decoded, dict):
        raise unreadable(f"expected an object, found {type(decoded).__name__}")
    return text, decoded


class Inflater:
    """Unpacks what is packed in one request, and stops when it is too much together."""

    def __init__(self) -> None:
        self._left = self._most = MOST_INFLATED_BYTES

    def inflate(self, packed: str) -> bytes:
        """Return what was packed with zlib and base64.

        Raises:
            ApiError: If it is too much; status 400.
        """
        inflater = zlib.decompressobj()
        data = inflater.decompress(base64.standard_b64decode(packed), self._left + 1)
        self.count(data)
        return data

    def count(self, data: bytes) -> None:
        """Count what is as large as it was sent.

        Raises:
            ApiError: If it is too much; status 400.
        """
        self._left -= len(data)
        if self._left < 0:
            raise unreadable(f"inflated, they are more than {self._most // 2**20} MiB")


def check_qpy_version(data: bytes) -> None:
    """Check that circuits can be read by the Qiskit that is installed here.

    Raises:
        ApiError: If they were written by a newer one; status 400.
    """
    version = get_qpy_version(io.BytesIO(data))
    if version > QPY_VERSION:
        raise unreadable(
            f"the circuits are in QPY version {version}, and the Qiskit of this service reads "
            f"versions up to {QPY_VERSION}; use the Qiskit version of the service, or upgrade it"
        )


def unreadable(why: str) -> ApiError:
    """Return the error of parameters that cannot be read."""
    return ApiError(400, Code.INVALID, f"The parameters of the program cannot be read: {why}")


class _Decoder(RuntimeDecoder):
    """The client's decoder, for the types that programs use."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._inflater = Inflater()

    def object_hook(self, obj: Any) -> Any:
        kind, value = obj.get("__type__"), obj.get("__value__")
        if kind is None or kind == _LEFT_AS_IT_IS:
            return obj
        if kind in _PACKED and isinstance(value, str):
            if kind == "ndarray" and len(value) >= _SHORTEST_ARRAY:
                return _read_array(self._inflater.inflate(value))
            if kind == "QuantumCircuit":
                return self._circuit(obj, value)
            if kind == "Instruction":
                check_qpy_version(self._inflater.inflate(value))
        elif kind == "_json":
            if (
                obj.get("__module__") not in _LEARNED_NOISE_MODULES
                or obj.get("__class__") not in _LEARNED_NOISE
            ):
                raise unreadable(f"a program has no use for a {obj.get('__class__')!r}")
        elif kind == "settings":
            _check_generators(obj, value)
        elif kind not in _PLAIN | _PACKED:
            raise unreadable(f"a program has no use for the type {kind!r}")
        return super().object_hook(obj)

    def _circuit(self, obj: dict[str, Any], packed: str) -> QuantumCircuit:
        """Return a circuit; what it is read for copies it, so that it can be kept.

        An optimisation sends the same circuit again and again, and reading one takes longer than
        all else that a request does.
        """
        known = _circuits.get(packed)
        if known is None:
            check_qpy_version(self._inflater.inflate(packed))
            known = super().object_hook(obj)
            if len(packed) <= _LONGEST_KEPT:
                _circuits.put(packed, known)
        return known


def _check_generators(obj: Mapping[str, Any], value: Any) -> None:
    """Check that what is made of its settings is a PauliList, which learned noise has."""
    if (obj.get("__module__"), obj.get("__class__")) != _GENERATORS:
        raise unreadable("a program has no use for the type 'settings' but of a PauliList")
    labels = value.get("data") if isinstance(value, Mapping) and set(value) == {"data"} else None
    if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        raise unreadable("the data of a PauliList must be a list of Pauli strings")


_SHORTEST_ARRAY = 40
"""Characters. The header of an array alone takes more, packed; an option's word takes less."""

_LONGEST_KEPT = 128 * 2**10
"""Characters of a packed circuit that is kept: some ten thousand gates, and some megabytes read."""

_circuits: BoundedCache[str, QuantumCircuit] = BoundedCache(32)
"""Circuits that came lately, by their text."""


def _read_array(data: bytes) -> NDArray[Any]:
    """Return an array that numpy has saved, without a copy; one of objects is refused."""
    file = io.BytesIO(data)
    major, _ = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    )
    shape, by_columns, dtype = read(file)
    start = file.tell()
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - start:
        raise unreadable("an array is not of the size that it says")
    array = np.frombuffer(data, dtype, offset=start) if math.prod(shape) else np.empty(0, dtype)
    return array.reshape(shape, order="F" if by_columns else "C")
