"""Draw the pictures of the page on modes: one workload in each mode, on a clock that is exact.

``python docs/make_pictures.py`` writes ``docs/pictures``; it needs the extra ``visualization`` and
Chromium, which a build of the documentation does not.
"""

from pathlib import Path

from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_modes import Batch, LocalService, SamplerV2, Session
from qiskit_modes.testing import Scenario

PICTURES = Path(__file__).parent / "pictures"

CIRCUIT = QuantumCircuit(1, 1)
CIRCUIT.measure(0, 0)

STEPS = {"compile_time": 4, "quantum_time": 2, "post_process_time": 2}
"""Seconds that the steps of each job last: long to compile, short on the QPU."""


class Machine(AerSimulator):
    """A QPU with a name of its own."""

    def __init__(self):
        super().__init__()
        self.name = "a QPU"


def save(figure, name):
    """Write a picture, wide and flat, for a page."""
    figure.update_layout(width=900)
    figure.write_image(PICTURES / f"{name}.svg")


def job_by_job(backend):
    """Four jobs in job mode, each submitted when the one before has ended, beside a neighbour."""
    with Scenario(**STEPS) as scenario:
        for at in (3, 11):
            scenario.tenant("neighbour", backend).job(at=at, **STEPS)
        for _ in range(4):
            SamplerV2(backend).run([CIRCUIT]).result()
        save(LocalService().draw(title="Job mode: one job after another"), "job")


def batch(backend):
    """Eight jobs in a batch: compiled side by side, executed back to back."""
    with Scenario(**STEPS) as scenario, Batch(backend) as batch:
        scenario.tenant("neighbour", backend).job(at=1, **STEPS)
        jobs = [SamplerV2().run([CIRCUIT]) for _ in range(8)]
        batch.close()
        for job in jobs:
            job.result()
        scenario.clock.advance(8)
        save(batch.draw(title="Batch mode: eight jobs at once"), "batch")


def session(backend):
    """Four jobs in a session, each made of the result before it; a neighbour waits outside."""
    with Scenario(**STEPS) as scenario:
        with Session(backend) as session:
            scenario.tenant("neighbour", backend).job(at=5, **STEPS)
            for number in range(4):
                if number:
                    scenario.clock.advance(1.5)  # the optimizer thinks
                SamplerV2().run([CIRCUIT]).result()
        scenario.clock.advance(9)
        save(session.draw(title="Session mode: four jobs, nobody between them"), "session")


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for draw in (job_by_job, batch, session):
        draw(Machine())
