"""Whoever waits for a job of the service's client sees how it is going, too."""

from __future__ import annotations

from qiskit_ibm_runtime import SamplerV2

from qiskit_modes.client import local_runtime
from qiskit_modes.runtime import LocalRuntime
from qiskit_modes.runtime.steps import Durations, ScriptedSteps
from qiskit_modes.testing import ManualClock
from qiskit_modes.testing.zero_samples import zero_samples


class Seen:
    """A surface that notes what it was shown."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def draw(self, outlook: object, seconds: float) -> None:
        self.drawn.append(f"{seconds:.2f} {outlook.subject.split()[0]}")

    def erase(self) -> None:
        self.drawn.append("gone")


def test_a_long_wait_is_shown(bell):
    seen, steps = Seen(), ScriptedSteps(Durations(execute=2.4), samples=zero_samples)
    runtime = LocalRuntime(
        clock=ManualClock(autojump=True), surface=lambda: seen, simulate=lambda _: steps
    )
    with runtime, local_runtime(backends=["ibm_manila"], runtime=runtime) as service:
        SamplerV2(service.backend("ibm_manila")).run([bell]).result()
    assert seen.drawn == ["2.00 job", "2.25 job", "gone"]
