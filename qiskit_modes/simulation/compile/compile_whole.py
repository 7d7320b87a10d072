"""The fallback: a whole circuit on Aer with the whole noise model, where nothing may be cut.

It is slow, as Aer is with a whole model, and exact: what runs is what the user's simulator would
run. The noise model travels to a worker once, with the compiled circuit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from qiskit import QuantumCircuit

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.aer.component import AerComponent
from qiskit_modes.simulation.aer.costs import AER_SECONDS, UNKNOWN_SECONDS_PER_SHOT
from qiskit_modes.simulation.aer.gates import written_with_label
from qiskit_modes.simulation.circuits.aer_instructions import (
    executed_by,
    executed_by_method,
    name_without_state,
)
from qiskit_modes.simulation.compile.methods import SimulatorChoice
from qiskit_modes.simulation.noise.source import NoiseSource, NotCuttableError
from qiskit_modes.simulation.packing import Layout
from qiskit_modes.simulation.read.angle_table import AngleTable
from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit
from qiskit_modes.simulation.run.cost import Cost
from qiskit_modes.simulation.run.pauli_vector.products import Products
from qiskit_modes.simulation.settings import Settings

__all__ = ["compile_whole"]


def compile_whole(
    circuit: QuantumCircuit,
    noise: NoiseSource,
    choice: SimulatorChoice,
    fingerprint: bytes,
    settings: Settings,
    layout: Layout,
    wanted: frozenset[int],
    reason: NotCuttableError,
) -> CompiledCircuit:
    """Compile a circuit to be run by Aer as it is.

    Args:
        circuit: The whole circuit.
        noise: What of it was read so far is forgotten; now all of it counts.
        choice: What the user chose. Without a method, Aer takes the one that it would take.
        fingerprint: Of the circuit.
        settings: Of which only the number of Aer's threads acts.
        layout: The classical registers.
        wanted: The classical bits that will be read.
        reason: Why it cannot be cut.

    Raises:
        UnsupportedCircuitError: If Aer does not know an instruction of the circuit, or if there is
            no whole noise model that can be sent to another process.
    """
    model = noise.whole_model(reason)
    _check_known(circuit)
    method = choice.method or "automatic"
    written = written_with_label(circuit, executed_by_method(method))
    _check_known(written)
    digest = hashlib.blake2b(fingerprint, digest_size=16)
    digest.update(repr((choice, settings, sorted(wanted))).encode() + b"whole" + (model or b""))
    if model is None:
        circuit_for_aer = written
    else:  # its passes are asked about the gates as they are here
        circuit_for_aer = circuit.copy()
    columns = {parameter: k for k, parameter in enumerate(circuit.parameters)}
    component = AerComponent(
        circuit=circuit_for_aer,
        columns=tuple(columns[parameter] for parameter in circuit_for_aer.parameters),
        clbits=tuple(sorted(wanted)),
        readout={},
        options=choice.aer_options(settings, method),
        cost=Cost(AER_SECONDS, UNKNOWN_SECONDS_PER_SHOT),
        model=model,
    )
    qubits = {qubit for step in circuit.data for qubit in step.qubits}
    return CompiledCircuit(
        key=digest.hexdigest(),
        num_parameters=circuit.num_parameters,
        num_clbits=circuit.num_clbits,
        layout=layout,
        angles=AngleTable([]).finish(),
        products=Products(()),
        components=(component,),
        batch_elements=settings.batch_elements,
        metadata={
            "noise": "none" if model is None else "full model",
            "reason": reason.message,
            "methods": [component.method],
            "device": component.device,
            "largest_component_qubits": len(qubits),
        },
    )


def _check_known(circuit: QuantumCircuit) -> None:
    from qiskit_aer import AerSimulator

    known = executed_by(AerSimulator())
    unknown = {step.name for step in _all_steps(circuit) if not _is_known(step, known)}
    if unknown:
        raise UnsupportedCircuitError(
            "The circuit must be simulated by Aer as a whole, which does not know the "
            f"instructions {sorted(unknown)}. Transpile it for the backend first."
        )


def _is_known(step: Any, known: frozenset[str]) -> bool:
    return name_without_state(step.name) in known or hasattr(step.operation, "_quantum_error")


def _all_steps(circuit: QuantumCircuit) -> Iterator[Any]:
    for step in circuit.data:
        yield step
        for block in getattr(step.operation, "blocks", ()):
            yield from _all_steps(block)
