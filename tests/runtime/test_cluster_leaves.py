"""Questions to workers that leave before they have answered."""

import asyncio
import threading

import pytest

from qiskit_modes.runtime.workers.dask.leaves import Leaves
from tests.runtime.conftest import DEADLINE


async def never():
    await asyncio.get_running_loop().create_future()


async def at_once():
    return 5


async def failing():
    raise ValueError("there")


def ask(leaves, asked, seconds=DEADLINE):
    return asyncio.run(leaves.answer("a", asked, seconds))


def test_what_a_worker_answers_is_the_answer():
    leaves = Leaves()
    leaves.add("b")
    assert ask(leaves, at_once()) == 5
    with pytest.raises(ValueError, match="there"):
        ask(leaves, failing())


def test_nobody_waits_for_a_worker_that_leaves():
    leaves = Leaves()

    async def leaves_meanwhile():
        thread = threading.Thread(target=leaves.add, args=("a",))
        thread.start()
        await never()

    with pytest.raises(OSError, match="went away"):
        ask(leaves, leaves_meanwhile())
    assert "a" in leaves


def test_nobody_waits_for_a_worker_that_has_left_and_may_have_come_back():
    leaves = Leaves()
    leaves.add("a")
    with pytest.raises(OSError, match="went away"):
        ask(leaves, never())
    leaves.forget()
    assert "a" not in leaves
    assert ask(leaves, at_once()) == 5


def test_an_answer_may_take_some_time_and_no_more():
    with pytest.raises(OSError, match=r"no answer within 0\.01 s"):
        ask(Leaves(), never(), 0.01)


def test_who_is_stopped_while_it_waits_leaves_nothing_behind():
    leaves = Leaves()

    async def both():
        waiting = asyncio.create_task(leaves.answer("a", never(), DEADLINE))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(both())
    leaves.add("a")  # whoever was to be told is no more
