"""The program "executor": read in every version of the schema, and answered in kind."""

from __future__ import annotations

import base64
import json
import zlib

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import QuantumProgram
from qiskit_ibm_runtime.decoders.defaults import DEFAULT_DECODERS
from qiskit_ibm_runtime.options_models import ExecutorOptions
from qiskit_ibm_runtime.quantum_program.params_converters import QUANTUM_PROGRAM_PARAMS_CONVERTERS
from samplomatic import Twirl, build
from samplomatic.transpiler import generate_boxing_pass_manager

from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.wire import ApiError, Platform
from qiskit_modes.wire.programs.executor_program import SCHEMA_VERSIONS, read_executor_params


def decode(text):
    """What the client makes of an answer first."""
    decoders = DEFAULT_DECODERS["executor"]
    return (decoders[0] if isinstance(decoders, list) else decoders).decode(text)


def params_of(program, version="v2.0", options=None):
    encoded = QUANTUM_PROGRAM_PARAMS_CONVERTERS[version].encoder(
        program, options or ExecutorOptions()
    )
    return encoded.model_dump(mode="json")


@pytest.fixture
def program(bell):
    program = QuantumProgram(shots=50, passthrough_data={"mine": [1, np.arange(3.0)]})
    program.append_circuit_item(bell)
    return program


@pytest.fixture(scope="module")
def ideal():
    """An ideal machine that executes."""
    from qiskit_aer import AerSimulator

    with LocalRuntime() as runtime:
        yield Platform(runtime, backends={"ideal": AerSimulator()}).api()


def test_the_converters_are_where_they_were():
    assert set(SCHEMA_VERSIONS) <= set(QUANTUM_PROGRAM_PARAMS_CONVERTERS), (
        "qiskit-ibm-runtime has dropped a version of the executor's schema"
    )
    newest = max(QUANTUM_PROGRAM_PARAMS_CONVERTERS)
    assert newest in SCHEMA_VERSIONS, f"qiskit-ibm-runtime sends {newest}, which is not read here"


def test_what_reads_annotations_is_where_it_was():
    from ibm_quantum_schemas.common import qpy as schemas

    assert "samplomatic" in getattr(schemas, "ANNOTATION_FACTORIES", {}), (
        "ibm-quantum-schemas has moved what server/guard/circuit_reader.py reads annotations with: "
        "no circuit could be tried out before it is read"
    )


@pytest.mark.parametrize("version", SCHEMA_VERSIONS)
def test_the_answer_is_in_the_version_of_the_request(api, program, version):
    params = params_of(program, version)
    job_id = api.submit_job("executor", params, backend="ibm_manila")["id"]
    assert api.wait_for_job(job_id)
    text = api.job_results(job_id)
    answer = json.loads(text)
    assert answer["schema_version"] == version
    assert answer["passthrough_data"] == params["quantum_program"]["passthrough_data"]
    result = decode(text)
    assert result[0]["meas"].shape == (50, 2)
    assert not result[0]["meas"].any()
    np.testing.assert_array_equal(result.passthrough_data["mine"][1], np.arange(3.0))
    (span,) = result.metadata.chunk_timing
    assert (span.stop - span.start).total_seconds() == 1.0
    assert [(part.idx_item, part.size) for part in span.parts] == [(0, 1)]


@pytest.mark.parametrize("version", SCHEMA_VERSIONS)
def test_bits_come_in_the_right_order(ideal, version):
    circuit = QuantumCircuit(3, 3)
    circuit.x(1)
    circuit.measure([0, 1, 2], [0, 1, 2])
    program = QuantumProgram(shots=11)
    program.append_circuit_item(circuit)
    job_id = ideal.submit_job("executor", params_of(program, version), backend="ideal")["id"]
    ideal.wait_for_job(job_id)
    bits = decode(ideal.job_results(job_id))[0]["c"]
    np.testing.assert_array_equal(bits, np.tile([False, True, False], (11, 1)))


def test_a_samplex_with_its_arguments_and_outputs(ideal):
    circuit = QuantumCircuit(2)
    with circuit.box([Twirl()]):
        circuit.x(0)
        circuit.cx(0, 1)
    circuit.measure_all()
    boxed = generate_boxing_pass_manager(
        enable_gates=False, enable_measures=True, measure_annotations="twirl"
    ).run(circuit)
    template, samplex = build(boxed)
    program = QuantumProgram(shots=5)
    program.append_samplex_item(template, samplex=samplex, shape=(4,))
    job_id = ideal.submit_job("executor", params_of(program), backend="ideal")["id"]
    ideal.wait_for_job(job_id)
    item = decode(ideal.job_results(job_id))[0]
    flips = item["measurement_flips.meas"]
    assert item["meas"].shape == (4, 5, 2)
    assert np.all(item["meas"] ^ flips)


def test_the_same_seed_wherever_the_client_puts_it(ideal):
    circuit = QuantumCircuit(8)
    circuit.h(range(8))
    circuit.measure_all()

    def bits(params):
        job_id = ideal.submit_job("executor", params, backend="ideal")["id"]
        ideal.wait_for_job(job_id)
        return decode(ideal.job_results(job_id))[0]["meas"].tolist()

    program = QuantumProgram(shots=10)
    program.append_circuit_item(circuit)
    in_options = params_of(program, options=ExecutorOptions(experimental={"seed_simulator": 0}))
    simulator = {"simulator": {"seed_simulator": 0}}
    program.passthrough_data = {"post_processor": {"options": simulator}}
    passed_through = params_of(program)
    assert bits(in_options) == bits(in_options) == bits(passed_through)
    assert bits(in_options) != bits(params_of(QuantumProgram(shots=10, items=program.items)))


def change(params, *path, to):
    *parents, name = path
    for each in parents:
        params = params[each]
    params[name] = to


@pytest.mark.parametrize(
    ("path", "to", "words"),
    [
        (["schema_version"], "v99.0", "reads v1.0, v1.1, v2.0"),
        (["schema_version"], None, "the schema version is None"),
        (["schema_version"], "v0.1", "the schema version is 'v0.1'"),
        (["quantum_program"], None, "no quantum_program"),
        (["quantum_program", "shots"], 0, "greater than or equal to 1"),
        (["quantum_program", "circuits"], {"openqasm3": "include 'x';"}, "read as QPY only"),
        (["quantum_program", "circuits", "b64_data"], "????", "cannot be read"),
        (["quantum_program", "circuits", "num_programs"], 2, "num_programs=2"),
        (["quantum_program", "items"], [], "circuits and 0 items"),
        (["quantum_program", "items", 0, "circuit_arguments", "shape"], [2**40], "inconsistent"),
        (["quantum_program", "meas_level"], "kerneled", "meas_level='kerneled'"),
        (["options", "experimental"], {"foo": 1}, "experimental options"),
        (["options", "init_qubits"], False, "init_qubits=False is not supported"),
        (["options", "scheduler_timing"], True, "scheduler_timing=True is not supported"),
        (["options", "stretch_values"], True, "stretch_values=True is not supported"),
        (["options", "brand_new"], 5, "brand_new=5 is not supported: it is not known here"),
        (["options", "brand_new"], {"inner": 5}, "brand_new.inner=5 is not supported"),
    ],
)
def test_what_cannot_be_run_is_refused(api, program, path, to, words):
    params = params_of(program)
    change(params, *path, to=to)
    with pytest.raises(ApiError, match=words) as caught:
        api.submit_job("executor", params, backend="ibm_manila")
    assert caught.value.status == 400


@pytest.mark.parametrize("value", [None, False, "auto", {}, []])
def test_an_option_of_a_newer_client_that_is_off_is_accepted(api, program, value):
    params = params_of(program)
    change(params, "options", "brand_new", to=value)
    assert api.submit_job("executor", params, backend="ibm_manila")["id"]


def test_a_bomb_is_not_inflated(program, monkeypatch):
    monkeypatch.setattr("qiskit_modes.wire.programs.params.MOST_INFLATED_BYTES", 2**20)
    sent = params_of(program)
    bomb = base64.b64encode(zlib.compress(b"\0" * 3 * 2**20)).decode()
    sent["quantum_program"]["circuits"]["b64_data"] = bomb
    with pytest.raises(ApiError, match="more than 1 MiB"):
        read_executor_params(sent)
