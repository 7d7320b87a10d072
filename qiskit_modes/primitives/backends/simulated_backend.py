"""The backend whose noise acts: the user's, or one with a noise model from older options."""

from __future__ import annotations

from typing import Any

from qiskit.providers import BackendV2
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel

from qiskit_modes.caches import BoundedCache
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.simulation.backends.kinds import describe

__all__ = [
    "noise_model_of",
    "refusals_with_noise",
    "rounding_of",
    "simulated_backend",
]

_STABILIZER_METHODS = frozenset({"stabilizer", "extended_stabilizer"})
_STABILIZER_DECIMALS = 5
"""Upstream's default: what rounding left of a quarter turn becomes a quarter turn again."""

# By the identity of a noise model, which the entry keeps alive, so that no identity is reused, and
# by all options of the simulator; the same model gets the same backend, whose circuits need not be
# compiled anew for every job.
_backends: BoundedCache[tuple[int, str], tuple[NoiseModel, BackendV2]] = BoundedCache(16)


def simulated_backend(backend: BackendV2, noise_model: Any) -> BackendV2:
    """Return the backend whose noise and method count.

    Args:
        backend: The backend that jobs are for; the options of one of Aer's hold, too.
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
    chosen = dict(describe(backend).options_set)
    chosen.pop("noise_model", None)
    key = id(noise_model), repr(sorted(chosen.items()))
    known = _backends.get(key)
    if known is None:
        simulator = AerSimulator(noise_model=noise_model, method=chosen.pop("method", None))
        simulator.options.update_options(**chosen)
        known = noise_model, simulator
        _backends.put(key, known)
    return known[1]


def noise_model_of(backend: BackendV2) -> NoiseModel:
    """Return a backend's whole noise as a noise model of Aer; that of a large device takes seconds.

    Raises:
        InvalidInputError: If it is no backend of Qiskit's, of its second version.
    """
    if not isinstance(backend, BackendV2):
        raise InvalidInputError(
            f"set_backend expects a qiskit.providers.BackendV2, not {type(backend).__name__}."
        )
    return describe(backend).noise_model()


def refusals_with_noise(backend: BackendV2, noise_model: Any) -> list[str]:
    """Return a sentence for each option of a backend that goes with its own noise only.

    Args:
        backend: The backend that jobs are for; what cannot be honoured with its own noise, too, is
            left to `BackendDescription.refusals`.
        noise_model: As for `simulated_backend`.

    Raises:
        InvalidInputError: If that is no noise model of Aer.
    """
    simulated = simulated_backend(backend, noise_model)
    if simulated is backend:
        return []
    known = describe(backend).refusals()
    return [each for each in describe(simulated).refusals() if each not in known]


def rounding_of(backend: BackendV2, angle_decimals: int | None) -> int | None:
    """Return to how many decimals of a quarter turn angles are rounded; None: not at all.

    Rounding makes angles equal that an optimizer takes for different, so it happens only where the
    user asks for it, or where a stabilizer method would refuse an angle for its rounding error.
    """
    if angle_decimals is None and describe(backend).choice.method in _STABILIZER_METHODS:
        return _STABILIZER_DECIMALS
    return angle_decimals
