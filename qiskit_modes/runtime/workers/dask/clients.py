"""Clients of Dask clusters, from their beginning to their end; and clusters on this machine."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import psutil

from qiskit_modes.exceptions import ClusterError
from qiskit_modes.runtime.workers.dask.knock import NoSchedulerError, knock

__all__ = ["CLOSE_SECONDS", "connect", "end", "local_cluster"]

IDENTITY_SECONDS = 4.0
"""How long what answers at an address may take to say what it is."""

START_SECONDS = 60.0
"""How long the workers of a cluster on this machine may take to join it."""

CLOSE_SECONDS = 10.0
"""How long the end of a cluster on this machine is waited for."""


def connect(address: str, *, security: Any = None) -> Any:
    """Return a client of the cluster at an address, that is nobody's default.

    Raises:
        ClusterError: If no scheduler answers there within ten seconds.
    """
    try:
        knock(address)
        from distributed import Client

        kind = _kind_of_server(address, security)
    except NoSchedulerError as error:
        raise ClusterError(str(error)) from error
    except ImportError as error:
        raise ClusterError(
            "workers of a Dask cluster need Dask: pip install 'qiskit-modes[distributed]'"
        ) from error
    except Exception as error:  # whatever somebody else's protocol gives, or TLS without keys
        why = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({why}); check the address, and that "
            "`dask scheduler` runs there"
        ) from error
    if kind != "Scheduler":
        raise ClusterError(
            f"no Dask scheduler answers at {address}, but a {kind}; give the scheduler's address"
        )
    try:
        client: Any = Client
        return client(
            address,
            timeout=IDENTITY_SECONDS,
            set_as_default=False,
            security=security,
            name="qiskit_modes",
        )
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"the Dask scheduler at {address} went away just now ({type(error).__name__})"
        ) from error


def _kind_of_server(address: str, security: Any) -> str:
    """Return what answers at an address. Dask's own client waits for ever if nothing Dask does."""
    import distributed

    dask: Any = distributed  # which has no types

    async def identity() -> str:
        arguments = (security or dask.Security()).get_connection_args("client")
        async with dask.rpc(address, timeout=IDENTITY_SECONDS, connection_args=arguments) as there:
            return str((await there.identity())["type"])

    answer: Future[str] = Future()

    def ask() -> None:
        try:
            answer.set_result(asyncio.run(asyncio.wait_for(identity(), IDENTITY_SECONDS)))
        except BaseException as error:
            answer.set_exception(error)

    # In this thread a loop may be running already; and nobody waits for the end of that one, in
    # which a resolver may be waited for.
    thread = threading.Thread(target=ask, name="qiskit_modes-identity", daemon=True)
    thread.start()
    try:
        return answer.result(IDENTITY_SECONDS + 0.5)
    except TimeoutError:
        raise TimeoutError(f"it says nothing for {IDENTITY_SECONDS:g} s") from None
    finally:
        if answer.done():
            thread.join()


def local_cluster(count: int) -> Any:
    """Return a cluster of ``count`` workers on this machine, of processes of their own.

    They are started by commands and not by `multiprocessing`, so that a script needs no
    ``if __name__ == "__main__"``. They end with this process, however it ends.

    Raises:
        ClusterError: If it cannot be started.
    """
    try:
        from distributed.deploy.subprocess import SubprocessCluster
    except ImportError as error:
        raise ClusterError(
            "a cluster on this machine needs Dask: pip install 'qiskit-modes[distributed]'"
        ) from error
    this = psutil.Process()
    parent = (this.pid, this.create_time())
    # Dask takes Python's text for a module of that content, and runs it as the scheduler starts.
    as_it_starts = (
        "from qiskit_modes.runtime.workers.dask.local_nanny import be_quiet\n"
        "be_quiet()\n"
        "from qiskit_modes.runtime.workers.parent_watch import end_with_process\n"
        f"end_with_process(*{parent})\n"
    )
    cluster: Any = None
    try:
        cluster = SubprocessCluster(
            n_workers=count,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"preload": [as_it_starts]},
            worker_class="qiskit_modes.runtime.workers.dask.local_nanny.LocalNanny",
            worker_kwargs={"parent": parent},
        )
        cluster.wait_for_workers(count, timeout=START_SECONDS)
        return cluster
    except BaseException as error:  # whatever Dask raises when a process does not come up
        if cluster is not None:
            with suppress(Exception):
                cluster.close(timeout=CLOSE_SECONDS)
        if not isinstance(error, Exception):  # Ctrl-C
            raise
        raise ClusterError(f"no cluster could be started on this machine: {error}") from error


def end(client: Any, seconds: float = CLOSE_SECONDS) -> None:
    """Close a client without a word; its scheduler may be gone, or stand still."""
    # Dask logs with a traceback that its attempts to reconnect, or to hang up, have been ended; the
    # former also a moment later.
    dask_logger = logging.getLogger("distributed.client")
    dask_logger.addFilter(_is_not_cancelled)
    dask_logger.addFilter(_is_no_failure)
    try:
        with suppress(Exception):
            client.close(timeout=seconds)
    finally:
        dask_logger.removeFilter(_is_no_failure)


def _is_not_cancelled(record: logging.LogRecord) -> bool:
    error = record.exc_info and record.exc_info[0]
    return not (error and issubclass(error, asyncio.CancelledError))


def _is_no_failure(record: logging.LogRecord) -> bool:
    return not record.exc_info
