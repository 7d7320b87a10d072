"""Pools of workers by what a user says: a number, an address, a Dask client or a factory."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.runtime.workers.dask.knock import (
    CLUSTER_VARIABLE,
    LOCAL,
    NoSchedulerError,
    check_address,
)
from qiskit_modes.runtime.workers.pool import WorkerPool

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["client_at", "pool_of"]


def pool_of(workers: WorkerPool | int | str | Client | Callable[[], Executor] | None) -> WorkerPool:
    """Return the pool that somebody means.

    Args:
        workers: A pool; a number of processes of this machine; the address of a Dask scheduler, as
            ``"tcp://head:8786"``, or ``"local:2"`` for a cluster of so many workers on this
            machine; a `dask.distributed.Client`; a function that makes the executor of one worker;
            None for what ``QISKIT_MODES_CLUSTER`` says, or else a process for each core.

    Raises:
        ClusterError: If a cluster does not answer, or none of its workers will do.
        InvalidInputError: If it is nothing of these.
    """
    if workers is None:
        workers = os.environ.get(CLUSTER_VARIABLE, "").strip() or None
    if workers is None or (isinstance(workers, int) and not isinstance(workers, bool)):
        if workers is not None and workers < 1:
            raise InvalidInputError(f"a runtime has at least 1 worker, not {workers}")
        return WorkerPool(workers)
    if isinstance(workers, WorkerPool):
        return workers
    if isinstance(workers, str):
        return _pool_at(workers)
    if _is_client(workers):
        from qiskit_modes.runtime.workers.dask.clients import connect
        from qiskit_modes.runtime.workers.dask.engine import DaskEngine

        # A client of our own: the user's may be closed, and have other ears.
        theirs: Any = workers
        own = connect(theirs.scheduler.address, security=theirs.security)
        return WorkerPool(engine=DaskEngine(own))
    if callable(workers):
        return WorkerPool(new_executor=workers)
    raise InvalidInputError(
        "workers are a number, the address of a Dask scheduler such as 'tcp://head:8786', "
        f"'local:2', a dask.distributed.Client or a function that makes executors; not {workers!r}"
    )


def client_at(address: str) -> tuple[Any, Callable[[], object]]:
    """Return a client of the cluster at an address, and what ends that cluster if it is its own.

    Args:
        address: Of a Dask scheduler; or ``"local:2"`` for a cluster that is started here now.

    Raises:
        ClusterError: If it is no address, nothing answers there, or it cannot be started.
        InvalidInputError: If so many workers cannot be started here.
    """
    from qiskit_modes.runtime.workers.dask.clients import CLOSE_SECONDS, connect, local_cluster

    local = LOCAL.fullmatch(address)
    if local is None:
        return connect(address), lambda: None
    try:
        check_address(address)
    except NoSchedulerError as error:
        raise InvalidInputError(str(error)) from error
    cluster = local_cluster(int(local[1]))
    close = partial(cluster.close, CLOSE_SECONDS)
    try:
        return connect(cluster.scheduler_address), close
    except BaseException:
        close()
        raise


def _pool_at(address: str) -> WorkerPool:
    from qiskit_modes.runtime.workers.dask.engine import DaskEngine

    return WorkerPool(engine=DaskEngine(*client_at(address)))


def _is_client(thing: Any) -> bool:
    distributed = sys.modules.get("distributed")
    return distributed is not None and isinstance(thing, distributed.Client)
