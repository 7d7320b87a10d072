"""Backends, and jobs run inline: compile, execute and post-process in this process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from qiskit.primitives.containers import PrimitiveResult
from qiskit.providers import BackendV2
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeTorino

from qiskit_modes.primitives.estimator.prepare import prepare_estimator_job
from qiskit_modes.primitives.inputs.pubs import (
    EstimatorInput,
    SamplerInput,
    coerce_estimator_pubs,
    coerce_sampler_pubs,
)
from qiskit_modes.primitives.sampler.prepare import prepare_sampler_job
from qiskit_modes.runtime.steps import ExecutionSpan, Steps
from qiskit_modes.simulation import Program, Samples, execute

START = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = ExecutionSpan(START, START + timedelta(seconds=2))


@pytest.fixture(scope="session")
def torino() -> BackendV2:
    return FakeTorino()


@pytest.fixture(scope="session")
def ideal() -> BackendV2:
    return AerSimulator()


@pytest.fixture
def span() -> ExecutionSpan:
    return SPAN


@pytest.fixture
def sampler_inputs() -> Callable[..., tuple[SamplerInput, ...]]:
    def coerce(
        pubs: Any, backend: BackendV2, *, shots: int | None = None, default_shots: int = 4096
    ) -> tuple[SamplerInput, ...]:
        return coerce_sampler_pubs(pubs, backend, shots=shots, default_shots=default_shots)

    return coerce


@pytest.fixture
def estimator_inputs() -> Callable[..., tuple[EstimatorInput, ...]]:
    def coerce(
        pubs: Any,
        backend: BackendV2,
        *,
        precision: float | None = None,
        default_precision: float = 0.015625,
        default_shots: int | None = None,
        older: bool = False,
    ) -> tuple[EstimatorInput, ...]:
        return coerce_estimator_pubs(
            pubs,
            backend,
            precision=precision,
            default_precision=default_precision,
            default_shots=default_shots,
            older=older,
        )

    return coerce


def _run(steps: Steps, programs: list[Program] | None) -> PrimitiveResult:
    program, notes = steps.compile()
    if programs is not None:
        programs.append(program)
    samples = execute(program) if program.runs else Samples(())
    return steps.post_process(samples, notes, SPAN)


@pytest.fixture
def sample() -> Callable[..., PrimitiveResult]:
    def run(
        backend: BackendV2,
        pubs: Any,
        *,
        shots: int | None = None,
        options: Any = None,
        programs: list[Program] | None = None,
    ) -> PrimitiveResult:
        return _run(prepare_sampler_job(pubs, options, backend, shots=shots).steps, programs)

    return run


@pytest.fixture
def estimate() -> Callable[..., PrimitiveResult]:
    def run(
        backend: BackendV2,
        pubs: Any,
        *,
        precision: float | None = None,
        options: Any = None,
        programs: list[Program] | None = None,
        older: bool = False,
    ) -> PrimitiveResult:
        # Nothing is mitigated unless a test says so.
        chosen = {"resilience_level": 0, **(options or {})}
        job = prepare_estimator_job(pubs, chosen, backend, precision=precision, older=older)
        return _run(job.steps, programs)

    return run
