"""What the tests of all commands rely on."""

import signal

import pytest


@pytest.fixture(autouse=True)
def _a_closed_terminal_is_heard_of():
    """Programs started here hear of SIGHUP, also where the tests run under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
