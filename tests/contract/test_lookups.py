"""Jobs, backends and usage are looked up alike at every door."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_ibm_runtime.exceptions import IBMError, RuntimeInvalidStateError

from qiskit_modes import Instance, Plan
from qiskit_modes.runtime import LocalRuntime
from qiskit_modes.service.local_service import LocalService
from qiskit_modes.wire.answers.device_json import configuration_text


@pytest.fixture
def ids(door, bell) -> list[str]:
    """Two jobs, the newest first; the clock of the tests starts with the year 2026."""
    return [door.sampler(mode=door.backend).run([bell]).job_id() for _ in range(2)][::-1]


def found(door, **which) -> list[str]:
    return [job.job_id() for job in door.service.jobs(**which)]


TIMES = ["2025-12-31", "2025-12-31T23:59:59", "2025-12-31 23:59", datetime(2025, 12, 31, 12)]


@pytest.mark.parametrize("time", TIMES, ids=str)
def test_times_may_be_text(door, ids, time):
    assert found(door, created_after=time) == ids
    assert found(door, created_before=time) == []


def test_times_have_time_zones(door, ids):
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    assert found(door, created_after=begin) == ids
    assert found(door, created_before="2026-01-01T00:00:00+00:00") == ids


@pytest.mark.parametrize("name", ["created_after", "created_before"])
@pytest.mark.parametrize("value", ["yesterday", "2026-13-01", 5])
def test_what_is_no_time_is_an_error(door, ids, name, value):
    with pytest.raises((IBMError, ValueError, TypeError)):
        found(door, **{name: value})


@pytest.mark.parametrize(("limit", "number"), [(1, 1), (2, 2), (5, 2), (None, 2), (0, 2)])
def test_limits(door, ids, limit, number):
    assert found(door, limit=limit) == ids[:number]
    assert found(door, limit=limit, skip=1) == ids[1:][:number]


@pytest.mark.parametrize("which", [{"limit": -1}, {"skip": -1}])
def test_what_is_no_number_of_jobs_is_an_error(door, ids, which):
    with pytest.raises(IBMError):
        found(door, **which)


def test_an_unknown_calibration_finds_no_backend(door, bell):
    service = door.service
    with pytest.raises(QiskitBackendNotFoundError):
        service.backend("fake_manila", calibration_id="unheard of")
    assert service.backends("fake_manila", calibration_id="unheard of") == []
    assert service.backend("fake_manila", calibration_id=None).num_qubits == 5


def test_a_private_result_is_read_once(door, bell):
    sampler = door.sampler(mode=door.backend)
    sampler.options.environment.private = True
    job = sampler.run([bell])
    assert job.result()[0].data.meas.num_bits == 2
    if door.name == "native":  # where it can say why
        with pytest.raises(RuntimeInvalidStateError, match="read once"):
            job.result()
        return
    assert job.result() is None
    assert door.service.job(job.job_id()).result() is None


@pytest.mark.parametrize("limit", [None, 0.0, 5.0])
@pytest.mark.parametrize("allocation", [None, 0.0, 9.0])
def test_what_remains_is_told_where_there_is_a_limit(open_door, scenario, limit, allocation):
    instance = Instance("lab", Plan(), allocation_seconds=allocation, limit_seconds=limit)
    usage = open_door(instance).service.usage()
    most = allocation if limit is None else limit
    if most is None:
        assert "usage_remaining_seconds" not in usage  # nor does the service know
    else:
        assert usage["usage_remaining_seconds"] == most
    assert usage.get("usage_limit_seconds") == limit
    assert usage.get("usage_allocation_seconds") == allocation


class TestNatively:
    """What the service's client checks by itself, or passes on unseen."""

    @pytest.mark.parametrize(
        ("which", "words"),
        [
            ({"created_after": "soon"}, "created_after='soon' is not the text of a time"),
            ({"created_before": 7}, r"created_before must be a datetime, .* not 7 \(int\)"),
            ({"limit": "5"}, r"limit must be a whole number from 0, or None, not '5' \(str\)"),
            ({"limit": True}, "limit must be"),
            ({"limit": 1.5}, "limit must be"),
            ({"skip": -2}, "skip must be"),
            ({"backend_name": 3}, r"backend_name must be text or None, not 3 \(int\)"),
            ({"pending": "yes"}, r"pending must be True, False or None, not 'yes'"),
            ({"program_id": 3}, "program_id must be text"),
            ({"instance": 3}, "instance must be text"),
            ({"job_tags": "tag"}, "job tags must be a list of strings"),
            ({"session_id": object}, "session_id must be text"),
            ({"descending": "no"}, "descending must be True"),
        ],
    )
    def test_every_filter_of_jobs(self, which, words):
        with pytest.raises(ValueError, match=words):
            LocalService().jobs(**which)

    @pytest.mark.parametrize(
        ("which", "words"),
        [
            ({"name": 3}, "name must be text"),
            ({"min_num_qubits": "5"}, "min_num_qubits must be a whole number"),
            ({"min_num_qubits": -1}, "min_num_qubits must be a whole number"),
            ({"dynamic_circuits": "yes"}, "dynamic_circuits must be True"),
            ({"filters": 3}, "filters must be a function"),
            ({"min_qubits": 5}, "No backend has a 'min_qubits' .*did you mean .*'min_num_qubits'"),
            ({"foo": 1}, "No backend has a 'foo' to filter by"),
        ],
    )
    def test_every_filter_of_backends(self, which, words):
        with pytest.raises(ValueError, match=words):
            LocalService().backends(**which)

    def test_filters_that_find_something(self):
        def names(**which):
            return [backend.name for backend in LocalService().backends(**which)]

        assert (
            names(n_qubits=5) == names(num_qubits=5) == names(filters=lambda b: b.num_qubits == 5)
        )
        assert len(names(simulator=False, operational=True)) == len(names()) == len(names(name=""))
        assert names(name="ibm_manila", calibration_id=None) == ["fake_manila"]
        assert names(backend_name="ibm_manila") == ["fake_manila"]
        assert LocalService().least_busy(min_num_qubits=100, simulator=False).num_qubits >= 100

    def test_the_client_is_told_which_backends_are_dynamic(self):
        for dynamic in (True, False):
            for backend in LocalService().backends(dynamic_circuits=dynamic):
                told = json.loads(configuration_text(backend, backend.name))
                assert ("dynamic_circuits" in told.get("supported_features", [])) is dynamic

    def test_a_date_is_its_first_moment(self):
        with LocalRuntime() as runtime:  # in the shared one there may be somebody's jobs
            service = LocalService(runtime=runtime)
            assert service.jobs(created_after=date(2020, 1, 1)) == []
            assert service.jobs(created_before=date.max) == []
