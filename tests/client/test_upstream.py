"""Each private name of the client that the door needs, and what happens if it is moved."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest
import qiskit_ibm_runtime
from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_modes.client import local_runtime, upstream
from qiskit_modes.client.api_client import LocalClient
from qiskit_modes.exceptions import QiskitModesError

MODULE = importlib.import_module(upstream.SERVICE_MODULE)
VERSION = qiskit_ibm_runtime.__version__


@pytest.mark.parametrize("name", upstream.REPLACED)
def test_the_service_looks_for_the_name_in_its_module(name):
    assert hasattr(MODULE, name), f"qiskit-ibm-runtime {VERSION} has moved {name}"
    used = inspect.getsource(QiskitRuntimeService)
    assert f"{name}(" in used or f"{name}." in used, f"{VERSION} uses {name} no more"


@pytest.mark.parametrize("method", upstream.CLIENT_METHODS)
def test_our_client_takes_the_arguments_of_upstreams(method):
    theirs = inspect.signature(getattr(MODULE.RuntimeClient, method)).parameters
    ours = inspect.signature(getattr(LocalClient, method)).parameters
    takes_anything = any(p.kind is p.VAR_KEYWORD for p in ours.values())
    missing = [name for name in theirs if name not in ours]
    assert not missing or takes_anything, f"{VERSION} has added {missing} to {method}"
    same = [name for name in theirs if name in ours]
    assert [name for name in ours if name in theirs] == same, f"{VERSION} has reordered {method}"


def test_upstreams_client_has_no_other_methods():
    theirs = {
        name
        for name, _ in inspect.getmembers(MODULE.RuntimeClient, inspect.isfunction)
        if not name.startswith("_")
    }
    assert theirs == set(upstream.CLIENT_METHODS), f"{VERSION} has other methods of its client"


def test_a_client_names_its_instance():
    assert "_instance" in inspect.getsource(QiskitRuntimeService), f"{VERSION} names it otherwise"
    assert "self._instance =" in inspect.getsource(MODULE.RuntimeClient.__init__)


def test_a_job_keeps_its_client():
    theirs = [base for base in upstream.RuntimeJobV2.__mro__ if "ibm" in base.__module__]
    assert any("self._api_client =" in inspect.getsource(base) for base in theirs), (
        f"qiskit-ibm-runtime {VERSION} keeps a job's client under another name"
    )


def test_errors_of_requests_have_a_status():
    assert upstream.RequestsApiError("words", 404).status_code == 404


def test_the_accounts_have_what_the_stand_ins_use():
    for name in ("create_account", "to_saved_format"):
        assert hasattr(upstream.Account, name), f"{VERSION} has moved Account.{name}"
    for name in ("list_instances", "get_auth_handler", "get_iam_authentificator", "resolve_crn"):
        assert hasattr(upstream.CloudAccount, name), f"{VERSION} has moved {name} of accounts"
    for name in ("get", "save", "delete", "list"):
        assert hasattr(upstream.AccountManager, name), f"{VERSION} has moved AccountManager.{name}"


def test_an_account_of_ours_sends_nothing():
    with local_runtime(backends=["ibm_manila"]) as service:
        account = service._account
    for send in (account.get_auth_handler, account.get_iam_authentificator):
        with pytest.raises(QiskitModesError, match="sends no requests"):
            send()
    account.resolve_crn()
    assert account.token == "local"


@pytest.mark.parametrize("name", upstream.REPLACED)
def test_a_moved_name_is_named_and_nothing_is_replaced(monkeypatch, name):
    monkeypatch.delattr(MODULE, name)
    left = {other: getattr(MODULE, other) for other in upstream.REPLACED if other != name}
    with (
        pytest.raises(QiskitModesError, match=rf"{VERSION} has moved .*{name}"),
        local_runtime(backends=["ibm_manila"]),
    ):
        pass
    assert {other: getattr(MODULE, other) for other in left} == left


@pytest.mark.slow
def test_a_moved_class_is_named_when_the_door_is_imported():
    code = """
import qiskit_ibm_runtime.accounts as accounts
del accounts.AccountManager
try:
    import qiskit_modes.client
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("QiskitModesError"), done
    assert f"{VERSION} has moved" in done.stdout
    assert "AccountManager" in done.stdout


def test_a_moved_method_is_named(monkeypatch):
    monkeypatch.delattr(MODULE.RuntimeClient, "job_cancel")
    with pytest.raises(QiskitModesError, match=r"RuntimeClient\.job_cancel"):
        upstream.check()


def test_everything_is_put_back_at_the_end():
    before = {name: getattr(MODULE, name) for name in upstream.REPLACED}
    with local_runtime(backends=["ibm_manila"]):
        assert all(getattr(MODULE, name) is not thing for name, thing in before.items())
    assert {name: getattr(MODULE, name) for name in upstream.REPLACED} == before


def test_only_this_module_uses_private_names():
    """The floors up to this door import public modules only, but here."""
    from pathlib import Path

    import qiskit_modes

    own = "qiskit_ibm_runtime."
    private = (own + "api", own + "accounts", own + "qiskit_runtime_service")
    folder = Path(qiskit_modes.__file__).parent
    for path in folder.rglob("*.py"):
        if path.name == "upstream.py" or "server" in path.relative_to(folder).parts:
            continue
        assert not any(name in path.read_text() for name in private), path
