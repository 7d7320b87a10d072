"""``qiskit-modes doctor``: does everything work on this machine?"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from qiskit_modes.commands.common import (
    FAILED,
    Commands,
    add_json,
    cluster,
    find_cluster,
    make_output_robust,
    print_json,
)

__all__ = ["Check", "add", "bell"]

_PACKAGES = (
    "qiskit_modes",
    "qiskit",
    "qiskit-aer",
    "qiskit-ibm-runtime",
    "samplomatic",
    "numpy",
    "loky",
    "simpy",
    "plotly",
    "kaleido",
)

_SHOTS = 20_000
"""Of the noise check: enough to see an error of one percent."""


@dataclass(frozen=True)
class Check:
    """Result of one check."""

    name: str
    passed: bool
    detail: str


def add(commands: Commands) -> None:
    """Add the command to the command line."""
    doctor = commands.add_parser(
        "doctor",
        help="check the installation: versions, worker processes, noise, locks",
        description=(
            "Start a worker process, compare a noisy circuit with Aer's own simulation of the "
            "whole device, and check that the QPU is never shared and a session keeps others out. "
            "Takes about ten seconds. Exit code 1 if a check fails. With --cluster, look at the "
            "workers of a Dask cluster instead: their versions, threads and malloc, how long the "
            "way there and back takes, and one job on each."
        ),
        epilog="example: qiskit-modes doctor --json > doctor.json",
    )
    doctor.add_argument(
        "--cluster",
        type=cluster,
        metavar="ADDRESS",
        help="of a Dask scheduler, as tcp://head:8786; or local:N for N workers of this machine",
    )
    add_json(doctor)
    doctor.set_defaults(run=_doctor)


def _doctor(parsed: argparse.Namespace) -> int:
    make_output_robust()
    find_cluster(parsed.cluster)
    if parsed.cluster is not None:
        from qiskit_modes.commands.cluster_table import examine_cluster

        return examine_cluster(parsed.cluster, bell, as_json=parsed.json)
    facts = _facts()
    if not parsed.json:
        print("\n".join(f"{name:<20} {value}" for name, value in facts.items()), end="\n\n")
    checks = []
    for name, check in _CHECKS.items():
        checks.append(_examine(name, check))
        if not parsed.json:
            mark = "ok    " if checks[-1].passed else "FAILED"
            print(f"{mark} {name}: {checks[-1].detail}", flush=True)
    if parsed.json:
        print_json({"facts": facts, "checks": [asdict(check) for check in checks]})
    return 0 if all(check.passed for check in checks) else FAILED


def _facts() -> dict[str, str]:
    facts = {
        "Python": f"{platform.python_version()} on {platform.platform()}",
        "cores": str(os.cpu_count()),
    }
    for package in _PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    return facts


def _examine(name: str, check: Callable[[], tuple[bool, str]]) -> Check:
    try:
        passed, detail = check()
    except Exception as error:  # whatever it is, the other checks are still of use
        return Check(name, False, f"{type(error).__name__}: {error}")
    return Check(name, passed, detail)


def _imports() -> tuple[bool, str]:
    start = time.perf_counter()
    import qiskit_aer  # noqa: F401 - timed

    import qiskit_modes.service  # noqa: F401 - timed

    return True, f"Qiskit, Aer and the client in {time.perf_counter() - start:.1f} s"


def _worker() -> tuple[bool, str]:
    """Run a job in a worker process of its own."""
    from qiskit_modes import SamplerV2
    from qiskit_modes.runtime.local_runtime import LocalRuntime
    from qiskit_modes.runtime.shared_runtime import use_runtime

    start = time.perf_counter()
    with LocalRuntime() as runtime, use_runtime(runtime):
        backend, circuit = bell()
        sampler = SamplerV2(backend)
        sampler.run([circuit], shots=10).result()
        first = time.perf_counter() - start
        start = time.perf_counter()
        sampler.run([circuit], shots=10).result()
        again = time.perf_counter() - start
    return True, f"first result after {first:.1f} s, the next one after {again * 1e3:.1f} ms"


def _noise() -> tuple[bool, str]:
    """Compare a noisy distribution with Aer's, of the whole device."""
    from qiskit_aer import AerSimulator

    from qiskit_modes import SamplerV2

    backend, circuit = bell()
    sampler = SamplerV2(backend, options={"simulator": {"seed_simulator": 1}})
    ours = sampler.run([circuit], shots=_SHOTS).result()[0].data.meas.get_counts()
    simulator = AerSimulator.from_backend(backend, seed_simulator=2)
    theirs = simulator.run(circuit, shots=_SHOTS).result().get_counts()
    outcomes = set(ours) | set(theirs)
    distance = sum(abs(ours.get(o, 0) - theirs.get(o, 0)) for o in outcomes) / (2 * _SHOTS)
    # About three times what two samples of one distribution differ by on average.
    most = 1.6 * (len(outcomes) / (2 * _SHOTS)) ** 0.5
    wrong = 1 - (ours.get("00", 0) + ours.get("11", 0)) / _SHOTS
    return (
        distance < most and wrong > 0,
        (
            f"a Bell pair on {backend.name} goes wrong in {wrong:.1%} of {_SHOTS:,} shots; the "
            f"distance from Aer's counts is {distance:.4f}, chance allows {most:.4f}"
        ),
    )


def _locks() -> tuple[bool, str]:
    """Have a session, a batch and a job compete for a QPU, and look at the records."""
    from qiskit_modes import Batch, SamplerV2, Session, record
    from qiskit_modes.runtime.local_runtime import LocalRuntime
    from qiskit_modes.runtime.shared_runtime import use_runtime

    backend, circuit = bell()
    with LocalRuntime() as runtime, use_runtime(runtime), record() as recorder:
        with Session(backend) as session:
            inside = SamplerV2(mode=session)
            inside.run([circuit]).result()
            batch = Batch(backend)
            outside = [SamplerV2(mode=batch).run([circuit]) for _ in range(6)]
            for _ in range(5):
                inside.run([circuit]).result()
        batch.close()
        for job in outside:
            job.result()
    jobs = recorder.recording().jobs
    holds = sorted((job.executing_at or 0.0, job.released_at or 0.0) for job in jobs)
    apart = all(end <= start for (_, end), (start, _) in itertools.pairwise(holds))
    closed = recorder.recording().workload(1).windows[0][1] or 0.0
    kept_out = all((job.running_at or 0.0) >= closed for job in jobs if job.workload == 2)
    return (
        apart and kept_out and len(jobs) == 12,
        (
            f"{len(jobs)} jobs had the QPU one at a time, and {len(outside)} of them waited until "
            "the session was closed"
        ),
    )


def bell() -> tuple[Any, Any]:
    """Return a small device, and a Bell pair that it can execute."""
    from qiskit import QuantumCircuit, generate_preset_pass_manager

    from qiskit_modes.service import LocalService

    backend = LocalService().backend("fake_manila")
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    passes = generate_preset_pass_manager(1, backend=backend, seed_transpiler=1)
    return backend, passes.run(bell)


def _pictures() -> tuple[bool, str]:
    try:
        import plotly  # noqa: F401 - whether it is there
    except ImportError:
        return True, "plotly is not installed; `pip install qiskit_modes[visualization]` adds it"
    return True, "plotly is installed; HTML files can be written"


_CHECKS: dict[str, Callable[[], tuple[bool, str]]] = {
    "imports": _imports,
    "worker process": _worker,
    "noise": _noise,
    "locks": _locks,
    "pictures": _pictures,
}
