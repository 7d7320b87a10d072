"""Draw the pictures of the three modes: ``python docs/pictures/draw.py``. Needs Chrome."""

import logging
from pathlib import Path

from qiskit import QuantumCircuit
from qiskit_ibm_runtime.fake_provider import FakeTorino

from qiskit_modes import Batch, SamplerV2, Session, record
from qiskit_modes.planning import draw_timeline
from qiskit_modes.testing import Scenario

HERE = Path(__file__).parent

TITLES = {
    "job": "Job mode: the QPU is yours only while a job executes",
    "batch": "A batch: jobs are compiled side by side, and packed on the QPU",
    "session": "A session: the QPU is yours alone, from the first job to the close",
}


def in_job_mode(scenario, backend, circuit):
    """Three jobs, each after the result of the one before; others come between."""
    others = scenario.tenant("somebody else", backend)
    for at in (1, 8, 12, 22, 27):
        others.job(at=at, compile_time=2, quantum_time=5, post_process_time=1)
    for _ in range(3):
        SamplerV2(backend).run([circuit]).result()
        scenario.clock.advance(2)


def in_a_batch(scenario, backend, circuit):
    """Eight jobs at once; somebody else's are in two of the lanes."""
    others = scenario.tenant("somebody else", backend)
    for at in (0, 1):
        others.job(at=at, compile_time=3, quantum_time=4)
    scenario.clock.advance(2)
    with Batch(backend):
        jobs = [SamplerV2().run([circuit]) for _ in range(8)]
    for job in jobs:
        job.wait_for_final_state()


def in_a_session(scenario, backend, circuit):
    """Four jobs, each after the result of the one before; others wait until it is closed."""
    others = scenario.tenant("somebody else", backend)
    for at in (0, 9, 12):
        others.job(at=at, compile_time=3, quantum_time=4)
    scenario.clock.advance(1)
    with Session(backend):
        for number in range(4):
            SamplerV2().run([circuit]).result()
            if number < 3:
                scenario.clock.advance(4)
    scenario.clock.advance(20)


def main():
    """Write a picture of each mode beside this file."""
    logging.getLogger("qiskit_modes").setLevel(logging.ERROR)
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    backend = FakeTorino()
    plays = {"job": in_job_mode, "batch": in_a_batch, "session": in_a_session}
    for mode, play in plays.items():
        with Scenario(compile_time=6, quantum_time=3, post_process_time=2) as scenario:
            with record() as recorder:
                play(scenario, backend, circuit)
            recording = recorder.recording()
        draw_timeline(recording, title=TITLES[mode], save=HERE / f"{mode}.svg")


if __name__ == "__main__":
    main()
