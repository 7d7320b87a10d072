"""Clusters for tests: of some workers of another one, or of processes that commands start."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

from qiskit_modes.runtime.workers.dask.engine import DaskEngine

DASK = [sys.executable, "-m", "dask"]


class SomeWorkers(DaskEngine):
    """An engine that makes do with the first workers of a cluster."""

    def __init__(self, client, most):
        self._most = most
        super().__init__(client)

    def hosts(self):
        return super().hosts()[: self._most]


@contextmanager
def started_scheduler():
    """A scheduler as its command starts it: the process, and its address."""
    command = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with subprocess.Popen([*DASK, *command], stderr=subprocess.PIPE, text=True) as scheduler:
        said = (re.search(r"Scheduler at:\s+(tcp://\S+)", line) for line in scheduler.stderr)
        try:
            yield scheduler, next(match[1] for match in said if match)
        finally:
            scheduler.kill()


@contextmanager
def started_worker(address, *arguments, **environment):
    """A worker without a nanny, as its command starts it."""
    command = ["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", *arguments]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, **environment}
    with subprocess.Popen([*DASK, *command], env=environment, **quiet) as worker:
        try:
            yield worker
        finally:
            worker.kill()
