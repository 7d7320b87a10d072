"""Starting and stopping the server."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI

from qiskit_modes.exceptions import InvalidInputError, QiskitModesError
from qiskit_modes.runtime.clock import Clock
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.scheduling import Instance, Plan
from qiskit_modes.server.app_state import AppState
from qiskit_modes.server.application import PREFIX, make_application
from qiskit_modes.server.guard.connections import ACCEPTED_AT_ONCE, Connections
from qiskit_modes.server.guard.flood_filter import filtered
from qiskit_modes.server.guard.limits import Limits
from qiskit_modes.server.guard.tokens import Tokens
from qiskit_modes.server.listening_socket import WAITING, listening_socket
from qiskit_modes.server.monitoring.watch import REFUSED
from qiskit_modes.wire import InstanceApi, Platform
from qiskit_modes.wire.catalog import Backends
from qiskit_modes.wire.opening import open_platform

__all__ = ["Server", "serve"]

_START_SECONDS = 30.0
"""Longest time that a server may need to begin; it needs a hundredth of a second."""

_END_SECONDS = 5
"""For how long requests that are under way are waited for at the end; then they are told so."""

_LOGGERS = ("uvicorn.error", "qiskit_modes.server.app_state", REFUSED.name, __name__)
"""What is written there may be of many requests."""

NO_TOKEN = "local"  # noqa: S105 - that it is no secret is the point
"""What clients get for a token where none is wanted, since they insist on one."""


logger = logging.getLogger(__name__)


class Server:
    """A server that is running.

    Args:
        host: Where it listens.
        port: On which port.
        token: What opens everything; None for nothing.
        app_state: What it answers from.
    """

    def __init__(self, host: str, port: int, token: str | None, app_state: AppState) -> None:
        self.host = host
        self.port = port
        self._token = token
        self.app_state = app_state

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.url}>"

    @property
    def platform(self) -> Platform:
        """Platform that it offers."""
        return self.app_state.platform

    def warm_up(self) -> None:
        """Start the processes that the first job needs, without waiting for them."""
        self.app_state.inspector.warm_up()
        self.platform.runtime.warm_up()

    @property
    def url(self) -> str:
        """Its address, such as ``"http://127.0.0.1:8765"``."""
        host = self.host
        if host in ("", "0.0.0.0", "::"):  # noqa: S104 - looked for, not listened on
            host = socket.gethostname()
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def wants_token(self) -> bool:
        """Tell whether somebody without a token is refused."""
        return self.app_state.tokens.wanted

    @property
    def page(self) -> str:
        """Address of the page for people: a link that signs in, where a token is wanted."""
        if self._token is None:
            return f"{self.url}/ui" if not self.wants_token else f"{self.url}/ui/signin"
        # What stands after the # stays in the browser; the page sends it as a form.
        return f"{self.url}/ui/signin#{quote(self._token, safe='')}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which the service's client finds this server.

        With them a plain ``QiskitRuntimeService()`` sends nothing anywhere else. A program that
        passes its token or its address itself does; `qiskit-modes run` is for those. Without
        ``QISKIT_IBM_TOKEN`` if the server wants a token and has none of its own: then it is the
        one of an instance.
        """
        instance = self.platform.instances()[0]["crn"]
        token = self._token or (None if self.wants_token else NO_TOKEN)
        return {
            "QISKIT_IBM_CHANNEL": "ibm_quantum_platform",
            **({} if token is None else {"QISKIT_IBM_TOKEN": token}),
            "QISKIT_IBM_URL": self.url + PREFIX,
            "QISKIT_IBM_INSTANCE": instance,
            # Without the next, the client sends the token to IBM and may hang for minutes.
            "IAM_URL": self.url,
            "GLOBAL_SEARCH_URL": self.url,
            "GLOBAL_CATALOG_URL": self.url,
            # The client else looks through the whole stack at every request, for 10 to 100 ms.
            "USAGE_DATA_OPT_OUT": "True",
            **_without_proxy(self.host),
        }


def _without_proxy(host: str) -> dict[str, str]:
    """Return the environment in which what is sent to this machine goes through no proxy."""
    hosts = [each for each in os.environ.get("NO_PROXY", "").split(",") if each]
    local = [each for each in ("127.0.0.1", "localhost", host) if each and each not in hosts]
    value = ",".join([*hosts, *dict.fromkeys(local)])
    return {"NO_PROXY": value, "no_proxy": value}


@contextmanager
def serve(
    *,
    backends: Backends | None = None,
    plan: Plan | str | None = None,
    instances: Sequence[Instance] | None = None,
    lanes: int = 5,
    seed: int | None = None,
    clock: Clock | None = None,
    runtime: LocalRuntime | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    instance_tokens: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    store: str | os.PathLike[str] | None = None,
    alone: bool = True,
    resume: bool = False,
    waits: Callable[[str], None] = lambda _: None,
    on_job: Callable[[InstanceApi, str], None] = lambda *_: None,
) -> Iterator[Server]:
    """Answer the service's client over HTTP, for as long as the block lasts.

    Programs that run with the server's ``environment`` find it by themselves; all of them share
    its QPUs. At the end, jobs that have not finished are cancelled; with a store they are left.

    Args:
        backends: What is offered, see `qiskit_modes.client.local_runtime`.
        plan: See there.
        instances: See there; a request names its instance in the header ``Service-CRN``.
        lanes: See there.
        seed: See there.
        clock: See there.
        runtime: See there.
        host: Where to listen. Anything but this machine wants a ``token``; what is sent is not
            encrypted.
        port: On which port; 0 for a free one.
        token: The server's own token, which opens everything. Without one, and without tokens of
            instances, clients may send whatever they like.
        instance_tokens: Tokens of instances, by their ids: each opens this instance alone. Those
            of a store are made by `qiskit-modes tokens`, and need not be passed.
        limits: Of what may be sent; None for the usual ones.
        store: Where jobs, sessions, usage and tokens outlive the server, see
            `qiskit_modes.LocalService`; None for where the environment variable
            ``QISKIT_MODES_STORE`` says, unless a ``clock`` or ``runtime`` is passed.
        alone: Whether this is the one server of its store. Then it does not begin while there is
            another, and what it has not finished at its end is left to the next one.
        resume: Whether what an earlier server had not finished runs again: jobs of job mode, with
            the same ids and seeds. Otherwise they are failures, "the service was restarted".
        waits: Told whose lease on the store has to run out before this begins, if one has.
        on_job: Called with the instance's interface and the id of every job that is submitted.

    Yields:
        The server, with its ``url`` and ``environment``.

    Raises:
        InvalidInputError: If the arguments do not go together, or cannot be used.
        StoreError: If the store cannot be opened, or another server uses it.
        OSError: If it cannot listen there.

    Example:
        >>> with serve(backends=["ibm_manila"]) as server:
        ...     server.environment["QISKIT_IBM_INSTANCE"], server.host
        ('crn:v1:bluemix:public:quantum-computing:us-east:a/local:local::', '127.0.0.1')
    """
    local = is_loopback(host)
    _check_tokens(token, instance_tokens, instances)
    with open_platform(
        backends=backends,
        plan=plan,
        instances=instances,
        lanes=lanes,
        seed=seed,
        clock=clock,
        runtime=runtime,
        store=store,
        serves=alone,
        resume=resume,
        waits=waits,
    ) as platform:
        tokens = Tokens(
            token,
            platform.runtime.secret("access tokens", secrets.token_bytes(32)),
            of_instances=instance_tokens,
            kept=platform.runtime.tokens,
            note_use=platform.runtime.token_used,
        )
        if not local and not tokens.wanted:
            raise InvalidInputError(
                f"To listen on {host!r}, which other machines can reach, pass a token that they "
                "need, or make one with `qiskit-modes tokens create`"
            )
        with listening_socket(host, port) as bound:
            app_state = AppState(platform, tokens, on_job)
            connections = Connections(limits or Limits())
            app = make_application(app_state, connections=connections, check_host=local)
            with closing(app_state), _running(app, bound, connections), _frozen_heap():
                yield Server(host, bound.getsockname()[1], token, app_state)


_FROZEN_BY_PYTHON = 1_000
"""More than Python 3.12 has frozen when it starts; other releases freeze nothing."""


@contextmanager
def _frozen_heap() -> Iterator[None]:
    """Spare what is there already from garbage collections, for as long as the block lasts.

    Qiskit and the jobs of a store are a million objects. A collection that walks through them keeps
    all threads waiting for a quarter of a second, and somebody's request with many values in its
    JSON sets off one after the other. Who has frozen the heap before keeps it as it is.
    """
    freezes = gc.get_freeze_count() < _FROZEN_BY_PYTHON
    if freezes:
        gc.freeze()
    try:
        yield
    finally:
        if freezes:
            gc.unfreeze()


def _check_tokens(
    token: str | None,
    of_instances: Mapping[str, str] | None,
    instances: Sequence[Instance] | None,
) -> None:
    known = None if instances is None else {each.id for each in instances}
    given = [] if token is None else [token]
    for name, each in (of_instances or {}).items():
        if known is not None and name not in known:
            raise InvalidInputError(
                f"There is a token for the instance {name!r}, and no such instance; there is "
                f"{', '.join(known)}"
            )
        given.append(each)
    for each in given:
        if not (isinstance(each, str) and each and each.isascii() and each.isprintable()):
            raise InvalidInputError("A token must be printable ASCII characters, at least one")
    if len(set(given)) < len(given):
        raise InvalidInputError("Two tokens are the same; each opens something else")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach what listens on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, of whatever
        return False


class _Uvicorn(uvicorn.Server):
    """Says when it has begun, or has failed to."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, connections: Connections) -> None:
        super().__init__(config)
        self.begun = threading.Event()
        self._app = app
        self._table = connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(_say_what_went_wrong)
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(WAITING)  # `asyncio` has set what it accepts at once
        self.begun.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._table.close_silent()
        # Submissions that wait for their circuits to be read are told now that it is too late.
        await asyncio.to_thread(self._app.state.shared.inspector.close)
        self._app.state.live.end()
        await super().shutdown(sockets)


def _say_what_went_wrong(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what the event loop has caught, as `asyncio` does, where floods are filtered."""
    logger.error(context["message"], exc_info=context.get("exception"))


@contextmanager
def _running(app: FastAPI, bound: socket.socket, connections: Connections) -> Iterator[None]:
    """Run an application in a thread with an event loop of its own."""
    config = uvicorn.Config(
        app,
        http=connections.protocol,  # type: ignore[arg-type]
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=connections.limits.head_bytes,
        backlog=ACCEPTED_AT_ONCE,
        timeout_keep_alive=int(connections.limits.idle_seconds) + 1,
        timeout_graceful_shutdown=_END_SECONDS,
    )
    server = _Uvicorn(config, app, connections)
    thread = threading.Thread(
        target=server.run, args=([bound],), name="qiskit_modes server", daemon=True
    )
    with filtered(*_LOGGERS):
        thread.start()
        try:
            if not server.begun.wait(_START_SECONDS):
                raise QiskitModesError(f"The server did not begin within {_START_SECONDS:.0f} s")
            yield
        finally:
            server.should_exit = True
            thread.join()
