"""Twirled final measurements of a sampler's circuit that samplomatic cannot read.

Twirling the measurements with which a circuit ends does not touch what comes before them: control
flow, variables, gates on three qubits, anything that can be simulated, stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable

from qiskit.circuit import ClassicalRegister, Clbit, Parameter, QuantumCircuit

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.boxes.narrow import measured_early, share_bits
from qiskit_modes.primitives.boxes.templates import Template
from qiskit_modes.primitives.inputs.final_measurements import final_measurements

__all__ = ["opaque_template"]


def opaque_template(
    circuit: QuantumCircuit, boxed: Callable[[QuantumCircuit], Template]
) -> Template | None:
    """Return a circuit whose final measurements are boxed and built.

    None if there is none to be boxed, or registers share bits, which templates mix up.

    Args:
        circuit: The circuit, on the device's qubits.
        boxed: Boxes and builds the measurements.
    """
    places = _twirled(circuit)
    if not places or share_bits(circuit):
        return None
    steps = [circuit.data[place] for place in sorted(places)]
    qubits = [step.qubits[0] for step in steps]
    tail = QuantumCircuit(qubits, circuit.clbits)
    tail.add_register(*circuit.cregs)
    for step in steps:
        tail.append(step, copy=False)
    built = boxed(tail)
    whole = circuit.copy_empty_like()
    for place, step in enumerate(circuit.data):
        if place not in places:
            whole.append(step, copy=False)
    names = [parameter.name for parameter in circuit.parameters]
    prefix = "_tail"
    while any(name.startswith(prefix) for name in names):
        prefix += "_"
    angles = list(built.circuit.parameters)
    fresh = [Parameter(f"{prefix}{number:06}") for number in range(len(angles))]
    ending = built.circuit.assign_parameters(dict(zip(angles, fresh, strict=True)))
    bits = _matching(ending, circuit)
    around = dict(zip(ending.qubits, qubits, strict=True))
    for step in ending.data:
        on = [around[qubit] for qubit in step.qubits]
        whole.append(step.replace(qubits=on, clbits=[bits[bit] for bit in step.clbits]), copy=False)
    return Template(measured_early(whole), built.samplex, (), drawn=ending, beside=tuple(names))


def _twirled(circuit: QuantumCircuit) -> set[int]:
    """Return the places of the final measurements that are the last to write their bits.

    What writes a bit later must stay later, and a template loses bits without a register.
    """
    final = final_measurements(circuit)
    registered = {bit for register in circuit.cregs for bit in register}
    written: set[Clbit] = set()
    twirled: set[int] = set()
    for place in range(len(circuit.data) - 1, -1, -1):
        clbits = set(circuit.data[place].clbits)
        if place in final and written.isdisjoint(clbits) and clbits <= registered:
            twirled.add(place)
        written |= clbits
    return twirled


def _matching(template: QuantumCircuit, circuit: QuantumCircuit) -> dict[Clbit, Clbit]:
    """Return the bits of a circuit for those of a template with the same registers."""
    registers: dict[str, ClassicalRegister] = {each.name: each for each in circuit.cregs}
    bits: dict[Clbit, Clbit] = {}
    for register in template.cregs:
        if register.name not in registers:
            raise InvalidInputError(f"The template has a register {register.name!r} too many.")
        bits.update(zip(register, registers[register.name], strict=True))
    return bits
