"""Working on the qubits that matter: a circuit without the others, and back on the device.

What is boxed and randomised would carry gates for every qubit of the device, most of them idle. An
idle qubit is joined to nothing and its outcome is not asked for, so it is left out beforehand. The
bits that stay are the same objects, so that layers are recognised by upstream's identifiers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from qiskit.circuit import (
    Barrier,
    CircuitInstruction,
    ClassicalRegister,
    QuantumCircuit,
    Qubit,
)

from qiskit_modes.simulation.circuits.measurements import is_measurement
from qiskit_modes.simulation.circuits.variables import declare_as_in

__all__ = ["ALL_BITS", "measured_early", "narrowed", "share_bits", "widened"]

ALL_BITS = "all_bits"
"""The name of a register with all bits of a circuit."""

_LOOSE = "loose"
"""The name of a register for bits that have none."""


def narrowed(circuit: QuantumCircuit, qubits: Sequence[int]) -> QuantumCircuit:
    """Return a circuit on some of its qubits, without quantum registers and layout.

    Bits without a register are put into one of their own, because templates lose them; and of
    registers that share bits, which templates mix up, nothing is left but `ALL_BITS`.

    Args:
        circuit: The circuit, not modified.
        qubits: The qubits to keep, ascending: all on which something happens, at least.
    """
    kept = [circuit.qubits[index] for index in qubits]
    narrow = QuantumCircuit(kept, circuit.clbits, global_phase=circuit.global_phase)
    if share_bits(circuit):
        narrow.add_register(ClassicalRegister(name=ALL_BITS, bits=circuit.clbits))
    else:
        narrow.add_register(*circuit.cregs)
    loose = set(circuit.clbits).difference(*narrow.cregs)
    if loose:
        name = _LOOSE
        while any(register.name == name for register in circuit.cregs):
            name += "_"
        bits = [bit for bit in circuit.clbits if bit in loose]
        narrow.add_register(ClassicalRegister(name=name, bits=bits))
    declare_as_in(circuit, narrow)
    members = set(kept)
    for instruction in circuit.data:
        inside = [qubit for qubit in instruction.qubits if qubit in members]
        if len(inside) == len(instruction.qubits):
            _add(narrow, instruction)
        elif inside and instruction.name == "barrier":
            narrow.append(Barrier(len(inside), label=instruction.label), inside)
    return narrow


def share_bits(circuit: QuantumCircuit) -> bool:
    """Tell whether a bit is in several classical registers."""
    bits = [bit for register in circuit.cregs for bit in register]
    return len(set(bits)) < len(bits)


def widened(
    circuit: QuantumCircuit,
    qubits: Sequence[int],
    num_qubits: int,
    unread: Collection[tuple[str, int]] = (),
) -> QuantumCircuit:
    """Return a circuit on the qubits of a device.

    Args:
        circuit: A circuit on as many qubits as ``qubits`` has.
        qubits: Where each of them is.
        num_qubits: The width of the device.
        unread: Bits that nobody will read, by register and place. What only they depend on need
            not be simulated, so they are not measured, and read as 0.
    """
    wide = QuantumCircuit(num_qubits, global_phase=circuit.global_phase)
    wide.add_bits(circuit.clbits)
    wide.add_register(*circuit.cregs)
    declare_as_in(circuit, wide)
    place = {qubit: wide.qubits[where] for qubit, where in zip(circuit.qubits, qubits, strict=True)}
    registers = {register.name: register for register in circuit.cregs}
    dropped = {registers[name][index] for name, index in unread}
    moved: dict[tuple[Qubit, ...], tuple[Qubit, ...]] = {}
    for instruction in circuit.data:
        if dropped and instruction.name == "measure" and instruction.clbits[0] in dropped:
            continue
        qubits_there = moved.get(instruction.qubits)
        if qubits_there is None:
            qubits_there = tuple([place[qubit] for qubit in instruction.qubits])
            moved[instruction.qubits] = qubits_there
        _add(wide, instruction.replace(qubits=qubits_there))
    return wide


def _add(circuit: QuantumCircuit, instruction: CircuitInstruction) -> None:
    """Append an instruction that was checked once already, in a circuit with the same bits."""
    circuit._append(instruction)  # noqa: SLF001 - to check it again takes four times as long


def measured_early(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit in which each qubit is done with as soon as nothing joins it any more.

    Templates turn and measure all qubits together at the end, so that all would be in the state at
    once. The order of instructions on each qubit stays; barriers, which say nothing to a simulation
    without memory, go. Returned as it is where the order of writing bits could matter, as it could
    where anything but measurements has to do with bits or variables.
    """
    written = [bit for step in circuit.data for bit in step.clbits]
    plain = not circuit.num_identifiers and not circuit.has_control_flow_op()
    plain = plain and all(
        step.qubits and (is_measurement(step) or not step.clbits) for step in circuit.data
    )
    if not plain or len(set(written)) != len(written):
        return circuit
    steps = [step for step in circuit.data if step.name != "barrier"]
    last = {}  # where each qubit is joined for the last time
    for at, step in enumerate(steps):
        last.update({qubit: at for qubit in step.qubits if len(step.qubits) > 1})
    tails: dict[Qubit, list[CircuitInstruction]] = {qubit: [] for qubit in circuit.qubits}
    for at, step in enumerate(steps):
        if len(step.qubits) == 1 and at > last.get(step.qubits[0], -1):
            tails[step.qubits[0]].append(step)
    early = circuit.copy_empty_like()
    for at, step in enumerate(steps):
        if len(step.qubits) > 1:
            _add(early, step)
            for qubit in step.qubits:
                for own in tails.pop(qubit) if last[qubit] == at else ():
                    _add(early, own)
        elif at < last.get(step.qubits[0], -1):
            _add(early, step)
    for rest in tails.values():  # of qubits that nothing joins
        for own in rest:
            _add(early, own)
    return early
