"""Workers end with the process that they work for, however that ends."""

import signal
import subprocess
import sys
import textwrap

import pytest

from tests import programs

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="not known how, there")

HOLDING_THE_LOCK = 're.match("(a+)+b", "a" * 60)  # takes years, and no other thread runs'

PROGRAM = """
    import os, re, signal, sys
    from qiskit_modes.runtime.workers.loky.worker import loky_executor

    def work():
        os.write(1, b"working\\n")
        {busy}

    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored
    executor = loky_executor()
    future = executor.submit(work)
    {then}
    signal.pause()
"""

FORKED = """
    import loky.backend.resource_tracker as loky_tracker
    import multiprocessing.resource_tracker as tracker
    future.result()
    if not os.fork():
        # The processes that remove what was left behind live as long as there is anybody.
        for each in (loky_tracker, tracker):
            os.close(each._resource_tracker._fd)
        os.write(1, b"forked\\n")
        os.close(1), os.close(2)
        sys.stdin.read()
        os._exit(0)
"""


ON_A_CLUSTER = """
    import os, signal
    from qiskit_modes.runtime.workers.dask.clients import local_cluster

    cluster = local_cluster(1)
    os.write(1, b"working\\n")
    signal.pause()
"""


@pytest.mark.parametrize(
    ("killed_by", "busy", "then", "reached"),
    [
        (signal.SIGTERM, "", "future.result()", "working"),
        (signal.SIGKILL, HOLDING_THE_LOCK, "", "working"),
        (signal.SIGHUP, "", 'os.write(1, b"starting\\n")', "starting"),
        (signal.SIGKILL, "", FORKED, "forked"),
    ],
    ids=["idle", "busy", "starting", "a child of the process still lives"],
)
def test_workers_end_when_their_process_is_killed(killed_by, busy, then, reached):
    then = textwrap.indent(textwrap.dedent(then), "    ").strip()
    all_end(PROGRAM.format(busy=busy, then=then), killed_by, reached)


@pytest.mark.parametrize(
    "killed_by", [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_a_cluster_on_this_machine_ends_when_its_process_is_killed(killed_by):
    pytest.importorskip("distributed")
    all_end(ON_A_CLUSTER, killed_by, "working")


def all_end(program: str, killed_by: signal.Signals, reached: str) -> None:
    """Run a program, kill it when it says that it has reached something, and wait for all of it."""
    program = textwrap.dedent(program)
    with programs.Popen(
        [sys.executable, "-W", "ignore", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while (line := process.stdout.readline()) != f"{reached}\n":
                assert line == "working\n"
            process.send_signal(killed_by)
            # They have the pipes open for as long as they live.
            process.stdout.read()
            process.stderr.read()
        finally:
            process.kill()
    assert process.returncode == -killed_by
