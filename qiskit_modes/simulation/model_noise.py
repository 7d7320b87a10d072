"""The noise of an `AerSimulator`: whatever its own noise model says, read instruction-wise.

This is the only module that knows how Aer's ``NoiseModel`` stores what it was told; Aer offers no
public way to ask it about one instruction, and its dictionary form takes seconds for a device.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from qiskit.circuit import Instruction, QuantumCircuit
from qiskit.quantum_info import SuperOp

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.noise import NO_CONFUSION, Fact, NotCuttableError, Same
from qiskit_modes.simulation.pauli_basis import (
    RESET,
    RealArray,
    from_kraus,
    from_superoperator,
    from_unitary,
    tensor,
)

__all__ = ["ModelNoise", "error_matrix"]


class ModelNoise:
    """The noise of Aer's noise models.

    Aer's rules: an error belongs to the label of an instruction, or to its name if it has none;
    an error for these very qubits takes the place of one for all qubits; errors of ``measure``
    come before it, all others after. An error for readout of several qubits at once never acts,
    because circuits measure qubit by qubit.

    Args:
        model: A ``qiskit_aer.noise.NoiseModel``.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.facts: dict[tuple[Any, ...], Fact] = {}
        self._errors: dict[tuple[Any, ...], Any] = {}
        self._matrices: dict[tuple[Any, ...], RealArray] = {}

    @property
    def model(self) -> Any:
        """Return Aer's noise model."""
        return self._model

    @property
    def description(self) -> str:
        """Tell whether the model has any error."""
        return "none" if self._model.is_ideal() else "noise model"

    @property
    def passes(self) -> list[Any]:
        """Return the transpiler passes by which the model adds noise of its own making."""
        self._read(("passes",))
        return list(self._model._custom_noise_passes)  # noqa: SLF001

    def fact(self, key: tuple[Any, ...]) -> Fact:
        """Read one fact of the model anew."""
        if key == ("passes",):
            return tuple(map(Same, self._model._custom_noise_passes))  # noqa: SLF001
        if key == ("everything",):
            return tuple(self._everything())
        error = self._find(key)
        return None if error is None else Same(error)  # errors are replaced, never changed

    def after(self, label: str, qubits: tuple[int, ...]) -> RealArray | None:
        """Return the error that follows an instruction of that label, or None.

        One on fewer qubits than the instruction acts on the first of them, as Aer has it.

        Raises:
            UnsupportedCircuitError: If the error is for more qubits than the instruction has.
        """
        key = ("gate", label, qubits)
        if self._read(key) is None:
            return None
        if key not in self._matrices:
            error = self._find(key)
            if error.num_qubits > len(qubits):
                raise UnsupportedCircuitError(
                    f"The noise model has an error on {error.num_qubits} qubits for instruction "
                    f"{label!r}, which acts on {len(qubits)} here. Define one of fitting size."
                )
            self._matrices[key] = error_matrix(error)
        return self._matrices[key]

    def before_measure(self, qubit: int) -> RealArray | None:
        """Return the error that precedes a measurement, or None."""
        return self.after("measure", (qubit,))

    def confusion(self, qubit: int) -> RealArray:
        """Return the readout error, shape (2, 2), as ``[recorded, true]``."""
        if self._read(("readout", qubit)) is None:
            return NO_CONFUSION
        return np.asarray(self._find(("readout", qubit)).probabilities, dtype=float).T

    def relaxation_during(self, delay: Instruction, qubit: int) -> RealArray | None:
        """Nothing: a model's relaxation during delays is one of its passes."""
        del delay, qubit
        return None

    def aer_error(self, label: str, qubits: tuple[int, ...]) -> Any:
        """Return the error of an instruction of that label as Aer's ``QuantumError``, or None."""
        key = ("gate", label, qubits)
        return None if self._read(key) is None else self._find(key)

    def read_everything(self) -> None:
        """Remember that the whole model counts, and nothing in particular."""
        self.facts.clear()
        self._read(("passes",))
        self._read(("everything",))

    def _everything(self) -> Iterator[Fact]:
        model = self._model
        for label, by_qubits in model._local_quantum_errors.items():  # noqa: SLF001
            yield from ((label, qubits, Same(error)) for qubits, error in by_qubits.items())
        for errors in (model._default_quantum_errors, model._local_readout_errors):  # noqa: SLF001
            yield from ((label, Same(error)) for label, error in errors.items())
        yield Same(model._default_readout_error)  # noqa: SLF001

    def _read(self, key: tuple[Any, ...]) -> Fact:
        if key not in self.facts:
            self.facts[key] = self.fact(key)
        return self.facts[key]

    def _find(self, key: tuple[Any, ...]) -> Any:
        model = self._model
        match key:
            case ("gate", label, qubits):
                local = model._local_quantum_errors.get(label, {}).get(qubits)  # noqa: SLF001
                return local or model._default_quantum_errors.get(label)  # noqa: SLF001
            case ("readout", qubit):
                local = model._local_readout_errors.get((qubit,))  # noqa: SLF001
                return local or model._default_readout_error  # noqa: SLF001
        raise KeyError(key)


_BY_ID: dict[str, RealArray] = {}
_BY_ID_LIMIT = 4096

LARGEST_ERROR_QUBITS = 4
"""A matrix of an error on so many qubits takes 0.5 MB, and one on two more already 128 MB."""


def error_matrix(error: Any) -> RealArray:
    """Return the Pauli transfer matrix of one of Aer's quantum errors.

    Raises:
        NotCuttableError: If it acts on too many qubits for a matrix, or if it has none.
    """
    if error.num_qubits > LARGEST_ERROR_QUBITS:
        raise NotCuttableError(
            f"The noise model holds an error on {error.num_qubits} qubits at once; those on more "
            f"than {LARGEST_ERROR_QUBITS} are left to Aer."
        )
    if str(error.id) not in _BY_ID:
        try:
            mixture = [
                weight * _circuit_matrix(circuit)
                for circuit, weight in zip(error.circuits, error.probabilities, strict=True)
            ]
        except Exception as unsuitable:
            raise NotCuttableError(
                f"The noise model holds an error without a superoperator: {error!r}."
            ) from unsuitable
        if len(_BY_ID) >= _BY_ID_LIMIT:
            _BY_ID.clear()
        _BY_ID[str(error.id)] = np.sum(mixture, axis=0)
    return _BY_ID[str(error.id)]


def _circuit_matrix(circuit: QuantumCircuit) -> RealArray:
    """Return the channel of a circuit of gates, resets and Kraus operators."""
    num_qubits = circuit.num_qubits
    result = np.eye(4**num_qubits)
    for instruction in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        step = _instruction_matrix(instruction.operation)
        # The instruction's own qubits first, the others untouched, then back in order.
        others = [qubit for qubit in range(num_qubits) if qubit not in qubits]
        wide = tensor(step, np.eye(4 ** len(others)))
        order = np.argsort([*qubits, *others])
        axes = [*order, *(order + num_qubits)]
        wide = wide.reshape((4,) * (2 * num_qubits)).transpose(axes).reshape(result.shape)
        result = wide @ result
    return result


def _instruction_matrix(operation: Instruction) -> RealArray:
    if operation.name == "kraus":
        return from_kraus(operation.params)
    if operation.name == "reset":
        return RESET
    if operation.name == "pauli":
        return _pauli_matrix(operation.params[0][::-1])
    if hasattr(operation, "to_matrix"):
        return from_unitary(np.asarray(operation.to_matrix()))
    return from_superoperator(SuperOp(operation).data)


@lru_cache(maxsize=512)
def _pauli_matrix(letters: str) -> RealArray:
    """Return conjugation by a Pauli string: each string keeps or changes its sign."""
    signs = {"I": [1, 1, 1, 1], "X": [1, 1, -1, -1], "Y": [1, -1, 1, -1], "Z": [1, -1, -1, 1]}
    return tensor(*(np.diag(np.array(signs[letter], dtype=float)) for letter in letters))
