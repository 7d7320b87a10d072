"""PUBs: what a user passes to ``run()``, checked and copied, with every number settled.

What is wrong with a PUB is said here, when ``run()`` is called, and not from a job. What comes out
shares nothing with the user's objects that the user could change afterwards.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.circuit import CircuitInstruction, QuantumCircuit
from qiskit.primitives.containers.data_bin import DataBin
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers import BackendV2
from qiskit.quantum_info import SparseObservable
from qiskit.quantum_info.operators.base_operator import BaseOperator

from qiskit_modes._mutex import cached_property
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.inputs.circuits import check_circuit, own_circuit
from qiskit_modes.primitives.inputs.final_measurements import without_final_measurements
from qiskit_modes.primitives.inputs.job_limits import check_results
from qiskit_modes.primitives.inputs.observables import PauliSums, read_observables
from qiskit_modes.primitives.inputs.parameters import read_parameter_values
from qiskit_modes.primitives.inputs.shots import (
    precision_of,
    shots_for,
    validate_precision,
    validate_shots,
)
from qiskit_modes.simulation import fingerprint
from qiskit_modes.simulation.circuits.used_qubits import used_qubits

__all__ = [
    "EstimatorInput",
    "SamplerInput",
    "coerce_estimator_pubs",
    "coerce_sampler_pubs",
]

_OBSERVABLES = (BaseOperator, ObservablesArray, SparseObservable)
_BYTES_PER_VALUE = 16
"""An expectation value and its standard error."""

_RESERVED_NAMES = frozenset(dir(DataBin)) | {"shape"}  # attributes of the result's container


@dataclass(frozen=True)
class _Input:
    pub: SamplerPub | EstimatorPub
    """The PUB, with its own copy of the circuit and its shots or precision filled in."""

    fingerprint: bytes
    """The fingerprint of the circuit."""

    parameter_values: NDArray[np.float64]
    """Shape (num_sets, num_parameters), finite; columns ordered as ``circuit.parameters``."""

    shots: int
    """Shots for each parameter set and, with an estimator, each measurement basis."""

    @property
    def circuit(self) -> QuantumCircuit:
        """The circuit, which nobody else holds."""
        return self.pub.circuit

    @cached_property
    def used_qubits(self) -> tuple[int, ...]:
        """The circuit's qubits on which something happens, ascending; looked for once."""
        return tuple(sorted(used_qubits(self.circuit)))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the PUB: parameter values and observables broadcast together."""
        return tuple(self.pub.shape)


@dataclass(frozen=True)
class SamplerInput(_Input):
    """One PUB of a sampler, ready to be compiled."""

    pub: SamplerPub

    @property
    def num_sets(self) -> int:
        """Number of parameter sets that it has: the size of its shape."""
        return len(self.parameter_values)


@dataclass(frozen=True)
class EstimatorInput(_Input):
    """One PUB of an estimator, ready to be compiled."""

    pub: EstimatorPub

    observables: PauliSums
    """The observables as plain arrays."""

    precision: float
    """The target precision that the shots were derived from, or that they amount to."""

    body: QuantumCircuit
    """What is executed before observables are measured: the circuit of the PUB, in most families
    without its final measurements."""

    @property
    def circuit(self) -> QuantumCircuit:
        """The body."""
        return self.body

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """The shape of the parameter values alone."""
        return tuple(self.pub.parameter_values.shape)


def coerce_sampler_pubs(
    pubs: Iterable[Any], backend: BackendV2, *, shots: int | None, default_shots: int
) -> tuple[SamplerInput, ...]:
    """Check and copy what was passed to a sampler's ``run()``.

    Args:
        pubs: The PUBs: circuits, or tuples ``(circuit, parameter_values, shots)``.
        backend: The backend that the circuits must be made for.
        shots: The ``shots`` argument of ``run()``; a PUB's own shots come before it.
        default_shots: The shots of the options, used if neither says anything.

    Raises:
        InvalidInputError: If something cannot be run; the message names the PUB.
        NotISAError: If a circuit is not in the backend's instruction set.
    """
    run_shots = default_shots if shots is None else validate_shots(shots, "The argument 'shots'")
    inputs = []
    for index, pub in enumerate(_as_list(pubs, single=(SamplerPub,), call="sampler.run")):
        where = f"PUB {index}"
        circuit, values, pub_shots = _sampler_fields(pub, where)
        _require_circuit(circuit, where)
        _refuse_observables(values, where)
        table, bindings = read_parameter_values(values, circuit, where)
        chosen = run_shots if pub_shots is None else validate_shots(pub_shots, f"{where}: shots")
        _check_registers(circuit, where)
        snapshot, key = own_circuit(circuit)
        check_circuit(snapshot, key, table, backend, where)
        settled = SamplerPub(snapshot, bindings, chosen, validate=False)
        inputs.append(SamplerInput(settled, key, table, chosen))
    # Before anything is made of their shapes.
    results = []
    for each in inputs:
        row = sum([-(-register.size // 8) for register in each.circuit.cregs])
        results.append((each.shots * each.num_sets, row))
    check_results(results, "PUB")
    return tuple(inputs)


def coerce_estimator_pubs(
    pubs: Iterable[Any],
    backend: BackendV2,
    *,
    precision: float | None,
    default_precision: float,
    default_shots: int | None,
    older: bool = False,
) -> tuple[EstimatorInput, ...]:
    """Check and copy what was passed to an estimator's ``run()``.

    Args:
        pubs: The PUBs: tuples ``(circuit, observables, parameter_values, precision)``.
        backend: The backend that the circuits must be made for.
        precision: The ``precision`` argument of ``run()``; a PUB's own comes before it.
        default_precision: The precision of the options, used if neither says anything.
        default_shots: The shots of the options; if set, they replace ``default_precision``.
        older: Whether final measurements are executed and projectors refused, as the older family
            does.

    Raises:
        InvalidInputError: If something cannot be run; the message names the PUB.
        NotISAError: If a circuit is not in the backend's instruction set.
    """
    if precision is not None:
        precision = validate_precision(precision, "The argument 'precision'")
    inputs = []
    for index, pub in enumerate(
        _as_list(pubs, single=(EstimatorPub,), call="estimator.run", circuits_are_pubs=False)
    ):
        where = f"PUB {index}"
        circuit, observables, values, pub_precision = _estimator_fields(pub, where)
        _require_circuit(circuit, where)
        if pub_precision is not None:
            pub_precision = validate_precision(pub_precision, f"{where}: precision")
        target = precision if pub_precision is None else pub_precision
        if target is None and default_shots is not None:
            shots, target = default_shots, precision_of(default_shots)
        else:
            target = default_precision if target is None else target
            shots = shots_for(target)
        array, sums = read_observables(observables, circuit.num_qubits, where, projectors=not older)
        table, bindings = read_parameter_values(values, circuit, where)
        snapshot, key = own_circuit(circuit)
        body = snapshot if older else without_final_measurements(snapshot)
        if body is not snapshot:
            key = fingerprint(body)
        check_circuit(body, key, table, backend, where)
        try:
            settled = EstimatorPub(snapshot, array, bindings, target, validate=False)
        except ValueError as error:  # the shapes of observables and values do not go together
            raise InvalidInputError(f"{where}: {error}") from error
        inputs.append(EstimatorInput(settled, key, table, shots, sums, target, body))
    # Before anything is made of their shapes.
    check_results(((math.prod(each.shape), _BYTES_PER_VALUE) for each in inputs), "PUB")
    return tuple(inputs)


def _sampler_fields(pub: Any, where: str) -> list[Any]:
    """Return the three elements of a PUB, None in the place of one that was left out."""
    if isinstance(pub, QuantumCircuit):
        return [pub, None, None]
    form = "(circuit, parameter_values, shots)"
    # Asked last: whether something is a PUB, which is a protocol, takes longest to tell.
    if not isinstance(pub, (tuple, list)) and isinstance(pub, SamplerPub):
        return [pub.circuit, pub.parameter_values, pub.shots]
    return _padded(_fields(pub, where, form, 1, 3), 3)


def _estimator_fields(pub: Any, where: str) -> list[Any]:
    """Return the four elements of a PUB, None in the place of one that was left out."""
    form = "(circuit, observables, parameter_values, precision)"
    if not isinstance(pub, (tuple, list)) and isinstance(pub, EstimatorPub):
        return [pub.circuit, pub.observables, pub.parameter_values, pub.precision]
    return _padded(_fields(pub, where, form, 2, 4), 4)


def _as_list(
    pubs: Any, *, single: tuple[type, ...], call: str, circuits_are_pubs: bool = True
) -> list[Any]:
    """Return the PUBs as a list, or say that one PUB was passed where a list belongs."""
    form = "circuit, values" if circuits_are_pubs else "circuit, observables, values"
    hint = f"Wrap it in a list, as in {call}([({form})])."
    if not isinstance(pubs, list):
        if isinstance(pubs, (QuantumCircuit, *single)):
            raise InvalidInputError(
                f"{call}() takes a list of PUBs, not a single {type(pubs).__name__}. {hint}"
            )
        if isinstance(pubs, str) or not isinstance(pubs, Iterable):
            raise InvalidInputError(
                f"{call}() takes a list of PUBs, not {pubs!r} ({type(pubs).__name__}). {hint}"
            )
    items = list(pubs)
    if not items:
        raise InvalidInputError(f"{call}() was given no PUBs. Pass at least one in the list.")
    # The tuple of one PUB, without a list around it, starts with a circuit and goes on with what
    # is no PUB.
    bare = isinstance(items[0], QuantumCircuit) and (
        not circuits_are_pubs
        or any(not isinstance(each, (QuantumCircuit, tuple, list, *single)) for each in items)
        or (isinstance(pubs, tuple) and len(items) > 1 and not _starts_with_circuit(items[1]))
    )
    if bare:
        raise InvalidInputError(
            f"{call}() takes a list of PUBs, but its first element is a circuit and the others are "
            f"not PUBs, so this looks like a single PUB. {hint}"
        )
    return items


def _starts_with_circuit(item: Any) -> bool:
    first = item[0] if isinstance(item, (tuple, list)) and item else item
    return isinstance(first, (QuantumCircuit, SamplerPub))


def _fields(pub: Any, where: str, form: str, least: int, most: int) -> Sequence[Any]:
    if isinstance(pub, CircuitInstruction) or not isinstance(pub, (tuple, list)):
        raise InvalidInputError(f"{where} must be a tuple {form}, not {type(pub).__name__}.")
    if not least <= len(pub) <= most:
        raise InvalidInputError(
            f"{where} has {len(pub)} elements, but a PUB is a tuple {form} of {least} to {most}."
        )
    return pub


def _padded(fields: Sequence[Any], length: int) -> list[Any]:
    return [*fields, *[None] * (length - len(fields))]


def _require_circuit(circuit: Any, where: str) -> None:
    if not isinstance(circuit, QuantumCircuit):
        raise InvalidInputError(
            f"{where}: the first element must be a QuantumCircuit, not {type(circuit).__name__}."
        )


def _refuse_observables(values: Any, where: str) -> None:
    """Refuse what looks like the second element of an estimator's PUB."""
    if values is None:
        return
    first = values
    while isinstance(first, list | tuple) and first:
        first = first[0]
    if isinstance(first, _OBSERVABLES) or (isinstance(first, str) and set(first) & set("IXYZ")):
        raise InvalidInputError(
            f"{where}: a sampler takes parameter values here, not observables such as "
            f"{type(first).__name__}: it returns bits. For expectation values run (circuit, "
            "observables, parameter_values) with an EstimatorV2."
        )


def _check_registers(circuit: QuantumCircuit, where: str) -> None:
    """Refuse registers whose names cannot be attributes of the result."""
    for register in circuit.cregs:
        name = register.name
        if not name.isidentifier() or keyword.iskeyword(name) or name in _RESERVED_NAMES:
            raise InvalidInputError(
                f"{where}: the classical register is named '{name}', but registers become "
                "attributes of the result, so a name must be a Python identifier, no keyword, and "
                "no attribute that results have already (like 'shape' or 'items')."
            )
