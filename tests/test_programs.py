"""Forked programs are to others what Pythons of their own are."""

import os
import signal
import subprocess
import sys

import pytest

from tests import programs

pytestmark = pytest.mark.skipif(not programs.FORKS, reason="they are Pythons of their own here")

TELLS = """
import os, sys
print(sys.argv, __name__, __file__ if "__file__" in globals() else "no file", flush=True)
print(os.getcwd(), os.environ.get("MINE"), os.environ.get("HOME"), sys.path[:2], sys.warnoptions)
print(sys.stdin.read(), os.getsid(0) == os.getpid(), sorted(os.listdir("/dev/fd")))
for each in (sys.stdin, sys.stdout, sys.stderr):
    print(each.encoding, each.errors, each.line_buffering, each.write_through, each.seekable())
    print(type(each.buffer), each in (sys.__stdin__, sys.__stdout__, sys.__stderr__))
print(os.umask(0), sorted(map(str, vars())), file=sys.stderr)
"""

ENDS = {
    "as it ends": "print('mine')",
    "with a code": "sys.exit(3)",
    "with words": "sys.exit('no')",
    "by an exception": "raise SystemExit(256 + 7)",
    "by Ctrl-C": "signal.raise_signal(signal.SIGINT)",
    "by a signal": "os.kill(os.getpid(), signal.SIGTERM)",
    "at once": "os._exit(9)",
    "with what it has registered": "atexit.register(print, 'last', flush=True)",
    "with its threads": "threading.Timer(0.05, print, ['a thread']).start()",
}


@pytest.mark.parametrize("leads", [False, True])
@pytest.mark.parametrize("unbuffered", [{}, {"PYTHONUNBUFFERED": "1"}], ids=["", "unbuffered"])
def test_a_program_finds_what_it_would_find_in_a_python_of_its_own(tmp_path, leads, unbuffered):
    def told(popen):
        with popen(
            [sys.executable, "-W", "ignore", "-c", TELLS, "a", "--b"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={"MINE": "x", "PYTHONPATH": "/elsewhere", **unbuffered},
            start_new_session=leads,
        ) as process:
            return [*process.communicate("some words"), process.returncode]

    assert told(programs.Popen) == told(subprocess.Popen)


@pytest.mark.parametrize("ending", ENDS.values(), ids=ENDS)
def test_a_program_ends_as_a_python_of_its_own_does(ending):
    code = f"import atexit, os, signal, sys, threading\n{ending}"
    done = programs.run([sys.executable, "-c", code], text=True)
    there = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True)
    assert (done.returncode, done.stdout) == (there.returncode, there.stdout)
    assert done.stderr.splitlines()[-1:] == there.stderr.splitlines()[-1:]


def test_a_module_is_a_program_too():
    command = [sys.executable, "-m", "json.tool", "--compact"]
    assert programs.run(command, input='{ "a": 1 }', text=True).stdout == '{"a":1}\n'


def test_it_is_waited_for_and_killed():
    with programs.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.kill()
        assert process.wait() == process.poll() == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_what_it_left_behind_has_its_pipes_and_nobody_elses():
    pause = [sys.executable, "-c", "import signal; signal.pause()"]
    code = "import os, sys; os.fork() or sys.stdin.read(); os._exit(0)"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        programs.Popen([sys.executable, "-c", code], **pipes) as first,
        programs.Popen(pause, **pipes) as second,
    ):
        first.communicate(timeout=30)
        second.kill()
