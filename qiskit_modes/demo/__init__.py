"""The demonstration: two searches for a molecule's energy share a session, a third user waits.

``scene`` is what happens, ``live`` and ``plain`` show it, ``claims`` checks what is said about it
against the records, ``report`` says it, and ``run_demo`` puts them together.
"""

from typing import TYPE_CHECKING

from qiskit_modes._lazy import lazy

if TYPE_CHECKING:
    from qiskit_modes.demo.run import run_demo
    from qiskit_modes.demo.settings import Settings

__all__ = ["Settings", "run_demo"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Settings": "qiskit_modes.demo.settings",
        "run_demo": "qiskit_modes.demo.run",
    },
)
