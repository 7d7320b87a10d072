"""Ctrl-C at any moment: what was begun is carried through, and the user's thread is free at once.

The main thread is interrupted before each line in turn of all that it runs of this package, and of
what that uses of the standard library's threads.
"""

import signal
import sys
import threading
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError, RuntimeJobTimeoutError

import qiskit_modes
from qiskit_modes import EstimatorV2, LocalService, SamplerV2, record
from qiskit_modes._mutex import cached_property
from qiskit_modes.caches import BoundedCache, PerObject
from qiskit_modes.exceptions import RefusedError
from qiskit_modes.modes import Batch, Session
from qiskit_modes.modes.session import current_session
from qiskit_modes.runtime import LocalRuntime
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.runtime.threads.main_thread_guard import Uninterrupted
from qiskit_modes.scheduling import Mode
from qiskit_modes.testing import Scenario
from tests.runtime.conftest import DEADLINE, Gate, finished, program

MOST_LINES = 2000
FILES = ("qiskit_modes/runtime", "qiskit_modes/modes", "threading.py")


class CtrlC:
    """Sends Ctrl-C to the main thread before a certain line of it.

    Args:
        line: Which one, counted from 1.
        files: Parts of the names of the files whose lines count.
    """

    def __init__(self, line, files=FILES):
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


def interrupted_at_each_line(act, files=FILES):
    """Call ``act(ctrl_c)`` again and again, until the interrupt comes no more."""
    for line in range(1, MOST_LINES):
        ctrl_c = CtrlC(line, files)
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
        if threaded.runtime.job(job.id) is not None:
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
                "qiskit_modes.runtime.workers.worker_process.run", lambda *_: gates[0]() or 1 / 0
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
        finished(*runtime.executor.jobs.unfinished())
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


def test_run_is_whole_or_nothing_has_happened():
    """The user's own calls, down from the primitive."""
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    files = (
        *FILES[:2],
        "primitives/primitive.py",
        "primitives/sampler/sampler.py",
        "primitives/job.py",
    )
    with Scenario() as scenario:
        backend, service = AerSimulator(), LocalService(runtime=scenario.runtime)

        def act(ctrl_c):
            batch = Batch(backend)
            with ctrl_c:
                SamplerV2(batch).run([circuit])
            jobs = service.jobs(limit=2)
            for job in jobs:
                assert job.result()[0].data.c.num_shots == 4096, ctrl_c.where
            service.close_all()

        def cancelled(ctrl_c):
            job = SamplerV2(backend).run([circuit])
            with ctrl_c:
                job.cancel()
            job.wait_for_final_state()
            assert job.status() in {"DONE", "CANCELLED"}, ctrl_c.where

        for each in (act, cancelled):
            assert interrupted_at_each_line(each, files) > 5
        assert SamplerV2(backend).run([circuit]).result()[0].data.c.num_shots == 4096


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
        if other.workload and threaded.runtime.job(other.id) is not None:
            finished(other)
        threaded.runtime.executor.close_workload(session)

    assert interrupted_at_each_line(act) == len(seen) > 5
    assert finished(threaded.submit()) == ["DONE"]


def test_a_handler_of_signals_may_end_everything_while_somebody_looks(threaded, monkeypatch):
    monkeypatch.setattr("qiskit_modes.modes.session.check_backend", lambda _: None)
    service = LocalService(runtime=threaded.runtime)

    def act(ctrl_c):
        session = Session(threaded.backend, runtime=threaded.runtime)
        job, gate = gated(threaded, workload=session.record)
        threaded.submit(job)

        def handler(*_):
            threaded.runtime.executor.cancel(job)
            service.close_all()

        with ctrl_c:
            signal.signal(signal.SIGINT, handler)
            session.details()
            session.usage()
            service.job(job.id)
            service.usage()
            service.workloads()
        service.close_all()
        gate.opened.set()
        assert finished(job) == ["CANCELLED" if ctrl_c.where else "DONE"]

    assert interrupted_at_each_line(act) > 50


def native_door(scenario, stack):
    """The ways in of this package's own classes: what users call, and what a handler may call."""
    service, backend = LocalService(runtime=scenario.runtime), AerSimulator()
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)

    def submit(mode=backend):
        return SamplerV2(mode).run([circuit])

    session, job = Session(backend), submit()
    waited = submit()
    return {
        "run": submit,
        "run in a session": lambda: submit(session),
        "new session": lambda: Batch(backend).close(),
        "status": job.status,
        "result": lambda: suppress_timeout(waited.result),
        "metrics": job.metrics,
        "job": lambda: service.job(job.job_id()),
        "jobs": lambda: service.jobs(limit=3),
        "session": lambda: (session.details(), session.usage(), session.status()),
        "service": lambda: (service.usage(), service.workloads(), service.backend("fake_manila")),
        "recording": lambda: record_nothing(),
    }, lambda: cancel_one(service, submit())


def client_door(scenario, stack):
    """The ways in of the service's client."""
    from qiskit_ibm_runtime import Batch, SamplerV2, Session

    from qiskit_modes.client import local_runtime

    service = stack.enter_context(local_runtime(backends=["fake_manila"], runtime=scenario.runtime))
    backend = service.backend("fake_manila")
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)

    def submit(mode=backend):
        return SamplerV2(mode).run([circuit])

    session, job = Session(backend), submit()
    return {
        "run": submit,
        "run in a session": lambda: submit(session),
        "new session": lambda: Batch(backend).close(),
        "status": job.status,
        "result": lambda: suppress_timeout(job.result),
        "metrics": job.metrics,
        "job": lambda: service.job(job.job_id()),
        "jobs": lambda: service.jobs(limit=3),
        "session": lambda: (session.details(), session.usage(), session.status()),
        "service": lambda: (service.usage(), service.least_busy()),
    }, lambda: cancel_one(service, submit())


def suppress_timeout(result):
    with suppress(RuntimeJobTimeoutError):
        result(timeout=0.05)


def record_nothing():
    with record():
        pass


def cancel_one(service, job):
    """What a handler does: it submits, looks at everything, and cancels."""
    job.status()
    assert service.jobs(limit=1)[0].job_id() == job.job_id()
    service.job(job.job_id()).cancel()
    assert job.status() == "CANCELLED"
    with suppress(RuntimeInvalidStateError):
        job.result()
    service.usage()
    service.delete_job(job.job_id())


SAMPLED, MOST_SAMPLED = 25, 400
"""Lines of each call at which the handler comes, evenly over all: every day, and in the full check,
where these are all of most calls."""


@pytest.mark.parametrize("lines", [SAMPLED, pytest.param(MOST_SAMPLED, marks=pytest.mark.slow)])
@pytest.mark.parametrize("door", [native_door, client_door])
def test_a_handler_of_signals_may_do_anything_at_any_line_of_every_door(door, lines):
    with LocalRuntime() as runtime, use_runtime(runtime), ExitStack() as stack:
        held = Scenario(autojump=False).runtime
        runtime._simulate = held._simulate
        calls, handle = door(SimpleNamespace(runtime=runtime), stack)
        handled = []
        for name, call in calls.items():
            with CtrlC(sys.maxsize, ("qiskit_modes/",)) as counted:
                call()
            count = sys.maxsize - counted._left
            for line in range(1, count + 1, max(count // lines, 1)):
                done = len(handled)
                with CtrlC(line, ("qiskit_modes/",)) as ctrl_c:
                    signal.signal(signal.SIGINT, lambda *_: handle() or handled.append(1))
                    call()
                assert len(handled) > done or ctrl_c.where is None, f"{name}: {ctrl_c.where}"


def test_where_no_thread_can_be_started_the_main_thread_makes_its_calls(monkeypatch):
    def start(self):
        raise RuntimeError("can't start new thread")

    uninterrupted = Uninterrupted()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert uninterrupted(threading.current_thread) is threading.main_thread()
    assert uninterrupted(threading.current_thread) is not threading.main_thread()
    uninterrupted.close()
    assert uninterrupted(threading.current_thread) is not threading.main_thread()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert uninterrupted(threading.current_thread) is threading.main_thread()


def test_a_call_that_meets_the_end_is_made():
    class ClosedMeanwhile(Uninterrupted):
        def _open(self):
            calls = super()._open()
            for _ in range(2):
                closer = threading.Thread(target=self.close)
                closer.start()
                closer.join(DEADLINE)
            return calls

    uninterrupted = ClosedMeanwhile()
    assert uninterrupted(lambda: 42) == 42
    assert uninterrupted(lambda: 43) == 43


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


def with_work(uninterrupted, work):
    """Make a call that leaves work; return its thread, and whether that does the work."""
    return uninterrupted(lambda: (threading.current_thread(), uninterrupted.afterwards(work)))


def test_what_a_call_begins_goes_on_in_its_thread_and_the_next_calls_are_made_by_another_one():
    uninterrupted, gate, done = Uninterrupted(), Gate(), []

    def work():
        gate()
        done.append(threading.current_thread())

    first, does_it = with_work(uninterrupted, work)
    assert does_it
    assert gate.entered.wait(DEADLINE)
    second, does_it_too = with_work(uninterrupted, done.clear)
    assert second is not first
    assert not does_it_too, "somebody has to be there for calls"
    gate.opened.set()
    uninterrupted.close()
    assert done == [first]
    assert not first.is_alive()
    assert not second.is_alive()


def test_calls_are_made_in_their_order_whoever_comes_back_meanwhile():
    uninterrupted, away, call, made = Uninterrupted(), Gate(), Gate(), []
    is_out = threading.Event()
    with_work(uninterrupted, away)
    assert away.entered.wait(DEADLINE)

    def interrupted():
        assert call.entered.wait(DEADLINE)
        away.opened.set()  # the other one comes back, and could take the call that comes next
        while not is_out.wait(0.02):  # one that comes just before Python waits is seen afterwards
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    def once(*_):
        if not is_out.is_set():
            is_out.set()
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, once)
    try:
        watcher = threading.Thread(target=interrupted)
        watcher.start()
        with pytest.raises(KeyboardInterrupt):
            uninterrupted(lambda: call() or made.append("first"))
        watcher.join(DEADLINE)
        opener = threading.Timer(0.05, call.opened.set)
        opener.start()
        uninterrupted(lambda: made.append("second"))
        opener.join(DEADLINE)
    finally:
        signal.signal(signal.SIGINT, before)
    assert made == ["first", "second"]
    uninterrupted.close()


def test_work_that_fails_takes_nobody_away(caplog):
    uninterrupted = Uninterrupted()

    def fail():
        raise SystemExit("from a user's own class")

    for _ in range(5):
        while not with_work(uninterrupted, fail)[1]:  # it is away still
            pass
    assert uninterrupted(lambda: 42) == 42
    uninterrupted.close()
    assert sum("could not be done" in record.message for record in caplog.records) == 5


def test_nothing_goes_on_where_no_other_thread_can_be_started(monkeypatch):
    uninterrupted = Uninterrupted()
    assert uninterrupted(lambda: 42) == 42

    def start(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        assert not with_work(uninterrupted, int)[1]
    assert with_work(uninterrupted, int)[1]
    uninterrupted.close()
    assert not uninterrupted.afterwards(int), "the main thread does nothing of that kind"


def beside(call):
    """What a handler does: another thread makes a call, and is waited for."""

    def handler(*_):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join(DEADLINE)
        assert not thread.is_alive(), "it waits for the thread that the signal has stopped"

    return handler


def test_a_handler_of_signals_may_wait_for_a_thread_that_remembers_and_computes():
    """Whatever the main thread has in its hand of what is remembered for all."""

    class Thing:
        @cached_property
        def squared(self):
            return [4, 9]

    cache, things = BoundedCache(2), PerObject(object)

    def use():
        cache.put("mine", 1)
        cache.get("mine")
        things.of(Thing())
        return Thing().squared

    def act(ctrl_c):
        with ctrl_c:
            signal.signal(signal.SIGINT, beside(use))
            assert use() == [4, 9]

    files = ("qiskit_modes/caches.py", "qiskit_modes/_mutex.py", "functools.py", __file__)
    assert interrupted_at_each_line(act, files) > 20
    assert things.of(cache) is things.of(cache)


def test_nothing_here_uses_the_librarys_cached_property():
    """In Python 3.11 that has a mutex for all objects of a class."""
    package = Path(qiskit_modes.__file__).parent
    texts = {path.name: path.read_text("utf-8") for path in package.rglob("*.py")}
    found = [name for name, text in texts.items() if "from functools import cached_prop" in text]
    assert found == ["_mutex.py"]
    assert not [
        name
        for name, text in texts.items()
        if "functools.cached_property" in text and name != "_mutex.py"
    ]


def test_a_handler_of_signals_may_wait_for_the_result_of_a_job():
    """At lines of run() where something is remembered that the job's own steps ask for, too."""
    observable, numbers = SparsePauliOp("Z"), count()
    with LocalRuntime() as runtime, use_runtime(runtime):
        estimator = EstimatorV2(LocalService().backend("fake_manila"))

        def submit():  # a new circuit each time
            circuit = QuantumCircuit(1)
            circuit.rz(0.001 * next(numbers), 0)
            circuit.sx(0)
            return estimator.run([(circuit, observable)])

        submit().result()
        files = ("qiskit_modes/caches.py", "qiskit_modes/_mutex.py", "functools.py")
        with CtrlC(sys.maxsize, files) as counted:
            submit()
        lines = sys.maxsize - counted._left
        assert lines > SAMPLED
        for line in range(1, lines + 1, lines // SAMPLED):
            results = []
            with CtrlC(line, files) as ctrl_c:
                signal.signal(
                    signal.SIGINT, lambda *_, results=results: results.append(submit().result(20))
                )
                submit()
            assert len(results) == 1, ctrl_c.where
