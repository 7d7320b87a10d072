"""An event without a lock: everybody is woken, and who comes late does not wait."""

import threading

from qiskit_modes.runtime.threads.latch import Latch
from tests.runtime.conftest import DEADLINE


def test_everybody_who_waits_is_woken():
    latch, woken = Latch(), []
    threads = [
        threading.Thread(target=lambda: woken.append(latch.wait(DEADLINE))) for _ in range(20)
    ]
    for thread in threads[:10]:
        thread.start()
    setter = threading.Thread(target=latch.set)
    for thread in [*threads[10:15], setter, *threads[15:]]:
        thread.start()
    for thread in [*threads, setter]:
        thread.join(DEADLINE)
    assert woken == [True] * 20
    assert not latch._waiting


def test_who_waits_no_longer_is_forgotten():
    latch = Latch()
    assert not latch.wait(0.001)
    assert not latch.wait(-1)
    assert not latch._waiting
    latch.set()
    assert latch.wait()


class SetMeanwhile(Latch):
    """Happens between two steps of whoever waits."""

    def __init__(self, look):
        super().__init__()
        self._looks = [False] * look

    @property
    def _is_set(self):
        if self._looks and not self._happened:
            self._looks.pop()
            if not self._looks:
                self.set()
                return False
        return self._happened

    @_is_set.setter
    def _is_set(self, value):
        self._happened = value


def test_it_may_happen_at_any_moment():
    for look in (1, 2, 3):
        assert SetMeanwhile(look).wait(0.001 if look == 3 else DEADLINE)
