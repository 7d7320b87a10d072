"""Whose noise acts: the backend's, or that of a noise model that older options bring along."""

from __future__ import annotations

from typing import Any

from qiskit.providers import BackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.bounded_cache import BoundedCache

__all__ = ["is_noiseless", "rounding_of", "simulated_backend"]

_STABILIZER_METHODS = frozenset({"stabilizer", "extended_stabilizer"})
_STABILIZER_DECIMALS = 5
"""Upstream's default: what rounding left of a quarter turn becomes a quarter turn again."""

# By the identity of a noise model, which the entry keeps alive, so that no identity is reused; the
# same model gets the same backend, whose circuits need not be compiled anew for every job.
_backends: BoundedCache[tuple[int, str], tuple[NoiseModel, BackendV2]] = BoundedCache(16)


def simulated_backend(backend: BackendV2, noise_model: Any) -> BackendV2:
    """Return the backend whose noise and method count.

    Args:
        backend: The backend that jobs are for.
        noise_model: ``simulator.noise_model`` of the older options, or None.

    Raises:
        InvalidInputError: If that is no noise model of Aer.
    """
    if noise_model is None:
        return backend
    if not isinstance(noise_model, NoiseModel):
        raise InvalidInputError(
            "simulator.noise_model must be a qiskit_aer.noise.NoiseModel, not "
            f"{type(noise_model).__name__}. Build one, for example with "
            "NoiseModel.from_backend(backend)."
        )
    method = backend.options.method if isinstance(backend, AerSimulator) else "automatic"
    known = _backends.get((id(noise_model), method))
    if known is None:
        known = noise_model, AerSimulator(noise_model=noise_model, method=method)
        _backends.put((id(noise_model), method), known)
    return known[1]


def is_noiseless(backend: BackendV2) -> bool:
    """Return True for a simulator of Aer without noise."""
    if not isinstance(backend, AerSimulator):
        return False
    model = backend.options.noise_model
    return model is None or model.is_ideal()


def rounding_of(backend: BackendV2, angle_decimals: int | None) -> int | None:
    """Return to how many decimals of a quarter turn angles are rounded; None: not at all.

    Rounding makes angles equal that an optimizer takes for different, so it happens only where the
    user asks for it, or where a stabilizer method would refuse an angle for its rounding error.
    """
    if angle_decimals is None and isinstance(backend, AerSimulator):
        return _STABILIZER_DECIMALS if backend.options.method in _STABILIZER_METHODS else None
    return angle_decimals
