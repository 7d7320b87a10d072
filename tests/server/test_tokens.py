"""Tokens of instances: what each opens, until when, and that nobody else's is told of."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_modes import Instance, Plan
from qiskit_modes.exceptions import InvalidInputError, StoreError
from qiskit_modes.server import Server, serve
from qiskit_modes.server.guard import tokens as tokens_module
from qiskit_modes.server.guard.tokens import EVERYTHING, Grant, Tokens
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.store.tokens import StoredTokens, digest, id_of
from qiskit_modes.wire import ApiError
from tests.server.asking import ask, connected
from tests.server.conftest import Http

INSTANCES = [Instance(name, Plan("premium")) for name in ("lab", "course", "guests")]


@pytest.fixture
def place(tmp_path):
    return f"sqlite:///{tmp_path / 'jobs.sqlite'}"


@pytest.fixture
def kept(place):
    """The tokens in the store, as `qiskit-modes tokens` changes them: on connections of its own."""
    store = SqlStore(place)
    yield StoredTokens(store)
    store.close()


@contextlib.contextmanager
def served(place, **settings):
    with serve(backends=["ibm_manila"], instances=INSTANCES, store=place, **settings) as server:
        yield server


def sign_in(server: Server, key: str) -> tuple[int, str]:
    answer = ask(server.port, "POST", "/identity/token", f"apikey={key}")
    return answer.status, answer.json.get("access_token") or answer.message


def names(ask: Http, key: str) -> list[str]:
    found = ask("POST", "/v3/resources/search", prefix="", Authorization=f"apikey {key}")
    return [each["name"] for each in found.json["items"]]


def test_a_token_opens_its_instances_and_no_other(place, kept):
    lab, _ = kept.create(["lab"])
    both, _ = kept.create(["course", "lab"])
    every, _ = kept.create(None)
    with served(place) as server:
        ask = Http(server)

        def status(key: str, instance: str | None = None) -> int:
            named = {} if instance is None else {"Service_CRN": instance}
            return ask("GET", "/backends", Authorization=f"apikey {key}", **named).status

        crn = server.platform.api("course").crn
        assert [status(lab), status(lab, "lab")] == [200, 200]
        assert [status(lab, "course"), status(lab, crn), status(lab, "nobody")] == [404] * 3
        assert [status(both, each) for each in ("lab", "course", crn)] == [200] * 3
        assert status(every, "guests") == 200
        assert names(ask, lab) == ["lab"]
        assert sorted(names(ask, both)) == ["course", "lab"]
        assert len(names(ask, every)) == 3
        refused = ask("GET", "/jobs", Authorization=f"apikey {lab}", Service_CRN="course")
        assert "guests" not in refused.text, "what there is else is nobody's business"
        assert status("", "lab") == status(lab[:-1] + "x", "lab") == 401


def test_the_instance_of_a_request_is_that_of_its_token(place, kept, sampling):
    """Without a name, the first one that it opens: also what it submits belongs to that."""
    course, _ = kept.create(["course"])
    with served(place, token="sesame") as server:
        ask = Http(server)
        job = ask("POST", "/jobs", sampling, Authorization=f"apikey {course}").json["id"]
        for instance, found in (("course", 200), ("lab", 404)):
            answer = ask("GET", f"/jobs/{job}", Authorization="apikey sesame", Service_CRN=instance)
            assert answer.status == found


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_what_was_revoked_or_has_expired_opens_nothing_at_once(place, kept, how, monkeypatch):
    """Neither on an open connection, nor with an access token that was given before."""
    ends = None if how == "revoked" else int((time.time() + 3600) * 1e6)
    key, row = kept.create(["lab"], expires_at=ends)
    with served(place) as server:
        status, bearer = sign_in(server, key)
        assert status == 200
        with connected(server.port) as connection:

            def opens(authorization: str) -> tuple[int, str]:
                connection.request(
                    "GET", "/experimental/backends", headers={"Authorization": authorization}
                )
                answer = connection.getresponse()
                return answer.status, answer.read().decode()

            assert opens(f"Bearer {bearer}")[0] == opens(f"apikey {key}")[0] == 200
            if how == "revoked":
                kept.revoke(row.id)
            else:
                now = time.time_ns()
                monkeypatch.setattr(tokens_module.time, "time_ns", lambda: now + 3600 * 10**9)
            status, said = opens(f"Bearer {bearer}")
            assert status == 401
            assert row.prefix in said
            assert how.split("_")[0] in said
        assert Http(server)("GET", "/jobs", Authorization=f"apikey {key}").status == 401
        status, said = sign_in(server, key)
        assert (status, how in said) == (400, True)


def test_a_clients_token_of_yesterday_works_after_a_restart(place, kept, monkeypatch):
    key, _ = kept.create(["course"])
    with served(place) as server:
        _, bearer = sign_in(server, key)
    with served(place, token="another") as server:
        ask = Http(server)
        assert ask("GET", "/jobs", Authorization=f"Bearer {bearer}").status == 200
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("QISKIT_IBM_INSTANCE")
        monkeypatch.setenv("QISKIT_IBM_TOKEN", key)
        service = QiskitRuntimeService()
        assert [each["name"] for each in service.instances()] == ["course"]
        assert [each.name for each in service.backends()] == ["ibm_manila"]


def test_an_open_server_is_open_no_more_once_there_is_a_token(place, kept, monkeypatch):
    monkeypatch.setattr(tokens_module, "_FIRST_TOKEN_SECONDS", 0.0)
    with served(place) as server:
        ask = Http(server)
        assert ask("GET", "/jobs").status == 200
        assert not server.wants_token
        _, bearer = sign_in(server, "whatever")
        assert ask("GET", "/jobs", Authorization=f"Bearer {bearer}").status == 200
        _, row = kept.create(["lab"])
        kept.revoke(row.id)
        assert ask("GET", "/jobs").status == 401
        assert ask("GET", "/jobs", Authorization=f"Bearer {bearer}").status == 401
        assert "QISKIT_IBM_TOKEN" not in server.environment


def test_instances_may_have_tokens_without_a_store(sampling):
    with serve(
        backends=["ibm_manila"],
        instances=INSTANCES,
        instance_tokens={"lab": "open", "course": "sesame"},
    ) as server:
        ask = Http(server)
        assert ask("GET", "/jobs").status == 401
        assert names(ask, "open") == ["lab"]
        _, bearer = sign_in(server, "sesame")
        for instance, status in (("course", 200), ("lab", 404)):
            answer = ask("GET", "/jobs", Authorization=f"Bearer {bearer}", Service_CRN=instance)
            assert answer.status == status
        assert sign_in(server, "wrong")[0] == 400


def test_what_shows_all_instances_wants_a_token_for_all(place, kept):
    lab, _ = kept.create(["lab"])
    every, _ = kept.create(None)
    with served(place) as server:
        ask = Http(server)
        for key, status in ((lab, 403), (every, 200)):
            answer = ask("GET", "/metrics", prefix="", Authorization=f"apikey {key}")
            assert answer.status == status


def test_two_headers_of_a_kind_are_refused(place, kept):
    """One would be looked at when the token is, and the other when the job is looked up."""
    key, _ = kept.create(["lab"])
    with served(place) as server:
        for name, values in (
            ("Service-CRN", ("lab", "course")),
            ("Authorization", (f"apikey {key}", "apikey x")),
        ):
            with connected(server.port) as connection:
                connection.putrequest("GET", "/experimental/jobs")
                if name != "Authorization":
                    connection.putheader("Authorization", f"apikey {key}")
                for value in values:
                    connection.putheader(name, value)
                connection.endheaders()
                assert connection.getresponse().status == 400


def test_the_log_and_the_list_tell_of_a_token_and_never_the_token(place, kept, caplog):
    caplog.set_level(logging.INFO, "qiskit_modes.access")
    key, row = kept.create(["lab"], name="Ada's")
    with served(place) as server:
        Http(server)("GET", "/jobs", Authorization=f"apikey {key}")
        Http(server)("GET", "/livez", prefix="")
    lines = [json.loads(each.getMessage()) for each in caplog.records if "access" in each.name]
    assert (lines[0]["token"], lines[0]["instance"]) == (row.prefix, "lab")
    assert key not in caplog.text
    (listed,) = kept.all()
    assert listed.used_at >= listed.created_at, "it is written when the server ends, at the latest"
    assert listed.sha256 == digest(key)
    assert key[12:] not in repr(listed)


def test_what_cannot_be_a_token_is_said(kept):
    for instances in ([], [""], [" lab"], ["a\nb"]):
        with pytest.raises(InvalidInputError, match="names of the instances"):
            kept.create(instances)
    with pytest.raises(InvalidInputError, match="expired already"):
        kept.create(["lab"], expires_at=1)
    with pytest.raises(InvalidInputError, match="200 printable"):
        kept.create(["lab"], name="x" * 201)
    with pytest.raises(StoreError, match="no token qm_aaaaaaaa"):
        kept.revoke("aaaaaaaa")
    with pytest.raises(InvalidInputError, match="as in the list"):
        kept.revoke("sesame")
    key, row = kept.create(["lab"])
    first = kept.revoke(key)
    assert first == kept.revoke(row.prefix), "it was revoked once"
    assert id_of(key) == row.id


@pytest.mark.parametrize(
    "settings",
    [
        {"token": ""},
        {"token": "not ascii: \N{SNOWMAN}"},
        {"instance_tokens": {"nobody": "a"}},
        {"instance_tokens": {"lab": "a", "course": "a"}},
        {"token": "a", "instance_tokens": {"lab": "a"}},
    ],
    ids=repr,
)
def test_tokens_that_cannot_be_used_are_refused_before_anything_starts(settings):
    with pytest.raises(InvalidInputError), serve(instances=INSTANCES, **settings):
        pass


def test_what_is_not_signed_here_opens_nothing():
    """Nor what was signed for an instance whose token is gone, nor without a signature."""
    ours = Tokens("sesame", b"secret", of_instances={"lab": "open"})
    bearer = ours.exchange("open")["access_token"]
    assert ours.check(f"Bearer {bearer}") == Grant(("lab",), "instance:lab")
    assert ours.check("apikey sesame") == EVERYTHING
    for other in (Tokens("sesame", b"secret"), Tokens("x", b"other", of_instances={"lab": "open"})):
        with pytest.raises(ApiError):
            other.check(f"Bearer {bearer}")
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJpbnN0YW5jZTpsYWIifQ."
    for given in (None, "", "Bearer", f"Bearer {unsigned}", "apikey", "Basic open", "open"):
        with pytest.raises(ApiError) as refused:
            ours.check(given)
        assert refused.value.status == 401


@pytest.mark.parametrize("scheme", ["apikey", "bearer"])
def test_look_ups_of_one_token_do_not_hold_up_another(place, kept, monkeypatch, scheme):
    lab, other = (kept.create([name])[0] for name in ("lab", "course"))
    with served(place) as server:
        shown = {
            key: key if scheme == "apikey" else sign_in(server, key)[1] for key in (lab, other)
        }
        tokens, look, looked, may_look = (
            server.app_state.tokens,
            server.app_state.tokens.check,
            threading.Semaphore(0),
            threading.Event(),
        )

        def slowly(authorization: str | None) -> Grant:
            if authorization == f"{scheme} {shown[lab]}":
                looked.release()
                assert may_look.wait(60)
            return look(authorization)

        monkeypatch.setattr(tokens, "check", slowly)
        ask = Http(server)

        def status(key: str) -> int:
            return ask("GET", "/backends", Authorization=f"{scheme} {shown[key]}").status

        with ThreadPoolExecutor() as threads:
            waiting = [threads.submit(status, lab) for _ in range(5)]
            try:
                assert looked.acquire(timeout=60), "its first is being looked up"
                assert looked.acquire(timeout=60), "and the second"
                assert status(other) == 200
                assert not looked.acquire(blocking=False), "the others of its await their turn"
            finally:
                may_look.set()
            assert [each.result(60) for each in waiting] == [200] * 5


@pytest.mark.parametrize(
    "shown", [None, "", "apikey", "apikey nonsense", "bearer nonsense", "basic eA=="]
)
def test_what_cannot_be_good_is_nobodys(shown):
    assert Tokens(None, of_instances={"lab": "sesame"}).holder_of(shown) == ""


def test_a_token_is_its_holders_however_it_is_shown(place, kept):
    key, row = kept.create(["lab"])
    tokens = Tokens(None, of_instances={"course": "sesame"}, kept=kept)
    for each, holder in ((key, row.id), ("sesame", "instance:course")):
        access = tokens.exchange(each)["access_token"]
        assert tokens.holder_of(f"apikey {each}") == tokens.holder_of(f"Bearer {access}") == holder
