"""Every order in which threads can meet at the timer."""

from functools import partial

from qiskit_modes.runtime.threads import timer
from qiskit_modes.runtime.threads.timer import ThreadTimer


class Ticking:
    """A timer whose time is where its thread slept to."""

    def __init__(self, run, patch):
        patch(timer, leaves=True)
        self.time, self.called = 0.0, []
        self.timer = ThreadTimer(lambda: self.time)
        self.timer._condition.timed_out = self._slept

    def _slept(self, seconds):
        self.time += max(seconds, 0.0)

    def set(self, key, at):
        self.timer.set(key, at, lambda: self.called.append((key, self.time)))

    def close_when_called(self, run, count):
        """Wait until so many were called back; stays open when that does not happen."""
        run.point("called", when=lambda: len(self.called) >= count)
        self.timer.close()


def test_deadlines_are_set_while_the_timer_goes_to_sleep(explore):
    """Whoever sets an earlier one wakes it: none is missed, each comes once, and not early."""

    def scenario(run, patch):
        ticking = Ticking(run, patch)
        run.spawn(partial(ticking.set, "late", 9.0), "late")
        run.spawn(partial(ticking.set, "early", 3.0), "early")
        run.spawn(partial(ticking.close_when_called, run, 2), "closer")
        run.go()
        called = dict(ticking.called)
        assert len(ticking.called) == 2
        assert called["late"] >= 9.0
        assert called["early"] >= 3.0
        assert not ticking.timer._deadlines

    explore(scenario, least=5)


def test_a_deadline_is_taken_away_while_it_is_due(explore):
    seen = set()

    def scenario(run, patch):
        ticking = Ticking(run, patch)
        ticking.set("other", 5.0)
        run.spawn(partial(ticking.set, "mine", 3.0), "sets")
        run.spawn(partial(ticking.timer.set, "mine", None, lambda: None), "takes away")
        run.spawn(partial(ticking.close_when_called, run, 1), "closer")
        run.go()
        keys = [key for key, _ in ticking.called]
        assert len(keys) == len(set(keys))
        seen.add(tuple(keys))

    explore(scenario, least=5)
    assert {("other",), ("mine",)} <= seen


def test_a_timer_is_closed_while_a_deadline_is_set(explore):
    """It ends, whatever it is doing, and calls nobody back after it was closed."""

    def scenario(run, patch):
        ticking = Ticking(run, patch)

        def close():
            ticking.timer.close()
            called.append(len(ticking.called))

        called = []
        run.spawn(partial(ticking.set, "a", 3.0), "sets a")
        run.spawn(partial(ticking.set, "b", 1.0), "sets b")
        run.spawn(close, "closer")
        run.go()
        assert called == [len(ticking.called)]
        assert not ticking.timer._deadlines

    explore(scenario, least=10)
