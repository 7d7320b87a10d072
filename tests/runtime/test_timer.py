"""One thread, many deadlines."""

import threading

from qiskit_modes.runtime.clock import SystemClock
from qiskit_modes.runtime.threads.timer import ThreadTimer
from tests.runtime.conftest import DEADLINE


class Recorder:
    def __init__(self, expected):
        self.calls = []
        self._left = threading.Semaphore(0)
        self._expected = expected

    def __call__(self, name):
        self.calls.append(name)
        self._left.release()

    def wait(self):
        for _ in range(self._expected):
            assert self._left.acquire(timeout=DEADLINE)
        return self.calls


def test_deadlines_come_in_their_order_and_an_earlier_one_wakes_the_sleeper():
    clock, recorder = SystemClock(), Recorder(2)
    timer = ThreadTimer(clock.now)
    now = clock.now()
    timer.set("late", now + 0.05, lambda: recorder("late"))
    timer.set("never", now + 3600, lambda: recorder("never"))
    timer.set("early", now + 0.01, lambda: recorder("early"))
    assert recorder.wait() == ["early", "late"]
    timer.close()


def test_a_deadline_can_be_replaced_and_taken_away():
    clock, recorder = SystemClock(), Recorder(1)
    timer = ThreadTimer(clock.now)
    timer.set("a", clock.now() + 3600, lambda: recorder("old"))
    timer.set("b", clock.now() + 0.02, lambda: recorder("taken away"))
    timer.set("b", None, lambda: None)
    timer.set("a", clock.now(), lambda: recorder("new"))
    assert recorder.wait() == ["new"]
    timer.close()


def test_closing_forgets_all_deadlines_and_ends_the_thread():
    clock = SystemClock()
    timer = ThreadTimer(clock.now)
    timer.set("a", clock.now() + 3600, lambda: None)
    timer.close()
    timer.set("b", clock.now(), lambda: None)
    assert not timer._thread.is_alive()
    assert timer._deadlines == {}
