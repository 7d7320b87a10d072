"""Writes the dump of a store in the newest version: ``python -m tests.store.dump``.

Once a version was released its dump does not change any more.
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from qiskit_modes.store.migrations import revisions
from qiskit_modes.store.rows import HeadRow, JobRow, UsageRow, WorkloadRow
from qiskit_modes.store.sql_store import SqlStore

FACTS = {
    "mode": "job",
    "mode_reason": "a test says so",
    "primitive": "sampler",
    "backend": "fake_torino",
    "executions": 100,
    "estimated_seconds": 2.035,
    "max_execution_seconds": 10800.0,
    "times": {"settled": 3},
    "story": [[1, "Queued"], [3, "Finished"]],
}
WINDOWS = {"windows": [[2, 3]], "window_seconds": [0.5]}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.sqlite"
        store = SqlStore(f"sqlite:///{path}")
        with store.writing() as changes:
            changes.add_head(HeadRow("head", "host", 1, 0.5, True, 1, 2))
            changes.save_instance("lab", {"plan": {"name": "open"}})
            done = {"ending": "completed", "is_final": True, "ended_at": 3}
            row = {"head": "head", "instance": "lab", "qpu": "fake_torino", "program": "sampler"}
            changes.add_job(
                JobRow("done", **row, created_at=1, tags=("a", "b"), facts=FACTS, **done),
                {"params": "{}", "result": '{"answer": 42}'},
            )
            failed = {**done, "ending": "failed"}
            changes.add_job(JobRow("failed", **row, created_at=2, facts=FACTS, **failed), {})
            changes.add_job(JobRow("waiting", **row, created_at=3, facts=FACTS), {"params": "{}"})
            changes.keep_listed({"done": '{"id": "done"}'}, 1)
            changes.save_workload(
                WorkloadRow("session", "head", "lab", "fake_torino", "session", 1, 3, WINDOWS)
            )
            changes.charge([UsageRow("done", 0, "lab", 3, 1.25)])
            changes.charge([UsageRow("session", 0, "lab", 4, 0.5)])
            changes.add_secret("tokens", b"secret")
        store.close()
        with sqlite3.connect(path) as connection:
            lines = "\n".join(connection.iterdump())
        connection.close()
    target = Path(__file__).parent / "released" / f"{revisions()[-1]}.sql"
    target.parent.mkdir(exist_ok=True)
    target.write_text(lines + "\n")


if __name__ == "__main__":
    main()
