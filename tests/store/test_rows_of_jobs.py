"""A job goes on while its row is written; what is written is of one moment."""

import json

import pytest
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_modes import LocalService, SamplerV2
from qiskit_modes.runtime.keeping.job_rows import Calendar, job_row, new_texts, work_of
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.workers.worker_process import Work
from qiskit_modes.testing import Scenario


def test_a_job_that_ends_while_its_submission_is_written():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with Scenario(autojump=False, quantum_time=100) as scenario:
        job = SamplerV2(AerSimulator()).run([circuit])._record
        calendar = Calendar(scenario.clock)
        row = job_row(job, "head", calendar)
        job.params_text = "{}"
        scenario.clock.advance(200)  # between the row and its texts
        job.result_text = "[]"
        assert (row.ending, job.status) == ("unfinished", "DONE")
        assert new_texts(job, row, is_new=True) == {"params": "{}"}
        ended = job_row(job, "head", calendar)
        assert new_texts(job, ended, is_new=False) == {"result": "[]"}
        assert json.dumps(ended.facts)


def test_who_did_what_is_kept():
    with Scenario() as scenario:
        circuit = QuantumCircuit(1, 1)
        circuit.measure(0, 0)
        job = SamplerV2(AerSimulator()).run([circuit])
        job.result()
        record, calendar = job._record, Calendar(scenario.clock)
        now = scenario.clock.now()
        record.work = [
            Work("worker 1", now, now + 2, "compile"),
            Work("worker 2", now + 2, now + 5),
            Work("worker 1", now + 2, now + 3),
        ]
        facts = json.loads(json.dumps(job_row(record, "head", calendar).facts))
        kept = list(work_of(facts, calendar))
    assert [(each.worker, each.step) for each in kept] == [
        ("worker 2", "execute"),
        ("worker 1", "execute"),
        ("worker 1", "compile"),
    ]
    assert [each.stopped - each.started for each in kept] == pytest.approx([3, 1, 2])


@pytest.mark.parametrize("private", [False, True])
def test_a_short_result_is_read_from_memory_until_the_inputs_go(tmp_path, private):
    """What was just run is likely to be read in a moment; a private one is not kept twice."""
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with LocalRuntime(store=tmp_path / "jobs.sqlite") as runtime:
        sampler = SamplerV2(LocalService(runtime=runtime).backend("fake_manila"))
        sampler.options.environment.private = private
        job = sampler.run([circuit], shots=9)
        job.wait_for_final_state()
        record = job._record
        assert (record.result_text is None) == private
        kept = None if private else runtime.archive.read(record.id, "result")
        assert record.result_text == kept
        record.drop_inputs()
        assert record.result_text is None
        assert job.result()[0].data.c.num_shots == 9


def test_a_result_that_is_not_in_the_store_yet_stays_in_memory():
    """Also when the inputs go: whoever drops them does not know how far the writing is."""
    with Scenario() as scenario:
        circuit = QuantumCircuit(1, 1)
        circuit.measure(0, 0)
        job = SamplerV2(LocalService(runtime=scenario.runtime).backend("fake_manila")).run(
            [circuit]
        )
        job.wait_for_final_state()
        job._record.result_text = "the only one"
        job._record.drop_inputs()
        assert job._record.result_text == "the only one"
