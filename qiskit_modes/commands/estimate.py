"""``qiskit-modes estimate``: what hardware would charge for a circuit."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qiskit_modes.commands.common import (
    Commands,
    add_json,
    positive,
    print_json,
    print_text,
    seconds,
    whole,
)

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    estimate = commands.add_parser(
        "estimate",
        help="what hardware would charge for a circuit, as job, batch and session",
        description=(
            "Estimate the usage of a job by IBM's published formula, with the durations of the "
            "backend. The circuit is transpiled if it needs to be. In Python: "
            "qiskit_modes.estimate_usage."
        ),
        epilog="example: qiskit-modes estimate bell.qasm --backend ibm_torino --shots 10000",
    )
    estimate.add_argument("file", metavar="FILE", help="circuits: .qasm (OpenQASM 2 or 3) or .qpy")
    estimate.add_argument(
        "--backend",
        default="ibm_torino",
        metavar="NAME",
        help="see `qiskit-modes backends` (default: %(default)s)",
    )
    estimate.add_argument(
        "--shots", type=whole(1, 100_000_000), metavar="N", help="of a sampler (default: 4096)"
    )
    estimate.add_argument(
        "--observable",
        metavar="PAULIS",
        help="for an estimator: Pauli terms such as ZZ,XX,IY; coefficients do not matter",
    )
    estimate.add_argument(
        "--precision", type=positive, metavar="X", help="of an estimator (default: 0.015625)"
    )
    estimate.add_argument(
        "--resilience-level",
        type=whole(0, 2),
        metavar="N",
        help="of an estimator: 0, 1 or 2 (default: the primitive's)",
    )
    estimate.add_argument(
        "--pauli-propagation",
        type=whole(1, 1_000_000_000),
        metavar="TERMS",
        help=(
            "for an estimator of resilience level 0: simulate by Pauli propagation with so many "
            "terms at most, an approximation (simulator.pauli_propagation_max_terms)"
        ),
    )
    estimate.add_argument(
        "--jobs",
        type=whole(1, 1_000_000),
        default=1,
        metavar="N",
        help="how many such jobs, one after another (default: %(default)s)",
    )
    estimate.add_argument(
        "--thinking-time",
        type=seconds,
        default=0.0,
        metavar="TIME",
        help="between a result and the next job, such as 2, 2s or 1m (default: %(default)g s)",
    )
    estimate.add_argument(
        "--classical-time",
        type=seconds,
        default=0.0,
        metavar="TIME",
        help="for which the service compiles and post-processes each job (default: %(default)g s)",
    )
    add_json(estimate)
    estimate.set_defaults(run=_estimate)


def _estimate(parsed: argparse.Namespace) -> int:
    from qiskit_modes.planning.estimate.estimate import estimate_usage
    from qiskit_modes.service import LocalService

    backend = LocalService().backend(parsed.backend)
    circuits = _read(Path(parsed.file))
    options: dict[str, Any] = {}
    if parsed.resilience_level is not None:
        options["resilience_level"] = parsed.resilience_level
    if parsed.pauli_propagation is not None:
        options["simulator"] = {"pauli_propagation_max_terms": parsed.pauli_propagation}
    given: dict[str, Any] = {
        "primitive": "sampler" if parsed.observable is None else "estimator",
        "shots": parsed.shots,
        "precision": parsed.precision,
    }
    pubs = [_pub(circuit, backend, parsed.observable) for circuit in circuits]
    estimate = estimate_usage(
        pubs,
        backend,
        options or None,
        **given,
        jobs=parsed.jobs,
        classical_time=parsed.classical_time,
        thinking_time=parsed.thinking_time,
    )
    here, text = _simulated(pubs, backend, options or None, given)
    if parsed.json:
        return print_json({**estimate.to_dict(), "simulation": here})
    return print_text(f"{estimate}\n{text}")


def _simulated(
    pubs: list[Any], backend: Any, options: Any, given: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """Return what it takes to simulate one job here, as data and in words."""
    from qiskit_modes.exceptions import SimulationTooLargeError
    from qiskit_modes.planning.estimate.simulation import estimate_simulation

    try:
        found = estimate_simulation(pubs, backend, options, **given)
    except SimulationTooLargeError as error:
        return {"refused": error.message}, f"Simulated here: not possible. {error.message}"
    return asdict(found), f"Simulated here: one job takes {found}."


def _read(path: Path) -> list[Any]:
    from qiskit import qpy
    from qiskit.exceptions import QiskitError

    from qiskit_modes.exceptions import InvalidInputError

    try:
        if path.suffix.lower() == ".qpy":
            with path.open("rb") as file:
                return list(qpy.load(file))
        return [_from_qasm(path.read_text(encoding="utf-8"))]
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror or error}") from error
    except (QiskitError, ValueError) as error:
        text = getattr(error, "message", None) or str(error)
        raise InvalidInputError(f"{path} holds no circuit that can be read: {text}") from error


def _from_qasm(text: str) -> Any:
    from qiskit import QuantumCircuit, qasm3

    from qiskit_modes.exceptions import InvalidInputError

    if "OPENQASM 3" not in text:
        return QuantumCircuit.from_qasm_str(text)
    try:
        return qasm3.loads(text)
    except ImportError as error:
        raise InvalidInputError(
            "reading OpenQASM 3 needs `pip install qiskit_qasm3_import`; a .qpy file needs nothing"
        ) from error


def _pub(circuit: Any, backend: Any, observable: str | None) -> tuple[Any, ...]:
    """Return a PUB of a circuit; of parameters any values do, since none changes the time."""
    from qiskit import generate_preset_pass_manager
    from qiskit.quantum_info import SparsePauliOp

    if observable is None and not circuit.num_clbits:
        circuit = circuit.measure_all(inplace=False)
    passes = generate_preset_pass_manager(1, backend=backend, seed_transpiler=0)
    isa = passes.run(circuit)
    values = [0.1] * isa.num_parameters
    if observable is None:
        return (isa, values)
    terms = _terms(observable, circuit.num_qubits)
    return (isa, SparsePauliOp(terms).apply_layout(isa.layout), values)


def _terms(observable: str, qubits: int) -> list[str]:
    from qiskit_modes.exceptions import InvalidInputError

    terms = [term.strip().upper() for term in observable.split(",")]
    for term in terms:
        if not term or set(term) - set("IXYZ"):
            raise InvalidInputError(
                f"--observable must be Pauli terms of the letters I, X, Y and Z, such as ZZ,XX, "
                f"not {term!r}"
            )
        if len(term) != qubits:
            raise InvalidInputError(
                f"--observable has the term {term} with {len(term)} letters, and the circuit has "
                f"{qubits} qubits; write a letter for each qubit, the last one for qubit 0"
            )
    return terms
