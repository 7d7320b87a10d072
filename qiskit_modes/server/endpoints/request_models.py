"""Models of what requests carry, and their limits."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from qiskit_modes.wire import ApiError
from qiskit_modes.wire.api_error import Code

__all__ = [
    "CloseBody",
    "ErrorBody",
    "JobBody",
    "SessionBody",
    "TagsBody",
    "described",
    "is_heavy",
    "parse",
]

_MOST_VALUES = 250_000
"""Most values and names in the JSON of a body. An empty list takes two bytes there and sixty in
memory; what real programs send in bulk is packed into text."""

_HEAVY_BYTES, _HEAVY_VALUES = 256 * 2**10, 10_000
"""A body with more of one of them takes more than some milliseconds to read."""

_Body = TypeVar("_Body", bound=BaseModel)


class JobBody(BaseModel):
    """``POST /jobs``; what else is in it is refused unless it is off."""

    model_config = ConfigDict(extra="allow")

    program_id: str = Field(description="sampler, estimator or executor")
    params: dict[str, Any] = Field(description="Of the program, in the client's encoding")
    backend: str | None = Field(None, description="Not needed for a job of a session")
    session_id: str | None = None
    tags: list[str] | None = None
    private: bool = False
    cost: int | None = Field(None, ge=0, le=2**31, description="Longest time on the QPU, in s")
    runtime: str | None = Field(None, description="Kept; there are no images here")
    calibration_id: str | None = Field(None, description="Calibrations have no ids here")
    start_session: bool | None = Field(None, description="Refused; open a session first")
    session_time: int | None = Field(None, description="Goes with start_session")
    log_level: str | None = Field(None, description="No effect; there is no container that logs")


class SessionBody(BaseModel):
    """``POST /sessions``."""

    model_config = ConfigDict(extra="forbid")

    mode: str | None = Field(None, description="dedicated or batch")
    backend: str = Field(
        validation_alias=AliasChoices("backend", "backend_name"),
        description="Its name; backend_name is taken for it too",
    )
    instance: str | None = Field(None, description="Ignored: the header Service-CRN says it")
    max_ttl: int | None = Field(None, ge=1, le=2**31 - 1, description="Longest life, in s")


class CloseBody(BaseModel):
    """``PATCH /sessions/{id}``."""

    accepting_jobs: bool


class TagsBody(BaseModel):
    """``PUT /jobs/{id}/tags``."""

    tags: list[str]


class ErrorItem(BaseModel):
    """One thing that went wrong."""

    code: int
    message: str


class ErrorBody(BaseModel):
    """Body of every error."""

    errors: list[ErrorItem]


def described(model: type[BaseModel]) -> dict[str, Any]:
    """Return what an endpoint adds to the description of the interface for its body.

    Bodies are read and parsed by hand, in threads, so the framework does not know them.
    """
    schema = model.model_json_schema()
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


async def read(request: Request) -> bytes:
    """Return the body of a request; the guard has seen to its length."""
    # Its own `body` copies: it joins what came with the empty piece at the end.
    return b"".join([piece async for piece in request.stream() if piece])


def is_heavy(body: bytes) -> bool:
    """Return whether a body takes long to read; this itself takes next to no time."""
    return len(body) > _HEAVY_BYTES or _most_values(body) > _HEAVY_VALUES


def _most_values(body: bytes) -> int:
    """Return how many values and names a body may have, before anything is made of it."""
    return sum(map(body.count, (b",", b"[", b"{", b":")))


def _has_too_many(body: bytes) -> bool:
    if _most_values(body) <= _MOST_VALUES:
        return False
    # Texts do not count: a samplex is a long one, with JSON in it.
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"")
    if plain.count(b'"') > 2 * _MOST_VALUES:
        return True
    return _most_values(b"".join(plain.split(b'"')[::2])) > _MOST_VALUES


def parse(model: type[_Body], body: bytes) -> _Body:
    """Read a body; to be called in a thread.

    Raises:
        ApiError: 400 if it is not what ``model`` says, 413 if it has too many values.
    """
    if _has_too_many(body):
        raise ApiError(
            413, Code.INVALID, f"The body has more than {_MOST_VALUES:,} values; send fewer PUBs"
        )
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        said = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in problems[:3]
        )
        raise ApiError(400, Code.INVALID, f"The body cannot be used: {said}") from None
