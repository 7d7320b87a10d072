"""Requests to end are taken as Ctrl-C is, once."""

import argparse
import signal
import sys
import threading

import pytest

from qiskit_modes.commands.common import run_safely

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are other signals there")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_blocks_are_left_in_good_order_even_if_it_is_asked_twice(number, capsys):
    left = []

    def command(_):
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(signal.SIGHUP)
            left.append(True)

    before = signal.getsignal(number)
    assert run_safely(argparse.Namespace(run=command)) == 128 + number
    assert left == [True]
    assert capsys.readouterr().err == "qiskit-modes: terminated, everything was stopped\n"
    assert signal.getsignal(number) is before


def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run_safely(argparse.Namespace(run=lambda _: signal.raise_signal(1) or 5)) == 5
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_another_thread_signals_are_left_alone():
    codes = []
    command = argparse.Namespace(run=lambda _: 5)
    thread = threading.Thread(target=lambda: codes.append(run_safely(command)))
    thread.start()
    thread.join()
    assert codes == [5]
