"""The component of a circuit of which nothing is asked but the value of one observable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.run.component import Bits, OneWay, ParameterSets
from qiskit_modes.simulation.run.cost import Cost
from qiskit_modes.simulation.run.outcomes import Outcomes
from qiskit_modes.simulation.run.propagation.terms import PauliTerms, propagated

__all__ = ["RECORDED_BITS", "PropagationComponent", "PropagationStep", "recorded_values"]

RECORDED_BITS = 128
"""A shot records two numbers: a value, and a bound of its standard deviation."""

BYTES_PER_TERM = 400
"""Of 127 qubits, while a channel makes four of each."""


class PropagationStep(NamedTuple):
    """A linear map."""

    qubits: tuple[int, ...]
    transfer: RealArray | None
    """Its Pauli transfer matrix; None if it depends on angles."""
    product: tuple[int, int] | None
    """Then which of the products of factors it is."""


@dataclass(frozen=True, eq=False)
class PropagationComponent(OneWay):
    """An observable that is taken back through a circuit, for every shot by other chances.

    What it records are no outcomes: each shot is a value with the right mean, see `propagated`.
    """

    steps: tuple[PropagationStep, ...]
    """In the order of time."""
    terms: tuple[tuple[float, tuple[int, ...]], ...]
    """The observable: coefficients, and which qubits have a Z."""
    num_qubits: int
    max_terms: int
    cost: Cost
    clbits: ClassVar[tuple[int, ...]] = tuple(range(RECORDED_BITS))
    device: ClassVar[str] = "CPU"
    draws_shots: ClassVar[bool] = True
    records_one_bit: ClassVar[bool] = False
    holds_up_others: ClassVar[bool] = True
    block_shots: ClassVar[int] = 1
    peak: ClassVar[int] = 1

    @property
    def method(self) -> str:
        """Tell how it is simulated."""
        return f"Pauli propagation with at most {self.max_terms:,} terms"

    def peak_bytes(self, num_sets: int) -> int:
        """Return the memory of the terms; parameter sets come one after another."""
        del num_sets
        return BYTES_PER_TERM * self.max_terms

    def outcomes(self, sets: ParameterSets) -> Outcomes:
        """Fail: there are no outcomes.

        Raises:
            UnsupportedCircuitError: Always.
        """
        # Here and not above: a worker that runs programs needs no Qiskit.
        from qiskit_modes.exceptions import UnsupportedCircuitError

        del sets
        raise UnsupportedCircuitError("Pauli propagation gives the values of observables only.")

    def sample(self, sets: ParameterSets, shots: int, generator: np.random.Generator) -> Bits:
        """Return values of one parameter set, as bits of shape (shots, 128)."""
        steps = [(step.qubits, _transfer(step, sets.products)) for step in self.steps]
        observable = PauliTerms.of_z(self.num_qubits, self.terms)
        numbers = [propagated(observable, steps, self.max_terms, generator) for _ in range(shots)]
        return _bits_of(np.array(numbers))


def recorded_values(packed: npt.NDArray[np.uint8]) -> RealArray:
    """Return what shots recorded: values and bounds, shape (..., 2).

    Args:
        packed: Shape (..., 16), bit 0 the lowest bit of the last byte.
    """
    values: RealArray = np.ascontiguousarray(packed[..., ::-1]).view("<f8")
    return values


def _bits_of(numbers: RealArray) -> Bits:
    """Return rows of two numbers as bits, from which `recorded_values` makes them again."""
    written = np.ascontiguousarray(numbers, dtype="<f8").view(np.uint8)
    return np.unpackbits(written, axis=1, bitorder="little").astype(np.bool_)


def _transfer(step: PropagationStep, products: Sequence[RealArray]) -> RealArray:
    if step.transfer is not None:
        return step.transfer
    assert step.product is not None
    stack, place = step.product
    matrix: RealArray = products[stack][0, place].T
    return matrix
