"""Clusters for tests: of some workers of another one, or of processes that commands start."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

from qiskit_modes.runtime.workers.dask.engine import DaskEngine
from qiskit_modes.runtime.workers.worker import Worker
from tests import programs

DASK = [sys.executable, "-m", "dask"]


class SomeWorkers(DaskEngine):
    """An engine that makes do with the first workers of a cluster."""

    def __init__(self, client, most):
        self._most = most
        super().__init__(client)

    def hosts(self):
        return super().hosts()[: self._most]


class Host:
    """Stands for a worker of a cluster."""

    def __init__(self):
        self.berths, self.ready_for = [], set()


class Berth(Worker):
    """Stands for a berth at such a worker; in this one nothing is executed.

    It takes after `DaskWorker` where the pool asks: where it is, and what is before it.
    """

    takes_steps = True

    def __init__(self, host):
        super().__init__()
        self.host, self.ready_for = host, host.ready_for
        host.berths.append(self)

    @property
    def home(self):
        """See `Worker`."""
        return self.host

    @property
    def load(self):
        """See `Worker`."""
        return sum(berth.item is not None for berth in self.host.berths if berth is not self)

    def start(self):
        """See `Worker`."""
        self.up.set_result(0)

    def run(self, program, keys, threads):
        """See `Worker`."""
        raise NotImplementedError

    def call(self, function, *args):
        """See `Worker`."""
        raise NotImplementedError

    def stop(self, *, wait=True):
        """See `Worker`."""


@contextmanager
def started_scheduler():
    """A scheduler as its command starts it: the process, and its address."""
    command = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with programs.Popen([*DASK, *command], stderr=subprocess.PIPE, text=True) as scheduler:
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
    # What is imported in another environment may be something else.
    start = subprocess.Popen if environment else programs.Popen
    with start([*DASK, *command], env={**os.environ, **environment}, **quiet) as worker:
        try:
            yield worker
        finally:
            worker.kill()
