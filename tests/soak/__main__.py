"""``python -m tests.soak --minutes 30``: let a server be used and killed, and check what is there.

Prints a line a minute, and what is wrong in the end; exit code 1 if something is.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak.soak import soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--restarts", type=int, default=10, help="default: %(default)s")
    parser.add_argument(
        "--kills", type=float, default=0.01, help="workers killed for a job (default: %(default)s)"
    )
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qiskit_modes_soak_") as folder:
        found = soak(
            Path(folder),
            minutes=parsed.minutes,
            seed=parsed.seed,
            restarts=parsed.restarts,
            kills=parsed.kills,
            tell=lambda line: print(line, flush=True),
        )
    print(f"restarts: {dict(found.restarts)}; met: {dict(found.counts)}")
    wrong = found.wrong()
    for sentence in wrong:
        print(f"WRONG: {sentence}")
    print(f"{len(wrong)} things are wrong" if wrong else "everything is as it was told")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
