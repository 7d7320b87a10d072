"""The metadata of a sampler's results: what acted, and when each PUB was executed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit_ibm_runtime.execution_span import DoubleSliceSpan, ExecutionSpans, TwirledSliceSpan

from qiskit_modes.primitives.inputs.pubs import SamplerInput
from qiskit_modes.primitives.options.resolve import ResolvedSamplerOptions
from qiskit_modes.runtime.steps import ExecutionSpan

__all__ = ["job_metadata"]


def job_metadata(
    options: ResolvedSamplerOptions, inputs: Sequence[SamplerInput], seed: int, span: ExecutionSpan
) -> dict[str, Any]:
    """Return the metadata of a job's result, in the form of the service's.

    Args:
        options: The options.
        inputs: The PUBs.
        seed: What reproduces the job.
        span: When its circuits were executed, all of them together.
    """
    return {
        "version": 2,
        "options": options.report,
        "shots": options.twirling.divide(inputs[0].shots)[1],
        "executor": None,
        "execution": {"execution_spans": ExecutionSpans(_spans(options, inputs, span))},
        "simulation": {"seed_simulator": seed},
    }


def _spans(
    options: ResolvedSamplerOptions, inputs: Sequence[SamplerInput], span: ExecutionSpan
) -> list[DoubleSliceSpan | TwirledSliceSpan]:
    """Tell which part of which PUB was measured when: here all of everything in one span."""
    run = {index: each for index, each in enumerate(inputs) if each.num_sets > 0}
    if not run:
        return []
    if not options.twirling.enabled:
        slices = {
            index: ((*each.shape, each.shots), slice(0, each.num_sets), slice(0, each.shots))
            for index, each in run.items()
        }
        return [DoubleSliceSpan(span.start, span.stop, slices)]
    parts = {}
    for index, each in run.items():
        number, shots = options.twirling.divide(each.shots)
        shape = (number, *each.shape, shots)
        parts[index] = (shape, True, slice(0, number * each.num_sets), slice(0, shots))
    return [TwirledSliceSpan(span.start, span.stop, parts)]
