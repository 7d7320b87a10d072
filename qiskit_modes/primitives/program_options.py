"""Which options of the executor and of the noise learner act.

An option that a user set acts or is refused by name; none is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import BaseModel

from qiskit_modes.primitives.job_settings import JOB_OPTIONS
from qiskit_modes.primitives.option_rules import refusal, set_options
from qiskit_modes.warn import unsupported_options

__all__ = ["options_set"]


def options_set(
    model: BaseModel,
    acting: Collection[str],
    refused: Mapping[str, tuple[str, str]] | None = None,
) -> set[str]:
    """Return the options that a user set, as dotted paths.

    Args:
        model: The options.
        acting: Those that act, beside `JOB_OPTIONS`.
        refused: Why others are refused and what to do, where that is not common to all.

    Raises:
        UnsupportedOptionError: If one was set that does not act, to another value than its
            default; all are named.
    """
    chosen = list(set_options(model))
    sentences = [
        refusal(option, refused)
        for option in chosen
        if not (option.is_default or option.path in acting or option.path in JOB_OPTIONS)
    ]
    unsupported_options(sentences, stacklevel=4)  # the line that called run()
    return {option.path for option in chosen}
