"""What the options of the executor and of the noise learner have in common.

They are upstream's public models, or dictionaries of the same form, and are read when ``run()`` is
called. An option that a user set acts or is refused by name; none is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.job_settings import JOB_OPTIONS
from qiskit_modes.primitives.option_rules import refusal, set_options
from qiskit_modes.warn import unsupported_options

__all__ = ["coerce_model", "options_set"]

Model = TypeVar("Model", bound=BaseModel)


def coerce_model(options: Any, model: type[Model]) -> Model:
    """Return options as one of upstream's models; a model is returned as it is, not copied.

    Args:
        options: A model, a dictionary, or None for the defaults.
        model: Which model.

    Raises:
        InvalidInputError: If an option does not exist or a value does not fit it.
    """
    if options is None:
        return model()
    if isinstance(options, model):
        return options
    if not isinstance(options, Mapping):
        raise InvalidInputError(
            f"The options must be a dict or qiskit_ibm_runtime.options_models.{model.__name__}, "
            f"not {type(options).__module__}.{type(options).__qualname__}."
        )
    try:
        return model(**options)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, each['loc']))}={each['input']!r}: {each['msg']}."
            for each in error.errors(include_url=False)
        ]
        raise InvalidInputError(f"{model.__name__}: {' '.join(problems)}") from None


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
