"""A table of the workers of a cluster, for ``qiskit-modes doctor --cluster``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from qiskit_modes.commands.common import FAILED, print_json, print_text

if TYPE_CHECKING:
    from rich.table import Table

    from qiskit_modes.runtime.workers.dask.checkup import WorkerReport
    from qiskit_modes.simulation.run.program import Program

__all__ = ["examine_cluster"]

_CLOSE_SECONDS = 5
"""How long the end of the connection is waited for."""

_SHOTS, _SEED = 2_000, 1
"""Of the job that every worker runs."""


def examine_cluster(address: str, bell: Callable[[], tuple[Any, Any]], *, as_json: bool) -> int:
    """Look at every worker of a cluster, print what was found, and return the exit code.

    Args:
        address: Of its scheduler, or ``"local:2"`` for one that is started for this.
        bell: Returns a small device, and what every worker is to execute for it.
        as_json: Whether it is for programs.

    Raises:
        ClusterError: If nothing answers there.
    """
    from qiskit_modes.runtime.workers.choose import client_at
    from qiskit_modes.runtime.workers.dask.checkup import check_up

    client, close = client_at(address)
    try:
        where = client.scheduler.address
        reports = check_up(client, _program(*bell()))
    finally:
        for end in (partial(client.close, _CLOSE_SECONDS), close):
            with suppress(Exception):  # it may be gone; what was found counts
                end()
    if as_json:
        print_json({"scheduler": where, "workers": [asdict(report) for report in reports]})
    else:
        print_text(_table(where, reports))
        print(_same_versions(reports), end="")
        for report in reports:
            if report.is_direct is False:
                print(
                    f"slow   {_name(report)}: its pieces go by way of the scheduler, which costs "
                    "10 ms of CPU each; it cannot be reached from here, or there are too many"
                )
            if report.problem is not None:
                print(f"FAILED {_name(report)}: {report.problem}")
            elif not report.keeps_memory:
                print(
                    f"slow   {_name(report)}: MALLOC_TRIM_THRESHOLD_ is small "
                    "there, which costs twice the CPU; unset it, or set it to a GB"
                )
        if not reports:
            print("FAILED the cluster has no workers")
    return 0 if reports and all(report.problem is None for report in reports) else FAILED


def _program(backend: Any, circuit: Any) -> Program:
    import numpy as np

    from qiskit_modes.simulation import Program, Run, compile_circuit

    compiled = compile_circuit(circuit, backend)
    run = Run(compiled.key, np.empty((1, 0)), _SHOTS)
    return Program({compiled.key: compiled}, (run,), _SEED)


def _table(where: str, reports: Sequence[WorkerReport]) -> Table:
    from rich import box
    from rich.table import Table

    title = f"{len(reports)} workers at {where}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    packages = [each for each, versions in _versions(reports).items() if len(versions) > 1]
    table.add_column("worker", no_wrap=True)
    for column in packages:
        table.add_column(column)
    for column in ("threads", "memory", "malloc", "round trip", "a job", "same bits"):
        table.add_column(column, justify="right")
    for report in reports:
        memory = f"{report.memory_bytes / 1e9:.1f} GB" if report.memory_bytes else "no limit"
        table.add_row(
            _name(report, "\n"),
            *(report.versions.get(package) or "none" for package in packages),
            str(report.threads),
            memory,
            _word(report.keeps_memory, "kept", "given back"),
            _milliseconds(report.round_trip_seconds),
            _milliseconds(report.job_seconds),
            _word(report.same_bits, "yes", "NO"),
        )
    return table


def _versions(reports: Sequence[WorkerReport]) -> dict[str, set[str]]:
    """Return which versions of each package there are."""
    packages = dict.fromkeys(package for report in reports for package in report.versions)
    return {each: {report.versions.get(each) or "none" for report in reports} for each in packages}


def _same_versions(reports: Sequence[WorkerReport]) -> str:
    """Return a line on packages of which all have the same: they need no column."""
    found = {each: versions for each, versions in _versions(reports).items() if len(versions) == 1}
    words = ", ".join(f"{package} {version}" for package, (version,) in found.items())
    return f"All have {words}.\n" if words else ""


def _name(report: WorkerReport, between: str = " at ") -> str:
    same = report.name == report.address  # as Dask names those to whom nobody gave one
    return report.name if same else f"{report.name}{between}{report.address}"


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:.1f} ms"


def _word(value: Any, yes: str, no: str) -> str:
    if value is None:
        return "-"
    return yes if value else no
