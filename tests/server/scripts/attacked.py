"""A server with a token, to be attacked: prints its port, serves until its input ends."""

from __future__ import annotations

import logging
import sys

from qiskit_modes import Instance, Plan
from qiskit_modes.server import serve


def main() -> None:
    logging.basicConfig(stream=sys.stderr)
    instances = [Instance("lab", Plan("premium")), Instance("other", Plan("premium"))]
    with serve(backends=["ibm_manila"], instances=instances, token="sesame") as server:
        server.app_state.inspector.warm_up()
        print(server.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
