"""Circuits with open angles, and what draws the angles: boxed, built, and put on the device."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import BoxOp, QuantumCircuit
from qiskit.circuit.equivalence_library import StandardEquivalenceLibrary
from qiskit.transpiler import PassManager, Target
from qiskit.transpiler.passes import BasisTranslator, UnrollCustomDefinitions
from samplomatic import build
from samplomatic.samplex import Samplex
from samplomatic.transpiler import generate_boxing_pass_manager

from qiskit_modes.exceptions import InvalidInputError, QiskitModesWarning
from qiskit_modes.primitives.backends.target_facts import TargetFacts
from qiskit_modes.primitives.boxes.decoupling import decoupled
from qiskit_modes.primitives.boxes.swept_delays import SweptDelays, put_back, set_aside
from qiskit_modes.primitives.boxes.used_qubits import measured_early, used_qubits, widened
from qiskit_modes.primitives.inputs.isa import InstructionSet
from qiskit_modes.primitives.layers.layer_noise import LayerNoise
from qiskit_modes.simulation.circuits.durations import open_delays
from qiskit_modes.simulation.elsewhere import Elsewhere, here
from qiskit_modes.warn import warn

__all__ = [
    "Template",
    "boxed",
    "check_decoupling",
    "check_for_boxes",
    "check_pulses",
    "explained",
    "placed",
    "readable",
    "refuse_variables",
    "warn_absent",
]

_PULSES = ("rz", "sx")
"""The gates that samplomatic writes single-qubit gates in."""

_OPEN_ANGLES = frozenset({"rx", "rz"})


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


def boxed(circuit: QuantumCircuit, **boxing: Any) -> Template:
    """Return what a circuit becomes when it is boxed and built.

    Args:
        circuit: The circuit, not modified.
        boxing: Arguments of samplomatic's boxing pass manager.
    """
    refuse_variables(circuit)
    circuit, delays = set_aside(circuit)
    names = tuple(parameter.name for parameter in circuit.parameters)
    boxes = generate_boxing_pass_manager(**boxing).run(readable(circuit))
    template, samplex = build(boxes)
    if not delays:
        return Template(template, samplex, names)
    return Template(put_back(template, delays), samplex, names, SweptDelays(delays, template))


def refuse_variables(circuit: QuantumCircuit) -> None:
    """Refuse classical variables and stores, which are lost on the way through boxing.

    Raises:
        ValueError: If there are any, for `explained` to say what to do.
    """
    names = sorted(variable.name for variable in circuit.iter_vars())
    if names:
        raise ValueError(f"it has classical variables, {', '.join(map(repr, names))}.")
    if "store" in circuit.count_ops():
        raise ValueError("it stores into classical bits.")


def readable(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit whose open angles samplomatic can read: those of rz and rx alone.

    It writes all single-qubit gates as rz and sx anyway, so nothing else changes by this.
    """
    unread = {
        step.name
        for step in circuit.data
        if len(step.qubits) == 1 and step.is_parameterized() and step.name not in _OPEN_ANGLES
    }
    if not unread or circuit.has_control_flow_op():
        return circuit
    names = sorted({*circuit.count_ops(), *_OPEN_ANGLES, *_PULSES} - unread)
    # Not by the session's library, to which anybody may add: what comes of it is kept.
    library = StandardEquivalenceLibrary
    passes = [UnrollCustomDefinitions(library, names), BasisTranslator(library, names)]
    return PassManager(passes).run(circuit)


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


def check_for_boxes(circuit: QuantumCircuit, where: str) -> None:
    """Check that a circuit can be put into boxes.

    Raises:
        InvalidInputError: If it has boxes already.
    """
    if any(isinstance(step.operation, BoxOp) for step in circuit.data if step.name == "box"):
        raise InvalidInputError(
            f"{where}: the circuit contains boxes, and twirling makes boxes of its own. Remove "
            "them, switch twirling off, or run the boxed circuit as an item of a QuantumProgram."
        )


def check_decoupling(
    circuit: QuantumCircuit, target: Target, where: str, *, stores: bool = True
) -> None:
    """Check that a circuit can be decoupled.

    Args:
        circuit: The circuit.
        target: Of the device.
        where: Names the circuit, at the start of the message.
        stores: Whether stores are executed, as a sampler's are.

    Raises:
        InvalidInputError: If it cannot be scheduled before it runs, or its device has no durations.
    """
    if circuit.has_control_flow_op():
        raise InvalidInputError(
            f"{where}: dynamical decoupling fills the idle times of a schedule, and a circuit with "
            "control flow has none before it runs. Set dynamical_decoupling.enable=False, or run "
            "this circuit in a job of its own."
        )
    if stores and "store" in circuit.count_ops():
        raise InvalidInputError(
            f"{where}: dynamical decoupling fills the idle times of a schedule, and stores have no "
            "place in one. Set dynamical_decoupling.enable=False, or leave stores and classical "
            "variables out of this circuit."
        )
    if open_delays(circuit):
        raise InvalidInputError(
            f"{where}: dynamical decoupling fills the idle times of a schedule, and a circuit has "
            "none before the durations of its delays are known. Assign the parameters that they "
            "depend on, or set dynamical_decoupling.enable=False."
        )
    for qubit in used_qubits(circuit):
        known = target["x"].get((qubit,)) if "x" in target.operation_names else None
        if known is None or known.duration is None:
            raise InvalidInputError(
                f"{where}: dynamical decoupling needs to know how long an x pulse takes on qubit "
                f"{qubit}, and the backend does not tell. Use a backend with durations, such as a "
                "fake backend, or set dynamical_decoupling.enable=False."
            )


def check_pulses(instructions: InstructionSet, qubits: Collection[int], where: str) -> None:
    """Check that a device has the gates that randomised circuits are written in.

    Args:
        instructions: Of the device.
        qubits: On which qubits they are needed.
        where: Names the circuit, at the start of the message.

    Raises:
        InvalidInputError: If it has not.
    """
    for qubit in qubits:
        for name in _PULSES:
            if not instructions.supports(name, (qubit,)):
                raise InvalidInputError(
                    f"{where}: randomised circuits are written in rz and sx, but "
                    f"{instructions.name} has no {name} on qubit {qubit}. Switch off what "
                    "randomises: twirling, and for an estimator set resilience_level=0."
                )


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


def warn_absent(noise: LayerNoise, circuits: Sequence[QuantumCircuit]) -> None:
    """Warn of layers of templates for which no noise is given.

    Args:
        noise: The noise of layers.
        circuits: The templates.
    """
    missing = {tag for circuit in circuits for tag in noise.missing(circuit)}
    if missing:
        warn(
            f"simulator.layer_noise_model has no noise for the layers {sorted(missing)}; only the "
            f"backend's noise acts on them. It has noise for {sorted(noise.maps)}. Set "
            "simulator.warn_absent=False if that is meant.",
            QiskitModesWarning,
        )
