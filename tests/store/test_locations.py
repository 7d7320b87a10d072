"""How users say where a store is."""

from pathlib import Path

import pytest

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.store.locations import default_location, location_of, named_in_environment


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("sqlite:////srv/jobs.sqlite", "sqlite:////srv/jobs.sqlite"),
        ("/srv/jobs.sqlite", "sqlite:////srv/jobs.sqlite"),
        (Path("/srv/my jobs.db"), "sqlite:////srv/my jobs.db"),
        ("postgresql+psycopg://me@host/jobs", "postgresql+psycopg://me@host/jobs"),
        ("postgresql://me@host/jobs", "postgresql+psycopg://me@host/jobs"),
        ("postgres://me@host/jobs", "postgresql+psycopg://me@host/jobs"),
        ("memory", None),
    ],
)
def test_locations(written, url):
    assert location_of(written) == url


def test_paths_do_not_depend_on_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert location_of("jobs.sqlite") == f"sqlite:///{tmp_path}/jobs.sqlite"
    assert location_of("sqlite:///a/jobs.sqlite") == f"sqlite:///{tmp_path}/a/jobs.sqlite"
    assert location_of("~/jobs.sqlite") == "sqlite:////home/me/jobs.sqlite"


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "mysql://me@host/jobs", "sqlite://", "sqlite:///", "sqlite:///:memory:", b"a"),
        *("postgresql+asyncpg://me@host/jobs", "sqlite:///a?mode=ro", "http://127.0.0.1:80"),
    ],
)
def test_what_is_none(written):
    with pytest.raises(InvalidInputError, match="a store is sqlite:///FILE"):
        location_of(written)


def test_the_environment(monkeypatch):
    monkeypatch.delenv("QISKIT_MODES_STORE", raising=False)
    assert named_in_environment() is None
    monkeypatch.setenv("QISKIT_MODES_STORE", "")
    assert named_in_environment() is None
    monkeypatch.setenv("QISKIT_MODES_STORE", "/a")
    assert named_in_environment() == "/a"


def test_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert default_location().endswith("jobs.sqlite")
    assert location_of(default_location()) == default_location()
