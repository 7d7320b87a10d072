"""``qiskit-modes tokens``: who may use a server, and for how long."""

from __future__ import annotations

import json

import pytest

from qiskit_modes.cli import main
from qiskit_modes.store.heads import now_microseconds
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.store.tokens import StoredTokens


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    path = tmp_path / "jobs.sqlite"
    monkeypatch.setenv("QISKIT_MODES_STORE", str(path))
    return path


def kept(path):
    store = SqlStore(f"sqlite:///{path}")
    rows = StoredTokens(store).all()
    store.close()
    return rows


def asked(capsys, *words: str) -> str:
    assert main(["tokens", *words]) == 0
    return capsys.readouterr().out


def test_a_token_is_shown_once_and_kept_as_a_hash(path, capsys):
    crn = "crn:v1:bluemix:public:quantum-computing:us-east:a/local:lab::"
    token = asked(capsys, "create", "--instance", crn, "--instance", "course").strip()
    (row,) = kept(path)
    assert row.matches(token)
    assert row.instances == ("lab", "course")
    assert token.encode() not in path.read_bytes()
    listed = asked(capsys, "list")
    assert row.prefix in listed
    assert "lab, course" in listed
    assert token[12:] not in listed


@pytest.mark.parametrize("when", ["90d", "2199-01-01", "2199-01-01T12:00:00+02:00", "never"])
def test_a_token_may_expire(path, capsys, when):
    options = [] if when == "never" else ["--expires", when]
    made = json.loads(asked(capsys, "create", "--all-instances", "--json", *options))
    (row,) = kept(path)
    assert made["instances"] is None
    assert (made["expires"] is None) == (row.expires_at is None) == (when == "never")
    if when == "90d":
        assert abs(row.expires_at - now_microseconds() - 90 * 86_400 * 10**6) < 3600 * 10**6
    if when.startswith("2199"):
        assert made["expires"].startswith("2199-01-01")


def test_a_token_is_revoked_for_good(capsys):
    token = asked(capsys, "create", "--instance", "lab").strip()
    other = asked(capsys, "create", "--instance", "lab").strip()
    assert "opens nothing" in asked(capsys, "revoke", token[:11])
    states = {
        each["id"]: each["state"] for each in json.loads(asked(capsys, "list", "--json"))["tokens"]
    }
    assert states == {token[:11]: "revoked", other[:11]: "valid"}


@pytest.mark.parametrize(
    "words",
    [
        ("create",),
        ("create", "--instance", "lab", "--all-instances"),
        ("create", "--instance", "lab", "--expires", "yesterday"),
        ("create", "--instance", "lab", "--expires", "2001-01-01"),
        ("create", "--instance", ""),
        ("revoke", "qm_aaaaaaaa"),
        ("list",),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_said(words, capsys):
    try:
        code = main(["tokens", *words])
    except SystemExit as end:
        code = end.code
    assert code in (1, 2)
    assert "rror" in capsys.readouterr().err or words[0] == "revoke"
