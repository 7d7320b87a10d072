"""Stand-ins for locks, conditions, threads and queues, at which an `Exploration` stops threads."""

import threading
from collections import deque
from types import SimpleNamespace

__all__ = ["Shared", "stand_in_for_threading"]


def stand_in_for_threading(run, *, leaves):
    """A stand-in for the module ``threading``.

    Args:
        run: Whose points.
        leaves: Whether no point is passed while one of its locks is held.
    """
    return SimpleNamespace(
        Lock=lambda: (_Leaf if leaves else _Lock)(run),
        Condition=lambda: _Condition(run),
        Thread=lambda target, name=None, daemon=None: _Startable(run, target, name),
        current_thread=lambda: None,
        TIMEOUT_MAX=threading.TIMEOUT_MAX,
    )


class _Lock:
    """A lock with a point before it is taken and one before it is given back."""

    def __init__(self, run):
        self._run, self._name, self.held = run, run.named("lock"), False

    def acquire(self, blocking=True):
        how = "acquire" if blocking else "try"
        self._run.point(self._name, how, when=lambda: not (blocking and self.held))
        if self.held:
            return False
        self.held = True
        return True

    def release(self):
        self._run.point(self._name, "release")
        self.held = False

    def __enter__(self):
        self.acquire()

    def __exit__(self, *_):
        self.release()


class _Leaf:
    """A lock under which no point is passed: one point for all that is done under it."""

    def __init__(self, run):
        self._run, self._name = run, run.named("leaf")

    def __enter__(self):
        self._run.point(self._name)

    def __exit__(self, *_):
        pass


class _Condition(_Leaf):
    """A condition under which no point is passed but its own `wait`."""

    def __init__(self, run):
        super().__init__(run)
        self._sleepers = []

    def wait(self, timeout=None):
        sleeper = object()
        self._sleepers.append(sleeper)
        in_time = timeout is not None
        self._run.point(self._name, when=lambda: in_time or sleeper not in self._sleepers)
        if sleeper in self._sleepers:
            self._sleepers.remove(sleeper)
            self.timed_out(timeout)

    def timed_out(self, timeout):
        """Called when a wait has ended by itself; time has passed then."""

    def notify(self):
        if self._sleepers:
            self._sleepers.pop(0)

    def notify_all(self):
        self._sleepers.clear()


class _Startable:
    """A thread that the code under test starts."""

    def __init__(self, run, target, name):
        self._run, self._target, self._name, self._thread = run, target, name, None

    def start(self):
        self._thread = self._run.spawn(self._target, self._name)

    def is_alive(self):
        if self._thread is None:
            return False
        self._run.point(("end of", self._thread.number), "read")
        return not self._thread.finished

    def join(self):
        self._run.point(("end of", self._thread.number), when=lambda: self._thread.finished)


class Shared(deque):
    """A queue with a point before each use. Give it its run before it is used."""

    run = name = None

    def __bool__(self):
        self.run.point(self.name, "read")
        return len(self) > 0

    def popleft(self):
        self.run.point(self.name)
        return super().popleft()

    def extend(self, what):
        self.run.point(self.name)
        super().extend(what)
