"""Compiles a circuit and an observable for Pauli propagation."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from qiskit import QuantumCircuit

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.compile.components import final_measurements, prune
from qiskit_modes.simulation.compile.merge import Group, merge
from qiskit_modes.simulation.compile.product_pool import ProductPool
from qiskit_modes.simulation.noise.source import (
    NO_CONFUSION,
    IdealNoise,
    NoiseSource,
    NotCuttableError,
)
from qiskit_modes.simulation.operations import Block, Channel, Measure, Operation, Rotation
from qiskit_modes.simulation.packing import Layout
from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.read.read_circuit import read_circuit
from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit
from qiskit_modes.simulation.run.cost import Cost
from qiskit_modes.simulation.run.propagation.component import (
    RECORDED_BITS,
    PropagationComponent,
    PropagationStep,
)
from qiskit_modes.simulation.settings import DEFAULT_SETTINGS

__all__ = ["VALUES", "Readings", "check_linear", "compile_propagation"]

VALUES = "values"
"""Name of the register that takes what is recorded."""

SECONDS_PER_MAP = 0.05e-3
"""The calls for one channel, and ..."""
SECONDS_PER_TERM = 0.1e-6
"""... each term of a sum, of which a channel on a plane acts on a small part."""

ROUNDED = 1e-13
"""What is smaller in a matrix is a 0 that was computed; each makes terms of nothing."""

Readings = Sequence[tuple[float, Sequence[int]]]
"""An observable, as a sum of products: coefficients, and of which classical bits the signs."""


def compile_propagation(
    circuit: QuantumCircuit,
    noise: NoiseSource,
    content: bytes,
    readings: Readings,
    max_terms: int,
) -> CompiledCircuit:
    """Compile a circuit of which nothing is asked but a mean of what it records.

    Args:
        circuit: The whole circuit, with the measurements at its end.
        noise: Where its errors are read.
        content: The circuit's fingerprint.
        readings: Of what the mean is wanted.
        max_terms: How many terms a sum may have; what has more is thinned at random.

    Raises:
        UnsupportedCircuitError: If something depends on measured values, is measured before the
            end, or cannot be simulated by the noise of the qubits in use.
    """
    try:
        block, angles, _ = read_circuit(circuit, noise)
    except NotCuttableError as error:
        raise UnsupportedCircuitError(f"{error.message} {_NOT_SO}") from error
    wanted = {clbit for _, clbits in readings for clbit in clbits}
    before, finals = final_measurements(prune(block, wanted))
    groups = merge(_linear(before, finals), enabled=True, fold_rotations=True)
    numbers = {qubit: at for at, qubit in enumerate(sorted({q for g in groups for q in g.qubits}))}
    pool = ProductPool()
    steps = tuple(_steps(groups, numbers, pool))
    measured = {measure.clbit: numbers[measure.qubit] for measure in finals}
    each = len(steps) * (SECONDS_PER_MAP + SECONDS_PER_TERM * max_terms)
    component = PropagationComponent(
        steps=steps,
        terms=tuple(
            # A bit that nothing writes is 0.
            (weight, tuple(measured[bit] for bit in bits if bit in measured))
            for weight, bits in readings
        ),
        num_qubits=len(numbers),
        max_terms=max_terms,
        cost=Cost(0.0, each, drawn_singly=True),
    )
    digest = hashlib.blake2b(content, digest_size=16)
    digest.update(repr((component.terms, max_terms)).encode() + b"propagated")
    for operation in before:
        assert isinstance(operation, Channel | Rotation)
        what = operation.matrix.tobytes() if isinstance(operation, Channel) else operation.paulis
        digest.update(repr((operation.qubits, what)).encode())
    for measure in finals:
        digest.update(measure.confusion.tobytes())
    return CompiledCircuit(
        key=digest.hexdigest(),
        num_parameters=circuit.num_parameters,
        num_clbits=RECORDED_BITS,
        layout=Layout(((VALUES, tuple(range(RECORDED_BITS))),)),
        angles=angles,
        products=pool.finish(),
        components=(component,),
        batch_elements=DEFAULT_SETTINGS.batch_elements,
        metadata={
            "noise": noise.description,
            "methods": [component.method],
            "device": component.device,
            "largest_component_qubits": len(numbers),
        },
    )


def check_linear(circuit: QuantumCircuit, qubits: Iterable[int]) -> None:
    """Refuse a circuit that goes on by what it has measured; one with gates alone is not read.

    Args:
        circuit: The circuit.
        qubits: Those that will be measured at its end.

    Raises:
        UnsupportedCircuitError: Saying what to do.
    """
    if not any(step.clbits or step.is_control_flow() for step in circuit.data):
        return
    block, _, _ = read_circuit(circuit, IdealNoise())
    free = 1 + max(block.clbits, default=-1)
    measured = [Measure(qubit, free + at, NO_CONFUSION) for at, qubit in enumerate(sorted(qubits))]
    whole = Block((*block.operations, *measured))
    before, finals = final_measurements(prune(whole, range(free, free + len(measured))))
    for _ in _linear(before, finals):
        pass


_NOT_SO = (
    "Pauli propagation takes observables back through gates, errors, delays and resets only. Leave "
    "simulator.pauli_propagation_max_terms unset for this circuit."
)


def _linear(before: Sequence[Operation], finals: Sequence[Measure]) -> Iterator[Operation]:
    """Yield what is done to the state, and what errors of readout do to what is read of it."""
    for operation in before:
        if not isinstance(operation, Channel | Rotation):
            raise UnsupportedCircuitError(
                f"The circuit measures, and goes on by what it has measured. {_NOT_SO}"
            )
        yield operation
    for measure in finals:
        yield Channel((measure.qubit,), _as_recorded(measure.confusion))


def _as_recorded(confusion: RealArray) -> RealArray:
    """Return a channel after which Z is what the recorded sign was before it."""
    zero, one = confusion[0] - confusion[1]  # the mean sign of a qubit in |0⟩, and in |1⟩
    transfer: RealArray = np.zeros((4, 4))
    transfer[0, 0] = 1.0
    transfer[3] = (zero + one) / 2, 0.0, 0.0, (zero - one) / 2
    return transfer


def _steps(
    groups: Sequence[Group], numbers: dict[int, int], pool: ProductPool
) -> Iterator[PropagationStep]:
    for group in groups:
        qubits = tuple(numbers[qubit] for qubit in group.qubits)
        if group.is_constant:
            matrix = group.factors[0].matrix
            yield PropagationStep(qubits, np.where(np.abs(matrix) > ROUNDED, matrix, 0.0), None)
        else:
            yield PropagationStep(qubits, None, pool.add(group.factors))
