"""The sampler: circuits in, shots out."""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.primitives.sampler.sampler import SamplerV2

__all__ = ["SamplerV2"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "SamplerV2": "qiskit_modes.primitives.sampler.sampler",
    },
)
