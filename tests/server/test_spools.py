"""Large answers: made once for all who ask at the same time, for those only who may have them."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import weakref

import pytest

from qiskit_modes.server.spools import Spool, Spools
from qiskit_modes.wire import InstanceApi, jobs_api
from tests.benchmarks.shared_results import many_readers
from tests.examples import examples
from tests.server.asking import answering


@pytest.fixture
def large(monkeypatch):
    """Everything is large."""
    monkeypatch.setattr(jobs_api, "_LARGE_BYTES", -1)


@pytest.fixture
def job(http_, sampling, scenario) -> str:
    job_id = http_("POST", "/jobs", sampling).json["id"]
    scenario.clock.advance(10)
    return job_id


@pytest.mark.slow
def test_many_readers_cost_what_one_does():
    """The figure of the benchmark, smaller; there is room for what else this machine does."""
    size = examples(daily=25, full=100) * 1_000_000
    found = many_readers(size, 8)
    print(found)  # noqa: T201
    assert found.all_seconds <= 2 * found.one_seconds + 1.0
    most = 2 * max(found.one_bytes, 2 * size)  # what it is made of, and the text
    assert found.all_bytes <= most
    assert found.left_bytes <= most


def test_it_is_made_once_while_many_ask(http_, job, large, monkeypatch):
    made, go_on, asked = [], threading.Event(), threading.Semaphore(0)
    read, look = InstanceApi.job_results, InstanceApi.is_large

    def job_results(self, job_id):
        made.append(job_id)
        assert go_on.wait(20)
        return read(self, job_id)

    def is_large(self, job_id):
        asked.release()
        return look(self, job_id)

    monkeypatch.setattr(InstanceApi, "job_results", job_results)
    monkeypatch.setattr(InstanceApi, "is_large", is_large)
    texts: list[str] = []
    threads = [
        threading.Thread(target=lambda: texts.append(http_("GET", f"/jobs/{job}/results").text))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:  # more than an instance has threads: who waits has none
        assert asked.acquire(timeout=20)
    assert http_("GET", f"/jobs/{job}/results", Service_CRN="other").status == 404
    assert http_("GET", "/backends").status == 200
    go_on.set()
    for thread in threads:
        thread.join()
    assert made == [job]
    assert len(set(texts)) == 1
    assert json.loads(texts[0])


@pytest.mark.parametrize("path", ["", "/results"])
def test_it_is_what_a_small_one_would_be(http_, job, monkeypatch, path):
    small = http_("GET", f"/jobs/{job}{path}")
    monkeypatch.setattr(jobs_api, "_LARGE_BYTES", -1)
    large = http_("GET", f"/jobs/{job}{path}")
    assert large.text == small.text
    names = ("content-type", "content-length")
    assert [large.headers[each] for each in names] == [small.headers[each] for each in names]
    if not path:
        assert set(large.json) - set(http_("GET", f"/jobs/{job}?exclude_params=true").json) == {
            "params"
        }


def test_what_goes_wrong_is_told_to_all_and_tried_again(http_, job, large, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(InstanceApi, "job_results", lambda *_: 1 / 0)
        refused = http_("GET", f"/jobs/{job}/results")
        assert (refused.status, "ZeroDivisionError" in refused.message) == (400, True)
    assert http_("GET", f"/jobs/{job}/results").status == 200


def test_a_private_result_is_read_once_however_large_it_is(http_, sampling, scenario, large):
    job = http_("POST", "/jobs", {**sampling, "private": True}).json["id"]
    scenario.clock.advance(10)
    answers = [http_("GET", f"/jobs/{job}/results").status for _ in range(2)]
    assert answers == [200, 204]


def test_it_is_gone_when_the_last_one_has_it():
    made: list[weakref.ref[Spool]] = []

    async def read(spools):
        async def make():
            spool = Spool("text" * 100_000)
            made.append(weakref.ref(spool))
            return spool

        first = await spools.get("a", make)
        again = await spools.get("a", make)
        return first is again, first._file

    async def read_twice():
        spools = Spools()
        is_same, file = await read(spools)
        await asyncio.sleep(0)  # the event loop has what it called last until it calls again
        gc.collect()
        assert (is_same, len(made), made[0](), file.closed) == (True, 1, None, True)
        await read(spools)

    asyncio.run(read_twice())
    assert len(made) == 2


def test_who_hangs_up_does_not_take_it_from_the_others():
    async def hang_up():
        spools, go_on = Spools(), asyncio.Event()

        async def make():
            await go_on.wait()
            return Spool("text")

        first = asyncio.ensure_future(spools.get("a", make))
        second = asyncio.ensure_future(spools.get("a", make))
        await asyncio.sleep(0)
        first.cancel()
        go_on.set()
        return (await second).piece(0)

    assert asyncio.run(hang_up()) == b"text"


@pytest.mark.parametrize("text", ["", "x", "\N{SNOWMAN}" * 300_000, "\ud800"], ids=len)
@pytest.mark.parametrize("is_full", [False, True])
def test_all_of_it_is_there_with_and_without_room_on_the_disk(text, is_full, monkeypatch):
    if is_full:

        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("qiskit_modes.server.spools.tempfile.TemporaryFile", full)
    spool, read = Spool(text), b""
    while len(read) < spool.size:
        read += spool.piece(len(read))
    assert read == text.encode("utf-8", "backslashreplace")


def test_a_large_answer_reaches_a_client_that_reads_slowly(http_, job, large):
    with answering(http_.server.port, "GET", f"/experimental/jobs/{job}/results") as answer:
        read = b"".join(iter(lambda: answer.read(1), b""))
    assert json.loads(read)
