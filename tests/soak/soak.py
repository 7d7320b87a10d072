"""Six users of three instances, and a server that is killed and started again beneath them."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime import RuntimeEncoder

from qiskit_modes.store.rows import BODY_KINDS, JobQuery
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.store.upkeep import check as check_store
from tests.soak.clients import BACKENDS, Client
from tests.soak.histories import History, check
from tests.soak.servers import Killed, starting

__all__ = ["INSTANCES", "Soak", "soak"]

INSTANCES = ("physics", "chemistry", "course")

_UNDER_FIRE = 0.7
"""Part of the time in which the server is restarted; then one goes on for long enough to grow."""

_REASONS = ("the service was restarted", "died")
"""Why jobs may fail: restarts, and kills of workers."""

_END_SECONDS = 60.0
"""How long jobs may go on whose clients have not heard of them."""

_GROWTH_MIB = 100.0
"""By which a server may grow after the first third of its life: it remembers its latest jobs."""

_LEAVING_SECONDS = 20.0
"""How long processes may outlive the server that was killed above them."""


@dataclass
class Soak:
    """What came of it."""

    history: History
    counts: Counter[str]
    restarts: Counter[str] = field(default_factory=Counter)
    grown_mib: list[tuple[float, float]] = field(default_factory=list)
    """Seconds of the last server's life, and the memory that it held then."""
    left: list[str] = field(default_factory=list)
    """Processes that have outlived their servers."""

    def wrong(self) -> list[str]:
        """Return what is wrong, a sentence each."""
        return [
            *check(self.history),
            *(f"process {each} has outlived its server" for each in self.left),
            *self._growth(),
        ]

    def _growth(self) -> list[str]:
        """Compare what the last server held at a third of its life, when it was warm, and later."""
        if not self.grown_mib:
            return []
        end = self.grown_mib[-1][0]
        warm = max(held for at, held in self.grown_mib if at <= max(end / 3, self.grown_mib[0][0]))
        last = self.grown_mib[-1][1]
        if last <= warm + _GROWTH_MIB:
            return []
        return [f"the server held {warm:.0f} MiB after {end / 3:.0f} s, and {last:.0f} in the end"]


def requests_for_jobs() -> list[dict[str, Any]]:
    """Return bodies of requests: of some that run where they were compiled, and some in workers."""
    theta = Parameter("θ")
    bell = QuantumCircuit(2)
    bell.rz(1.5707963267948966, 0)
    bell.sx(0)
    bell.cx(0, 1)
    bell.measure_all()
    line = QuantumCircuit(5)
    for layer in range(8):
        for qubit in range(5):
            line.sx(qubit)
            line.rz(theta * (layer + qubit + 1), qubit)
        line.cx(layer % 2, layer % 2 + 1)
    measured = line.measure_all(inplace=False)
    angles = [[k / 100] for k in range(100)]
    plain = {"options": {}, "version": 2, "support_qiskit": True}
    observable = SparsePauliOp("IIIZZ").to_list()
    asked = [
        ("sampler", {"pubs": [(bell, None, 10)]}),
        ("sampler", {"pubs": [(bell, None, 2_000)]}),
        ("sampler", {"pubs": [(measured, [0.3], 1_000)]}),
        ("sampler", {"pubs": [(measured, angles, 1_000)]}),
        ("estimator", {"pubs": [(line, dict(observable), [[0.1], [0.2]], 0.1)]}),
        ("estimator", {"pubs": [(line, dict(observable), angles, 0.02)]}),
    ]
    bodies = [{"program_id": name, "params": {**plain, **params}} for name, params in asked]
    return json.loads(json.dumps(bodies, cls=RuntimeEncoder))


def soak(
    folder: Path,
    *,
    minutes: float,
    seed: int,
    restarts: int = 10,
    kills: float = 0.01,
    tell: Callable[[str], None] = lambda _: None,
) -> Soak:
    """Let clients work for so long; return what they were told, and what is there in the end.

    Args:
        folder: For the store.
        minutes: How long jobs are submitted.
        seed: Of everything that happens by chance, but for the machine's part in it.
        restarts: How often the server is ended and started again.
        kills: At which part of the submissions a worker is killed.
        tell: Told how far it is, once a minute.
    """
    with starting() as script:
        server = Killed(
            script,
            folder / "jobs.sqlite",
            backends=BACKENDS,
            instances=INSTANCES,
            warms_up=True,
        )
        history, counts, stop = History(reasons=_REASONS), Counter[str](), threading.Event()
        found = Soak(history, counts)
        try:
            server.start()
            bodies = requests_for_jobs()
            mutex = threading.Lock()
            clients = [
                Client(server, bodies, instance, history, stop, f"{seed} {n}", kills, counts, mutex)
                for n, instance in enumerate(INSTANCES * 2)
            ]
            chance = random.Random(seed)
            with _working(clients, stop), _telling(server, found, tell):
                _restart_now_and_then(server, found, stop, restarts, 60 * minutes, chance)
            _read_what_is_there(server, history)
        finally:
            if server.process:
                server.kill()
        _, outlived = psutil.wait_procs(server.children, _LEAVING_SECONDS)
        found.left = [str(each) for each in outlived]
        return found


@contextmanager
def _working(clients: list[Client], stop: threading.Event) -> Iterator[None]:
    """Let clients work meanwhile, and bring what they have begun to an end."""
    failures: list[BaseException] = []

    def work(client: Client) -> None:
        try:
            client.run()
        except BaseException as failure:
            failures.append(failure)
            client.server.tell_where_it_is()
            stop.set()

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


def _restart_now_and_then(
    server: Killed,
    found: Soak,
    stop: threading.Event,
    restarts: int,
    seconds: float,
    chance: random.Random,
) -> None:
    """Restart the server at moments that chance finds, and watch the last one grow."""
    begun = time.monotonic()
    moments = sorted(chance.uniform(0.0, _UNDER_FIRE * seconds) for _ in range(restarts))
    for number, at in enumerate(moments):
        if stop.wait(max(begun + at - time.monotonic(), 0.0)):
            return
        how = (signal.SIGKILL, signal.SIGTERM)[number % 2]
        server.kill(how)
        resumes = chance.random() < 0.5
        answer = server.start(resume=resumes)
        assert "port" in answer, answer
        found.restarts[f"{how.name}{', resumed' * resumes}"] += 1
    started = time.monotonic()
    while (left := begun + seconds - time.monotonic()) > 0:
        if stop.wait(min(left, seconds / 100)):
            return
        held = server.resident_bytes() / 2**20
        found.grown_mib.append((time.monotonic() - started, held))


@contextmanager
def _telling(server: Killed, found: Soak, tell: Callable[[str], None]) -> Iterator[None]:
    """Say once a minute how far it is, and at the end."""
    over = threading.Event()

    def go_on() -> None:
        minute = 0
        while not over.wait(60.0):
            minute += 1
            tell(f"minute {minute}: {line_of(server, found)}")

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        tell(f"in the end: {line_of(server, found)}")


def line_of(server: Killed, found: Soak) -> str:
    """Return what has happened, in a line."""
    names = ("submitted", "completed", "failed", "cancelled", "opened")
    words = [f"{found.counts[name]} {name}" for name in names]
    words += [f"{found.restarts.total()} restarts", f"{found.counts['kills']} kills"]
    return ", ".join(words) + f", server {server.resident_bytes() / 2**20:.0f} MiB"


def _read_what_is_there(server: Killed, history: History) -> None:
    """Wait for what is under way, have a last server look, and read its store."""
    store = SqlStore(f"sqlite:///{server.path}")
    try:
        begun = time.monotonic()
        while pending := store.find_jobs(JobQuery(pending=True, limit=1))[0]:
            # Nobody waits for them: their answers were lost.
            assert time.monotonic() - begun < _END_SECONDS, f"it does not end: {pending}"
            time.sleep(0.05)
        server.kill()
        server.start()
        usage = {}
        for instance in INSTANCES:
            answer = server.ask("GET", "/instances/usage", **{"Service-CRN": instance})
            assert answer.status == 200, answer.text
            usage[instance] = answer.json["usage_consumed_seconds"]
        for row in store.find_jobs(JobQuery())[0]:
            history.jobs[row.id] = row
            for kind in BODY_KINDS:
                text = store.body(row.id, kind)
                if text is not None and kind != "params":
                    {"result": history.results, "error": history.errors}[kind][row.id] = text
        history.workloads = {row.id: row for row in store.workloads()}
        history.usage = store.usage(0)
        for instance in INSTANCES:
            charged = sum(row.seconds for row in history.usage if row.instance == instance)
            assert usage[instance] == pytest.approx(charged)
        assert check_store(store) == []
    finally:
        store.close()
