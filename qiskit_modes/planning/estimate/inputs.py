"""Finds the primitive that a user means, and prepares a job by it without submitting it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers import BackendV2
from qiskit.quantum_info import Pauli, PauliList, SparseObservable, SparsePauliOp

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.estimator.prepare import prepare_estimator_job
from qiskit_modes.primitives.prepared_job import PreparedJob
from qiskit_modes.primitives.sampler.prepare import prepare_sampler_job

__all__ = ["read_job"]


def read_job(
    pubs: Iterable[Any],
    backend: BackendV2,
    options: Any,
    primitive: str | None,
    *,
    shots: int | None,
    precision: float | None,
) -> PreparedJob:
    """Return the job that a primitive would make of this; see `estimate_usage` for the arguments.

    Raises:
        InvalidInputError: If the primitive could not run it.
    """
    pubs = list(pubs) if isinstance(pubs, Iterable) and not isinstance(pubs, tuple) else pubs
    kind = primitive or _guess(pubs, options)
    if kind == "sampler":
        if precision is not None:
            raise InvalidInputError("precision is an estimator's; for a sampler pass shots")
        return prepare_sampler_job(pubs, options, backend, shots=shots)
    if kind == "estimator":
        if shots is not None:
            raise InvalidInputError(
                'shots are a sampler\'s; for an estimator pass options={"default_shots": ...}, or '
                "a precision"
            )
        return prepare_estimator_job(pubs, options, backend, precision=precision)
    raise InvalidInputError(f'primitive must be "sampler" or "estimator", not {primitive!r}')


def _guess(pubs: Any, options: Any) -> str:
    """Tell which primitive is meant: by the options' class, or by whether there are observables."""
    name = type(options).__name__
    if name in ("SamplerOptions", "EstimatorOptions"):
        return name.removesuffix("Options").lower()
    for pub in pubs:
        if isinstance(pub, EstimatorPub):
            return "estimator"
        if isinstance(pub, SamplerPub | QuantumCircuit):
            return "sampler"
        if isinstance(pub, list | tuple) and len(pub) > 1 and _is_observable(pub[1]):
            return "estimator"
    return "sampler"


def _is_observable(thing: Any) -> bool:
    """Return whether this is an observable, or an array of them, and not parameter values."""
    if isinstance(thing, list | tuple):
        return bool(thing) and _is_observable(thing[0])
    if isinstance(thing, Mapping):
        return all(isinstance(key, str) and set(key) <= set("IXYZ01+-rl") for key in thing)
    if hasattr(thing, "dtype"):
        return thing.dtype == object or thing.dtype.kind == "U"
    return isinstance(thing, str | Pauli | PauliList | SparsePauliOp | SparseObservable) or (
        type(thing).__name__ == "ObservablesArray"
    )
