"""Sessions, backends and usage through the service's interface."""

from __future__ import annotations

import pytest
from qiskit.transpiler import CouplingMap
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes import Instance, Plan
from qiskit_modes.scheduling.plan import OPEN
from qiskit_modes.wire import ApiError, Platform
from qiskit_modes.wire.api_error import Code
from tests.wire.encoding import sampler_params


def test_a_fresh_session(api):
    session = api.open_session("dedicated", "ibm_manila", max_ttl=3600)
    assert session == {
        "id": session["id"],
        "backend_name": "ibm_manila",
        "mode": "dedicated",
        "state": "open",
        "accepting_jobs": True,
        "interactive_ttl": 60.0,
        "max_ttl": 3600,
        "active_ttl": 3600,
        "elapsed_time": None,
        "started_at": None,
        "activated_at": None,
        "closed_at": None,
        "last_job_started": None,
        "last_job_completed": None,
        "timestamps": [{"status": "open", "timestamp": "2026-01-01T00:00:00.000000Z"}],
        "user_id": "lab",
    }
    assert api.session(session["id"]) == session


@pytest.mark.parametrize(("asked", "ttl"), [(None, 91), (60, 60)])
@pytest.mark.parametrize("mode", ["dedicated", "batch"])
def test_ttls_are_whole_seconds(scenario, mode, asked, ttl):
    """The published interface has integers there; part of a second counts as a whole one."""
    plan = Plan(
        max_ttl_seconds=90.5,
        session_interactive_ttl_seconds=0.5,
        batch_interactive_ttl_seconds=1.0,
        active_ttl_seconds=20.25,
    )
    api = Platform(
        scenario.runtime, backends=["ibm_manila"], instances=[Instance("me", plan)]
    ).api()
    session = api.open_session(mode, "ibm_manila", max_ttl=asked)
    found = [session[f"{kind}_ttl"] for kind in ("max", "interactive", "active")]
    assert found == [ttl, 1, 21]
    assert {type(each) for each in found} == {int}


def test_a_batch_under_its_machines_other_name(api):
    assert api.open_session("batch", "fake_manila")["backend_name"] == "fake_manila"
    assert api.open_session("batch", "fake_manila")["mode"] == "batch"


def test_closing_lets_jobs_end(api, bell):
    session_id = api.open_session("dedicated", "ibm_manila")["id"]
    job_id = api.submit_job("sampler", sampler_params(bell), session_id=session_id)["id"]
    api.close_session(session_id)
    api.close_session(session_id)
    assert api.session(session_id)["accepting_jobs"] is False
    with pytest.raises(ApiError, match="takes no more jobs: it was closed") as caught:
        api.submit_job("sampler", sampler_params(bell), session_id=session_id)
    assert (caught.value.status, caught.value.code) == (409, Code.SESSION_CLOSED)
    assert api.wait_for_job(job_id)
    session = api.session(session_id)
    assert session["state"] == "closed"
    assert session["elapsed_time"] == 1.0
    assert session["state_reason"] == "it was closed"
    assert api.job(job_id)["state"]["status"] == "Completed"


def test_cancelling_drops_what_waits(api, bell, scenario):
    session_id = api.open_session("dedicated", "ibm_manila")["id"]
    jobs = [
        api.submit_job("sampler", sampler_params(bell), session_id=session_id)["id"]
        for _ in range(6)
    ]
    api.cancel_session(session_id)
    assert api.job(jobs[5])["state"]["status"] == "Cancelled"
    assert api.wait_for_job(jobs[4])
    assert api.job(jobs[4])["state"]["status"] == "Completed"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("solo", "ibm_manila", {}), 400, "mode must be one of dedicated, batch"),
        (("batch", "ibm_nowhere", {}), 404, "no backend 'ibm_nowhere'"),
        (("batch", None, {}), 404, "no backend None"),
        (("batch", "ibm_manila", {"max_ttl": 10**6}), 400, "allows 1 to 28800"),
        (("batch", "ibm_manila", {"max_ttl": -5}), 400, "seconds from 0, found -5"),
    ],
)
def test_what_cannot_be_opened(api, arguments, status, words):
    mode, backend, others = arguments
    with pytest.raises(ApiError, match=words) as caught:
        api.open_session(mode, backend, **others)
    assert caught.value.status == status


def test_the_open_plan_has_no_sessions(scenario):
    platform = Platform(scenario.runtime, backends=["ibm_manila"], instances=[Instance("me", OPEN)])
    with pytest.raises(ApiError, match="open plan, which has no sessions") as caught:
        platform.api().open_session("dedicated", "ibm_manila")
    assert (caught.value.status, caught.value.code) == (403, Code.REFUSED)
    assert platform.api().open_session("batch", "ibm_manila")["max_ttl"] == 600


class TestBackends:
    def test_the_list(self, api):
        listed = api.backends()
        assert [each["name"] for each in listed if "class" not in each] == [
            "ibm_manila",
            "ibm_quito",
        ]
        assert [each["name"] for each in listed if each.get("class") == "mock"] == [
            "fake_manila",
            "fake_quito",
        ]
        assert listed[0]["qubits"] == 5
        assert listed[0]["status"]["name"] == "online"

    def test_a_fake_has_the_data_of_its_machine(self, api):
        configuration = api.backend_configuration("ibm_manila")
        assert configuration["backend_name"] == "ibm_manila"
        assert configuration["coupling_map"][:2] == [[0, 1], [1, 0]]
        assert configuration["simulator"] is False
        properties = api.backend_properties("fake_manila")
        assert properties["backend_name"] == "fake_manila"
        assert len(properties["qubits"]) == 5

    def test_any_other_backend_is_described_by_its_target(self, scenario):
        device = AerSimulator.from_backend(FakeManilaV2())
        platform = Platform(scenario.runtime, backends={"mine": device, "ideal": AerSimulator()})
        api = platform.api()
        configuration = api.backend_configuration("mine")
        assert configuration["basis_gates"] == ["cx", "id", "rz", "sx", "x"]
        edges = CouplingMap(configuration["coupling_map"])
        assert set(edges.get_edges()) == set(FakeManilaV2().coupling_map.get_edges())
        assert "if_else" in configuration["supported_instructions"]
        assert configuration["dt"] == pytest.approx(FakeManilaV2().dt * 1e9)
        assert api.backend_properties("mine") == {}
        ideal = api.backend_configuration("ideal")
        assert ideal["coupling_map"] is None
        assert {"h", "cx", "u"} <= set(ideal["basis_gates"])

    def test_the_queue_is_counted(self, api, bell):
        assert api.backend_status("ibm_manila")["length_queue"] == 0
        api.submit_job("sampler", sampler_params(bell), backend="fake_manila")
        assert api.backend_status("ibm_manila")["length_queue"] == 1
        lengths = {each["name"]: each["queue_length"] for each in api.backends()}
        assert lengths == {"ibm_manila": 1, "fake_manila": 1, "ibm_quito": 0, "fake_quito": 0}

    def test_maintenance_is_said(self, api, scenario):
        scenario.maintenance(FakeManilaV2(), at=10, lasts=60)
        assert api.backend_status("ibm_manila")["status"] == "active"
        scenario.clock.advance(20)
        status = api.backend_status("ibm_manila")
        assert (status["state"], status["status"]) == (True, "maintenance")
        assert api.backends()[0]["status"]["name"] == "paused"
        scenario.clock.advance(60)
        assert api.backend_status("ibm_manila")["status"] == "active"

    @pytest.mark.parametrize(
        "call", ["backend_configuration", "backend_properties", "backend_status"]
    )
    def test_an_unknown_one(self, api, call):
        with pytest.raises(ApiError, match="there is ibm_manila, ibm_quito") as caught:
            getattr(api, call)("ibm_nowhere")
        assert caught.value.status == 404


class TestInstances:
    def test_they_are_found_by_name_and_crn(self, platform):
        for each in platform.instances():
            assert platform.api(each["crn"]) is platform.api(each["name"])
        assert platform.api().instance.id == "lab"

    def test_an_unknown_one_is_refused(self, platform):
        with pytest.raises(ApiError, match="there is lab, other") as caught:
            platform.api("nobody")
        assert caught.value.status == 404

    def test_where_nobody_is_named_everybody_is_taken_in(self, scenario):
        platform = Platform(scenario.runtime, backends=["ibm_manila"])
        crn = "crn:v1:bluemix:public:quantum-computing:eu-de:a/1:2::"
        assert platform.api(crn).crn == crn
        assert platform.api("lab") is platform.api("lab")
        assert platform.api("lab").crn.endswith(":lab::")
        assert len(platform.instances()) == 3

    def test_usage_is_each_ones_own(self, api, platform, bell):
        job_id = api.submit_job("sampler", sampler_params(bell), backend="ibm_manila")["id"]
        api.wait_for_job(job_id)
        assert api.usage()["usage_consumed_seconds"] == 1.0
        assert api.usage()["instance_id"] == api.crn
        assert platform.api("other").usage()["usage_consumed_seconds"] == 0


def test_seeds_are_drawn_in_order(scenario):
    first, second = (Platform(scenario.runtime, backends=["ibm_manila"], seed=5) for _ in range(2))
    drawn = [first.next_seed() for _ in range(3)]
    assert drawn == [second.next_seed() for _ in range(3)]
    assert len(set(drawn)) == 3
    assert Platform(scenario.runtime, backends=["ibm_manila"]).next_seed() is None
