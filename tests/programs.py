"""Python programs in processes of their own, which need not import Qiskit first.

That takes seconds of a core, and most of what such programs do takes none. So these are forks of
a process that has imported it, see `tests.programs_ready`. To everybody else they are processes
like others: with streams, signals, exit codes, and an end of their own. What is about imports,
options of Python or ``sitecustomize`` needs a Python of its own, and `subprocess`.
"""

from __future__ import annotations

import atexit
import inspect
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

__all__ = ["FORKS", "SIGNALS_AS_USUAL", "Popen", "run"]

SIGNALS_AS_USUAL = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "hasattr(signal, 'SIGHUP') and signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
)
"""Begins the code of a program that is sent signals: shells start background jobs with Ctrl-C
ignored, and ``nohup`` with SIGHUP, and a child inherits that."""

_MAIN = """
import os, socket, sys
if os.fork():
    os._exit(0)  # the other one is no child of the tests, which count theirs
from tests.programs_ready import become_programs
become_programs(socket.socket(fileno=int(sys.argv[1])))
"""

FORKS = sys.platform == "linux"

_mutex = threading.Lock()
_control: socket.socket | None = None


def run(command: list[str], **arguments: Any) -> subprocess.CompletedProcess[Any]:
    """Run a program to its end, as `subprocess.run` with ``capture_output`` and a `Popen` does."""
    data, timeout = arguments.pop("input", None), arguments.pop("timeout", None)
    check = arguments.pop("check", False)
    pipe = subprocess.PIPE
    stdin = subprocess.DEVNULL if data is None else pipe
    with Popen(command, stdin=stdin, stdout=pipe, stderr=pipe, **arguments) as process:
        try:
            out, err = process.communicate(data, timeout=timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


class Popen(subprocess.Popen):
    """See `subprocess.Popen`.

    Args:
        command: `sys.executable`, options of warnings, ``-c`` and code or ``-m`` and a module, and
            the program's arguments.
        arguments: Streams, ``env``, ``cwd`` and ``start_new_session``.
    """

    def __init__(self, command: list[str], **arguments: Any) -> None:
        self._ended: int | None = None
        super().__init__(command, **arguments)

    if FORKS:

        def _execute_child(self, *given: Any) -> None:
            """See `subprocess.Popen`, which has opened the pipes."""
            bound = inspect.signature(super()._execute_child).bind(*given).arguments
            unknown = [each for each in ("preexec_fn", "pass_fds", "shell") if bound[each]]
            assert not unknown, f"not for programs that are forked: {unknown}"
            streams = [bound["p2cread"], bound["c2pwrite"], bound["errwrite"]]
            streams = [place if each == -1 else each for place, each in enumerate(streams)]
            self._ended, ended = os.pipe()
            try:
                self.pid = _started(
                    (
                        *_read(bound["args"]),
                        dict(os.environ if bound["env"] is None else bound["env"]),
                        os.path.abspath(bound["cwd"] or os.curdir),
                        bound["start_new_session"],
                    ),
                    [*streams, ended],
                )
            finally:
                os.close(ended)
                self._close_pipe_fds(*given[10:16])
            self._child_created = True

        def _try_wait(self, wait_flags: int) -> tuple[int, int]:
            """See `subprocess.Popen`; who has forked it is told how it has ended."""
            if wait_flags & os.WNOHANG and not select.select([self._ended], [], [], 0)[0]:
                return 0, 0
            status = os.read(self._ended, 4)
            os.close(self._ended)
            return self.pid, int.from_bytes(status) if status else signal.SIGKILL

        def _internal_poll(self, *_: Any, **__: Any) -> int | None:
            """See `subprocess.Popen`."""
            if self.returncode is None and self._waitpid_lock.acquire(False):
                try:
                    if self.returncode is None:
                        pid, status = self._try_wait(os.WNOHANG)
                        if pid:
                            self._handle_exitstatus(status)
                finally:
                    self._waitpid_lock.release()
            return self.returncode


def _read(command: list[str]) -> tuple[list[str], str, str, list[str]]:
    """Options of warnings, how and what, and arguments."""
    python, *words = map(str, command)
    assert python == sys.executable
    options = []
    while words[0] == "-W":
        options.append(words[1])
        words = words[2:]
    how, what, *arguments = words
    assert how in ("-c", "-m"), how
    return options, how, what, arguments


def _started(request: tuple[Any, ...], descriptors: list[int]) -> int:
    """Return the process that a request has become."""
    global _control
    data = pickle.dumps(request)
    with _mutex:
        if _control is None:
            _control = _template()
        socket.send_fds(_control, [len(data).to_bytes(4)], descriptors)
        _control.sendall(data)
        answer = _control.recv(4, socket.MSG_WAITALL)
    assert len(answer) == 4, "the process that is to become programs has died"
    return int.from_bytes(answer)


def _template() -> socket.socket:
    """Start it; returns where it takes requests. It ends when nobody has the other end open."""
    ours, theirs = socket.socketpair()
    with theirs:
        subprocess.run(
            [sys.executable, "-c", _MAIN, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            cwd=Path(__file__).parent.parent,
            check=True,
        )
    atexit.register(ours.close)
    return ours
