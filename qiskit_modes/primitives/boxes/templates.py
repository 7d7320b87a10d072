"""Circuits with open angles, and what draws the angles: boxed, built, and put on the device."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import QuantumCircuit
from samplomatic import build
from samplomatic.samplex import Samplex
from samplomatic.transpiler import generate_boxing_pass_manager

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.backends.target_facts import TargetFacts
from qiskit_modes.primitives.boxes.decoupling import decoupled
from qiskit_modes.primitives.boxes.narrow import measured_early, widened
from qiskit_modes.primitives.boxes.open_rotations import with_open_rotations
from qiskit_modes.primitives.boxes.swept_delays import SweptDelays, put_back, set_aside
from qiskit_modes.simulation.circuits.durations import OpenDelay
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = [
    "Template",
    "boxed",
    "explained",
    "placed",
    "readable",
    "seconds_to_build",
]

_SECONDS_PER_INSTRUCTION = 0.12e-3
"""What boxing and building take; as often as a noise factor says, with gates folded."""


@dataclass(frozen=True)
class Template:
    """A circuit and its samplex."""

    circuit: QuantumCircuit
    samplex: Samplex
    parameters: tuple[str, ...]
    """Names of the parameters whose values the samplex takes, in order."""
    swept: SweptDelays | None = None
    """The delays whose durations are still to be put in."""
    drawn: QuantumCircuit | None = None
    """The part of the circuit that the samplex draws angles for, where it is not all of it."""
    beside: tuple[str, ...] = ()
    """Names of the parameters of the other part."""


def boxed(circuit: QuantumCircuit, boxing: Mapping[str, Any]) -> Template:
    """Return what a circuit becomes when it is boxed and built.

    Args:
        circuit: The circuit, not modified.
        boxing: Arguments of samplomatic's boxing pass manager.
    """
    circuit, delays = readable(circuit)
    names = tuple(parameter.name for parameter in circuit.parameters)
    boxes = generate_boxing_pass_manager(**boxing).run(circuit)
    template, samplex = build(boxes)
    if not delays:
        return Template(template, samplex, names)
    return Template(put_back(template, delays), samplex, names, SweptDelays(delays, template))


def seconds_to_build(circuit: QuantumCircuit) -> float:
    """Return roughly how long it takes to box and build a circuit.

    Each layer of two-qubit gates gets gates on the qubits that idle in it, too: by default on those
    that were in use before, which are half of all.
    """
    layers = circuit.depth(lambda step: len(step.qubits) > 1)
    instructions = max(len(circuit.data), layers * circuit.num_qubits / 2)
    return _SECONDS_PER_INSTRUCTION * instructions


def readable(circuit: QuantumCircuit) -> tuple[QuantumCircuit, tuple[OpenDelay, ...]]:
    """Return a circuit that samplomatic can read, and the delays that were set aside from it.

    Open angles are those of rz and rx alone; all single-qubit gates are written as rz and sx
    anyway, so nothing else changes by this. Of the delays, those with open durations are marked.

    Args:
        circuit: The circuit, not modified.

    Raises:
        ValueError: If it has classical variables or stores, which would be lost on the way through
            boxing; for `explained` to say what to do.
    """
    names = sorted(variable.name for variable in circuit.iter_vars())
    if names:
        raise ValueError(f"it has classical variables, {', '.join(map(repr, names))}.")
    if "store" in circuit.count_ops():
        raise ValueError("it stores into classical bits.")
    marked, delays = set_aside(circuit)
    return with_open_rotations(marked), delays


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn what samplomatic or qiskit-mitigation raises into an error that says what to do.

    Args:
        where: Names the circuit, at the start of the message.

    Raises:
        InvalidInputError: If anything is raised inside.
    """
    try:
        yield
    except InvalidInputError:
        raise
    except Exception as error:  # they raise errors of many kinds, AttributeError among them
        message = getattr(error, "message", None) or str(error)
        raise InvalidInputError(
            f"{where}: the circuit cannot be randomised: {message} Twirling takes layers of "
            "two-qubit Clifford gates, single-qubit gates and measurements, and neither control "
            "flow nor classical variables. "
            "Switch it off with twirling.enable_gates=False and twirling.enable_measure=False "
            "(for an estimator with resilience_level=0)."
        ) from error


def placed(
    circuits: Sequence[QuantumCircuit],
    qubits: Sequence[int],
    num_qubits: int,
    facts: TargetFacts,
    *,
    name: str | None = None,
    decoupling: Any = None,
    keeps_layers: bool = False,
    unread: Collection[tuple[str, int]] = (),
    elsewhere: Elsewhere = here,
) -> list[QuantumCircuit]:
    """Return circuits on the qubits of their device, decoupled where that is asked for.

    Args:
        circuits: Circuits on as many qubits as ``qubits`` has.
        qubits: Which qubits of the device they are.
        num_qubits: How many qubits the circuits have there.
        facts: The durations of the device; all that were read are in it afterwards.
        name: Of the device, for messages.
        decoupling: Upstream's ``DynamicalDecouplingOptions``, or None.
        keeps_layers: Whether layers stay recognisable, for noise that is given for them.
        unread: Bits that nobody reads, by register and place; see `widened`.
        elsewhere: Decouples them.
    """
    wide = [widened(circuit, qubits, num_qubits, unread) for circuit in circuits]
    if decoupling is not None:
        return decoupled(wide, decoupling, facts, name, elsewhere)
    return wide if keeps_layers else [measured_early(circuit) for circuit in wide]
