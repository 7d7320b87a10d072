"""When progress is shown. Time jumps by itself here, so that waiting is instant and exact."""

import threading

import pytest

from qiskit_modes.runtime import LocalRuntime
from qiskit_modes.runtime.progress import progress as progress_module
from qiskit_modes.runtime.progress.notebook_bar import NotebookBar, notebook_bar
from qiskit_modes.runtime.progress.outlook import End, Outlook
from qiskit_modes.runtime.progress.progress import SETTING, show_progress
from qiskit_modes.runtime.steps import Durations, ScriptedSteps
from qiskit_modes.testing.manual_clock import ManualClock
from tests.runtime.conftest import DEADLINE, Machine, runtime_is_gone


class Seen:
    """A surface that notes what is done to it."""

    def __init__(self, clock):
        self.clock = clock
        self.asked = 0
        self.drawn = []
        self.visible = False
        self.changed = threading.Condition()

    def new(self):
        self.asked += 1
        return self

    def draw(self, outlook, seconds):
        with self.changed:
            self.drawn.append((self.clock.now(), outlook, seconds))
            self.visible = True
            self.changed.notify_all()

    def erase(self):
        with self.changed:
            self.visible = False
            self.changed.notify_all()

    def becomes(self, visible):
        with self.changed:
            return self.changed.wait_for(lambda: self.visible is visible, DEADLINE)

    @property
    def times(self):
        return [at for at, _, _ in self.drawn]


@pytest.fixture
def clock():
    return ManualClock(autojump=True)


@pytest.fixture
def seen(clock):
    return Seen(clock)


@pytest.fixture
def machine(clock, seen):
    """A machine whose jobs have the QPU for as many seconds as `submit` says."""

    def simulate(job):
        return ScriptedSteps(Durations(execute=machine.seconds[job.id]))

    with LocalRuntime(clock=clock, surface=seen.new, simulate=simulate) as runtime:
        machine = Machine(runtime)
        machine.seconds = {}
        yield machine
    show_progress(None)


def submit(machine, seconds, **more):
    job = machine.job(**more)
    machine.seconds[job.id] = seconds
    return machine.submit(job)


def test_a_short_wait_shows_nothing(machine, seen, clock):
    assert machine.runtime.wait(submit(machine, 1.9))
    assert machine.runtime.wait(submit(machine, 5.0), timeout=0.0) is False
    assert (seen.asked, clock.now()) == (0, 1.9)


def test_a_long_wait_is_shown_after_two_seconds_and_goes_with_it(machine, seen):
    job = submit(machine, 3.1)
    assert machine.runtime.wait(job)
    assert seen.times == [2.0, 2.25, 2.5, 2.75, 3.0]
    assert [seconds for *_, seconds in seen.drawn] == seen.times
    assert seen.drawn[0][1] == Outlook(
        f"job {job.id[:8]} on stand-in", 0, None, "this job, 2 s", End(10798.0, "its limit")
    )
    assert not seen.visible


def test_it_looks_only_while_something_is_shown(machine, seen, clock):
    machine.runtime.wait(submit(machine, 3.0))
    drawn = list(seen.drawn)
    clock.advance("1h")
    assert seen.drawn == drawn != []


def test_many_short_waits_are_one_long_piece_of_work(machine, seen, clock):
    jobs = [submit(machine, 0.4) for _ in range(8)]
    for job in jobs:
        machine.runtime.wait(job)
    assert seen.times[0] == 2.0
    assert [(o.done, o.total) for _, o, _ in seen.drawn] == [
        (5, 8), (5, 8), (6, 8), (6, 8), (7, None)
    ]  # fmt: skip
    assert seen.visible  # another one may follow at once
    assert seen.asked == 1
    clock.advance(0.6)
    assert not seen.visible


def test_a_pause_begins_another_piece_of_work(machine, seen, clock):
    for _ in range(8):
        machine.runtime.wait(submit(machine, 0.4))
        clock.advance(1.1)
    assert seen.asked == 0


def test_a_series_goes_away_at_a_prompt(machine, seen, monkeypatch):
    monkeypatch.setattr("sys.ps1", ">>> ", raising=False)
    for _ in range(8):
        machine.runtime.wait(submit(machine, 0.4))
    assert seen.drawn
    assert not seen.visible


def test_a_wait_ends_with_its_timeout(machine, seen, clock):
    job = submit(machine, 10.0)
    assert not machine.runtime.wait(job, timeout=1.5)
    assert not machine.runtime.wait(job, timeout=2.5)  # the same piece of work
    assert clock.now() == 4.0
    assert seen.times[0] == 2.0
    assert not seen.visible


def test_an_interrupted_wait_takes_it_away(machine, seen, clock, monkeypatch):
    wait = clock.wait

    def interrupted(event, timeout):
        if seen.visible:
            raise KeyboardInterrupt
        return wait(event, timeout)

    monkeypatch.setattr(clock, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        machine.runtime.wait(submit(machine, 5.0))
    assert seen.times == [2.0]
    assert not seen.visible


def test_it_can_be_switched_off(machine, seen, monkeypatch):
    monkeypatch.setenv(SETTING, "0")
    machine.runtime.wait(submit(machine, 3.0))
    show_progress(False)
    monkeypatch.delenv(SETTING)
    machine.runtime.wait(submit(machine, 3.0))
    assert seen.asked == 0
    show_progress(None)
    machine.runtime.wait(submit(machine, 3.0))
    assert seen.asked == 1
    monkeypatch.setenv(SETTING, "0")
    show_progress()
    machine.runtime.wait(submit(machine, 3.0))
    assert seen.asked == 2


def test_a_surface_that_fails_is_left_alone(machine, seen, monkeypatch):
    def fail(*_):
        raise OSError("the terminal is gone")

    monkeypatch.setattr(seen, "draw", fail)
    assert machine.runtime.wait(submit(machine, 5.0))
    assert machine.runtime.wait(submit(machine, 5.0))
    assert seen.asked == 1
    assert progress_module._screen.acquire(blocking=False)  # for others
    progress_module._screen.release()


def test_one_runtime_at_a_time_uses_the_screen(machine, seen, clock):
    assert progress_module._screen.acquire(blocking=False)
    try:
        machine.runtime.wait(submit(machine, 5.0))
    finally:
        progress_module._screen.release()
    assert not seen.drawn
    machine.runtime.wait(submit(machine, 5.0))
    assert seen.drawn


def test_it_stays_for_the_last_of_several_threads(machine, seen, clock):
    clock.autojump = False
    short, long = submit(machine, 2.4), submit(machine, 3.0)
    threads = [
        threading.Thread(target=machine.runtime.wait, args=(job,), name=f"waits-for-{job.id}")
        for job in (short, long)
    ]
    for thread in threads:
        thread.start()
    # Both wait by now: each tells the clock until when.
    with clock._condition:
        while len(clock._waits) < 2:
            clock._condition.wait(0.01)
    clock.advance(2.0)
    assert seen.becomes(True)
    clock.advance(0.4)
    threads[0].join(DEADLINE)
    assert seen.visible
    clock.advance(3.0)
    threads[1].join(DEADLINE)
    assert seen.becomes(False)
    assert not any(thread.is_alive() for thread in threads)


def test_shutting_down_takes_it_away(machine, seen, clock):
    for _ in range(8):
        machine.runtime.wait(submit(machine, 0.4))
    assert seen.visible
    machine.runtime.shut_down()
    assert not seen.visible


def test_a_runtime_on_another_clock_shows_nothing(clock, monkeypatch):
    monkeypatch.setattr("qiskit_modes.runtime.local_runtime.find_surface", lambda: 1 / 0)
    seconds = ScriptedSteps(Durations(execute=5.0))
    with LocalRuntime(clock=clock, simulate=lambda _: seconds) as runtime:
        machine = Machine(runtime)
        assert runtime.wait(machine.submit())


def test_its_thread_lives_no_longer_than_what_it_shows(monkeypatch):
    """On the machine's own clock, without patience."""
    monkeypatch.setattr(progress_module, "_PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(progress_module, "_LINGER_SECONDS", 0.0)
    before = set(threading.enumerate())
    steps = ScriptedSteps(Durations(execute=0.05))
    surface = Seen(ManualClock())
    with LocalRuntime(surface=surface.new, simulate=lambda _: steps) as runtime:
        machine = Machine(runtime)
        job = machine.submit()
        with_runtime = set(threading.enumerate())
        assert runtime.wait(job)
        assert surface.drawn
        assert not surface.visible
        assert set(threading.enumerate()) - with_runtime <= {
            thread for thread in threading.enumerate() if "lane" in thread.name
        }
    runtime_is_gone(before)


def test_a_cell_of_a_notebook_gets_one_bar_of_html(monkeypatch):
    put = []

    class Handle:
        def update(self, html):
            put.append(("same", html.data))

    def display(html, *, display_id):
        assert display_id is True
        put.append(("new", html.data))
        return Handle()

    class Shell:
        execution_count = 1

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr("qiskit_modes.runtime.progress.notebook_bar._shell", lambda: Shell)
    bar = NotebookBar()
    bar.erase()
    bar.draw(Outlook("batch <1f>", 3, 12, "free", End(61.0, "its limit")), 5.0)
    bar.erase()
    bar.draw(Outlook("batch 1f", 4, None, "free", None), 6.0)
    Shell.execution_count = 2
    bar.draw(Outlook("batch 1f", 0, None, "free", None), 7.0)
    bar_of_html = (
        '<small><b>batch &lt;1f&gt;</b> <progress value="3" max="12"></progress> '
        "3/12 jobs done · QPU: free · its limit in 1:01 · 0:05</small>"
    )
    assert put == [
        ("new", bar_of_html),
        ("same", ""),
        ("same", "<small><b>batch 1f</b> · 4 jobs done · QPU: free · 0:06</small>"),
        ("new", "<small><b>batch 1f</b> · QPU: free · 0:07</small>"),
    ]


def test_a_script_is_no_notebook():
    assert notebook_bar() is None


def test_a_surface_that_cannot_be_made_is_not_asked_for_again(machine, seen, monkeypatch):
    def fail():
        seen.asked += 1
        raise OSError("no such terminal")

    monkeypatch.setattr(machine.runtime._waits._progress, "_new_surface", fail)
    assert machine.runtime.wait(submit(machine, 5.0))
    assert machine.runtime.wait(submit(machine, 5.0))
    assert seen.asked == 1
    assert progress_module._screen.acquire(blocking=False)
    progress_module._screen.release()
