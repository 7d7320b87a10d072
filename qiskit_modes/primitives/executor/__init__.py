"""The executor: quantum programs in, bits out."""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.primitives.executor.executor import Executor

__all__ = ["Executor"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Executor": "qiskit_modes.primitives.executor.executor",
    },
)
