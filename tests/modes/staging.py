"""Runtimes for tests: programs that stand still until told to go, and a clock that is a variable.

Whatever makes a mode without naming a runtime (job mode, services) gets the fixture's runtime too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from qiskit import QuantumCircuit

from qiskit_modes.runtime import LocalRuntime, WorkerPool, shared_runtime
from qiskit_modes.runtime.clock import SystemClock
from qiskit_modes.runtime.qpu import QPU
from qiskit_modes.runtime.workers import worker_process

DEADLINE_SECONDS = 20.0
"""Nothing takes this long; whoever waits longer has found a hang."""


class Gate:
    """A place that threads pass one by one, and where they stand while it is shut."""

    def __init__(self) -> None:
        self._arrived = threading.Semaphore(0)
        self._open = threading.Event()
        self._open.set()

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def await_arrival(self) -> None:
        """Wait until one more thread has come here."""
        assert self._arrived.acquire(timeout=DEADLINE_SECONDS), "nobody came"

    def nobody_came(self) -> bool:
        """Whether everyone who came has been waited for."""
        came = self._arrived.acquire(blocking=False)
        if came:
            self._arrived.release()
        return not came

    def enter(self) -> None:
        self._arrived.release()
        assert self._open.wait(DEADLINE_SECONDS), "the gate was never opened"

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that passes this gate, and then is ``function``."""

        def gated(*args: Any, **kwargs: Any) -> Any:
            self.enter()
            return function(*args, **kwargs)

        return gated


class Stage(Gate):
    """The gate in front of the QPU: programs pass it when they hold the lock."""

    def new_executor(self) -> Executor:
        return StagedExecutor(self)


class StagedExecutor(ThreadPoolExecutor):
    """A worker that is a thread, and stops at the stage.

    Args:
        stage: Where its programs stand.
        initializer: Called when it starts.
    """

    def __init__(self, stage: Stage, initializer: Callable[[], None] | None = None) -> None:
        super().__init__(1, thread_name_prefix="staged-worker", initializer=initializer)
        self._stage = stage

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if function is worker_process.run:
            function = self._stage.before(function)
        return super().submit(function, *args, **kwargs)


class ManualTimer:
    """A timer that calls back on the thread that lets time pass."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._deadlines: dict[Hashable, tuple[float, Callable[[], None]]] = {}

    def set(
        self,
        key: Hashable,
        deadline: float | None,
        callback: Callable[[], None],
        *,
        last: bool = False,
    ) -> None:
        with self._mutex:
            self._deadlines.pop(key, None)
            if deadline is not None:
                self._deadlines[key] = (deadline, callback)

    def close(self) -> None:
        with self._mutex:
            self._deadlines.clear()

    def call_back(self) -> None:
        """Call whoever is due, and whoever is due after that."""
        while due := self._take_due():
            due()

    def _take_due(self) -> Callable[[], None] | None:
        with self._mutex:
            for key, (at, callback) in self._deadlines.items():
                if at <= self._clock.now():
                    del self._deadlines[key]
                    return callback
        return None


class ManualClock(SystemClock):
    """A clock that only goes on when it is told to; who waits for an event waits in real time."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 1000.0
        self._timers: list[ManualTimer] = []

    def now(self) -> float:
        return self._now

    def utc(self, at: float) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=at)

    def new_timer(self) -> Any:
        self._timers.append(ManualTimer(self))
        return self._timers[-1]

    def advance(self, seconds: float) -> None:
        """Let time pass; when this returns every deadline in it has been acted on."""
        self._now += seconds
        for timer in self._timers:
            timer.call_back()


class TimedRuntime(LocalRuntime):
    """A runtime whose time passes by `pass_time` alone."""

    def __init__(self, stage: Stage) -> None:
        clock = ManualClock()
        super().__init__(clock=clock, workers=WorkerPool(1, stage.new_executor))
        self.pass_time = clock.advance


def flipped(qubits: int = 1) -> QuantumCircuit:
    """A circuit in everybody's instruction set: all qubits are flipped and measured into ``c``."""
    circuit = QuantumCircuit(qubits, qubits)
    for qubit in range(qubits):
        circuit.x(qubit)
        circuit.measure(qubit, qubit)
    return circuit


def served(qpu: QPU) -> list[str]:
    """The ids of the jobs that held the QPU lock and gave it back, in this order."""
    with qpu.mutex:
        return [hold.holder for hold in qpu.scheduler.locks.qpu.history]


def alive() -> tuple[set[threading.Thread], set[Any]]:
    """All threads and child processes that there are now."""
    try:
        import psutil
    except ImportError:
        return set(threading.enumerate()), set()
    return set(threading.enumerate()), set(psutil.Process().children(recursive=True))


def assert_nothing_left(before: tuple[set[threading.Thread], set[Any]]) -> None:
    """Fail if a thread or process lives on that was not there before."""
    threads, processes = alive()
    ours = ("qiskit_modes", "staged-worker", "ExecutorManager", "QueueFeeder")
    for thread in threads - before[0]:
        if thread.name.startswith(ours):
            thread.join(DEADLINE_SECONDS)
            assert not thread.is_alive(), f"{thread.name} was left behind"
    for process in processes - before[1]:
        _assert_ends(process)


def _assert_ends(process: Any) -> None:
    import psutil

    try:
        if any("resource_tracker" in word for word in process.cmdline()):
            return  # one for the whole interpreter, kept on purpose
        process.wait(DEADLINE_SECONDS)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        pytest.fail(f"{process} was left behind")


def using(
    runtime: LocalRuntime, monkeypatch: pytest.MonkeyPatch, stage: Stage | None = None
) -> Iterator[Any]:
    """Make ``runtime`` everybody's, and shut it down afterwards without leaving anything."""
    before = alive()
    monkeypatch.setitem(shared_runtime._default, "runtime", runtime)
    try:
        yield runtime
        for qpu in runtime.registry.all():
            with qpu.mutex:
                qpu.scheduler.validate()
    finally:
        if stage is not None:
            stage.open()
        runtime.shut_down()
    assert_nothing_left(before)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def runtime(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalRuntime]:
    """The machine's clock, and one worker that is a thread."""
    staged = LocalRuntime(workers=WorkerPool(1, stage.new_executor))
    yield from using(staged, monkeypatch, stage)


@pytest.fixture
def timed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[TimedRuntime]:
    """A clock that stands still, and one worker that is a thread."""
    yield from using(TimedRuntime(stage), monkeypatch, stage)
