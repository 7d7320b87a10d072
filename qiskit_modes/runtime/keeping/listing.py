"""Words of lists on a job: JSON text, which is kept once nothing of it changes but its tags."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qiskit_modes.runtime.records import JobRecord

__all__ = ["Listing"]


_encode = json.JSONEncoder().encode


@dataclass(frozen=True)
class Listing:
    """The way in which a door writes down jobs in its lists."""

    form: int
    """Number of this way: another one, or a change of it, has another number, so that what was kept
    in the former is not taken for it."""
    text_of: Callable[[JobRecord], str]
    """Return what is said of a job but its tags, as the text of a JSON object that is not empty."""

    def of(self, job: JobRecord) -> str:
        """Return all that is said of a job, as the text of a JSON object."""
        return self.with_tags(self.text_of(job), job.tags)

    @staticmethod
    def with_tags(text: str, tags: Sequence[str]) -> str:
        """Return a text with the tags of its job.

        >>> Listing.with_tags('{"id": "a"}', ["b"])
        '{"id": "a", "tags": ["b"]}'
        """
        return f'{text[:-1]}, "tags": [{", ".join(map(_encode, tags))}]}}'
