"""Fractional gates, rx(θ) and rzz(θ), on fakes of the machines that have them.

The service has them on the processors of the Heron family, for whoever asks for them, and the
snapshots that fakes are made of were taken without. What is not known is assumed as the service's
own reports have it: an rx errs and lasts as an sx does, an rzz as the two-qubit gate.
"""

from __future__ import annotations

from collections.abc import Collection
from math import pi
from typing import Any

from qiskit.circuit import Parameter
from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES
from qiskit.circuit.library import RXGate, RZZGate
from qiskit.providers import BackendV2
from qiskit.transpiler import Target

from qiskit_modes.simulation.backends.copies import copy_of
from qiskit_modes.simulation.backends.kinds import describe

__all__ = [
    "FRACTIONAL_GATES",
    "extend_configuration",
    "extend_properties",
    "has_fractional_gates",
    "with_fractional_gates",
]

FRACTIONAL_GATES = frozenset({"rx", "rzz"})

FAMILIES = frozenset({"Heron"})
"""Processors with fractional gates, by the name that a configuration gives their family."""

RZZ_BOUNDS = (0.0, pi / 2)
"""The angles for which an rzz is calibrated."""

_MODELS = {"rx": ("sx",), "rzz": ("cz", "ecr", "cx")}
"""Of which gate an error and a duration are taken: the first that there is."""
_TARGET = "qiskit_modes_target"
_CONTROL_FLOW = "qiskit_modes_control_flow"


def has_fractional_gates(backend: BackendV2) -> bool:
    """Return whether the machine that a fake stands for, or the backend itself, has the gates."""
    said = describe(backend).configuration
    if said is None:
        return set(backend.operation_names) >= FRACTIONAL_GATES
    configuration = said.to_dict()
    family = (configuration.get("processor_type") or {}).get("family")
    return family in FAMILIES or set(configuration["basis_gates"]) >= FRACTIONAL_GATES


def with_fractional_gates(backend: BackendV2, *, control_flow: bool) -> BackendV2:
    """Return a copy of a fake that has the gates, as the service gives it; it is the same QPU.

    Args:
        backend: A backend for which `has_fractional_gates` is true.
        control_flow: Whether it also has control flow; a circuit may not use both.
    """
    if describe(backend).configuration is None:
        return backend
    mine = copy_of(backend)
    mine.__class__ = _class_with_gates(type(backend))
    setattr(mine, _CONTROL_FLOW, control_flow)
    return mine


class _WithFractionalGates:
    """Target, configuration and properties of a fake with these gates."""

    @property
    def target(self) -> Target:
        """The fake's target and the two gates, as it was when this was first asked for."""
        if _TARGET not in self.__dict__:
            control_flow = getattr(self, _CONTROL_FLOW)
            self.__dict__[_TARGET] = _extended(self.plain_target, control_flow=control_flow)
        target: Target = self.__dict__[_TARGET]
        return target

    def configuration(self) -> Any:
        """Return the fake's configuration and the two gates."""
        plain = super().configuration()  # type: ignore[misc]
        extended = extend_configuration(plain.to_dict())
        if not getattr(self, _CONTROL_FLOW) and "supported_instructions" in extended:
            supported = extended["supported_instructions"]
            extended["supported_instructions"] = [
                name for name in supported if name not in CONTROL_FLOW_OP_NAMES
            ]
        return type(plain).from_dict(extended)

    def properties(self, refresh: bool = False) -> Any:
        """Return the fake's properties and those of the two gates."""
        plain = super().properties(refresh)  # type: ignore[misc]
        return type(plain).from_dict(extend_properties(plain.to_dict(), self.assumed_errors))

    @property
    def plain_target(self) -> Target:
        """The fake's own target: what is not the user's circuit is written in its gates."""
        target: Target = super().target  # type: ignore[misc]
        return target

    @property
    def assumed_errors(self) -> dict[str, str]:
        """Gates whose errors and durations are taken, by the gate of which none were reported."""
        known = self.plain_target.operation_names
        return {name: _model(name, known) for name in FRACTIONAL_GATES.difference(known)}

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _unpickled, (type(self).__mro__[2],), dict(self.__dict__)


_classes: dict[Any, Any] = {}


def _class_with_gates(fake: Any) -> Any:
    """Return the class of a fake with fractional gates; there are as many as fakes."""
    if fake not in _classes:
        _classes[fake] = type(fake.__name__, (_WithFractionalGates, fake), {})
    return _classes[fake]


def _unpickled(fake: Any) -> Any:
    return object.__new__(_class_with_gates(fake))


def _extended(plain: Target, *, control_flow: bool) -> Target:
    target = Target(
        description=plain.description,
        num_qubits=plain.num_qubits,
        dt=plain.dt,
        granularity=plain.granularity,
        min_length=plain.min_length,
        pulse_alignment=plain.pulse_alignment,
        acquire_alignment=plain.acquire_alignment,
        qubit_properties=plain.qubit_properties,
        concurrent_measurements=plain.concurrent_measurements,
    )
    for name in plain.operation_names:
        if name in FRACTIONAL_GATES:
            continue
        operation = plain.operation_from_name(name)
        if name not in CONTROL_FLOW_OP_NAMES:
            target.add_instruction(operation, dict(plain[name]), name)
        elif control_flow:
            target.add_instruction(operation, name=name)
    angle = Parameter("theta")
    for gate in (RXGate(angle), RZZGate(angle)):
        model = gate.name if gate.name in plain else _model(gate.name, plain.operation_names)
        bounds = [RZZ_BOUNDS] if gate.name == "rzz" else None
        target.add_instruction(gate, dict(plain[model]), gate.name, angle_bounds=bounds)
    return target


def _model(name: str, gates: Any) -> str:
    return next(each for each in _MODELS[name] if each in gates)


def extend_configuration(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration, as JSON, with the two gates; one that has them stays as it is."""
    basis = list(configuration["basis_gates"])
    gates = list(configuration["gates"])
    supported = list(configuration.get("supported_instructions") or ())
    for name in sorted(FRACTIONAL_GATES - set(basis)):
        model = _model(name, basis)
        places = next(gate for gate in gates if gate["name"] == model).get("coupling_map")
        gate = {"name": name, "parameters": ["theta"], "qasm_def": f"gate {name}(theta) q {{}}"}
        gates.append(gate if places is None else {**gate, "coupling_map": places})
        basis.append(name)
        if supported and name not in supported:
            supported.append(name)
    changed = {"basis_gates": basis, "gates": gates}
    if supported:
        changed["supported_instructions"] = supported
    return {**configuration, **changed}


def extend_properties(
    properties: dict[str, Any], names: Collection[str] = FRACTIONAL_GATES
) -> dict[str, Any]:
    """Return properties, as JSON, with those of the two gates; see `extend_configuration`.

    Args:
        properties: A snapshot's. What it says of these gates is not kept: in several snapshots
            that is an error of 1 for most couplers, although the gates were not offered.
        names: Which of the gates are to be written.
    """
    gates = [gate for gate in properties.get("gates") or () if gate["gate"] not in names]
    known = {gate["gate"] for gate in gates}
    for name in sorted(names):
        if not known.intersection(_MODELS[name]):
            continue
        model = _model(name, known)
        gates += [
            {**gate, "gate": name, "name": "_".join([name, *map(str, gate["qubits"])])}
            for gate in gates
            if gate["gate"] == model
        ]
    return {**properties, "gates": gates}
