"""Workers of a Dask cluster: who they are, when they come and go, and whether they will do.

The rules stay in this process; programs and heavy steps, which are functions of what they are sent
and nothing else, go to the cluster. So a seed gives the same bits on any number of workers.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, ClassVar

import psutil

from qiskit_modes.exceptions import ClusterError
from qiskit_modes.runtime.workers.dask import silence
from qiskit_modes.runtime.workers.dask.examine import examine
from qiskit_modes.runtime.workers.dask.host import DaskHost, DaskWorker, DaskWorkerLost
from qiskit_modes.runtime.workers.dask.knock import NoSchedulerError, knock
from qiskit_modes.runtime.workers.engine import Engine
from qiskit_modes.runtime.workers.worker import Worker

__all__ = ["DaskEngine", "connect", "local_cluster"]

logger = logging.getLogger("qiskit_modes")

IDENTITY_SECONDS = 4.0
"""How long what answers at an address may take to say what it is."""

START_SECONDS = 60.0
"""How long the workers of a cluster on this machine may take to join it."""

CLOSE_SECONDS = 10.0
"""How long the end of a cluster on this machine is waited for."""

ALONE_SECONDS = 30.0
"""How long programs wait while the cluster has no worker: Dask starts dead ones anew."""


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
    ends_with_this = (
        "from qiskit_modes.runtime.workers.parent_watch import end_with_process\n"
        f"end_with_process(*{parent})\n"
    )
    cluster: Any = None
    try:
        cluster = SubprocessCluster(
            n_workers=count,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"preload": [ends_with_this]},
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


class DaskEngine(Engine):
    """Makes berths at the workers of a Dask cluster.

    Args:
        client: Of the cluster, a `distributed.Client`; it is this engine's, which closes it.
        close: Ends the cluster itself, if it was made for this engine.

    Raises:
        ClusterError: If the cluster has workers, and none of them will do; or if it goes away.
    """

    kind: ClassVar[str] = "workers of a Dask cluster"
    takes_light: ClassVar[bool] = False
    steps_take_all: ClassVar[bool] = True

    def __init__(self, client: Any, close: Callable[[], object] = lambda: None) -> None:
        super().__init__(1)
        self._client = client
        self._address = client.scheduler.address
        self._close = close
        self._mutex = threading.RLock()
        """Guards the hosts; the pool's is taken before it."""
        self._hosts: dict[str, DaskHost] = {}
        self._refused: dict[str, str] = {}
        self._silent: set[str] = set()
        """Workers that were given up because they say nothing; they come back when they do."""
        self._silence = silence.Silence()
        self._look_for_silence_at = 0.0
        self._is_down = False
        self._is_closed = False
        self._changed = threading.Event()
        try:
            self._client.subscribe_topic("all", self._heard)
            self._look()
            if self._refused and not self._hosts:
                raise ClusterError(
                    f"no worker of the cluster at {self._address} will do: "
                    + "; ".join(self._refused.values())
                )
        except BaseException as error:
            self.close()
            if isinstance(error, ClusterError) or not isinstance(error, Exception):
                raise
            raise self._down() from error  # it went away while it was looked at
        self._watch = threading.Thread(
            target=self._watch_over, name="qiskit_modes-cluster", daemon=True
        )
        self._watch.start()

    # -- what the pool asks ------------------------------------------------------------------------

    def hosts(self) -> list[DaskHost]:
        """Return the workers that will do, in the order in which they came."""
        with self._mutex:
            return list(self._hosts.values())

    def room(self, workers: Sequence[Worker]) -> int:  # noqa: ARG002 - the hosts know
        """See `Engine`."""
        return sum(host.free_berths for host in self.hosts())

    def new_worker(self) -> Worker:
        """See `Engine`."""
        host = min(
            (each for each in self.hosts() if each.free_berths),
            key=lambda each: len(each.berths) / each.threads,
        )
        return DaskWorker(host)

    def is_outdated(self, worker: Worker) -> bool:
        """See `Engine`."""
        return isinstance(worker, DaskWorker) and worker.host.is_gone

    def admit(self, peak_bytes: int) -> None:
        """See `Engine`."""
        if self._is_down:
            raise self._down()
        hosts = self.hosts()
        largest = max(hosts, key=lambda host: host.memory_bytes, default=None)
        if largest is not None and 0 < largest.memory_bytes < peak_bytes:
            raise ClusterError(
                f"a piece of this job needs {peak_bytes / 1e9:.1f} GB of memory, and the largest "
                f"worker of the cluster, {largest.name}, has {largest.memory_bytes / 1e9:.1f} GB; "
                "start workers with more memory (`dask worker --memory-limit`), or use fewer "
                "joined qubits"
            )

    def memory_bytes(self) -> int | None:
        """See `Engine`."""
        return sum(host.memory_bytes for host in self.hosts()) or None

    def dashboard(self) -> str | None:
        """Return the address of Dask's own page."""
        link: str | None = self._client.dashboard_link
        return link

    def close(self) -> None:
        """See `Engine`."""
        self._is_closed = True
        self._changed.set()
        with suppress(Exception):  # the scheduler may be gone
            # Or else it would tell this client that it has left, and log that nobody listens.
            self._client.unsubscribe_topic("all")
            self._client.close(timeout=2)
        with suppress(Exception):
            self._close()

    # -- who comes and goes ------------------------------------------------------------------------

    def _heard(self, event: tuple[float, Any]) -> None:
        """Take note of an event of the scheduler; on the thread of the client's loop."""
        _, message = event
        action = message.get("action") if isinstance(message, dict) else None
        if action == "remove-worker":
            self._gone(message["worker"])
        elif action == "add-worker":
            self._changed.set()

    def _gone(self, address: str) -> None:
        with self._mutex:
            host = self._hosts.pop(address, None)
            self._refused.pop(address, None)
            self._silent.discard(address)
        if host is not None:
            host.go()
            self._tell()

    def _tell(self) -> None:
        with self._mutex:
            self._count()
        self.on_change()

    def _watch_over(self) -> None:
        """Look at who has come, and whether anybody is there; the thread of this engine."""
        alone_since, again = time.monotonic(), False
        while not self._is_closed:
            happened = self._changed.wait(1.0)
            self._changed.clear()
            if self._is_closed:
                return
            if self._client.status != "running":
                self._lose_scheduler()
                self._reconnect()
                continue
            if self._is_down or happened or again or not self._hosts:
                try:
                    again = self._look()
                    self._is_down = False
                    self._tell()
                except Exception:  # it goes away just now, or is not quite there
                    logger.debug("the cluster could not be looked at", exc_info=True)
                    again = True
            self._give_up_the_silent()
            if self._hosts:
                alone_since = time.monotonic()
            if time.monotonic() - alone_since >= ALONE_SECONDS:
                alone_since = time.monotonic()
                self.on_failure(
                    ClusterError(f"the cluster at {self._address} has no workers any more")
                )

    def _give_up_the_silent(self) -> None:
        """Let workers go that hang, if answers have not come for some time; take them back."""
        now = time.monotonic()
        hosts = self.hosts()
        waited = max((host.waits_seconds(now) for host in hosts), default=0.0)
        if not self._silent and waited < silence.PATIENCE_SECONDS:
            return
        if now < self._look_for_silence_at:
            return
        self._look_for_silence_at = now + silence.PATIENCE_SECONDS
        try:
            workers = self._client.scheduler_info(n_workers=-1)["workers"]
        except Exception:  # the scheduler goes away just now: then that is told
            return
        self._silence.look({a: facts["last_seen"] for a, facts in workers.items()}, now)
        with self._mutex:
            back = {each for each in self._silent if self._silence.seconds(each, now) == 0}
            self._silent -= back
        if back:
            self._changed.set()
        for host in hosts:
            seconds = self._silence.seconds(host.address, now)
            if seconds >= silence.SILENT_SECONDS:
                logger.warning(
                    "worker %s at %s has given no sign of life for %.0f s; what it had is done "
                    "elsewhere",
                    host.name,
                    host.address,
                    seconds,
                )
                with self._mutex:
                    self._hosts.pop(host.address, None)
                    self._silent.add(host.address)
                host.go()
                self._tell()

    def _down(self) -> ClusterError:
        return ClusterError(
            f"the Dask scheduler at {self._address} has gone away; the job can be submitted again "
            "when it is back"
        )

    def _lose_scheduler(self) -> None:
        self._is_down = True
        with self._mutex:
            hosts, self._hosts = list(self._hosts.values()), {}
        for host in hosts:
            host.lost = self._down
            host.go()
        # Each time: what was given back just now waits again.
        self.on_failure(self._down())

    def _reconnect(self) -> None:
        """Try once; the client itself tries for a while, and then closes."""
        if self._client.status == "closed":
            with suppress(ClusterError):
                found = connect(self._address, security=self._client.security)
                if self._is_closed:  # meanwhile: nobody else would close it
                    found.close(timeout=CLOSE_SECONDS)
                    return
                self._client = found
                self._client.subscribe_topic("all", self._heard)
                self._changed.set()

    def _look(self) -> bool:
        """Find who is there, and check those that are new; return whether to look again."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        with self._mutex:
            known = self._hosts.keys() | self._refused.keys() | self._silent
            new = [address for address in workers if address not in known]
        if not new:
            return False
        again = False
        for address, found in examine(self._client, new).items():
            facts = workers[address]
            if found.later:  # it cannot be reached yet, or not any more
                again = True
                continue
            why = f"{facts['name']} at {address} {found.problem}"
            with self._mutex:
                if found.problem is not None:
                    self._refused[address] = why
                    logger.warning("a worker of the cluster gets no work: %s", why)
                    continue
                self._hosts[address] = host = DaskHost(
                    self._client,
                    address,
                    str(facts["name"]),
                    facts["nthreads"],
                    int(facts["memory_limit"] or 0),
                )
                host.lost = self._lost(host)
        with self._mutex:
            self._count()
        return again

    def _count(self) -> None:
        self.size = max(1, sum(host.threads for host in self.hosts()))

    def _lost(self, host: DaskHost) -> Callable[[], BaseException]:
        def error() -> BaseException:
            if self._is_down or self._client.status != "running":
                self._changed.set()
                return self._down()
            return DaskWorkerLost(f"{host.name} at {host.address} went away")

        return error
