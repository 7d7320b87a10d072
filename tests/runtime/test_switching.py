"""Threads let each other in sooner while there is a heavy step, and as before afterwards."""

import os
import sys

import pytest

from qiskit_modes.runtime.workers.switching import SWITCH_SECONDS, letting_others_in

USUAL = 0.005


@pytest.fixture(autouse=True)
def usual():
    before = sys.getswitchinterval()
    sys.setswitchinterval(USUAL)
    yield
    sys.setswitchinterval(before)


def test_the_setting_is_put_back_when_the_last_one_leaves():
    first, second = letting_others_in(), letting_others_in()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == pytest.approx(USUAL)


def test_what_somebody_else_sets_meanwhile_stays():
    with letting_others_in():
        sys.setswitchinterval(0.02)
    assert sys.getswitchinterval() == pytest.approx(0.02)


def test_who_lets_others_in_even_sooner_is_left_alone():
    sys.setswitchinterval(0.0001)
    with letting_others_in():
        assert sys.getswitchinterval() == pytest.approx(0.0001)
    assert sys.getswitchinterval() == pytest.approx(0.0001)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_begins_anew():
    with letting_others_in():
        child = os.fork()
        if child == 0:
            is_usual = abs(sys.getswitchinterval() - USUAL) < 1e-4
            with letting_others_in():
                os._exit(0 if is_usual else 1)
        _, status = os.waitpid(child, 0)
    assert status == 0
