"""``qiskit-modes backends``: which fake backends there are."""

from __future__ import annotations

import argparse
from statistics import median
from typing import Any

from qiskit_modes.commands.common import Commands, add_json, print_json, print_text, whole

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    backends = commands.add_parser(
        "backends",
        help="list the backends that can be used by their names",
        description=(
            "List the fake backends with their sizes, the gate that joins two qubits, and the "
            "medians of its error and of the readout error. Each stands for a machine: fake_torino "
            "for ibm_torino, which is understood too."
        ),
        epilog="example: qiskit-modes backends --min-qubits 100",
    )
    backends.add_argument(
        "--min-qubits",
        type=whole(1, 10_000),
        default=1,
        metavar="N",
        help="only those with at least so many qubits",
    )
    add_json(backends)
    backends.set_defaults(run=_backends)


def _backends(parsed: argparse.Namespace) -> int:
    from qiskit_modes.service import LocalService

    found = LocalService().backends(min_num_qubits=parsed.min_qubits)
    rows = [_facts(backend) for backend in sorted(found, key=lambda b: (b.num_qubits, b.name))]
    if parsed.json:
        return print_json({"backends": rows})
    if not rows:
        return print_text(f"No backend has {parsed.min_qubits} qubits or more.")
    print_text(_table(rows))
    if any(row["two_qubit_gates_fail"] for row in rows):
        print_text(f"{_MARK} Its calibration data say that all of its two-qubit gates fail.")
    return 0


_MARK = "(!)"


def _facts(backend: Any) -> dict[str, Any]:
    target = backend.target
    joining = [name for name in ("cz", "ecr", "cx") if name in target.operation_names]
    errors = _errors(target, joining[0]) if joining else []
    readout = _errors(target, "measure")
    return {
        "name": backend.name,
        "qubits": backend.num_qubits,
        "two_qubit_gate": joining[0] if joining else None,
        "two_qubit_error": median(errors) if errors else None,
        "two_qubit_gates_fail": bool(errors) and min(errors) >= 1,
        "readout_error": median(readout) if readout else None,
        "rep_delay_seconds": getattr(backend, "default_rep_delay", None),
    }


def _errors(target: Any, name: str) -> list[float]:
    known = [each.error for each in target[name].values() if each is not None]
    return [error for error in known if error is not None]


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(("name", "qubits", "gate", "its error", "readout error")):
        table.add_column(heading, justify="right" if number else "left")
    for row in rows:
        errors = (row["two_qubit_error"], row["readout_error"])
        percent = ["" if each is None else f"{each:.2%}" for each in errors]
        percent[0] += f" {_MARK}" if row["two_qubit_gates_fail"] else ""
        table.add_row(row["name"], str(row["qubits"]), row["two_qubit_gate"] or "", *percent)
    return table
