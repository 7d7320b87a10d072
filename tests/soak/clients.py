"""Users of a server that comes and goes: they repeat what was not answered, and never give up."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import psutil

from tests.server.asking import Answer
from tests.soak.histories import FINAL, History, Submission
from tests.soak.servers import GONE, Killed

__all__ = ["BACKENDS", "Client"]

BACKENDS = ("ibm_manila", "ibm_quito")

_PATIENCE_SECONDS = 60.0
"""For one job, whatever is killed meanwhile; it takes some seconds behind sessions of others."""

_LATER_SECONDS = 0.05
"""Before a request that was refused for now is sent again."""

_TRY_LATER = (429, 503)


@dataclass
class Client:
    """Works in all modes, with a key for each submission, and takes note of what it is told."""

    server: Killed
    bodies: Sequence[dict[str, Any]]
    """Requests for jobs, of which it takes one at a time."""
    instance: str
    history: History
    stop: threading.Event
    """Set when it is to begin nothing more; what it has begun it brings to its end."""
    name: str
    """Of it alone; all that it does by chance follows from it."""
    kills: float
    """The part of its submissions at which it kills a worker."""
    counts: Counter[str] = field(default_factory=Counter)
    """What it has done; one for all clients. Each key is changed by holding ``mutex``."""
    mutex: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Work until it is told to stop."""
        self.chance = random.Random(self.name)
        while not self.stop.is_set():
            backend = self.chance.choice(BACKENDS)
            work = self.chance.choices([self.single, self.batch, self.session], [2, 1, 1])[0]
            work(backend)

    # -- workloads -------------------------------------------------------------------------------

    def single(self, backend: str) -> None:
        jobs = [self.submit(backend) for _ in range(self.chance.randint(1, 3))]
        self.bring_to_an_end([job for job in jobs if job is not None])

    def batch(self, backend: str) -> None:
        opened = self.open("batch", backend)
        jobs = [self.submit(backend, opened) for _ in range(self.chance.randint(2, 5))]
        self.end(opened)
        self.bring_to_an_end([job for job in jobs if job is not None])
        self.look_at(opened)

    def session(self, backend: str) -> None:
        opened = self.open("dedicated", backend)
        for _ in range(self.chance.randint(1, 3)):
            job = self.submit(backend, opened)
            if job is None:
                break
            self.bring_to_an_end([job])
        self.end(opened)
        self.look_at(opened)

    # -- steps of them ---------------------------------------------------------------------------

    def open(self, mode: str, backend: str) -> tuple[str, int]:
        """Open a session or batch; return its id, and how often the server had been started."""
        starts = self.server.starts
        body = {"mode": mode, "backend": backend, "max_ttl": 300}
        # It has no key: an answer that is lost leaves one that nobody knows, until a restart.
        workload_id = self.asked("POST", "/sessions", body).json["id"]
        self.history.opened[workload_id] = (
            self.instance,
            "session" if mode == "dedicated" else "batch",
        )
        self.count("opened")
        return workload_id, starts

    def end(self, opened: tuple[str, int]) -> None:
        """Close a session or batch, or cancel it now and then."""
        if self.chance.random() < 0.1:
            self.asked("DELETE", f"/sessions/{opened[0]}/close")
        else:
            self.asked("PATCH", f"/sessions/{opened[0]}", {"accepting_jobs": False})

    def look_at(self, opened: tuple[str, int]) -> None:
        """Wait until a session or batch of which all jobs have ended is closed."""
        begun = time.monotonic()
        while True:
            found = self.asked("GET", f"/sessions/{opened[0]}").json
            assert not found["accepting_jobs"], found
            if found["state"] == "closed":
                self.history.closed.append((opened[0], found["elapsed_time"] or 0.0))
                return
            assert time.monotonic() - begun < _PATIENCE_SECONDS, f"it does not close: {found}"
            time.sleep(_LATER_SECONDS)

    def submit(self, backend: str, opened: tuple[str, int] | None = None) -> str | None:
        """Submit a job; return None if its session or batch takes no more, after a restart."""
        body = deepcopy(self.chance.choice(self.bodies))
        tag = f"{self.name} {self.chance.random()}"
        body |= {"backend": backend, "tags": [tag]}
        if opened is not None:
            body["session_id"] = opened[0]
        key = str(uuid.UUID(int=self.chance.getrandbits(128)))
        answer = self.ask("POST", "/jobs", body, **{"Idempotency-Key": key})
        if answer.status == 409 and opened is not None:
            assert self.server.starts > opened[1], f"{opened[0]} takes no jobs: {answer.text}"
            return None
        assert answer.status == 200, answer
        job_id = answer.json["id"]
        workload = None if opened is None else opened[0]
        self.history.submitted[key] = Submission(job_id, self.instance, workload, (tag,))
        self.count("submitted")
        if self.chance.random() < self.kills:
            self.kill_a_worker()
        cancels = self.chance.random() < 0.1
        if cancels and self.ask("POST", f"/jobs/{job_id}/cancel").status == 204:
            self.history.cancelled.append(job_id)
        return job_id

    def kill_a_worker(self) -> None:
        workers = self.server.workers()
        if workers:
            try:
                self.chance.choice(workers).kill()
                self.count("kills")
            except psutil.NoSuchProcess:
                pass

    def bring_to_an_end(self, jobs: list[str]) -> None:
        """Wait for jobs, read what came of them, and delete one now and then."""
        for job_id in jobs:
            state = self.final_state(job_id)
            result = None
            if state == "Completed":
                result = self.asked("GET", f"/jobs/{job_id}/results").text
            self.history.told.append((job_id, state, result))
            self.count(state.lower())
            if self.chance.random() < 0.03:
                answer = self.ask("DELETE", f"/jobs/{job_id}")
                assert answer.status in (204, 404), answer  # 404 if it was answered unheard
                self.history.deleted.append(job_id)
                assert self.ask("GET", f"/jobs/{job_id}").status == 404

    def final_state(self, job_id: str) -> str:
        begun = time.monotonic()
        while True:
            found = self.asked("GET", f"/jobs/{job_id}?exclude_params=true").json
            state = found["state"]["status"]
            if state in FINAL:
                return str(state)
            assert time.monotonic() - begun < _PATIENCE_SECONDS, f"it does not end: {found}"

    # -- requests --------------------------------------------------------------------------------

    def asked(self, method: str, path: str, body: Any = None) -> Answer:
        """Ask for something that there is."""
        answer = self.ask(method, path, body)
        assert answer.status in (200, 204), (method, path, answer)
        return answer

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Ask until there is an answer other than to come later."""
        headers["Service-CRN"] = self.instance
        begun = time.monotonic()
        while True:
            if self.server.up.wait(_PATIENCE_SECONDS):
                try:
                    answer = self.server.ask(method, path, body, **headers)
                except GONE:
                    self.count("broken connections")
                else:
                    if answer.status not in _TRY_LATER:
                        return answer
                    self.count(f"status {answer.status}")
            assert time.monotonic() - begun < _PATIENCE_SECONDS, f"no answer to {method} {path}"
            time.sleep(_LATER_SECONDS)

    def count(self, what: str) -> None:
        with self.mutex:
            self.counts[what] += 1
