"""What the tests of all commands rely on."""

import signal

import pytest


@pytest.fixture(autouse=True)
def _the_users_own_store_is_left_alone(monkeypatch):
    """Servers started here keep their jobs in memory, unless a test says otherwise."""
    monkeypatch.setenv("QISKIT_MODES_STORE", "memory")


@pytest.fixture(autouse=True)
def _a_closed_terminal_is_heard_of():
    """Programs started here hear of SIGHUP, also where the tests run under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
