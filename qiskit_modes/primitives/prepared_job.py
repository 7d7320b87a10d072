"""A job that was checked and counted, and could be submitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from qiskit import QuantumCircuit

from qiskit_modes.primitives.options.job_settings import JobSettings
from qiskit_modes.runtime.steps import Steps

__all__ = ["PreparedJob"]


class PreparedJob(NamedTuple):
    """A job that a primitive makes of the arguments of its ``run()``."""

    primitive: str
    """The service's name of the program, such as ``"sampler"``."""

    options: JobSettings
    """What the options say about it."""

    steps: Steps

    inputs: dict[str, Any]
    """What was passed, copied and with every number filled in, to be shown by the job; its options
    too, where they were read for it already."""

    circuits: Sequence[tuple[str, QuantumCircuit]]
    """The circuits whose gates count against the plan, each with the words for it."""

    executions: int
    """How often a circuit is executed, all circuits, parameter sets and shots together."""

    folded: tuple[float, ...] = (1.0,)
    """The noise factors for which gates on two qubits are folded."""

    remarks: tuple[str, ...] = ()
    """What its user should know when it is submitted."""

    check_simulation: Callable[[], None] = lambda: None
    """Raises if it is seen at a glance that it cannot be simulated here; for what is run, not for
    estimates of what hardware would charge."""
