"""The report at the end: the jobs in a table, the energies, and what was shown."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qiskit_modes.demo.claims import Claim
from qiskit_modes.demo.hydrogen import BOND_LENGTH, exact_energy, noiseless_energy
from qiskit_modes.demo.live import STYLES
from qiskit_modes.demo.scene import Scene
from qiskit_modes.primitives.job import RuntimeJobV2

__all__ = ["print_introduction", "print_report"]

_USUAL_SHOTS = 4096
"""The service's default."""


def print_introduction(scene: Scene, console: Console) -> None:
    """Say what is going to be seen."""
    backend, settings = scene.backend, scene.settings
    console.print(
        "Two optimizers look for the ground state of H2, in two threads inside one session on "
        f"{backend.name} ({backend.num_qubits} qubits). Somebody else wants the same QPU for a "
        "Bell job in job mode, and has to wait until the session is closed. Each energy takes "
        f"{settings.shots:,} shots in each of two bases. Ctrl-C stops everything."
    )


def print_report(scene: Scene, claims: Sequence[Claim], console: Console) -> None:
    """Print the report of a scene that was played."""
    console.print(_jobs(scene))
    console.print(_energies(scene))
    console.print(_about_noise(scene))
    console.print(_about_workers(scene))
    console.print(_about_hardware(scene))
    console.print("\nWhat was shown, checked against the records of the run:")
    yes, no = ("+", "!") if console.options.ascii_only else ("✓", "✗")
    for claim in claims:
        console.print(_item(claim, yes, no))
    if not all(claim.held for claim in claims):
        console.print(f"The records contradict the sentences marked {no}. Please report this.")


def _jobs(scene: Scene) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("mode")
    for heading in ("jobs", "longest in the queue", "on the QPU", "charged"):
        table.add_column(heading, justify="right")
    for search in scene.searches:
        table.add_row(Text(search.name, STYLES[search.name]), *_figures(scene, search.jobs))
    if scene.session is not None:
        together = [job for search in scene.searches for job in search.jobs]
        usage = f"{scene.session.usage() or 0.0:.3f} s"
        name = Text("the session", STYLES["session"])
        table.add_row(name, *_figures(scene, together), usage)
    if scene.outsider.job is not None:
        usage = f"{scene.outsider.job.usage():.3f} s"
        name = Text(scene.outsider.name, STYLES[scene.outsider.name])
        table.add_row(name, *_figures(scene, [scene.outsider.job]), usage)
    return table


def _figures(scene: Scene, jobs: Sequence[RuntimeJobV2]) -> tuple[str, str, str, str]:
    """Return mode, number, longest time in the queue and time on the QPU of some jobs."""
    records = [scene.service.runtime.job(job.job_id()) for job in jobs]
    waited = [
        record.core.running_at - record.core.submitted_at
        for record in records
        if record is not None and record.core.running_at is not None
    ]
    return (
        jobs[0].mode if jobs else "",
        str(len(jobs)),
        f"{max(waited, default=0.0):.2f} s",
        f"{sum(job.usage() for job in jobs):.3f} s",
    )


def _energies(scene: Scene) -> Table:
    exact = exact_energy()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(f"H2 at {BOND_LENGTH} Å")
    for heading in ("lowest", "above exact", "without noise", "above exact"):
        table.add_column(heading, justify="right")
    for search in scene.searches:
        ideal = noiseless_energy(list(search.best_angles))
        table.add_row(
            Text(search.name, STYLES[search.name]),
            f"{search.best_energy:.4f} Ha",
            f"{1000 * (search.best_energy - exact):.1f} mHa",
            f"{ideal:.4f} Ha",
            f"{1000 * (ideal - exact):.1f} mHa",
        )
    table.add_row(Text("exact", "dim"), Text(f"{exact:.4f} Ha", "dim"))
    return table


def _about_noise(scene: Scene) -> str:
    best = min(scene.searches, key=lambda search: search.best_energy)
    ideal = noiseless_energy(list(best.best_angles))
    noise = 1000 * (best.best_energy - ideal)
    missed = 1000 * (ideal - exact_energy())
    return (
        f"On a perfect machine the circuit that {best.name} found would be {missed:.1f} mHa above "
        f"the exact energy; the other {noise:.1f} mHa are the noise of {scene.backend.name} and "
        "of the shots."
    )


def _about_workers(scene: Scene) -> str:
    totals = scene.service.runtime.workers.tally.totals()
    did = [
        f"{name} ({count}, {seconds:.1f} s)"
        for (name, step), (count, seconds) in sorted(totals.items())
        if step == "execute"
    ]
    return f"Who executed their programs, and how many: {', '.join(did)}."


def _about_hardware(scene: Scene) -> str:
    jobs = [job for search in scene.searches for job in search.jobs]
    advice = (
        f" Shots cost nothing here; there one would take fewer, such as --shots {_USUAL_SHOTS}."
        if scene.settings.shots > _USUAL_SHOTS
        else ""
    )
    seconds = sum(job.usage_estimation["quantum_seconds"] or 0.0 for job in jobs)
    return (
        f"On hardware, by IBM's quick formula, these jobs would take {_duration(seconds)} of QPU "
        f"time.{advice}"
    )


def _duration(seconds: float) -> str:
    """Return a time in words.

    Example:
        >>> _duration(5.4), _duration(90.0), _duration(7300.0)
        ('5 seconds', '1.5 minutes', '2.0 hours')
    """
    if seconds < 60:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.1f} minutes" if seconds < 3600 else f"{seconds / 3600:.1f} hours"


def _item(claim: Claim, yes: str, no: str) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(
        Text(yes, "green") if claim.held else Text(no, "bold red"),
        Text(claim.text),
    )
    return grid
