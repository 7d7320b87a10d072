"""A worker of a Dask cluster, as the pool has it: two berths for each of its threads.

A berth takes one item at a time; while one computes, the next one is on its way.
"""

from __future__ import annotations

import pickle
import threading
import time
import uuid
from asyncio import CancelledError
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import BrokenExecutor, Future
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from qiskit_modes.runtime.workers import worker_process
from qiskit_modes.runtime.workers.dask import child, inbox
from qiskit_modes.runtime.workers.work_items import ProgramAbandoned
from qiskit_modes.runtime.workers.worker import Worker
from qiskit_modes.runtime.workers.worker_process import Done, Execution

if TYPE_CHECKING:
    from qiskit_modes.runtime.workers.dask.direct import Direct
    from qiskit_modes.simulation.run.program import Program

__all__ = ["DaskHost", "DaskWorker", "DaskWorkerLost"]

BERTHS_PER_THREAD = 2
"""One computes, one is on its way: a round trip takes 10 to 20 ms."""


STOP_SECONDS = 10.0
"""How long it may take to tell a worker that a piece is to be stopped; then it goes on with it."""


class DaskWorkerLost(BrokenExecutor):
    """A worker of the cluster went away, or its child process did, while it had a piece."""


class DaskHost:
    """One worker of the cluster. Its attributes are the pool's, under the mutex of that.

    Args:
        client: Of the cluster, a `distributed.Client`.
        address: Of the worker.
        name: What Dask calls it.
        threads: How many tasks it runs at a time.
        memory_bytes: What it may take.
        direct: The way to it beside the scheduler; None if there is none.
    """

    def __init__(
        self,
        client: Any,
        address: str,
        name: str,
        threads: int,
        memory_bytes: int,
        direct: Direct | None = None,
    ) -> None:
        self.client = client
        self.address = address
        self.name = name
        self.threads = threads
        self.memory_bytes = memory_bytes
        self.is_gone = False
        self.answered_at = 0.0
        """When it last answered, or was sent something while it had nothing; monotonic seconds."""
        self.berths: list[DaskWorker] = []
        self.on_berths: Callable[[], object] = lambda: None
        """Called when there is one more of them, or one less; the engine's."""
        self.sent: dict[str, Any] = {}
        """Futures of what it was sent and has not answered, by the pieces' names."""
        self.known: OrderedDict[str, None] = OrderedDict()
        self.ready_for: set[str] = set()
        self._direct = direct
        self._mutex = threading.Lock()
        """Guards what follows, and who takes a piece out of ``sent``; nothing is sent inside."""
        self._attending: dict[str, Any] = {}
        """Dask's futures of the tasks in which it does what was sent directly; None for one that is
        submitted just now."""
        self.prepared = self._submit(child.prepare)
        """Done when its child process is up; it is held, or else Dask would cancel it."""
        self.on_broken: Callable[[], object] = self.go
        """Called when a connection to it broke, before anybody is told what was lost with that; the
        engine's. It is likely to be dead, of which the scheduler tells later."""
        self.lost: Callable[[], BaseException] = lambda: DaskWorkerLost(f"{address} went away")
        """Says why it does not answer any more."""

    @property
    def free_berths(self) -> int:
        """Number of berths that it may have in addition."""
        return 0 if self.is_gone else BERTHS_PER_THREAD * self.threads - len(self.berths)

    def waits_seconds(self, now: float) -> float:
        """Return for how long nothing has come of what it was sent; 0 if it has nothing."""
        return now - self.answered_at if self.sent else 0.0

    @property
    def is_direct(self) -> bool:
        """Tell whether it is sent pieces beside the scheduler."""
        return self._direct is not None

    def send(self, piece: str, call: bytes, arrived: Callable[[Any], object]) -> None:
        """Send it a piece; does not wait.

        Args:
            piece: Its name.
            call: What is to be done.
            arrived: Called with a future of the answer, when that is there.
        """
        if not self.sent:
            self.answered_at = time.monotonic()
        if self._direct is None:
            self.sent[piece] = sent = self._submit(child.do, piece, call, key=piece)
            sent.add_done_callback(arrived)
        else:
            self.sent[piece] = None  # before there is an answer
            try:
                sent = self._direct.send(self.address, piece, call, arrived)
            except BaseException:  # the client is closed
                self.answered(piece)
                raise
            with self._mutex:
                if piece in self.sent:
                    self.sent[piece] = sent
            self._attend()
        if self.is_gone:  # the race being closed: it went away before the answer was there
            self.go()

    def answered(self, piece: str) -> None:
        """Take note that it has answered."""
        with self._mutex:
            self.sent.pop(piece, None)
        self.answered_at = time.monotonic()

    def breaks(self) -> None:
        """Take note that a connection to it broke."""
        if self._direct is not None and not self.is_gone:
            self._direct.leave(self.address, broken=True)
            self.on_broken()

    def _attend(self) -> None:
        """See to it that as many of its threads as it needs do what has been sent directly."""
        while not self.is_gone:
            with self._mutex:
                if len(self._attending) >= min(self.threads, len(self.sent)):
                    return
                key = f"qiskit-modes-{uuid.uuid4()}"
                self._attending[key] = None
            task = self._submit(inbox.attend, key=key)
            with self._mutex:
                self._attending[key] = task
            task.add_done_callback(self._attended)
        if self.is_gone:  # as in `send`
            self.go()

    def _attended(self, task: Any) -> None:
        with self._mutex:
            self._attending.pop(task.key, None)
        if task.status == "finished":
            self._attend()  # something may have come that it has not seen any more
        else:
            for berth in list(self.berths):
                berth.fail(self.lost())
        task.release()

    def _submit(self, function: Callable[..., Any], *args: Any, key: str = "") -> Any:
        """Have it call a function as a task of Dask's; return Dask's future, which is held."""
        return self.client.submit(
            function,
            *args,
            key=key or f"qiskit-modes-{uuid.uuid4()}",
            pure=False,
            retries=0,
            workers=[self.address],
            allow_other_workers=False,
        )

    def go(self) -> None:
        """Take note that it is gone: what it had is answered, and is done elsewhere."""
        self.is_gone = True
        for berth in list(self.berths):
            berth.fail(self.lost())
        with self._mutex:
            tasks = [task for task in self._attending.values() if task is not None]
        if self._direct is None:
            tasks += list(self.sent.values())
        else:
            self._direct.leave(self.address)
            for sent in list(self.sent.values()):
                if sent is not None:
                    sent.cancel()
        # One thread of the client's hands on the answers of all workers. Should it be fetching one
        # from this worker, Dask would have it wait for another that may compute it again: for ever.
        with suppress(Exception):  # the client is closed: then nobody waits
            self.client.loop.add_callback(self._let_go, tasks)

    async def _let_go(self, tasks: list[Any]) -> None:
        with suppress(Exception):
            await self.client.cancel(tasks, asynchronous=True, force=True)


class DaskWorker(Worker):
    """A berth at a worker of a Dask cluster.

    Args:
        host: Where it is.
    """

    stops_at_once: ClassVar[bool] = True
    takes_steps: ClassVar[bool] = True
    tries_elsewhere: ClassVar[int] = 2

    def __init__(self, host: DaskHost) -> None:
        super().__init__()
        self.host = host
        self._known = host.known  # one child may serve all its berths
        self.ready_for = host.ready_for
        self._mutex = threading.Lock()
        """Guards the three below, where it is stopped while it is sent something; nothing is sent
        inside."""
        self._is_stopped = False
        self._piece = ""
        self._answer: Future[Any] | None = None
        host.berths.append(self)
        host.on_berths()

    @property
    def name(self) -> str:
        """See `Worker`."""
        return f"worker {self.host.name}"

    @property
    def home(self) -> Hashable:
        """See `Worker`."""
        return self.host

    @property
    def load(self) -> int:
        """See `Worker`."""
        busy = sum(berth.item is not None for berth in self.host.berths if berth is not self)
        return max(0, busy - self.host.threads + 1)

    def start(self) -> None:
        """See `Worker`. The host has begun to start its child when it joined."""
        self.host.prepared.add_done_callback(lambda _: _settle(self.up, 0))
        if self.host.is_gone:
            _settle(self.up, DaskWorkerLost(f"{self.host.address} went away"))

    def run(self, program: Program, keys: tuple[str, ...], threads: int) -> Future[Any]:  # noqa: ARG002
        """See `Worker`."""
        lean = self.lean(program) if self.host.threads == 1 else program
        return self.call(worker_process.run, lean, keys)

    def call(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """See `Worker`."""
        if self.host.is_gone:
            raise DaskWorkerLost(f"{self.host.address} went away")
        payload = _packed((function, args))
        piece, answer = f"qiskit-modes-{uuid.uuid4()}", Future[Any]()
        with self._mutex:
            if self._is_stopped:  # between being given its item and this
                raise DaskWorkerLost(f"what {self.host.address} was about to do was stopped")
            self._piece, self._answer = piece, answer
        arrived = self._arrived_directly if self.host.is_direct else self._arrived
        self.host.send(piece, payload, partial(arrived, answer, piece))
        return answer

    def fail(self, error: BaseException) -> None:
        """Answer what it has with an error."""
        _settle(self.up, error)
        if self._answer is not None:
            _settle(self._answer, error)

    def _arrived(self, answer: Future[Any], piece: str, sent: Any) -> None:
        """Hand an answer on that came through the scheduler; on a thread of the client's."""
        if sent.status == "finished":
            try:
                value = _unpacked(sent.result())
            except (Exception, CancelledError) as error:  # it went away with what it had answered
                value = DaskWorkerLost(f"{self.host.address}: {error!r}")
        elif sent.status == "error":
            value = self._understood(sent.exception())
        else:
            value = self.host.lost()
        self._hand_on(answer, piece, value)
        sent.release()

    def _arrived_directly(
        self, answer: Future[Any], piece: str, sent: Future[dict[str, Any]]
    ) -> None:
        """Hand an answer on that came from the worker itself."""
        value: Any
        try:
            found = sent.result()
        except Exception:
            if not sent.cancelled():
                # First, or else what is lost would be sent there again at once, and be lost again.
                self.host.breaks()
            self._hand_on(answer, piece, self.host.lost())
            return
        try:
            value = _unpacked(found.get("error", found.get("answer")))
            value = self._understood(value) if "error" in found else value
        except Exception as error:  # it cannot be read here
            value = DaskWorkerLost(f"{self.host.address}: {error!r}")
        self._hand_on(answer, piece, value)

    def _hand_on(self, answer: Future[Any], piece: str, value: Any) -> None:
        if isinstance(value, Execution | Done):
            # Clocks of two machines have nothing in common but how fast they go.
            now = time.monotonic()
            value = value._replace(started=now - (value.stopped - value.started), stopped=now)
        self.host.answered(piece)
        _settle(answer, value)

    def _understood(self, error: BaseException) -> BaseException:
        """Return what an error of a piece means to the pool."""
        if isinstance(error, BrokenExecutor):
            self.forget_all()
            self.ready_for.clear()
            return DaskWorkerLost(f"the process on {self.host.address} died: {error}")
        return error

    def stop(self, *, wait: bool = True) -> None:  # noqa: ARG002 - the answer comes in any case
        """See `Worker`. What it was doing is stopped, its child with it; the host goes on."""
        if self in self.host.berths:
            self.host.berths.remove(self)
            self.host.on_berths()
        with self._mutex:
            self._is_stopped = True
            answer, piece = self._answer, self._piece
        was_busy = answer is not None and not answer.done()
        # Whoever waits need not wait for the network, nor for a worker that may be gone; also who
        # waits for its start: of one that went away then, nobody else would say so.
        self.fail(ProgramAbandoned())
        client = self.host.client
        if not was_busy:
            return
        if self.host.is_gone or client.status != "running":
            return

        async def tell() -> None:
            # One that runs is stopped by its child's end, whoever's piece that is now.
            await client.run(child.stop, piece, workers=[self.host.address])

        with suppress(Exception):  # gone already: then it does nothing more
            client.sync(tell, callback_timeout=STOP_SECONDS)
        self.forget_all()
        self.ready_for.clear()


def _packed(call: Any) -> bytes:
    """Return a call as it travels; as Dask would do it only where pickle does not do it."""
    try:
        return pickle.dumps(call, pickle.HIGHEST_PROTOCOL)
    except Exception:  # classes of a script's main module, and functions without a name
        import cloudpickle

        packed: bytes = cloudpickle.dumps(call)
        return packed


def _unpacked(answer: bytes | None) -> Any:
    return ProgramAbandoned() if answer is None else pickle.loads(answer)  # noqa: S301


def _settle(answer: Future[Any], value: Any) -> None:
    """Answer, unless somebody else has."""
    with suppress(Exception):  # InvalidStateError: it was answered
        if isinstance(value, BaseException):
            answer.set_exception(value)
        else:
            answer.set_result(value)
