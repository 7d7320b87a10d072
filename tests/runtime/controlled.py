"""Threads of which one at a time goes on, and every order in which they can meet.

The code under test runs in real threads, but its locks, conditions and shared variables are stand-
ins that stop at a *point* before they are used. At each point one thread is chosen to go on; an
`Exploration` makes the choices so that every outcome is seen, depth first, by running the scenario
again and again. Runs that differ only in the order of steps on different things are the same run:
of those one is made (dynamic partial order reduction, as Flanagan and Godefroid described it in
2005, with sleep sets).
"""

import random
import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field

__all__ = ["Exploration", "Run"]

PATIENCE_SECONDS = 30.0

_SWITCHES = 0.2
"""How often a drawn run goes on with any thread, and not with the same: races need few switches."""


class Stuck(AssertionError):  # noqa: N818 - named for what happened
    """Threads wait for each other, for ever."""


class _Aborted(BaseException):
    """Ends a thread of a run that is over."""


@dataclass
class _Choice:
    """What was chosen at one point, and what need not be tried (again)."""

    steps: dict
    """Of each thread that could go on: its next step."""
    asleep: dict
    """Threads whose next step leads nowhere new, and those steps."""
    chosen: int
    to_try: set
    """Threads of which one must go first, once each, because their steps here meet later ones."""


@dataclass(eq=False)
class _Thread:
    number: int
    name: str
    function: object
    step: tuple = ()
    """What its next step touches, and how: ``"read"``, ``"write"``, or a lock's ``"acquire"``,
    ``"try"`` and ``"release"``."""
    seen: Counter = field(default_factory=Counter)
    """How many steps of each thread come before its next one in every order that is like this."""
    can_go_on: object = None
    finished: bool = False
    wake: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    thread: threading.Thread | None = None


def _independent(one, other):
    """Whether two steps may change places."""
    return one[0] != other[0] or one[1] == other[1] == "read"


def _race(one, other):
    """Whether two steps could both be next, and their order matters."""
    never_both = {one[1], other[1]} == {"acquire", "release"} or one[1] == other[1] == "release"
    return not (_independent(one, other) or never_both)


class Exploration:
    """Runs a scenario once for each order that can make a difference.

    Args:
        most: After how many runs to give up; `complete` says whether that happened.
        seed: If given, so many runs are drawn instead, wherever they lie.
    """

    def __init__(self, most=20_000, seed=None):
        self.most = most
        self._random = None if seed is None else random.Random(seed)
        self.runs = 0
        """Runs that were carried through."""
        self.redundant = 0
        """Runs that turned out to be like another one, and were not looked at."""
        self.complete = False
        self._path = []

    def of(self, scenario):
        """Call ``scenario(run)`` for each; it sets up, calls ``run.go()``, and checks."""
        while self.runs + self.redundant < self.most:
            run = Run(self._path, self._random)
            try:
                scenario(run)
            except _Redundant:
                self.redundant += 1
            except BaseException as error:
                error.add_note(f"in run {self.runs}, in which the order was:\n{run.story()}")
                raise
            else:
                self.runs += 1
            if self._random is not None:
                self._path.clear()
            elif not self._back_up():
                self.complete = True
                break
        return self

    def _back_up(self):
        """Go back to the last choice that can be made otherwise."""
        while self._path:
            last = self._path[-1]
            last.asleep[last.chosen] = last.steps[last.chosen]
            others = sorted(last.to_try - set(last.asleep))
            if others:
                last.chosen = others[0]
                return True
            self._path.pop()
        return False


class _Redundant(Exception):  # noqa: N818 - named for what happened
    """Another run has been like this one."""


class Run:
    """One run of a scenario. What is used outside of its threads has no points."""

    def __init__(self, path, drawn):
        self._path = path
        self._random = drawn
        self._depth = 0
        self._asleep = {}
        self._redundant = False
        self._threads = []
        self._mine = threading.local()
        self._going = False
        self._aborting = False
        self._over = threading.Event()
        self._errors = []
        self._log = []
        self._steps = []
        """Of each step so far: whose it was, which of its steps, and what it touched."""
        self._writes, self._reads = defaultdict(Counter), defaultdict(Counter)
        """Of each thing: what comes before the next step that reads it, or that changes it."""
        self._names = 0

    # -- what a scenario does ----------------------------------------------------------------

    def spawn(self, function, name=""):
        """Add a thread; before `go`, or from one of the threads."""
        thread = _Thread(len(self._threads), name or f"thread {len(self._threads)}", function)
        thread.step, thread.can_go_on = (("start of", thread.number), "write"), lambda: True
        if (parent := getattr(self._mine, "thread", None)) is not None:
            thread.seen = parent.seen.copy()
        self._threads.append(thread)
        if self._going:
            self._start(thread)
        return thread

    def go(self):
        """Let all threads run to their ends.

        Raises:
            Stuck: If they wait for each other.
        """
        self._going = True
        for thread in list(self._threads):
            self._start(thread)
        self._hand_over_from(None)
        assert self._over.wait(PATIENCE_SECONDS), "a thread left the run"
        for thread in self._threads:
            thread.thread.join(PATIENCE_SECONDS)
        self._going = False
        if self._redundant:
            raise _Redundant
        if self._errors:
            raise self._errors[0]

    def story(self):
        """Who did what, in this order."""
        return "\n".join(f"    {who:12} {how:8} {what}" for who, what, how in self._log)

    def named(self, kind):
        """A name for a thing, the same in every run that begins like this one."""
        self._names += 1
        return f"{kind} {self._names}"

    def point(self, what, how="write", *, when=lambda: True):
        """Stop before a step on ``what``, until this thread is chosen and ``when()`` is true."""
        me = getattr(self._mine, "thread", None)
        if me is None or self._aborting:
            if not when():
                raise _Aborted if self._aborting else Stuck(f"{what}: waited for outside of a run")
            return
        me.step, me.can_go_on = (what, how), when
        self._hand_over_from(me)

    # -- how it is done ----------------------------------------------------------------------

    def _start(self, thread):
        thread.thread = threading.Thread(target=self._live, args=(thread,), daemon=True)
        thread.thread.start()

    def _live(self, thread):
        self._mine.thread = thread
        thread.wake.acquire()
        try:
            if not self._aborting:
                thread.function()
                self.point(("end of", thread.number))
        except _Aborted:
            pass
        except BaseException as error:  # shown by the scenario's own thread
            self._errors.append(error)
        thread.finished = True
        if not self._aborting:
            self._hand_over_from(thread)

    def _hand_over_from(self, me):
        chosen = self._choose(me)
        if chosen is None:
            self._finish_or_abort()
        elif chosen is not me:
            chosen.wake.release()
        if me is not None and chosen is not me and not me.finished:
            me.wake.acquire()
            if self._aborting:
                raise _Aborted

    def _finish_or_abort(self):
        waiting = [thread for thread in self._threads if not thread.finished]
        if waiting:
            if not self._redundant:
                what = ", ".join(f"{thread.name} for {thread.step[0]}" for thread in waiting)
                self._errors.append(Stuck(f"all wait: {what}"))
            self._aborting = True
            for thread in waiting:
                thread.wake.release()
        self._over.set()

    def _choose(self, me):
        able = {t.number: t for t in self._threads if not t.finished and t.can_go_on()}
        if not able:
            return None
        if self._depth == len(self._path):
            awake = [number for number in able if number not in self._asleep]
            if not awake:
                self._redundant = True
                return None
            steps = {number: t.step for number, t in able.items()}
            chosen = me.number if me is not None and me.number in awake else awake[0]
            if self._random is not None and self._random.random() < _SWITCHES:
                chosen = self._random.choice(awake)
            self._path.append(_Choice(steps, dict(self._asleep), chosen, {chosen}))
        choice = self._path[self._depth]
        self._depth += 1
        step = choice.steps[choice.chosen]
        self._asleep = {
            number: other for number, other in choice.asleep.items() if _independent(other, step)
        }
        chosen = able[choice.chosen]
        self._log.append((chosen.name, *step))
        self._find_race(chosen)
        self._take(chosen)
        return chosen

    def _find_race(self, me):
        """See to it that this step is also tried before the last one that it races with."""
        for at in reversed(range(len(self._steps))):
            number, count, step = self._steps[at]
            mine_or_before = number == me.number or me.seen[number] >= count
            if not mine_or_before and _race(step, me.step):
                choice = self._path[at]
                choice.to_try |= {me.number} if me.number in choice.steps else set(choice.steps)
                break

    def _take(self, me):
        """Take note of what comes before what."""
        what, how = me.step
        me.seen |= self._writes[what]
        if how != "read":
            me.seen |= self._reads[what]
        me.seen[me.number] += 1
        self._steps.append((me.number, me.seen[me.number], me.step))
        if how == "read":
            self._reads[what] |= me.seen
        else:
            self._writes[what] = me.seen.copy()
