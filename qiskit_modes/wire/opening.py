"""Opening what stands behind a door: a runtime and its platform, of what users pass."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.runtime.clock import Clock
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.scheduling import Instance, Plan
from qiskit_modes.scheduling.plan import PLANS
from qiskit_modes.store.locations import named_in_environment
from qiskit_modes.wire.catalog import Backends
from qiskit_modes.wire.platform import Platform

__all__ = ["open_platform", "plan_named"]

_LANES = 5
"""What a runtime has unless somebody says otherwise."""


@contextmanager
def open_platform(
    *,
    backends: Backends | None = None,
    plan: Plan | str | None = None,
    instances: Sequence[Instance] | None = None,
    lanes: int = _LANES,
    seed: int | None = None,
    clock: Clock | None = None,
    runtime: LocalRuntime | None = None,
    store: str | os.PathLike[str] | None = None,
    serves: bool = False,
    resume: bool = False,
    waits: Callable[[str], None] = lambda _: None,
) -> Iterator[Platform]:
    """Open a platform for as long as the block lasts; then its jobs are cancelled.

    Args:
        backends: What is offered, see `qiskit_modes.wire.catalog.Catalog`.
        plan: Of everybody: a `Plan` or the name of one; None for one without limits.
        instances: Who may use it, each with its plan; None for everybody.
        lanes: How many jobs of one QPU are in progress at once.
        seed: What the seeds of jobs that set none are derived from.
        clock: Whose time counts; None for the machine's.
        runtime: Where everything runs; it is not shut down. None for one of its own.
        store: Where jobs outlive the process, see `LocalRuntime`. None for where the environment
            variable ``QISKIT_MODES_STORE`` says, unless a runtime or clock is passed.
        serves: Whether this is the one server of the store, see `LocalRuntime`.
        resume: Whether jobs that an earlier server had not finished run again, see
            `Platform.resume`.
        waits: See `LocalRuntime`.

    Raises:
        InvalidInputError: If the arguments do not go together, or cannot be used.
    """
    if plan is not None and instances is not None:
        raise InvalidInputError("Pass plan, or instances with their plans, not both")
    if runtime is not None and (clock is not None or lanes != _LANES or plan is not None):
        raise InvalidInputError("A runtime has its own lanes, clock and plan; do not pass both")
    if runtime is not None and (store is not None or resume):
        raise InvalidInputError("A runtime has its own store; do not pass both")
    if store is None and runtime is None and clock is None:
        store = named_in_environment()
    with ExitStack() as stack:
        if runtime is None:
            first = (
                Instance(plan=plan_named(plan))
                if instances is None
                else next(iter(instances), None)
            )
            runtime = stack.enter_context(
                LocalRuntime(
                    lanes=lanes,
                    clock=clock,
                    instance=first,
                    store=store,
                    serves=serves,
                    resumes=resume,
                    waits=waits,
                )
            )
        platform = Platform(runtime, backends=backends, instances=instances, seed=seed)
        if resume:
            platform.resume()
        yield platform


def plan_named(plan: Plan | str | None) -> Plan:
    """Return a plan by its name; one without limits for None.

    Raises:
        InvalidInputError: If there is none of this name.
    """
    if plan is None:
        return Plan()
    if isinstance(plan, Plan):
        return plan
    if plan not in PLANS:
        raise InvalidInputError(
            f"There is no plan {plan!r}; there is {', '.join(PLANS)}, or pass a Plan"
        )
    return PLANS[plan]
