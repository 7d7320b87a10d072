"""``qiskit-modes run``: a program for the service, unchanged, on a private one."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from qiskit_modes.commands.arguments import add_service_arguments
from qiskit_modes.commands.common import Commands, find_cluster, tell
from qiskit_modes.commands.terminating import REQUESTS, handling, wait_for_program

if TYPE_CHECKING:
    from qiskit_modes.planning.recording.recorder import Recorder
    from qiskit_modes.server.usage_report import Row

__all__ = ["add"]

_NOT_FOUND = 127
"""What shells report for a program that there is not."""


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "run",
        help="run a program for the service, unchanged, on this machine",
        description=(
            "Start a private service, run a program that is written for IBM's service, and tell "
            "what its workloads did. Nothing leaves this machine: accounts that the program writes "
            "down or has saved are led to the private service, other connections are stopped. "
            "Needs the extra `server`."
        ),
        epilog="example: qiskit-modes run --qpu ibm_torino python my_vqe.py. Its options stand "
        "before the program; the exit code is the program's.",
    )
    add_service_arguments(parser)
    parser.add_argument(
        "--record",
        metavar="FILE",
        help="record the run, for `compare` and `timeline`, and tell what each mode would cost",
    )
    parser.add_argument(
        "program", nargs=argparse.REMAINDER, metavar="PROGRAM ...", help="and its arguments"
    )
    parser.set_defaults(run=_run)


def _run(parsed: argparse.Namespace) -> int:
    command = [part for index, part in enumerate(parsed.program) if index or part != "--"]
    if command and command[0].endswith(".py"):
        command.insert(0, sys.executable)
    if not command or shutil.which(command[0]) is None:
        print(
            f"qiskit-modes: error: there is no program {command[0]!r}"
            if command
            else "qiskit-modes: error: which program? For example: qiskit-modes run python my.py",
            file=sys.stderr,
        )
        return _NOT_FOUND
    find_cluster()

    from qiskit_modes.planning.recording.recorder import record_and_tell
    from qiskit_modes.server.isolation.isolation import check_command, isolated
    from qiskit_modes.server.serving import serve
    from qiskit_modes.server.usage_report import UsageReport

    check_command(command)
    report = UsageReport()
    with serve(
        backends=parsed.qpu,
        plan=parsed.plan,
        lanes=parsed.lanes,
        seed=parsed.seed,
        on_job=report.job,
        alone=False,
    ) as server:
        server.warm_up()
        runtime = server.platform.runtime
        with (
            isolated(server, _Refusals()) as environment,
            record_and_tell(parsed.record, tell, runtime=runtime, one_user=True)
            if parsed.record is not None
            else nullcontext() as recorder,
        ):
            code = _execute(command, environment)
        rows = report.rows(runtime)
    sys.stdout.flush()
    print(_report(rows), file=sys.stderr)
    if recorder is not None and recorder.recording().jobs:
        print(_charges(recorder), file=sys.stderr)
    return code


def _charges(recorder: Recorder) -> str:
    """Return what hardware would have charged in each mode."""
    from qiskit_modes.planning.compare.compare import compare_modes

    outcomes = compare_modes(recorder.recording(), seeds=1).outcomes
    charges = [
        f"{each.mode.value} {each.charged.median:.1f} s"
        for each in outcomes
        if each.charged is not None
    ]
    return (
        "qiskit-modes run: hardware would charge, by IBM's published formula and with nobody else "
        f"there: {', '.join(charges)}"
    )


class _Refusals:
    """Says once of each machine that it was not connected with."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, host: str) -> None:
        if host not in self._told:
            self._told.add(host)
            print(
                f"qiskit-modes run: stopped a connection to {host}: nothing leaves this machine",
                file=sys.stderr,
            )


def _execute(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program and return its exit code; Ctrl-C and requests to end are its affair."""
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _: object) -> None:
        if process is None:
            early.append(number)
        elif number != signal.SIGINT:  # the terminal sends Ctrl-C to the program too
            process.send_signal(number)

    # No handler raises meanwhile: what is raised as the program ends makes Python lose its code.
    with handling(pass_on, [*REQUESTS, signal.SIGINT]):
        process = subprocess.Popen(command, env=dict(environment))  # noqa: S603 - its purpose
        with process:
            for number in early:
                process.send_signal(number)
            code = wait_for_program(process)
    return code if code >= 0 else 128 - code  # as shells say that a signal has ended it


def _report(rows: list[Row]) -> str:
    """Return what the workloads did, as a table of text."""
    if not rows:
        return (
            "qiskit-modes run: the program submitted no jobs and opened no sessions at the "
            "service. One that uses qiskit_modes itself does not need `run`: `python SCRIPT` runs "
            "it, and `qiskit-modes record FILE SCRIPT` records it"
        )
    head = ("mode", "workload", "jobs", "done", "QPU time", "session time", "usage")
    lines = [
        (
            row.mode,
            row.id,
            str(row.jobs),
            str(row.done),
            f"{row.qpu_seconds:.3f} s",
            "" if row.session_seconds is None else f"{row.session_seconds:.3f} s",
            f"{row.usage_seconds:.3f} s",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    table = [
        "  ".join(
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in (head, *lines)
    ]
    return "\n".join(["qiskit-modes run: what ran on this machine, and on no other", *table])
