"""A dead process is recognised, and a living one is not taken for dead."""

import os
import subprocess
import sys
from dataclasses import replace

import psutil

from qiskit_modes.store.heads import LEASE_SECONDS, is_dead, new_head


def test_this_process_lives():
    head = new_head(serves=False)
    assert not is_dead(head, head.seen_at)
    assert not is_dead(head, head.seen_at + int(1e9 * LEASE_SECONDS))  # however long it is silent


def test_a_process_that_has_ended_is_dead_at_once():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(child.pid).create_time()
    head = replace(new_head(serves=True), process_id=child.pid, process_started=started)
    assert not is_dead(head, head.seen_at)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(head, head.seen_at)  # also while nobody has asked for its exit code
    child.communicate()
    assert is_dead(head, head.seen_at)


def test_a_process_with_its_number_is_another():
    head = new_head(serves=False)
    assert is_dead(replace(head, process_started=head.process_started - 60), head.seen_at)


def test_another_machine_is_dead_after_a_silence():
    head = replace(new_head(serves=False), host="elsewhere", process_id=1)
    assert not is_dead(head, head.seen_at + int(1e6 * (LEASE_SECONDS - 1)))
    assert is_dead(head, head.seen_at + int(1e6 * (LEASE_SECONDS + 1)))


def test_what_was_left_on_purpose_is_free_at_once():
    head = replace(new_head(serves=True), host="elsewhere", process_id=0)
    assert is_dead(head, head.seen_at)
