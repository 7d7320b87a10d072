"""What lists say of a job that is final is kept as text, and is what the job says itself."""

from __future__ import annotations

import json
from dataclasses import replace

from qiskit import QuantumCircuit

from qiskit_modes import Instance, Plan
from qiskit_modes.runtime.keeping.job_rows import as_ended
from qiskit_modes.runtime.keeping.recovery import RESTARTED
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.step_runner import StepRunner
from qiskit_modes.runtime.steps import Durations, ScriptedSteps
from qiskit_modes.store.rows import JobQuery, ListedJob
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.wire import Platform
from qiskit_modes.wire.answers.job_json import FORM, job_json
from tests.threads import wait_until
from tests.wire.encoding import sampler_params

LAB = Instance("lab", Plan("premium"))
REASON = 'no, é, "quoted", \U0001f600 and half a pair \ud83d'


def params():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    return sampler_params(circuit)


def platform(runtime):
    return Platform(runtime, backends=["ibm_manila"], instances=[LAB])


def fails(_):
    return ScriptedSteps(Durations(0, 0, 0), fails_in="compile", error=ValueError(REASON))


def lasts(_):
    return ScriptedSteps(Durations(0, 3600, 0))


def run_all_kinds(store):
    """Run a job of each kind that lists tell apart; return their ids."""
    ids = []

    def submit(api, **asked):
        asked = {"backend": "ibm_manila", **asked}
        ids.append(api.submit_job("sampler", params(), **asked)["id"])
        return ids[-1]

    with LocalRuntime(store=store) as runtime:
        api = platform(runtime).api()
        batch, session = (api.open_session(mode, "ibm_manila") for mode in ("batch", "dedicated"))
        submit(api)
        submit(api, tags=["é", '"', "\U0001f600"], image="an/image:1", max_execution_time=50)
        submit(api, session_id=batch["id"], backend=None)
        submit(api, session_id=session["id"], backend=None, private=True)
        for job_id in ids:
            api.wait_for_job(job_id)
    with LocalRuntime(store=store, simulate=fails) as runtime:
        api = platform(runtime).api()
        api.wait_for_job(submit(api))
    with LocalRuntime(store=store, simulate=lasts) as runtime:
        api = platform(runtime).api()
        api.cancel_job(submit(api))
        api.wait_for_job(ids[-1])
        too_long = submit(api, max_execution_time=1)
        assert api.wait_for_job(too_long)
    return ids


def listed(api, **filters):
    return {job["id"]: job for job in api.jobs(**filters)["jobs"]}


def kept(location):
    """Ids of the jobs that are kept as lists say them."""
    store = SqlStore(location)
    found = store.list_jobs(JobQuery(), FORM)[0]
    store.close()
    return [json.loads(each.text)["id"] for each in found if isinstance(each, ListedJob)]


def test_lists_say_what_jobs_say(url):
    ids = run_all_kinds(url)
    assert kept(url) == ids  # written at their ends
    with LocalRuntime(store=url) as runtime:
        api = platform(runtime).api()
        said = listed(api)
        assert list(said) == ids[::-1]
        assert said == {job_id: api.job(job_id) for job_id in ids}
        states = [said[job_id]["status"] for job_id in ids]
        assert states == ["Completed"] * 4 + ["Failed", "Cancelled", "Cancelled"]
        assert REASON in said[ids[4]]["state"]["reason"]
        api.set_job_tags(ids[0], ["new"])
        api.delete_job(ids[1])
        assert listed(api)[ids[0]]["tags"] == ["new"]
        assert list(listed(api)) == [*ids[:1:-1], ids[0]]
        assert list(listed(api, limit=2, offset=1)) == [ids[-2], ids[-3]]


def test_a_job_that_goes_on_is_listed_as_it_is(url):
    with LocalRuntime(store=url, simulate=lasts) as runtime:
        api = platform(runtime).api()
        job_id = api.submit_job("sampler", params(), backend="ibm_manila")["id"]
        said, own = listed(api)[job_id], api.job(job_id)
        assert said.pop("usage")["seconds"] <= own.pop("usage")["seconds"]  # it goes on
        assert said == own
        assert kept(url) == []
        api.cancel_job(job_id)
        api.wait_for_job(job_id)
        assert listed(api)[job_id]["status"] == "Cancelled"


def test_jobs_that_are_not_kept_so_are_from_their_next_list_on(tmp_path):
    """Those of older versions, of another form, and of programs that have no lists."""
    location = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    ids = run_all_kinds(location)
    store = SqlStore(location)
    with store.writing() as changes:
        changes.keep_listed({ids[0]: '{"id": "of another form"}'}, FORM + 1)
        changes.keep_listed(dict.fromkeys(ids[1:3]), FORM)
    store.close()
    assert kept(location) == ids[3:]
    with LocalRuntime(store=location) as runtime:
        api = platform(runtime).api()
        said = listed(api)
        assert said == {job_id: api.job(job_id) for job_id in ids}
        runtime.archive.find(JobQuery(limit=1))  # everything that was put before is written
        assert kept(location) == ids
        assert listed(api) == said


def test_what_is_charged_after_the_end_in_another_process_is_listed(url):
    """A job that has ended, and is in the QPU, is not remembered as it was then."""
    (job_id, *_) = run_all_kinds(url)
    store = SqlStore(url)
    model = store.job(job_id)

    def row(seconds, **now):
        facts = {**model.facts, "charged_seconds": seconds}
        return replace(model, id="other", head="h", facts=facts, **now)

    with store.writing() as changes:
        changes.add_job(row(0.0, ending="unfinished", is_final=False), {})
        assert changes.end_job(row(1.0, is_final=False), {})
    with LocalRuntime(store=url) as runtime:
        api = platform(runtime).api()
        held = runtime.job("other")
        assert listed(api)["other"]["usage"] == {"seconds": 1.0}
        with store.writing() as changes:
            assert changes.rewrite_job(row(5.0))
            assert not changes.rewrite_job(row(7.0)), "it was final"
        assert listed(api)["other"]["usage"] == api.job("other")["usage"] == {"seconds": 5.0}
        assert runtime.job("other") is not held
    with LocalRuntime(store=url) as runtime:
        assert listed(platform(runtime).api())["other"]["usage"] == {"seconds": 5.0}
    store.close()


def test_a_job_that_was_given_up_is_listed_as_the_store_has_it(url):
    """Its process, which was taken for dead, ends it in another way: nobody is told of that."""
    with LocalRuntime(store=url, simulate=lasts) as runtime:
        api = platform(runtime).api()
        job_id = api.submit_job("sampler", params(), backend="ibm_manila")["id"]
        store = SqlStore(url)
        row = store.job(job_id)
        with store.writing() as changes:
            changes.end_job(as_ended(row, RESTARTED, row.created_at), {})
        api.cancel_job(job_id)
        api.wait_for_job(job_id)
        assert listed(api)[job_id]["status"] == "Failed"
    with LocalRuntime(store=url) as runtime:
        api = platform(runtime).api()
        assert listed(api)[job_id] == api.job(job_id)
        assert api.job(job_id)["status"] == "Failed"
    assert store.usage(0) == [], "what the system has failed is not charged"
    store.close()


def test_a_job_that_is_deleted_before_it_has_left_the_qpu_is_charged(url, monkeypatch):
    """It was cancelled, and what it did is being stopped."""
    stops, abandon = [], StepRunner._abandon
    monkeypatch.setattr(StepRunner, "_abandon", lambda *which: stops.append(which))
    with LocalRuntime(store=url, simulate=lasts) as runtime:
        api = platform(runtime).api()
        job_id = api.submit_job("sampler", params(), backend="ibm_manila")["id"]
        wait_until(lambda: api.job(job_id)["usage"]["seconds"] > 0)
        api.cancel_job(job_id)
        assert api.wait_for_job(job_id)
        api.delete_job(job_id)
        (stop,) = stops
        abandon(*stop)
        assert listed(api) == {}
    store = SqlStore(url)
    assert [row.source for row in store.usage(0)] == [job_id]
    store.close()


def test_what_is_said_has_its_form():
    """Whoever changes what `job_json` says gives it a new form, or stores go on saying the old."""
    with LocalRuntime() as runtime:
        api = platform(runtime).api()
        asked = {"image": "an/image:1", "max_execution_time": 50, "tags": ["a"]}
        batch = api.open_session("batch", "ibm_manila")["id"]
        job_id = api.submit_job("sampler", params(), session_id=batch, **asked)["id"]
        api.wait_for_job(job_id)
        answer = job_json(runtime.job(job_id), runtime.clock, exclude_params=True)
    for name in ("id", "created", "session_id", "estimated_running_time_seconds"):
        assert answer.pop(name)
    answer["usage"] = dict.fromkeys(answer["usage"])
    assert (FORM, answer) == (
        1,
        {
            "backend": "ibm_manila",
            "state": {"status": "Completed"},
            "status": "Completed",
            "program": {"id": "sampler"},
            "runtime": "an/image:1",
            "tags": ["a"],
            "user_id": "lab",
            "private": False,
            "usage": {"seconds": None},
            "cost": 50,
        },
    )


def test_a_list_of_kept_jobs_makes_no_objects_of_them(tmp_path, monkeypatch):
    """What a list costs is reading text: no record, no row, no decoding of facts for each."""
    location = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    with LocalRuntime(store=location) as runtime:
        api = platform(runtime).api()
        job_id = api.submit_job("sampler", params(), backend="ibm_manila")["id"]
        api.wait_for_job(job_id)
        runtime.archive.find(JobQuery(limit=1))
        monkeypatch.setattr(runtime.archive, "_record", None)
        monkeypatch.setattr("qiskit_modes.store.job_queries.JobRow", None)
        assert list(listed(api)) == [job_id]
