"""Requests to end are taken as Ctrl-C is, once."""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from qiskit_modes.commands.common import run_safely
from qiskit_modes.commands.terminating import handling, wait_for_program, wait_for_signals
from tests.examples import examples

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


@pytest.fixture
def sleeping():
    """A program that goes on until it is ended."""
    command = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        yield process
        process.stdin.close()
        assert wait_for_program(process) == 0


@pytest.mark.parametrize("code", [0, 7, -signal.SIGKILL])
def test_the_exit_code_of_a_program(code):
    end = f"os._exit({code})" if code >= 0 else f"os.kill(os.getpid(), {-code})"
    before = signal.getsignal(signal.SIGCHLD)
    with subprocess.Popen([sys.executable, "-S", "-c", f"import os; {end}"]) as process:
        assert wait_for_program(process) == code
        assert wait_for_program(process) == code, "it has ended before"
    assert signal.getsignal(signal.SIGCHLD) is before


@pytest.mark.parametrize("tells", [True, False], ids=["", "without pidfd"])
@pytest.mark.parametrize("sigchld", ["blocked", "ignored", "C's own"])
def test_the_end_of_a_program_of_which_no_signal_tells(monkeypatch, sleeping, sigchld, tells):
    """A program inherits what is blocked and ignored; one that embeds Python has handlers of C."""
    before, blocked = signal.getsignal(signal.SIGCHLD), [signal.SIGCHLD]
    if not tells:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    if sigchld == "blocked":
        signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    elif sigchld == "ignored":
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    else:
        known = signal.getsignal
        monkeypatch.setattr(
            signal, "getsignal", lambda n: None if n == signal.SIGCHLD else known(n)
        )
    try:
        threading.Timer(0.1, sleeping.stdin.close).start()
        assert wait_for_program(sleeping) == 0
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.proof
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal for a single thread")
@pytest.mark.parametrize(("waits_for", "times"), [("signals", 10_000), ("a program", 5_000)])
def test_a_signal_that_comes_just_before_the_waiting_ends_it(
    monkeypatch, sleeping, waits_for, times
):
    """Of so many some come between Python's last look for them and the system's wait."""
    wait = wait_for_signals if waits_for == "signals" else partial(wait_for_program, sleeping)

    class ComeError(Exception):
        pass

    def come(*_):
        raise ComeError

    def send(begun, seconds):
        begun.wait()
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pass
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    set_fd, begins = signal.set_wakeup_fd, [threading.Event()]

    def set_and_begin(fd, **more):
        set_fd(fd, **more)
        begins[-1].set()

    monkeypatch.setattr(signal, "set_wakeup_fd", set_and_begin)
    with handling(come, [signal.SIGUSR1]):
        for number in range(times * examples(daily=6, full=20) // 20):  # all in the full check
            begins[:] = [threading.Event()]
            thread = threading.Thread(target=send, args=(begins[0], number % 50 * 1e-6))
            thread.start()
            with pytest.raises(ComeError):
                wait()
            thread.join()
