"""Twirled measurements behind a circuit that samplomatic cannot read.

Twirling the measurements alone does not touch what comes before them, so the circuit need not be
taken apart: control flow, gates on three qubits, anything that can be simulated, stays as it is,
and only what measures it is boxed and built.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit
from qiskit.primitives.containers.observables_array import ObservablesArray
from samplomatic.quantum_program import CircuitItem, SamplexItem

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.boxes.draw import PARAMETER_VALUES, draw_randomisations
from qiskit_modes.primitives.boxes.narrow import measured_early
from qiskit_modes.primitives.mitigation.request import Request
from qiskit_modes.primitives.mitigation.techniques import (
    REGISTER,
    PreparedItem,
    PreparedPub,
    prepare,
)
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["OpaqueItem", "prepare_opaque"]


@dataclass(frozen=True)
class OpaqueItem(PreparedItem):
    """An item whose circuit has angles of its own beside those that are drawn."""

    template: QuantumCircuit = field(kw_only=True)
    """What the samplex draws angles for: the measurement alone."""
    order: npt.NDArray[np.intp] = field(kw_only=True)
    """For each parameter of the circuit where its value stands: among the body's, then drawn."""

    def drawn(
        self,
        values: npt.NDArray[np.float64],
        generator: np.random.Generator,
        elsewhere: Elsewhere = here,
    ) -> tuple[CircuitItem, dict[str, npt.NDArray[Any]]]:
        """Draw the randomisations.

        Args:
            values: The parameter values of the body, shape (configurations, num_parameters).
            generator: Where the random numbers come from.
            elsewhere: See `draw_randomisations`.

        Returns:
            An item to execute, and what else the samplex gave.
        """
        item = SamplexItem(
            self.template, self.samplex, samplex_arguments=dict(self.arguments), shape=self.shape
        )
        outputs = draw_randomisations(item, generator, elsewhere)
        drawn = outputs.pop(PARAMETER_VALUES)
        body = np.broadcast_to(values, (*self.shape, values.shape[-1]))
        together = np.concatenate([body, drawn], axis=-1)[..., self.order]
        return CircuitItem(self.circuit, circuit_arguments=together), outputs


def prepare_opaque(
    circuit: QuantumCircuit,
    qubits: Sequence[int],
    observables: ObservablesArray,
    parameter_shape: tuple[int, ...],
    request: Request,
    read: Collection[int],
) -> PreparedPub:
    """Prepare a circuit for the measurement of observables, the circuit itself untouched.

    Args:
        circuit: The circuit, on the device's qubits.
        qubits: The qubits that are randomised.
        observables: On these qubits.
        parameter_shape: The shape of the PUB's parameter sets.
        request: A request without a technique beside measurement mitigation.
        read: The qubits whose outcomes will be read.
    """
    prepared = prepare(QuantumCircuit(len(qubits)), observables, parameter_shape, request)
    (tail,) = prepared.items
    whole, order = _appended(circuit, tail.circuit, qubits, read)
    item = OpaqueItem(
        whole, tail.samplex, tail.arguments, tail.shape, template=tail.circuit, order=order
    )
    prepared.task.circuit = circuit
    return replace(prepared, items=(item,))


def _appended(
    body: QuantumCircuit, tail: QuantumCircuit, qubits: Sequence[int], read: Collection[int]
) -> tuple[QuantumCircuit, npt.NDArray[np.intp]]:
    """Put a template behind a circuit; return it, and where its parameters' values stand."""
    names = [parameter.name for parameter in body.parameters]
    prefix = "_tail"
    while any(name.startswith(prefix) for name in names):
        prefix += "_"
    fresh = [Parameter(f"{prefix}{number:06}") for number in range(tail.num_parameters)]
    tail = tail.assign_parameters(dict(zip(tail.parameters, fresh, strict=True)))
    if any(register.name == REGISTER for register in body.cregs):
        raise InvalidInputError(
            f"The circuit has a classical register named {REGISTER!r}, which is what the register "
            "of the twirled measurements is called. Give it another name."
        )
    whole = body.copy()
    register = ClassicalRegister(len(qubits), REGISTER)
    whole.add_register(register)
    place = {qubit: whole.qubits[at] for qubit, at in zip(tail.qubits, qubits, strict=True)}
    bits = dict(zip(tail.clbits, register, strict=True))
    for step in tail.data:
        at = qubits[tail.find_bit(step.qubits[0]).index]
        if step.name == "measure" and at not in read:
            continue
        whole.append(
            step.replace(
                qubits=[place[qubit] for qubit in step.qubits],
                clbits=[bits[bit] for bit in step.clbits],
            ),
            copy=False,
        )
    whole = measured_early(whole)
    values = {name: at for at, name in enumerate([*names, *(each.name for each in fresh)])}
    order = [values[parameter.name] for parameter in whole.parameters]
    return whole, np.array(order, dtype=np.intp)
