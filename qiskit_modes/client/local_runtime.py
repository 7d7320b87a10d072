"""Opening and closing the local service for the service's own client."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_modes._mutex import new_mutex
from qiskit_modes.client import upstream
from qiskit_modes.client.accounts import Accounts
from qiskit_modes.client.job import RuntimeJobV2
from qiskit_modes.runtime.clock import Clock
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.scheduling import Instance, Plan
from qiskit_modes.wire.catalog import Backends
from qiskit_modes.wire.opening import open_platform
from qiskit_modes.wire.platform import Platform

__all__ = ["led_to", "local_runtime"]

_mutex = new_mutex()
"""Guards what follows."""
_open: list[Accounts | _LaterAccounts] = []
"""The accounts of all local runtimes that are open, in the order of their opening."""
_before: dict[str, Any] = {}
"""What the client has in the places where stand-ins are."""


@contextmanager
def local_runtime(
    *,
    backends: Backends | None = None,
    plan: Plan | str | None = None,
    instances: Sequence[Instance] | None = None,
    lanes: int = 5,
    seed: int | None = None,
    clock: Clock | None = None,
    runtime: LocalRuntime | None = None,
    store: str | os.PathLike[str] | None = None,
) -> Iterator[QiskitRuntimeService]:
    """Let the service's own client work on this machine, for as long as the block lasts.

    Inside, every ``QiskitRuntimeService()`` of `qiskit_ibm_runtime`, in all threads and in
    whatever library, is the local one: also with a token, an instance, a channel, or the name of a
    saved account, none of which is used. Nothing leaves the machine. At the end, jobs that have not
    finished are cancelled. ``QiskitRuntimeService(channel="local")`` stays the client's own testing
    mode.

    Args:
        backends: What the service offers: names of fakes (``"fake_torino"``) or of the machines
            that they stand for (``"ibm_torino"``), backend objects such as an ``AerSimulator``, or
            a dictionary that gives them names. None for every fake, by the machine's name. Each is
            also found by its other name.
        plan: ``"open"``, ``"premium"``, ``"flex"``, ``"pay-as-you-go"``, or a `Plan`; None for one
            without limits.
        instances: Who uses the service, each with its plan; others are unknown then. None for one
            instance on ``plan``, and for any other that is asked for by name.
        lanes: How many jobs of one QPU are in progress at once.
        seed: What the seeds of jobs that set none are derived from; None for new randomness.
        clock: Whose time counts, as `qiskit_modes.testing.ManualClock`; None for the machine's.
        runtime: Where everything runs, as ``Scenario().runtime``; None for one of its own. It is
            not shut down at the end, and has its own lanes, clock, plan and store.
        store: Where jobs and sessions outlive the block, see `qiskit_modes.LocalService`; None for
            where the environment variable ``QISKIT_MODES_STORE`` says, unless a ``clock`` or
            ``runtime`` is passed.

    Yields:
        A ``QiskitRuntimeService``.

    Raises:
        InvalidInputError: If the arguments do not go together, or cannot be used.
        QiskitModesError: If the client has moved a name that this needs.

    Example:
        >>> from qiskit_ibm_runtime import QiskitRuntimeService, Session
        >>> with local_runtime(backends=["ibm_manila"]) as service:
        ...     backend = QiskitRuntimeService(token="...").least_busy()
        ...     with Session(backend) as session:
        ...         print(backend.name, session.details()["state"])
        ...     print(session.status())
        ibm_manila open
        Closed
    """
    with ExitStack() as stack:
        platform = stack.enter_context(
            open_platform(
                backends=backends,
                plan=plan,
                instances=instances,
                lanes=lanes,
                seed=seed,
                clock=clock,
                runtime=runtime,
                store=store,
            )
        )
        stack.enter_context(use_runtime(platform.runtime))
        accounts = Accounts(platform)
        stack.callback(accounts.close)
        _begin(accounts)
        stack.callback(_end, accounts)
        yield QiskitRuntimeService()


@contextmanager
def led_to(runtime: LocalRuntime) -> Iterator[None]:
    """Lead the service's own client to a runtime, as `local_runtime` does, if it is used at all.

    The platform is made when the client first asks for an account, so that programs that never do
    wait for nothing.

    Args:
        runtime: Where everything runs. It is not shut down at the end.

    Raises:
        QiskitModesError: If the client has moved a name that this needs.
    """
    accounts = _LaterAccounts(runtime)
    _begin(accounts)
    try:
        yield
    finally:
        _end(accounts)
        accounts.close()


class _LaterAccounts:
    """The accounts of a platform of every fake, made when somebody asks for the first."""

    def __init__(self, runtime: LocalRuntime) -> None:
        self._runtime = runtime
        self._made: Accounts | None = None
        self._mutex = new_mutex()
        """Guards the making of them; nothing else is taken while it is held."""

    def __getattr__(self, name: str) -> Any:
        with self._mutex:
            if self._made is None:
                made = Accounts(Platform(self._runtime))
                self._made = self._made or made  # a handler of signals may have been here
            made = self._made
        return getattr(made, name)

    def close(self) -> None:
        """Drop the accounts that were saved, if there were any."""
        if self._made is not None:
            self._made.close()


class _Stand:
    """Stands where the client looks, for whatever local runtime was opened last."""

    def __init__(self, attribute: str | None = None) -> None:
        self._attribute = attribute

    def __getattr__(self, name: str) -> Any:
        return getattr(_latest(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        assert self._attribute is not None, "the client only makes clients"
        return getattr(_latest(), self._attribute)(*args, **kwargs)


def _latest() -> Accounts | _LaterAccounts:
    return _open[-1]


_STAND_INS = {
    "Account": _Stand(),
    "AccountManager": _Stand(),
    "RuntimeClient": _Stand("new_client"),
    "RuntimeJobV2": RuntimeJobV2,
}


def _begin(accounts: Accounts | _LaterAccounts) -> None:
    with _mutex:
        if not _open:
            upstream.check()
            _before.update(upstream.replace(_STAND_INS))
        _open.append(accounts)


def _end(accounts: Accounts | _LaterAccounts) -> None:
    with _mutex:
        _open.remove(accounts)
        if not _open:
            upstream.put_back(_before)
            _before.clear()
