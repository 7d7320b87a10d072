"""Durations of a scenario's jobs: the usual, by tag or primitive, and of the next one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from qiskit_modes.runtime.records import JobRecord
from qiskit_modes.runtime.steps import Durations, ScriptedSteps

__all__ = ["JobDurations"]


@dataclass(eq=False)
class _Rule:
    tag: str | None
    primitive: str | None
    durations: Durations

    def applies_to(self, job: JobRecord) -> bool:
        """Return whether a job has the tag and is of the primitive, as far as these are named."""
        return (self.tag is None or self.tag in job.tags) and (
            self.primitive in (None, job.primitive_id)
        )

    @property
    def names(self) -> int:
        """Amount that it says about its jobs; more goes before less."""
        return 2 * (self.tag is not None) + (self.primitive is not None)


class JobDurations:
    """Says of each job how long its steps last. May be used from any thread, without waiting.

    Args:
        usual: Of jobs about which nothing else is said.
        samples: What comes of their programs.
    """

    def __init__(self, usual: Durations, samples: Callable[..., object]) -> None:
        self._steps = ScriptedSteps(samples=samples)
        self._rules: tuple[_Rule, ...] = (_Rule(None, None, usual),)
        """Replaced as a whole, the latest first among those that say the same much."""
        self._next: list[_Rule] = []
        self._taken: WeakKeyDictionary[JobRecord, _Rule] = WeakKeyDictionary()
        """What was said of the next job, by the job that took it."""

    def set(self, durations: Durations, tag: str | None, primitive: str | None) -> None:
        """Let jobs with a tag or of a primitive last so long; all, if neither is named."""
        rules = (_Rule(tag, primitive, durations), *self._rules)
        self._rules = tuple(sorted(rules, key=lambda rule: -rule.names))

    def set_next(
        self, durations: Durations, tag: str | None, primitive: str | None
    ) -> AbstractContextManager[object]:
        """Let the next job last so long that has a tag or is of a primitive.

        Returns:
            A context at whose end that is forgotten, if no job has come.
        """
        rule = _Rule(tag, primitive, durations)
        self._next.append(rule)
        stack = ExitStack()
        stack.callback(self._forget, rule)
        return stack

    def _forget(self, rule: _Rule) -> None:
        with suppress(ValueError):  # a job has it
            self._next.remove(rule)

    def take(self, job: JobRecord) -> ScriptedSteps:
        """Return how long the steps of a job last that is being submitted."""
        for rule in tuple(self._next):
            if not rule.applies_to(job):
                continue
            try:
                self._next.remove(rule)
            except ValueError:  # another thread has it
                continue
            self._taken[job] = rule
            return replace(self._steps, durations=rule.durations)
        rule = next(rule for rule in self._rules if rule.applies_to(job))
        return replace(self._steps, durations=rule.durations)

    def refused(self, job: JobRecord) -> None:
        """Take note that a job was refused: what was said of the next job holds for another."""
        rule = self._taken.pop(job, None)
        if rule is not None:
            self._next.insert(0, rule)
