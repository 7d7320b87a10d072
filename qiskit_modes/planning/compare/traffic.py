"""The other tenants of a QPU: how many jobs they submit, and how long these take."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import count

import numpy as np
import simpy

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.planning.compare.machine import ReplayedQPU, StepTimes, nanoseconds
from qiskit_modes.scheduling import Instance
from qiskit_modes.scheduling.events import JobSubmitted

__all__ = ["HEAVY", "LIGHT", "NONE", "Traffic", "traffic_of"]

_OTHERS = Instance("others")
"""All other tenants as one: without allocations the queue is first come, first served between
instances, so that their number changes nothing."""


@dataclass(frozen=True)
class Traffic:
    """Jobs of others in job mode, submitted at random times.

    The times between submissions are exponentially distributed, and so are the times on the QPU and
    in compilation: no figures of a real queue are published, so these are round ones.
    """

    name: str
    jobs_per_hour: float
    """How many jobs all other tenants submit together, on average."""
    mean_qpu_seconds: float = 6.0
    """How long one of them has the QPU, on average."""
    mean_compile_seconds: float = 4.0
    """How long one is compiled, on average."""
    warm_up_seconds: float = 3600.0
    """For how long the others have been there when the first job of the user comes."""

    def __post_init__(self) -> None:
        for name in ("jobs_per_hour", "mean_qpu_seconds", "mean_compile_seconds"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InvalidInputError(
                    f"{name} of the traffic must be a number from 0, not {getattr(self, name):g}"
                )
        if self.load >= 1:
            raise InvalidInputError(
                f"{self.jobs_per_hour:g} jobs an hour of {self.mean_qpu_seconds:g} s each keep the "
                f"QPU busy for {self.load:.0%} of the time, and the queue would grow for ever; "
                f"pass fewer than {3600 / self.mean_qpu_seconds:g} an hour"
            )

    @property
    def load(self) -> float:
        """Part of the time for which others have the QPU."""
        return self.jobs_per_hour * self.mean_qpu_seconds / 3600.0

    def describe(self) -> str:
        """Return it as a clause."""
        if not self.jobs_per_hour:
            return "nobody else uses the QPU"
        return (
            f"others submit {self.jobs_per_hour:g} jobs an hour of {self.mean_qpu_seconds:g} s each"
            f", {self.load:.0%} of the QPU's time"
        )

    def submit_for_ever(
        self, env: simpy.Environment, qpu: ReplayedQPU, random: np.random.Generator
    ) -> Generator[simpy.Event, None, None]:
        """Submit jobs to a QPU: a process of SimPy that does not end."""
        for number in count():
            yield env.timeout(nanoseconds(random.exponential(3600.0 / self.jobs_per_hour)))
            steps = StepTimes(
                nanoseconds(random.exponential(self.mean_compile_seconds)),
                nanoseconds(random.exponential(self.mean_qpu_seconds)),
            )
            qpu.submit(JobSubmitted(f"other {number}", _OTHERS), steps)


NONE = Traffic("none", 0.0, warm_up_seconds=0.0)
"""The QPU is the user's alone."""

LIGHT = Traffic("light", 180.0)
"""Others have the QPU for 30 % of the time."""

HEAVY = Traffic("heavy", 540.0)
"""Others have the QPU for 90 % of the time, so that there is always a queue."""

_NAMED = {each.name: each for each in (NONE, LIGHT, HEAVY)}


def traffic_of(traffic: Traffic | str | float) -> Traffic:
    """Return what is meant by a name or by a number of jobs an hour.

    Raises:
        InvalidInputError: If it is neither, or more than a QPU can do.

    Example:
        >>> traffic_of("light").load, traffic_of(60).load
        (0.3, 0.1)
    """
    if isinstance(traffic, Traffic):
        return traffic
    if isinstance(traffic, str) and traffic in _NAMED:
        return _NAMED[traffic]
    try:
        rate = float(traffic)
    except ValueError:
        raise InvalidInputError(
            f"traffic must be {', '.join(map(repr, _NAMED))}, a Traffic, or a number of jobs an "
            f"hour, not {traffic!r}"
        ) from None
    return Traffic(f"{rate:g} jobs an hour", rate) if rate else NONE
