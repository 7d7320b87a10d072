"""The noise of a backend that describes itself by a target.

The formulas are those by which Aer makes a noise model of a device: the reported gate error is
the average infidelity of a depolarizing channel followed by thermal relaxation for the duration
of the gate, and the depolarizing part is deduced from the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from qiskit.circuit import Gate, Instruction, ParameterExpression
from qiskit.providers import BackendV2
from qiskit.utils.units import apply_prefix

from qiskit_modes.caches import Fact, read_only
from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.circuits.durations import check_duration
from qiskit_modes.simulation.circuits.measurements import is_measurement
from qiskit_modes.simulation.elsewhere import NeedsMoreError
from qiskit_modes.simulation.noise.source import NO_CONFUSION, NoiseSource
from qiskit_modes.simulation.pauli_basis import RealArray, depolarizing, relaxation, tensor

__all__ = ["DeviceNoise"]

Times = tuple[float, float]
"""T1 and T2 of a qubit in seconds; infinite where unknown."""


class DeviceNoise(NoiseSource):
    """The noise that a backend's target reports, for the qubits that are asked about only.

    Args:
        backend: Any backend with a target.
    """

    def __init__(self, backend: BackendV2) -> None:
        super().__init__()
        self._target = backend.target
        self._qubit_properties = self._target.qubit_properties

    @property
    def description(self) -> str:
        """Tell whether the target reported any error for what was asked."""
        return "backend" if any(fact is not None for fact in self.facts.values()) else "none"

    def fact(self, key: tuple[Any, ...]) -> Fact:
        """Read one fact of the target anew."""
        # All facts of a circuit are read anew for each job: patterns would take half of the time.
        kind, *what = key
        if kind == "gate":
            return self._gate_fact(*what)
        if kind == "readout":
            return self._readout_fact(*what)
        if kind != "delay":
            raise KeyError(key)
        times = self._times(*what)
        if times is None or times == (math.inf, math.inf):
            return None
        return (*times, self._target.dt)

    def after(self, label: str, qubits: tuple[int, ...]) -> RealArray | None:
        """Return the error that follows an instruction of that label, (4^n, 4^n), or None."""
        fact = self.read(("gate", label, qubits))
        return _gate_error(*fact) if isinstance(fact, tuple) else None

    def confusion(self, qubit: int, name: str = "measure") -> RealArray:
        """Return the readout error, shape (2, 2), as ``[recorded, true]``."""
        fact = self.read(("readout", qubit, name))
        if not isinstance(fact, tuple):
            return NO_CONFUSION
        one_for_zero, zero_for_one = fact
        return np.array([[1 - one_for_zero, zero_for_one], [one_for_zero, 1 - zero_for_one]])

    def relaxation_during(self, delay: Instruction, qubit: int) -> RealArray | None:
        """Return the thermal relaxation of a qubit during a delay, shape (4, 4), or None."""
        fact = self.read(("delay", qubit))
        if not isinstance(fact, tuple):
            return None
        t1, t2, dt = fact
        return relaxation(t1, t2, delay_seconds(delay, dt))

    def aer_relaxation(self, delay: Instruction, qubit: int) -> Any:
        """Return the relaxation during a delay as Aer's ``QuantumError``, or None."""
        fact = self.read(("delay", qubit))
        if not isinstance(fact, tuple):
            return None
        t1, t2, dt = fact
        return _aer_gate_error(0.0, delay_seconds(delay, dt), ((t1, t2),))

    def aer_error(self, label: str, qubits: tuple[int, ...]) -> Any:
        """Return the error of an instruction of that label as Aer's ``QuantumError``, or None."""
        fact = self.read(("gate", label, qubits))
        return _aer_gate_error(*fact) if isinstance(fact, tuple) else None

    def as_it_travels(self) -> NoiseSource:
        """Return the noise of a device of which the facts are known that were read so far.

        They are smaller than the matrices that are made of them.
        """
        return _KnownDevice(self.facts)

    def _times(self, qubit: int) -> Times | None:
        if not self._qubit_properties:
            return None
        properties = self._qubit_properties[qubit]
        t1, t2 = properties.t1, properties.t2
        # Nothing dephases slower than relaxation allows; Aer cuts a reported T2 down to 2 T1.
        if t1 is None:
            return (math.inf, math.inf if t2 is None else t2)
        return (t1, 2 * t1 if t2 is None else min(t2, 2 * t1))

    def _gate_fact(self, label: str, qubits: tuple[int, ...]) -> Fact:
        """Return error, duration if there is relaxation, and the qubits' times; None if ideal."""
        if label not in self._target:
            return None
        properties = (self._target[label] or {}).get(qubits)
        if properties is None:
            return None
        operation = self._target.operation_from_name(label)
        is_gate = isinstance(operation, Gate)
        if not is_gate and is_measurement(operation):
            return None
        error = (properties.error if is_gate else None) or 0.0
        times = [self._times(qubit) for qubit in qubits] if properties.duration else [None]
        if None in times:
            return (error, 0.0, tuple((math.inf, math.inf) for _ in qubits)) if error else None
        return (error, properties.duration, tuple(times))

    def _readout_fact(self, qubit: int, name: str) -> Fact:
        """Return the probabilities of 1 for 0 and of 0 for 1; None if there is no error."""
        if name not in self._target:
            return None
        properties = (self._target[name] or {}).get((qubit,))
        if properties is None:
            return None
        one_for_zero = getattr(properties, "prob_meas1_prep0", None)
        zero_for_one = getattr(properties, "prob_meas0_prep1", None)
        if one_for_zero is None or zero_for_one is None:
            one_for_zero = zero_for_one = properties.error
        return (one_for_zero, zero_for_one) if one_for_zero or zero_for_one else None


class _KnownDevice(DeviceNoise):
    """The noise of a device of which some facts are known, and not the device."""

    def __init__(self, facts: Mapping[tuple[Any, ...], Fact]) -> None:
        NoiseSource.__init__(self)
        self._known = dict(facts)

    def fact(self, key: tuple[Any, ...]) -> Fact:
        """Return a fact that is known.

        Raises:
            NeedsMoreError: If it is not.
        """
        if key not in self._known:
            raise NeedsMoreError(key)
        return self._known[key]


@lru_cache(maxsize=16384)
def _gate_error(error: float, seconds: float, times: tuple[Times, ...]) -> RealArray:
    """Return the channel of a gate's error: depolarizing first, relaxation after it."""
    relaxed = tensor(*(relaxation(t1, t2, seconds) for t1, t2 in times))
    parameter = _depolarizing_parameter(error, seconds, times)
    return read_only(relaxed @ depolarizing(parameter, len(times)) if parameter else relaxed)


@lru_cache(maxsize=4096)
def _aer_gate_error(error: float, seconds: float, times: tuple[Times, ...]) -> Any:
    """Return the same channel as Aer's ``QuantumError``; None if it does nothing.

    One object wherever the same error occurs: Aer converts each object once in a run.
    """
    from qiskit_aer.noise import depolarizing_error, thermal_relaxation_error

    combined = None
    parameter = _depolarizing_parameter(error, seconds, times)
    if parameter:
        combined = depolarizing_error(parameter, len(times))
    if seconds:
        relaxed = None
        for t1, t2 in times:
            single = thermal_relaxation_error(t1, t2, seconds)
            relaxed = single if relaxed is None else relaxed.expand(single)
        combined = relaxed if combined is None else combined.compose(relaxed)
    return combined


def _depolarizing_parameter(error: float, seconds: float, times: tuple[Times, ...]) -> float:
    """Return how much a gate must depolarize so that, with its relaxation, it errs as reported."""
    num_qubits, dim = len(times), 2 ** len(times)
    relaxed_trace = math.prod(np.trace(relaxation(t1, t2, seconds)) for t1, t2 in times)
    fidelity = (relaxed_trace / dim + 1) / (dim + 1)
    if error <= 1 - fidelity:
        return 0.0  # relaxation alone explains the reported error
    # A report beyond what is physical is cut to the worst depolarizing channel there is.
    reported = min(error, dim / (dim + 1))
    parameter = dim * (reported - (1 - fidelity)) / (dim * fidelity - 1)
    return float(min(parameter, 4**num_qubits / (4**num_qubits - 1)))


def delay_seconds(delay: Instruction, dt: float | None) -> float:
    """Return the duration of a delay in seconds.

    Raises:
        UnsupportedCircuitError: If the duration is not a number, or counts in samples on a
            backend that does not say how long one is.
        InvalidInputError: If it is no duration.
    """
    duration, unit = delay.params[0], delay.unit
    if unit == "expr" or isinstance(duration, ParameterExpression):
        raise UnsupportedCircuitError(
            f"A delay has the duration {duration!r}, which is not a number; relaxation during it "
            "cannot be computed. Expected a number or an expression of parameters."
        )
    check_duration(duration, unit)
    if unit == "dt":
        if dt is None:
            raise UnsupportedCircuitError(
                "A delay is given in units of dt, but the backend does not say how long dt is. "
                "Give the delay in seconds, e.g. circuit.delay(100, qubit, unit='ns')."
            )
        return float(duration) * dt
    return float(apply_prefix(float(duration), unit))
