"""A job of PUBs that was checked, and could be submitted."""

from __future__ import annotations

from dataclasses import dataclass

from qiskit import QuantumCircuit
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qiskit_modes.primitives.options.job_settings import JobSettings
from qiskit_modes.runtime.steps import Steps

__all__ = ["PreparedJob"]


@dataclass(frozen=True)
class PreparedJob:
    """A job that a sampler or an estimator makes of the arguments of its ``run()``."""

    primitive: str
    """``"sampler"`` or ``"estimator"``."""

    options: JobSettings
    """What the options say about it."""

    steps: Steps

    pubs: tuple[SamplerPub, ...] | tuple[EstimatorPub, ...]
    """What was passed, copied and with every number filled in."""

    executions: int
    """How often a circuit is executed, all PUBs, parameter sets and shots together."""

    folded: tuple[float, ...] = (1.0,)
    """The noise factors for which gates on two qubits are folded."""

    def circuits(self) -> list[tuple[str, QuantumCircuit]]:
        """Return the circuits of the PUBs, each with the words for it."""
        return [(f"the circuit of PUB {n}", pub.circuit) for n, pub in enumerate(self.pubs)]
