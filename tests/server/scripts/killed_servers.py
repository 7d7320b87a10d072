"""Starts servers that a test kills: forks of this process, which has imported what they need.

Each line that it reads has the arguments of a server as JSON; the answer is its process and port,
or what went wrong.
"""

from __future__ import annotations

import json
import os
import sys
import threading

import qiskit_modes.primitives.estimator.estimator
import qiskit_modes.primitives.sampler.sampler
import qiskit_modes.runtime.keeping.stored_archive
import qiskit_modes.store.sql_store  # noqa: F401
from qiskit_modes import LocalService
from qiskit_modes.server.serving import serve


def run(arguments):
    try:
        with serve(**arguments) as server:
            print(json.dumps({"process": os.getpid(), "port": server.port}), flush=True)
            threading.Event().wait()
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)


if __name__ == "__main__":
    LocalService().backend("fake_manila").target  # noqa: B018 - made once, for all of them
    print("ready", flush=True)
    for line in sys.stdin:
        if os.fork() == 0:
            run(json.loads(line))
            os._exit(0)
        while True:  # those that were killed
            try:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    break
            except ChildProcessError:
                break
