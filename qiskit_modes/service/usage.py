"""Usage of an instance, as the service tells it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from qiskit_modes.runtime.clock import iso
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.scheduling import Instance

__all__ = ["usage_of"]


def usage_of(instance: Instance, runtime: LocalRuntime) -> dict[str, Any]:
    """Return what an instance was charged within the window of its plan.

    Args:
        instance: Which one; its limits are those that it has now.
        runtime: Where it was used.

    Returns:
        See `LocalService.usage`.
    """
    clock, instance = runtime.clock, runtime.current(instance)
    now = clock.now()
    end, window = clock.utc(now), instance.plan.window_seconds
    consumed = runtime.used(instance)
    start = None if window is None else iso(end - timedelta(seconds=window))
    answer = {
        "instance_id": instance.id,
        "plan_id": instance.plan.name,
        "usage_consumed_seconds": consumed,
        "usage_period": {"start_time": start, "end_time": iso(end)},
    }
    if instance.allocation is not None:
        answer["usage_allocation_seconds"] = instance.allocation
    if instance.limit is not None:
        answer["usage_limit_seconds"] = instance.limit
        answer["usage_limit_reached"] = consumed >= instance.limit
    most = instance.allocation if instance.limit is None else instance.limit
    if most is not None:
        answer["usage_remaining_seconds"] = max(most - consumed, 0.0)
    return answer
