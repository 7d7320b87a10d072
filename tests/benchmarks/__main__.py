"""``python -m tests.benchmarks [ROW ...]``: measure, and print the table of docs/performance.md."""

import argparse
import os
import platform
import time
from importlib.metadata import version

from tests.benchmarks.rows import ROWS, quiet


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="which rows; all by default")
    names = parser.parse_args().rows or list(ROWS)
    packages = ("qiskit", "qiskit-aer", "qiskit-ibm-runtime")
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, "
        + ", ".join(f"{package} {version(package)}" for package in packages)
        + "\n"
    )
    print("| # | what | measured | target | | |")
    print("| --- | --- | --- | --- | --- | --- |")
    start = time.perf_counter()
    for name in names:
        for row in quiet(ROWS[name]):
            mark = {True: "met", False: "**missed**", None: ""}[row.met]
            cells = (row.id, row.what, row.measured, row.target, mark, row.detail)
            print("| " + " | ".join(cells) + " |", flush=True)
    print(f"\nMeasured in {time.perf_counter() - start:.0f} s.")


if __name__ == "__main__":
    main()
