"""State behind all requests: the platform, the tokens, and the threads for the work."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response

from qiskit_modes.server.errors import server_ends
from qiskit_modes.server.guard.guard import IDENTITY, Identity
from qiskit_modes.server.guard.inspection import Inspector
from qiskit_modes.server.guard.tokens import Tokens
from qiskit_modes.server.long_poll import LongPoll
from qiskit_modes.server.shares import Shares
from qiskit_modes.server.spools import Spool, SpooledResponse, Spools
from qiskit_modes.server.submission_keys import SubmissionKeys
from qiskit_modes.wire import ApiError, InstanceApi, Platform
from qiskit_modes.wire.api_error import Code

__all__ = [
    "JSON",
    "TEXT",
    "AppState",
    "Asker",
    "Caller",
    "json_response",
    "json_text_response",
    "text_response",
]

_Answered = TypeVar("_Answered")

TEXT, JSON = "text/plain; charset=utf-8", "application/json"
"""Types of what is answered."""

logger = logging.getLogger(__name__)

NEWEST_VERSION = date(2026, 4, 15)
"""Of the interface; what a request without the header ``IBM-API-Version`` gets."""


_THREADS_EACH, _THREADS = 8, 40
"""For answers: of one instance, and of all."""

_SUBMISSIONS_EACH, _SUBMISSIONS = 4, 16
"""For submissions, which may take seconds."""


_HEAVY_EACH, _HEAVY = 1, 2
"""For submissions with a large body: Python's own JSON reader lets no other thread run while it
reads, a tenth of a second for the largest."""

_MAKERS_EACH, _MAKERS = 1, 2
"""Of large answers, which take several times their length in memory while they are made."""

_LOOK_UPS_EACH, _LOOK_UPS = 2, 4
"""Of tokens: of the same one at once, and of all; one takes a fraction of a millisecond."""


_END_SECONDS = 10.0
"""For how long calls that are in threads are waited for at the end."""


class AppState:
    """State of one server. May be used from any thread.

    Args:
        platform: Whose jobs, sessions and backends.
        tokens: Who may use them.
        on_job: Called with the id of every job that was submitted, and its instance's interface.
    """

    def __init__(
        self,
        platform: Platform,
        tokens: Tokens,
        on_job: Callable[[InstanceApi, str], None] = lambda *_: None,
    ) -> None:
        self._mutex = threading.Lock()
        """Guards ``platform``, which a test suite changes between two tests."""
        self._platform = platform
        self.tokens = tokens
        self.on_job = on_job
        self.long_poll = LongPoll()
        self.keys = SubmissionKeys()
        self.inspector = Inspector()
        self.answers = Shares(_THREADS_EACH, _THREADS)
        """Threads in which requests are answered."""
        self.submissions = Shares(_SUBMISSIONS_EACH, _SUBMISSIONS)
        """Threads in which jobs are read and submitted."""
        self.heavy_submissions = Shares(_HEAVY_EACH, _HEAVY)
        """The same for large ones, whose reading keeps all threads waiting piece by piece."""
        self.spools = Spools()
        """Large answers, which are made once for all who ask for them."""
        self.makers = Shares(_MAKERS_EACH, _MAKERS)
        """Threads in which those are made."""
        self.look_ups = Shares(_LOOK_UPS_EACH, _LOOK_UPS)
        """Threads in which tokens are looked up in the store; each token has its share."""

    def close(self) -> None:
        """End what it has started, and wait a while for the requests that are being answered."""
        self.inspector.close()
        for shares in self._all_shares():
            shares.join(_END_SECONDS)

    def _all_shares(self) -> tuple[Shares, ...]:
        submissions = self.submissions, self.heavy_submissions
        return (self.answers, *submissions, self.makers, self.look_ups)

    @property
    def platform(self) -> Platform:
        """Platform with the jobs, sessions and backends."""
        with self._mutex:
            return self._platform

    @contextmanager
    def using(self, platform: Platform) -> Iterator[None]:
        """Answer from another platform for a while."""
        with self._mutex:
            before, self._platform = self._platform, platform
        try:
            yield
        finally:
            with self._mutex:
                self._platform = before


class Caller:
    """Sender of a request, and the way in which it is answered.

    Args:
        request: Which one.
    """

    def __init__(self, request: Request) -> None:
        self.app_state: AppState = request.app.state.shared
        self._identity: Identity = request.scope[IDENTITY]
        self._version = request.headers.get("ibm-api-version")
        self._looks_at_a_job = False

    async def ask(
        self,
        call: Callable[[InstanceApi], Any],
        respond: Callable[[Any], Response] | None = None,
    ) -> Response:
        """Call the interface of the caller's instance in a thread, and say what it returns.

        Args:
            call: What to do; it may block.
            respond: Makes the response, in the thread too; None for JSON.
        """
        shares = self.app_state.answers
        return await shares.run(self.instance, lambda: self._answer(call, respond or json_response))

    async def ask_large(
        self, job_id: str, what: str, call: Callable[[InstanceApi], str], media_type: str
    ) -> Response:
        """Call the interface for a text of a job that may be large, and send it.

        One that is large is made once for all who ask for it at the same time.

        Args:
            job_id: Which job.
            what: What of it.
            call: Returns the text; it may block.
            media_type: Of the text.
        """
        state = self.app_state

        def small(api: InstanceApi) -> Response | None:
            return None if api.is_large(job_id) else _text(call(api), media_type)

        shares, spooled = state.answers, partial(self._answer, call, Spool)
        found = await shares.run(self.instance, lambda: self._answer(small, lambda text: text))
        if found is not None:
            return found
        spool = await state.spools.get(
            f"{what} {job_id}", lambda: state.makers.run(self.instance, spooled)
        )
        return SpooledResponse(spool, media_type)

    async def submit(self, call: Callable[[InstanceApi], Any], *, heavy: bool) -> Response:
        """Call the interface as `ask` does, for what may take long: other answers do not wait.

        Args:
            call: What to do; it may block.
            heavy: Whether the body that is read for it is a large one.
        """
        state = self.app_state
        shares = state.heavy_submissions if heavy else state.submissions
        return await shares.run(self.instance, lambda: self._answer(call, json_response))

    @property
    def instance(self) -> str:
        """The id of the instance for which it asks."""
        return self._identity.instance

    @property
    def opens(self) -> tuple[str, ...] | None:
        """Ids of the instances that its token opens; None for all."""
        return self._identity.grant.instances

    async def wait_for(self, job_id: str) -> None:
        """Let the caller wait a moment for a job, if it is a new one."""
        self._looks_at_a_job = True
        await self.app_state.long_poll.wait(self.api, job_id)

    def api(self) -> InstanceApi:
        """Return the interface as the caller's instance sees it.

        Raises:
            ApiError: 404 if there is no such instance any more.
        """
        return self.app_state.platform.api(self.instance, among=self.opens)

    def api_version(self) -> date:
        """Return the version of the interface that the caller speaks.

        Raises:
            ApiError: 400 if it is no date.
        """
        try:
            return NEWEST_VERSION if self._version is None else date.fromisoformat(self._version)
        except ValueError:
            raise ApiError(
                400,
                Code.INVALID,
                f"IBM-API-Version must be a date such as {NEWEST_VERSION}, not {self._version!r}",
            ) from None

    def _answer(
        self, call: Callable[[InstanceApi], Any], respond: Callable[[Any], _Answered]
    ) -> _Answered:
        if not self._looks_at_a_job:
            self.app_state.long_poll.other_request()
        try:
            return respond(call(self.api()))
        except ApiError as error:
            if error.code is Code.CLOSED:  # for good for this process, but not for who asks
                raise server_ends() from error
            raise
        except Exception as error:
            # Whatever it is: after a 5xx the client would send the request again, and once more.
            logger.exception("A request could not be answered")
            raise ApiError(400, Code.INVALID, f"{type(error).__name__}: {error}") from error


async def _caller(request: Request) -> Caller:
    # A function: FastAPI calls classes in threads, and older releases do not see what they take.
    return Caller(request)


Asker = Annotated[Caller, Depends(_caller)]
"""The parameter of an endpoint that is answered to one instance."""


def json_response(content: Any) -> Response:
    """Return a response with JSON; without content if it is None."""
    if content is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return Response(json.dumps(content), media_type="application/json")


def json_text_response(content: str) -> Response:
    """Return a response with JSON that is text already."""
    return _text(content, JSON)


def text_response(content: str) -> Response:
    """Return a response with text; its encoding is named, else clients guess it byte by byte.

    Empty text is no content, in the words of HTTP.
    """
    return _text(content, TEXT)


def _text(content: str, media_type: str) -> Response:
    if not content:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return Response(content.encode("utf-8", "backslashreplace"), media_type=media_type)
