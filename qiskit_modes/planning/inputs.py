"""What a primitive would make of its arguments: the steps of a job that is not submitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers import BackendV2
from qiskit.quantum_info import Pauli, PauliList, SparseObservable, SparsePauliOp

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.estimation import estimator_steps
from qiskit_modes.primitives.options import resolve_estimator_options, resolve_sampler_options
from qiskit_modes.primitives.pubs import coerce_estimator_pubs, coerce_sampler_pubs
from qiskit_modes.primitives.sampling import sampler_steps
from qiskit_modes.runtime.steps import Steps

__all__ = ["JobInputs", "read_job"]


@dataclass(frozen=True)
class JobInputs:
    """A job that is not submitted."""

    primitive: str
    """``"sampler"`` or ``"estimator"``."""
    steps: Steps
    rep_delay: float | None
    """Of the options, in seconds; None if they do not say."""


def read_job(
    pubs: Iterable[Any],
    backend: BackendV2,
    options: Any,
    primitive: str | None,
    *,
    shots: int | None,
    precision: float | None,
) -> JobInputs:
    """Return the job that a primitive would make of this; see `estimate_usage` for the arguments.

    Raises:
        InvalidInputError: If the primitive could not run it.
    """
    pubs = list(pubs) if isinstance(pubs, Iterable) and not isinstance(pubs, tuple) else pubs
    kind = primitive or _guess(pubs, options)
    if kind == "sampler":
        if precision is not None:
            raise InvalidInputError("precision is an estimator's; for a sampler pass shots")
        resolved = resolve_sampler_options(options)
        inputs = coerce_sampler_pubs(
            pubs, backend, shots=shots, default_shots=resolved.default_shots
        )
        return JobInputs(kind, sampler_steps(inputs, resolved, backend), resolved.rep_delay)
    if kind == "estimator":
        if shots is not None:
            raise InvalidInputError(
                'shots are a sampler\'s; for an estimator pass options={"default_shots": ...}, or '
                "a precision"
            )
        choices = resolve_estimator_options(options)
        pairs = coerce_estimator_pubs(
            pubs,
            backend,
            precision=precision,
            default_precision=choices.default_precision,
            default_shots=choices.default_shots,
        )
        return JobInputs(kind, estimator_steps(pairs, choices, backend), choices.rep_delay)
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
