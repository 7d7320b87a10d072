"""Workers of a Dask cluster: who they are, when they come and go, and whether they will do.

The rules stay in this process; programs and heavy steps, which are functions of what they are sent
and nothing else, go to the cluster. So a seed gives the same bits on any number of workers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

from qiskit_modes.exceptions import ClusterError
from qiskit_modes.runtime.workers.dask import silence
from qiskit_modes.runtime.workers.dask.clients import connect, end
from qiskit_modes.runtime.workers.dask.direct import Direct
from qiskit_modes.runtime.workers.dask.examine import examine, members
from qiskit_modes.runtime.workers.dask.host import DaskHost, DaskWorker, DaskWorkerLost
from qiskit_modes.runtime.workers.dask.leaves import Leaves
from qiskit_modes.runtime.workers.engine import Engine
from qiskit_modes.runtime.workers.worker import Worker

__all__ = ["DaskEngine"]

logger = logging.getLogger("qiskit_modes")

ALONE_SECONDS = 30.0
"""How long programs wait while the cluster has no worker: Dask starts dead ones anew."""


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
        self._direct = Direct(client)
        self._address = client.scheduler.address
        self._close = close
        self._mutex = threading.RLock()
        """Guards the hosts; the pool's is taken before it."""
        self._hosts: dict[str, DaskHost] = {}
        self._refused: dict[str, str] = {}
        self._silent: set[str] = set()
        """Workers that were given up because they say nothing; they come back when they do."""
        self._leaves = Leaves()
        """Of workers, since it was last asked who is there."""
        self._left: list[DaskHost] = []
        """Workers that are gone, as long as there are berths at them."""
        self._free_berths: int | None = None
        """At all of them; None if it has changed since it was counted."""
        self._silence = silence.Silence()
        self._look_for_silence_at = 0.0
        self._is_down = False
        self._is_given_up = False
        """Whether the client has a scheduler that says nothing; that of the thread that watches."""
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

    def room(self, workers: Collection[Worker]) -> int:  # noqa: ARG002 - the hosts know
        """See `Engine`."""
        with self._mutex:
            if self._free_berths is None:
                self._free_berths = sum(host.free_berths for host in self.hosts())
            return self._free_berths

    def _berths_have_changed(self) -> None:
        with self._mutex:
            self._free_berths = None

    def new_worker(self) -> Worker:
        """See `Engine`."""
        host = min(
            (each for each in self.hosts() if each.free_berths),
            key=lambda each: len(each.berths) / each.threads,
            default=None,
        )
        if host is None:  # it went away since its berths were counted
            raise DaskWorkerLost(f"the workers of the cluster at {self._address} went away")
        return DaskWorker(host)

    def outdated(self) -> Collection[Worker]:
        """See `Engine`. Berths at workers that are gone."""
        with self._mutex:
            self._left = [host for host in self._left if host.berths]
            return [berth for host in self._left for berth in host.berths]

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
        self._direct.close()
        end(self._client, 2.0)
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
        self._direct.forget(address)
        self._leaves.add(address)
        with self._mutex:
            is_used = address in self._hosts
            self._refused.pop(address, None)
            self._silent.discard(address)
        if is_used:
            self._let_go([address])
            self._tell()

    def _broken(self, host: DaskHost) -> None:
        """Let a worker go to which a connection broke, until it has been looked at again."""
        with self._mutex:
            if self._is_closed or self._hosts.get(host.address) is not host:
                return
        self._let_go([host.address])
        self._changed.set()
        self._tell()

    def _let_go(
        self, addresses: Iterable[str], lost: Callable[[], BaseException] | None = None
    ) -> None:
        """Let workers get no more pieces, and have what they had done elsewhere.

        Args:
            addresses: Which.
            lost: Says why, to whoever waits for them; None if they went away.
        """
        with self._mutex:
            hosts = [self._hosts.pop(address) for address in addresses if address in self._hosts]
            self._left += hosts
            self._free_berths = None
        # All are out by now: what one of them had goes to none of the others.
        for host in hosts:
            host.lost = lost or host.lost
            host.go()

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
            if self._client.status != "running" or self._is_given_up:
                self._lose_scheduler()
                self._reconnect()
                continue
            if self._is_down or happened or again or not self._hosts:
                try:
                    again = self._look()
                    self._is_down = False
                    self._tell()
                except TimeoutError:
                    self._give_up_scheduler()
                    continue
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
            workers = self._members()
        except TimeoutError:
            self._give_up_scheduler()
            return
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
                    self._silent.add(host.address)
                self._let_go([host.address])
                self._tell()

    def _down(self) -> ClusterError:
        return ClusterError(
            f"the Dask scheduler at {self._address} has gone away; the job can be submitted again "
            "when it is back"
        )

    def _lose_scheduler(self) -> None:
        self._is_down = True
        with self._mutex:
            everybody = list(self._hosts)
        self._let_go(everybody, self._down)
        # Each time: what was given back just now waits again.
        self.on_failure(self._down())

    def _give_up_scheduler(self) -> None:
        """Have done with one that says nothing, although nobody has closed the connection."""
        logger.warning("the scheduler at %s does not answer any more", self._address)
        self._is_given_up = True
        self._lose_scheduler()
        end(self._client)

    def _reconnect(self) -> None:
        """Try once; the client itself tries for a while, and then closes."""
        if self._client.status == "closed" or self._is_given_up:
            with suppress(ClusterError):
                found = connect(self._address, security=self._client.security)
                if self._is_closed:  # meanwhile: nobody else would close it
                    end(found)
                    return
                self._direct.close()
                self._client, self._direct = found, Direct(found)
                self._is_given_up = False
                self._client.subscribe_topic("all", self._heard)
                self._changed.set()

    def _members(self) -> dict[str, dict[str, Any]]:
        """Return who is there now; lets those go that are not, should no event have told so."""
        self._leaves.forget()
        workers = members(self._client)
        with self._mutex:
            known = self._hosts.keys() | self._refused.keys() | self._silent
            missing = known - workers.keys()
        for address in missing:
            self._gone(address)
        return workers

    def _look(self) -> bool:
        """Find who is there, and check those that are new; return whether to look again."""
        workers = self._members()
        with self._mutex:
            known = self._hosts.keys() | self._refused.keys() | self._silent
            new = [address for address in workers if address not in known]
        if not new:
            return False
        again, examined = False, examine(self._client, new, self._leaves)
        well = (address for address, found in examined.items() if found.problem is None)
        direct = self._direct.open(well, self._leaves)
        for address, found in examined.items():
            facts = workers[address]
            if found.later:  # it cannot be reached yet, or not any more
                again = True
                continue
            why = f"{facts['name']} at {address} {found.problem}"
            with self._mutex:
                if address in self._leaves:  # while it was looked at
                    continue
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
                    self._direct if address in direct else None,
                )
                host.lost = self._lost(host)
                host.on_berths = self._berths_have_changed
                host.on_broken = partial(self._broken, host)
                self._berths_have_changed()
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
