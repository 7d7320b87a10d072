"""The noise of an `AerSimulator`: whatever its own noise model says, read instruction-wise.

This is the only module that knows how Aer's ``NoiseModel`` stores what it was told; Aer offers no
public way to ask it about one instruction, and its dictionary form takes seconds for a device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from qiskit.circuit import Instruction, QuantumCircuit
from qiskit.quantum_info import SuperOp

from qiskit_modes._mutex import cached_property
from qiskit_modes.caches import BoundedCache, Fact, read_only
from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.simulation.circuits.content import describe
from qiskit_modes.simulation.noise.source import NO_CONFUSION, NoiseSource, NotCuttableError, Same
from qiskit_modes.simulation.pauli_basis import (
    RESET,
    RealArray,
    from_kraus,
    from_superoperator,
    from_unitary,
    tensor,
)

__all__ = ["ModelNoise", "error_matrix"]


class ModelNoise(NoiseSource):
    """The noise of Aer's noise models.

    Aer's rules: an error belongs to the label of an instruction, or to its name if it has none;
    an error for these very qubits takes the place of one for all qubits; errors of ``measure``
    come before it, all others after. An error for readout of several qubits at once never acts,
    because circuits measure qubit by qubit.

    Args:
        model: A ``qiskit_aer.noise.NoiseModel``.
    """

    answers_for_facts = False  # passes may ask anything

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model
        self._errors: dict[tuple[Any, ...], Any] = {}
        self._matrices: dict[tuple[Any, ...], RealArray] = {}

    @property
    def description(self) -> str:
        """Tell whether the model has any error."""
        return "none" if self._model.is_ideal() else "noise model"

    @property
    def passes(self) -> list[Any]:
        """Return the transpiler passes by which the model adds noise of its own making."""
        self.read(("passes",))
        return self._passes()

    def durations_of(self, label: str, qubits: tuple[int, ...]) -> None:
        """Note how long the targets that passes hold say that an instruction takes."""
        self.read(("durations", label, qubits))

    def _passes(self) -> list[Any]:
        return list(self._model._custom_noise_passes)  # noqa: SLF001

    def _targets(self) -> list[Any]:
        targets = (getattr(each, "_target", None) for each in self._passes())
        return [target for target in targets if target is not None]

    def fact(self, key: tuple[Any, ...]) -> Fact:
        """Read one fact of the model anew."""
        if key == ("passes",):
            return tuple(map(_pass_fact, self._model._custom_noise_passes))  # noqa: SLF001
        if key[0] == "durations":
            return tuple(_duration(target, *key[1:]) for target in self._targets())
        if key == ("everything",):
            return tuple(self._everything())
        if key == ("pickle",):
            return _digest_of(lambda: self.pickled)
        error = self._find(key)
        return None if error is None else _error_fact(error)

    def after(self, label: str, qubits: tuple[int, ...]) -> RealArray | None:
        """Return the error that follows an instruction of that label, (4^n, 4^n), or None.

        One on fewer qubits than the instruction acts on the first of them, as Aer has it.

        Raises:
            UnsupportedCircuitError: If the error is for more qubits than the instruction has.
        """
        key = ("gate", label, qubits)
        if self.read(key) is None:
            return None
        if key not in self._matrices:
            error = self._find(key)
            if error.num_qubits > len(qubits):
                raise UnsupportedCircuitError(
                    f"The noise model has an error on {error.num_qubits} qubits for instruction "
                    f"{label!r}, which acts on {len(qubits)} here. Define one of fitting size."
                )
            identity = (error.id, _probabilities(error))
            self._matrices[key] = error_matrix(error, identity)
        return self._matrices[key]

    def before_measure(self, qubit: int, name: str = "measure") -> RealArray | None:
        """Return the error before a measurement by an instruction, shape (4, 4), or None."""
        return self.after(name, (qubit,))

    def confusion(self, qubit: int, name: str = "measure") -> RealArray:
        """Return the readout error, shape (2, 2), as ``[recorded, true]``.

        A noise model knows one for each qubit, whatever instruction measures it.
        """
        del name
        if self.read(("readout", qubit)) is None:
            return NO_CONFUSION
        return np.asarray(self._find(("readout", qubit)).probabilities, dtype=float).T

    def aer_error(self, label: str, qubits: tuple[int, ...]) -> Any:
        """Return the error that follows an instruction as Aer's ``QuantumError``, or None."""
        key = ("gate", label, qubits)
        return None if self.read(key) is None else self._find(key)

    def aer_error_before_measure(self, qubit: int, name: str) -> Any:
        """Return the error that precedes a measurement as Aer's ``QuantumError``, or None."""
        return self.aer_error(name, (qubit,))

    def whole_model(self, reason: NotCuttableError) -> bytes | None:
        """Return the model, pickled; it is remembered that the result depends on all of it.

        Raises:
            UnsupportedCircuitError: If it holds something that cannot travel.
        """
        del reason
        self._read_everything()
        try:
            return self.pickled
        except Exception as error:
            names = ", ".join(sorted({type(each).__name__ for each in self.passes})) or "no passes"
            raise UnsupportedCircuitError(
                "The circuit must be simulated with the whole noise model, in a worker process, "
                f"and the model (its passes: {names}) cannot be pickled: {error!r}. Keep locks, "
                "open files and the like out of noise passes, or derive the passes from "
                "qiskit_aer.noise.LocalNoisePass, which need not travel."
            ) from error

    def _read_everything(self) -> None:
        """Remember that the whole model counts, and nothing in particular."""
        self.facts.clear()
        if all(map(_is_relaxation, self._passes())):
            self.read(("passes",))
            self.read(("everything",))
        else:
            # Of unknown passes all is known that travels; of a large model that takes seconds.
            self.read(("pickle",))

    @cached_property
    def pickled(self) -> bytes:
        """The whole model as it travels to a worker, and what its passes are there."""
        # By value where a pass is defined in the user's own script, which workers cannot import.
        import cloudpickle

        return cloudpickle.dumps(self._model)

    def _everything(self) -> Iterator[Fact]:
        model = self._model
        for label, by_qubits in model._local_quantum_errors.items():  # noqa: SLF001
            yield from ((label, qubits, _error_fact(each)) for qubits, each in by_qubits.items())
        for errors in (model._default_quantum_errors, model._local_readout_errors):  # noqa: SLF001
            yield from ((label, _error_fact(error)) for label, error in errors.items())
        yield _error_fact(model._default_readout_error)  # noqa: SLF001
        for target in self._targets():
            for label in target.operation_names:
                yield from (
                    (label, qubits, properties and properties.duration)
                    for qubits, properties in target[label].items()
                )

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


def _error_fact(error: Any) -> Fact:
    """Return what tells an error from others: Aer replaces errors and does not change them.

    Its probabilities are compared too, because they are handed out as they are kept.
    """
    return Same(error), _probabilities(error)


def _probabilities(error: Any) -> Hashable:
    values = getattr(error, "probabilities", ())
    # A quantum error has a list of them, and many errors are looked at for each job.
    return tuple(values) if isinstance(values, list) else np.asarray(values).tobytes()


def _pass_fact(noise_pass: Any) -> Fact:
    """Return what a pass's noise depends on; of unknown passes nothing is the same a second time.

    A function that adds noise may read whatever it likes. That of Aer's own relaxation reads what
    its pass holds, and a target, for which see `ModelNoise.durations_of`.
    """
    unknown = object()
    if not _is_relaxation(noise_pass):
        return unknown
    held = {name: value for name, value in vars(noise_pass).items() if name not in _READ_APART}
    return Same(getattr(noise_pass, "_target", None)), describe(held) or unknown


_READ_APART = frozenset({"_func", "_target"})


def _is_relaxation(noise_pass: Any) -> bool:
    from qiskit_aer.noise import RelaxationNoisePass

    if type(noise_pass) is not RelaxationNoisePass:
        return False
    return bool(noise_pass._func == noise_pass._thermal_relaxation_error)  # noqa: SLF001


def _digest_of(pickled: Callable[[], bytes]) -> Fact:
    """Return a digest of what is written, or what equals nothing if it cannot be written."""
    try:
        return hashlib.blake2b(pickled(), digest_size=16).digest()
    except Exception:  # of strangers' classes
        return object()


def _duration(target: Any, label: str, qubits: tuple[int, ...]) -> float | None:
    properties = target[label].get(qubits) if label in target.operation_names else None
    return None if properties is None else properties.duration


_matrices: BoundedCache[Hashable, RealArray] = BoundedCache(4096)

LARGEST_ERROR_QUBITS = 4
"""A matrix of an error on so many qubits takes 0.5 MB, and one on two more already 128 MB."""


def error_matrix(error: Any, identity: Hashable = None) -> RealArray:
    """Return the Pauli transfer matrix of an error of Aer's, (4^n, 4^n), not to be written to.

    Args:
        error: The error.
        identity: What tells it from others, if it is known; otherwise it is compared as a whole.

    Raises:
        NotCuttableError: If it acts on too many qubits for a matrix, or if it has none.
    """
    if error.num_qubits > LARGEST_ERROR_QUBITS:
        raise NotCuttableError(
            f"The noise model holds an error on {error.num_qubits} qubits at once; those on more "
            f"than {LARGEST_ERROR_QUBITS} are left to Aer."
        )
    key = identity or describe((list(error.probabilities), list(error.circuits))) or object()
    known = _matrices.get(key)
    if known is None:
        try:
            mixture = [
                weight * _circuit_matrix(circuit)
                for circuit, weight in zip(error.circuits, error.probabilities, strict=True)
            ]
        except Exception as unsuitable:
            raise NotCuttableError(
                f"The noise model holds an error without a superoperator: {error!r}."
            ) from unsuitable
        known = read_only(np.sum(mixture, axis=0))
        _matrices.put(key, known)
    return known


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
    return read_only(tensor(*(np.diag(np.array(signs[letter], dtype=float)) for letter in letters)))
