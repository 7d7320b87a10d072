"""What a service that keeps its jobs costs, and how fast it answers."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import RuntimeEncoder

from qiskit_modes import LocalService, SamplerV2
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.server import serve
from qiskit_modes.store.rows import JobRow
from qiskit_modes.store.sql_store import SqlStore
from tests.benchmarks import over_http
from tests.benchmarks.timing import Row, timed

__all__ = ["few_and_many_clients", "job_lists", "store_writes", "with_a_store"]

JOBS = 300
"""Small jobs of one run."""

KEPT = 10_000
"""Jobs in a store that are listed."""

CLIENTS = 8


@contextmanager
def _location():
    with tempfile.TemporaryDirectory(prefix="qiskit_modes_benchmark_") as folder:
        yield f"sqlite:///{Path(folder) / 'jobs.sqlite'}"


def _circuit():
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def store_writes():
    """S1: CPU time of the one thread that writes, for each job; nobody holds a lock meanwhile."""
    others = set(threading.enumerate())
    with _location() as location, LocalRuntime(store=location) as runtime:
        sampler = SamplerV2(LocalService(runtime=runtime).backend("fake_manila"))
        circuit = _circuit()
        sampler.run([circuit], shots=100).result()
        mine = set(threading.enumerate()) - others
        (writing,) = [each for each in mine if each.name == "qiskit_modes-store"]
        clock = time.pthread_getcpuclockid(writing.ident)
        before = time.clock_gettime(clock)
        with ThreadPoolExecutor(CLIENTS) as users:
            list(users.map(lambda _: sampler.run([circuit], shots=100).result(), range(JOBS)))
        spent = (time.clock_gettime(clock) - before) / JOBS * 1e3
    yield Row(
        "S1",
        "written into the store, SQLite, off the locks' path: CPU for each job",
        f"{spent:.1f} ms",
        "<= 2 ms",
        spent <= 2,
        f"{JOBS} jobs of {CLIENTS} threads, submission, end and charge of each",
    )


def _keep_jobs(location):
    """Fill a store with jobs that look like those of a server."""
    at = 1_760_000_000_000_000
    story = [[at + k, state] for k, state in enumerate(("Queued", "Compiling", "Finished"))]
    facts = {
        "mode": "job",
        "mode_reason": "no session or batch is open",
        "primitive": "sampler",
        "backend": "ibm_manila",
        "executions": 1,
        "estimated_seconds": 0.3,
        "max_execution_seconds": 10_800,
        "times": {"running": at, "executing": at + 10, "released": at + 20, "settled": at + 30},
        "story": story,
        "request": {"seed": 123, "digest": "a" * 64},
        "held_seconds": 0.1,
        "charged_seconds": 0.1,
        "log": ["a line of a log"],
    }
    store = SqlStore(location)
    with store.writing() as changes:
        for number in range(KEPT):
            row = JobRow(
                id=f"job-{number}",
                head="earlier",
                instance="local",
                qpu="fake_manila",
                program="sampler",
                created_at=at + number,
                ending="completed",
                is_final=True,
                ended_at=at + number,
                tags=("a tag",),
                facts=facts,
            )
            changes.add_job(row, {"params": "{}", "result": "[]"})
    store.close()


def job_lists():
    """S2: all jobs of a store: in pages over HTTP, as the client asks for them, and at once."""
    with _location() as location:
        _keep_jobs(location)
        with serve(backends=["ibm_manila"], store=location) as server:
            url = f"{server.url}/experimental/jobs"

            def page(at):
                answer = requests.get(url, params={"limit": 200, "offset": at}, timeout=120)
                assert answer.json()["count"] == KEPT

            offsets = range(0, KEPT, 200)
            first = [timed(lambda at=at: page(at)) for at in offsets]  # what they say is kept then
            pages = [timed(lambda at=at: page(at)) for at in offsets]
            api = server.platform.api(None)
            whole = min(timed(lambda: api.jobs(limit=None)) for _ in range(3))
    yield Row(
        "S2",
        f"{KEPT:,} jobs are kept, and listed over HTTP: a page of 200, the slowest",
        f"{max(pages) * 1e3:.0f} ms",
        "<= 100 ms",
        max(pages) <= 0.1,
        f"the median {statistics.median(pages) * 1e3:.0f} ms, of a store of an older version "
        f"{statistics.median(first) * 1e3:.0f} ms the first time",
    )
    yield Row(
        "S2",
        f"the same {KEPT:,} jobs in one answer, in process",
        f"{whole * 1e3:,.0f} ms",
        "<= 100 ms",
        whole <= 0.1,
        f"{whole / KEPT * 1e6:.0f} us a job; all pages over HTTP {sum(pages):.1f} s",
    )


def with_a_store():
    """S4: row D2 with a store, against D2 without."""
    with _location() as location:
        kept = over_http.measured(store=location)
    plain = over_http.measured(store="memory")
    for name in plain:
        if name != "request":
            added = (kept[name] - plain[name]) * 1e3
            yield Row(
                "S4",
                f"what a store adds to D2, {name}",
                f"{added:+.1f} ms",
                "<= 5 ms",  # the submission, and the end, are waited for
                added <= 5,
                f"without {plain[name] * 1e3:.1f} ms, with {kept[name] * 1e3:.1f} ms",
            )


_SENDER = """
import sys, threading, time, json, requests
url, count, clients = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
body = sys.stdin.read()
headers = {"Content-Type": "application/json"}
def send(number):
    with requests.Session() as session:
        for _ in range(number):
            job = session.post(url, data=body, headers=headers, timeout=60).json()["id"]
            while True:
                found = session.get(f"{url}/{job}?exclude_params=true", timeout=60).json()
                if found["status"] == "Completed":
                    break
            session.get(f"{url}/{job}/results", timeout=60).raise_for_status()
send(2)
begun = time.perf_counter()
threads = [threading.Thread(target=send, args=(count // clients,)) for _ in range(clients)]
for each in threads: each.start()
for each in threads: each.join()
print(count / (time.perf_counter() - begun))
"""


def few_and_many_clients():
    """S5: small jobs over HTTP by eight clients: submitted, waited for, and their results read."""
    params = {"pubs": [(_circuit(), None, 100)], "options": {}, "version": 2}
    body = {"program_id": "sampler", "backend": "ibm_manila", "params": params}
    text = json.dumps(body, cls=RuntimeEncoder)

    def rate(**arguments):
        with serve(backends=["ibm_manila"], **arguments) as server:
            url = f"{server.url}/experimental/jobs"
            command = [sys.executable, "-c", _SENDER, url, str(JOBS), str(CLIENTS)]
            done = subprocess.run(
                command, input=text, capture_output=True, text=True, check=True, env=os.environ
            )
            return float(done.stdout)

    before = rate(store="memory")
    with _location() as location:
        after = rate(store=location)
    yield Row(
        "S5",
        f"small jobs over HTTP by {CLIENTS} clients",
        f"{after:.0f} / s",
        "",
        None,
        f"without a store {before:.0f} / s; each three requests, on the cores that simulate too",
    )
