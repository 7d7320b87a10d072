"""A server to be attacked: prints its port and two tokens, serves until its input ends.

The argument is how many files its process may have open.

Who attacks with a token has the one of ``lab``, which has two thousand jobs; ``other`` is served.
"""

from __future__ import annotations

import logging
import resource
import sys
import tempfile
from pathlib import Path

from qiskit_modes import Instance, Plan
from qiskit_modes.server import serve
from qiskit_modes.store.rows import JobRow
from qiskit_modes.store.sql_store import SqlStore
from qiskit_modes.store.tokens import StoredTokens
from tests.store.dump import FACTS

JOBS = 2_000
SECONDS = {"plan": {}, "allocation_seconds": None, "limit_seconds": None}


def fill(url: str) -> list[str]:
    store = SqlStore(url)
    ended = {"ending": "completed", "is_final": True, "facts": FACTS}
    with store.writing() as changes:
        changes.save_instance("lab", SECONDS)
        for number in range(JOBS):
            row = JobRow(
                f"job-{number}",
                "head",
                "lab",
                "fake_manila",
                "sampler",
                number,
                ended_at=number,
                tags=("a", "b"),
                **ended,
            )
            changes.add_job(row, {"params": "{}", "result": "{}"})
    keys = [StoredTokens(store).create([name])[0] for name in ("lab", "other")]
    store.close()
    return keys


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), most))
    logging.basicConfig(stream=sys.stderr)
    instances = [Instance("lab", Plan("premium")), Instance("other", Plan("premium"))]
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'jobs.sqlite'}"
        keys = fill(url)
        with serve(backends=["ibm_manila"], instances=instances, store=url) as server:
            server.app_state.inspector.warm_up()
            print(server.port, *keys, flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    main()
