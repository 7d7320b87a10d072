"""The ``with`` block that code stands in: nested, and in other threads and tasks."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from qiskit_modes import Batch, SamplerV2, Session
from qiskit_modes.modes import current_session
from tests.modes.staging import flipped
from tests.threads import in_a_thread

# What is tested here needs no job, and a block without one warns.
pytestmark = pytest.mark.filterwarnings("ignore:No job was submitted")


def test_outside_there_is_none():
    assert current_session() is None


def test_the_inner_one_counts_and_the_outer_one_comes_back(manila, timed):
    with Session(manila) as outer:
        with Batch(manila) as inner:
            assert SamplerV2().mode is inner
        assert current_session() is outer
        assert SamplerV2().mode is outer
        assert inner.status() == "Closed"
        assert outer.status() == "Pending"
    assert current_session() is None


def test_the_outer_one_comes_back_after_an_error(manila, timed):
    with Session(manila) as outer:
        with pytest.raises(ZeroDivisionError), Batch(manila):
            _ = 1 / 0
        assert current_session() is outer


def test_a_session_can_be_entered_twice(manila, timed):
    with Session(manila) as session:
        with session:
            pass
        assert current_session() is session
    assert current_session() is None


def test_a_closed_session_can_be_entered(manila, timed):
    session = Session(manila)
    session.close()
    with session:
        sampler = SamplerV2()
    assert sampler.mode is session


def test_a_new_thread_starts_outside(manila, timed):
    with Session(manila):
        assert in_a_thread(current_session) is None
        with pytest.raises(ValueError, match=r"A backend or session must be specified\."):
            in_a_thread(SamplerV2)


def test_a_copied_context_takes_it_along(manila, timed):
    with Session(manila) as session:
        context = contextvars.copy_context()
        assert in_a_thread(context.run, current_session) is session


def test_a_primitive_that_was_made_inside_runs_anywhere(manila, timed):
    with Session(manila) as session:
        sampler = SamplerV2()
        job = in_a_thread(sampler.run, [flipped()])
    assert (job.mode, job.session_id) == ("session", session.session_id)


def test_a_backend_in_a_worker_thread_means_job_mode(manila, timed):
    with Batch(manila):
        job = in_a_thread(lambda: SamplerV2(mode=manila).run([flipped()]))
    assert (job.mode, job.session_id) == ("job", None)


def test_each_thread_has_its_own(manila, timed):
    both_inside = threading.Barrier(2, timeout=20)

    def enter():
        with Session(manila) as session:
            both_inside.wait()
            return current_session() is session

    with ThreadPoolExecutor(2) as pool:
        assert all(done.result(timeout=20) for done in [pool.submit(enter) for _ in range(2)])
    assert current_session() is None


def test_tasks_inherit_it_and_keep_it_to_themselves(manila, timed):
    async def own():
        with Batch(manila) as batch:
            await asyncio.sleep(0)
            return current_session() is batch

    async def main():
        with Session(manila) as session:

            async def inherited():
                return current_session() is session

            answers = await asyncio.gather(own(), own(), inherited())
            return [*answers, current_session() is session]

    assert asyncio.run(main()) == [True] * 4


def test_left_in_another_thread_it_is_closed_and_restored_where_it_was_entered(manila, timed):
    with Session(manila) as outer:
        inner = Batch(manila)
        inner.__enter__()
        in_a_thread(inner.__exit__, None, None, None)
        assert inner.status() == "Closed"
        assert current_session() is outer
        assert SamplerV2().mode is outer


def test_left_in_another_thread_that_one_is_as_before(manila, timed):
    inner = Batch(manila)

    def enter_and_leave_theirs():
        with Session(manila) as theirs:
            inner.__exit__(None, None, None)
            return current_session() is theirs

    def test():
        inner.__enter__()
        assert in_a_thread(enter_and_leave_theirs)
        assert inner.status() == "Closed"
        assert current_session() is None

    contextvars.copy_context().run(test)


def test_left_in_another_task_it_is_closed_and_restored(manila, timed):
    async def main():
        inner = Batch(manila)

        async def enter():
            inner.__enter__()

        async def leave():
            inner.__exit__(None, None, None)

        with Session(manila) as outer:
            await asyncio.create_task(enter())
            await asyncio.create_task(leave())
            return inner.status(), current_session() is outer

    assert asyncio.run(main()) == ("Closed", True)


def test_left_in_the_wrong_order(manila, timed):
    first, second = Session(manila), Batch(manila)

    def test():
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert current_session() is second
        second.__exit__(None, None, None)
        assert current_session() is None

    contextvars.copy_context().run(test)


def test_entered_by_two_threads_at_once(manila, timed):
    shared, outer = Session(manila), Session(manila)
    entered, leave = threading.Event(), threading.Event()

    def other():
        with shared:
            entered.set()
            assert leave.wait(20)

    def test():
        with ThreadPoolExecutor(1) as pool, outer:
            shared.__enter__()
            done = pool.submit(other)
            assert entered.wait(20)
            shared.__exit__(None, None, None)
            leave.set()
            done.result(timeout=20)
            assert current_session() is outer

    contextvars.copy_context().run(test)


def test_leaving_without_having_entered_closes(manila, timed):
    session = Session(manila)
    session.__exit__(None, None, None)
    assert session.status() == "Closed"
    assert current_session() is None
