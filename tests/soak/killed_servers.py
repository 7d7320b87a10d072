"""Starts servers that a test kills: forks of this process, which has imported what they need.

Each line that it reads has the arguments of a server as JSON; the answer is its process and port,
or what went wrong. SIGTERM ends a server as it ends ``qiskit-modes serve``.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading

import qiskit_modes.primitives.estimator.estimator
import qiskit_modes.primitives.sampler.sampler
import qiskit_modes.runtime.keeping.stored_archive
import qiskit_modes.store.sql_store  # noqa: F401
from qiskit_modes import Instance, LocalService, Plan
from qiskit_modes.commands.terminating import Terminated, raising
from qiskit_modes.server.serving import serve


def run(arguments, answers):
    warms_up = arguments.pop("warms_up", False)
    names = arguments.pop("instances", None)
    instances = None if names is None else [Instance(name, Plan("premium")) for name in names]
    try:
        with raising(), serve(**arguments, instances=instances) as server:
            if warms_up:
                server.warm_up()
            answer = {"process": os.getpid(), "port": server.port}
            print(json.dumps(answer), file=answers, flush=True)
            threading.Event().wait()
    except Terminated:
        pass
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def reap():
    """Take note of the servers that have ended."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                return
        except ChildProcessError:
            return


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, lambda *_: reap())
    LocalService().backend("fake_manila").target  # noqa: B018 - made once, for all of them
    print("ready", flush=True)
    for line in sys.stdin:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            faulthandler.register(signal.SIGUSR1)  # says where it hangs
            with os.fdopen(os.dup(1), "w") as answers:
                os.dup2(2, 1)  # what servers and their workers say is not among the answers
                run(json.loads(line), answers)
            os._exit(0)
