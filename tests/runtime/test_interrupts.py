"""Ctrl-C at any moment: what was begun is carried through, and the user's thread is free at once.

The main thread is interrupted before each line in turn of all that it runs of this package, and of
what that uses of the standard library's threads.
"""

import signal
import sys
import threading
from contextlib import suppress

import pytest

from qiskit_modes.exceptions import RefusedError
from qiskit_modes.modes import Batch, Session
from qiskit_modes.modes.context import current_session
from qiskit_modes.runtime.uninterrupted import Uninterrupted
from qiskit_modes.scheduling import Mode
from tests.runtime.conftest import DEADLINE, Gate, finished, program

MOST_LINES = 2000


class CtrlC:
    """Sends Ctrl-C to the main thread before a certain line of it.

    Args:
        line: Which one, counted from 1.
        files: Parts of the names of the files whose lines count.
    """

    def __init__(self, line, files=("qiskit_modes/runtime", "qiskit_modes/modes", "threading.py")):
        self._left, self._files, self.where = line, files, None

    def __enter__(self):
        self._before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self._tracer = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, error, *_):
        sys.settrace(self._tracer)
        mine = signal.signal(signal.SIGINT, self._before) is signal.default_int_handler
        if mine and self.where is not None:
            assert error is KeyboardInterrupt, f"it did not reach the user: {self.where}"
        return error is KeyboardInterrupt

    def _trace(self, frame, event, _):
        if not any(part in frame.f_code.co_filename for part in self._files):
            return None
        if event == "line" and not _lets_a_lock_go(frame):
            self._left -= 1
            if self._left == 0:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                signal.raise_signal(signal.SIGINT)
        return self._trace


def _lets_a_lock_go(frame):
    """Whether the line is the end of a ``with`` block.

    A tracer is called there a second time, where Python itself never looks for signals; a lock that
    the block holds would stay locked.
    """
    import linecache

    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    return line.lstrip().startswith("with ")


def interrupted_at_each_line(act):
    """Call ``act(ctrl_c)`` again and again, until the interrupt comes no more."""
    for line in range(1, MOST_LINES):
        ctrl_c = CtrlC(line)
        act(ctrl_c)
        if ctrl_c.where is None:
            return line - 1
    pytest.fail("it takes ever more lines")


def gated(machine, **more):
    gate = Gate()
    return machine.job(compile=lambda: gate() or program(), **more), gate


@pytest.mark.parametrize("fresh", [False, True], ids=["", "first call"])
def test_a_submission_is_whole_or_it_is_not_there(threaded, fresh):
    def act(ctrl_c):
        if fresh:
            threaded.runtime.executor.uninterrupted = Uninterrupted()
        session = threaded.open(Mode.BATCH)
        job, gate = gated(threaded, workload=session)
        with ctrl_c:
            threaded.submit(job)
        gate.opened.set()
        threaded.runtime.executor.close_workload(session)
        # The calls of the main thread are made in their order: by now it is in, or never will be.
        if threaded.runtime.jobs.get(job.id) is not None:
            assert finished(job) == ["DONE"], ctrl_c.where
        if fresh:
            threaded.runtime.executor.uninterrupted.close()

    assert interrupted_at_each_line(act) > 5
    assert finished(threaded.submit()) == ["DONE"]


@pytest.mark.parametrize("step", ["queued", "compile", "execute", "post_process"])
def test_a_job_that_is_cancelled_goes_on_or_ends(threaded, step, monkeypatch):
    def act(ctrl_c):
        gates = [Gate()]
        if step == "queued":
            for _ in range(5):
                job, gate = gated(threaded)
                gates.append(gate)
                threaded.submit(job)
            job = threaded.submit()
            assert job.status == "QUEUED"
        elif step == "execute":
            job = threaded.job()
            monkeypatch.setattr(
                "qiskit_modes.runtime.worker_process.run", lambda *_: gates[0]() or 1 / 0
            )
            threaded.submit(job)
            assert gates[0].entered.wait(DEADLINE)
        else:
            job = threaded.submit(**{step: lambda *_: gates[0]() or program()})
            assert gates[0].entered.wait(DEADLINE)
        with ctrl_c:
            threaded.runtime.executor.cancel(job)
        for gate in gates:
            gate.opened.set()
        (status,) = finished(job)
        assert status in {"CANCELLED", "ERROR" if step == "execute" else "DONE"}, ctrl_c.where
        monkeypatch.undo()

    assert interrupted_at_each_line(act) > 5
    assert finished(threaded.submit()) == ["DONE"]


@pytest.mark.parametrize("how", ["close", "cancel"])
@pytest.mark.parametrize("mode", [Session, Batch])
def test_a_session_is_opened_and_ended_whole(threaded, mode, how, monkeypatch):
    monkeypatch.setattr("qiskit_modes.modes.session.check_backend", lambda _: None)
    runtime = threaded.runtime

    def open_one(ctrl_c):
        with ctrl_c:
            mode(threaded.backend, runtime=runtime)
        known = [workload.id for workload in runtime.workloads()]
        with threaded.qpu.mutex:
            assert set(threaded.qpu.scheduler.open_workloads) <= set(known), ctrl_c.where

    def end_one(ctrl_c):
        session = mode(threaded.backend, runtime=runtime)
        with ctrl_c:
            getattr(session, how)()
        session.close()
        assert session.status() == "Closed", ctrl_c.where

    def leave_one(ctrl_c):
        gate, inside = Gate(), False
        with ctrl_c, mode(threaded.backend, runtime=runtime) as session:
            inside = True
            threaded.submit(workload=session.record, compile=lambda: gate() or program())
        gate.opened.set()
        finished(*runtime.jobs.unfinished())
        if inside and session.status() != "Closed":
            left_open.append(ctrl_c.where)
            session.__exit__(None)
        assert current_session() is None, ctrl_c.where

    left_open = []

    for act in (open_one, end_one, leave_one):
        assert interrupted_at_each_line(act) > 5
    assert len(left_open) <= 2, "only where Python has not come into the block's end yet"
    for workload in runtime.workloads():
        runtime.executor.close_workload(workload)
    assert finished(threaded.submit()) == ["DONE"]


def test_a_shut_down_can_be_called_again():
    """The waiting ends; what is left is ended by the second call."""
    from concurrent.futures import ThreadPoolExecutor

    from qiskit_modes.runtime import LocalRuntime, WorkerPool
    from tests.runtime.conftest import Machine, runtime_is_gone

    def act(ctrl_c):
        before = set(threading.enumerate())
        pool = WorkerPool(1, new_executor=lambda: ThreadPoolExecutor(1, "staged-worker"))
        machine = Machine(LocalRuntime(workers=pool))
        jobs = [machine.submit() for _ in range(3)]
        with ctrl_c:
            machine.runtime.shut_down()
        machine.runtime.shut_down()
        assert set(finished(*jobs)) <= {"DONE", "CANCELLED"}
        runtime_is_gone(before)

    assert interrupted_at_each_line(act) > 5


def test_a_handler_of_signals_may_cancel_and_close(threaded):
    """Whatever the main thread is doing: it holds no mutex that the handler would wait for."""
    seen = []

    def act(ctrl_c):
        session = threaded.open(Mode.BATCH)
        job, gate = gated(threaded, workload=session)
        threaded.submit(job)
        other = threaded.job(workload=session)

        def handler(*_):
            with suppress(RefusedError):
                threaded.runtime.executor.cancel(job)
            threaded.runtime.executor.close_workload(session)
            seen.append(ctrl_c.where)

        with ctrl_c:
            signal.signal(signal.SIGINT, handler)
            with suppress(RefusedError):
                threaded.submit(other)
        gate.opened.set()
        finished(job)
        if other.workload and threaded.runtime.jobs.get(other.id) is not None:
            finished(other)
        threaded.runtime.executor.close_workload(session)

    assert interrupted_at_each_line(act) == len(seen) > 5
    assert finished(threaded.submit()) == ["DONE"]


def test_where_no_thread_can_be_started_the_main_thread_makes_its_calls(monkeypatch):
    def start(self):
        raise RuntimeError("can't start new thread")

    uninterrupted = Uninterrupted()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert uninterrupted(threading.current_thread) is threading.main_thread()
    assert uninterrupted(threading.current_thread) is not threading.main_thread()
    uninterrupted.close()
    assert uninterrupted(threading.current_thread) is threading.main_thread()


def test_the_thread_ends_with_what_it_serves():
    uninterrupted = Uninterrupted()
    thread = uninterrupted(threading.current_thread)
    del uninterrupted
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_a_call_answers_with_what_it_raised():
    def fail():
        raise KeyboardInterrupt("from a call, not from a user")

    uninterrupted = Uninterrupted()
    with pytest.raises(KeyboardInterrupt, match="not from a user"):
        uninterrupted(fail)
    assert uninterrupted(lambda: 42) == 42
    uninterrupted.close()


def test_other_threads_make_their_calls_themselves():
    uninterrupted, seen = Uninterrupted(), []
    thread = threading.Thread(target=lambda: seen.append(uninterrupted(threading.current_thread)))
    thread.start()
    thread.join(DEADLINE)
    assert seen == [thread]
