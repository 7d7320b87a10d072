"""A process that has imported what programs import, and becomes one whenever it is asked to.

It forks, and the child goes on as ``python`` does with such arguments: none of what is imported has
been used, the program is ``__main__``, and it ends as Python ends. `tests.programs` starts it.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import pickle
import runpy
import select
import signal
import socket
import struct
import sys
import time
import types
import warnings
from dataclasses import dataclass

import numpy as np

import qiskit_modes.demo.run
import qiskit_modes.modes.session
import qiskit_modes.primitives.estimator.estimator
import qiskit_modes.primitives.sampler.sampler
import qiskit_modes.server.serving
import qiskit_modes.service
import qiskit_modes.store.sql_store  # noqa: F401

with contextlib.suppress(ImportError):  # an extra
    import distributed.cli.dask_scheduler
    import distributed.cli.dask_worker  # noqa: F401

__all__ = ["NUMBER", "STREAMS", "Request", "become_programs"]

NUMBER = struct.Struct("!I")
"""How numbers are sent: how long a request is, which process it has become, how that has ended."""

STREAMS = 3


@dataclass(frozen=True)
class Request:
    """A program to become; its streams come with it, and where to write how it has ended."""

    options: list[str]
    """Of Python's warnings."""
    how: str
    """``-c`` or ``-m``."""
    what: str
    arguments: list[str]
    environment: dict[str, str]
    directory: str
    is_leader: bool
    """Of a session of its own, where signals to the group of the tests do not come."""


def become_programs(control: socket.socket) -> None:
    """Fork for each request until there is nobody left to send one; a child returns at its end."""
    awake, wakes = socket.socketpair()
    for each in (awake, wakes):
        each.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # It ends with the tests. Where those are told to ignore Ctrl-C, their programs are too.
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()  # looking at what was imported would copy it to each child
    tells: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control, awake], [], [])
        if awake in ready:
            awake.recv(4096)
            _tell_who_has_ended(tells)
        if control not in ready:
            continue
        header, descriptors, _, _ = socket.recv_fds(control, NUMBER.size, STREAMS + 1)
        if not header:
            return
        request = Request(*pickle.loads(control.recv(*NUMBER.unpack(header), socket.MSG_WAITALL)))
        child = os.fork()
        if child:
            tells[child] = descriptors.pop()
            for each in descriptors:
                os.close(each)
            control.sendall(NUMBER.pack(child))
        else:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, interrupted)
            for place, each in enumerate(descriptors[:STREAMS]):
                os.dup2(each, place)
            for each in (control, awake, wakes):
                each.close()
            for each in (*descriptors, *tells.values()):
                os.close(each)
            _become(request)
            return


def _tell_who_has_ended(tells: dict[int, int]) -> None:
    while tells:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        tell = tells.pop(child)
        with contextlib.suppress(BrokenPipeError):  # nobody asks any more
            os.write(tell, NUMBER.pack(status))
        os.close(tell)


def _open_streams() -> None:
    """Make Python's objects for them: those of this process know of other files, which seek."""
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    for place, name in enumerate(("stdin", "stdout", "stderr")):
        before, buffering = getattr(sys, name), 0 if unbuffered and place else -1
        raw = open(place, "wb" if place else "rb", buffering, closefd=False)  # noqa: SIM115
        stream = io.TextIOWrapper(
            raw,
            before.encoding,
            before.errors,
            line_buffering=not unbuffered and (place == 2 or raw.isatty()),
            write_through=unbuffered,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _become(request: Request) -> None:
    if request.is_leader:
        os.setsid()
    os.chdir(request.directory)
    os.environ.clear()
    os.environ.update(request.environment)
    time.tzset()
    _open_streams()
    np.random.seed()
    sys.warnoptions += request.options
    warnings._processoptions(request.options)
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[0] = "" if request.how == "-c" else request.directory
    sys.path[1:1] = [each for each in path if each and each not in sys.path]
    sys.argv[:] = [request.how, *request.arguments]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    vars(main).update(__builtins__=__builtins__, __annotations__={})
    if request.how == "-m":
        runpy._run_module_as_main(request.what)
    else:
        exec(compile(request.what, "<string>", "exec"), vars(main))
