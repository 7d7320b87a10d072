"""The program "noise-learner": read in every version of the schema, and answered in kind."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ibm_quantum_schemas.noise_learner_v2.version_0_1 import ParamsModel, ResultsModel
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import RuntimeEncoder
from qiskit_ibm_runtime.decoders.noise_learner import NoiseLearnerResultDecoder
from qiskit_ibm_runtime.decoders.noise_learner_v3.decoder import NoiseLearnerV3ResultDecoder
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from qiskit_ibm_runtime.noise_learner_v3.params_converters import (
    NOISE_LEARNER_V3_PARAMS_CONVERTERS,
)
from qiskit_ibm_runtime.options_models import NoiseLearnerV3Options
from samplomatic import Twirl

import qiskit_modes
from qiskit_modes.wire import ApiError
from qiskit_modes.wire.programs.noise_learner_program import LEARNER_VERSIONS


@pytest.fixture
def layers():
    """A layer of gates, and one that measures."""
    circuit = QuantumCircuit(5, 2)
    with circuit.box([Twirl()]):
        circuit.cx(0, 1)
    with circuit.box([Twirl()]):
        circuit.measure([2, 3], [0, 1])
    return circuit.data


def params_of(layers, version="v0.3"):
    converter = NOISE_LEARNER_V3_PARAMS_CONVERTERS[version]
    encoded = converter.encoder(layers, NoiseLearnerV3Options()).model_dump(mode="json")
    return {**encoded, "version": 3}


def test_the_converters_are_where_they_were():
    assert set(LEARNER_VERSIONS) == set(NOISE_LEARNER_V3_PARAMS_CONVERTERS), (
        "qiskit-ibm-runtime has other versions of the noise learner's schema"
    )


@pytest.mark.parametrize("version", LEARNER_VERSIONS)
def test_the_noise_is_that_of_the_native_door(api, layers, version, scenario):
    params = params_of(layers, version)
    job_id = api.submit_job("noise-learner", params, backend="ibm_manila")["id"]
    assert api.wait_for_job(job_id)
    text = api.job_results(job_id)
    assert json.loads(text)["schema_version"] == version
    learned = NoiseLearnerV3ResultDecoder.decode(text)
    native = qiskit_modes.NoiseLearnerV3(mode=FakeManilaV2()).run(layers).result()
    assert learned.to_pauli_lindblad_maps() == native.to_pauli_lindblad_maps()
    protocols = [each.metadata["learning_protocol"] for each in learned.data]
    assert protocols == ["lindblad", "trex"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": None}, "reads v0.1, v0.2, v0.3; use NoiseLearnerV3"),
        ({"schema_version": "v9.9"}, "reads v0.1, v0.2, v0.3; use NoiseLearnerV3"),
        ({"instructions": None}, "instructions: "),
        ({"instructions": {"circuit_b64": "AAAA", "qpy_version": 17}}, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused(api, layers, change, words):
    with pytest.raises(ApiError, match=words) as caught:
        api.submit_job("noise-learner", {**params_of(layers), **change}, backend="ibm_manila")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("options", "words", "since"),
    [
        ({"brand_new": 7}, "brand_new=7 is not supported: it is not known here", "v0.1"),
        ({"post_selection": {"enable": True}}, "post_selection.enable=True is not sup", "v0.1"),
        ({"init_qubits": False}, r"execution\.init_qubits=False is not supported", "v0.2"),
        (
            {"bit_flip_checks": {"pre_circuit": {"enable": True}}},
            r"bit_flip_checks\.pre_circuit\.enable=True is not supported",
            "v0.3",
        ),
        ({"bit_flip_checks": {"new": 7}}, r"bit_flip_checks\.new=7 is not supported", "v0.3"),
    ],
)
@pytest.mark.filterwarnings("ignore:The 'post_selection' field:DeprecationWarning")
def test_what_cannot_be_honoured_is_refused_by_name(api, layers, options, words, since):
    for version in LEARNER_VERSIONS[LEARNER_VERSIONS.index(since) :]:
        params = params_of(layers, version)
        params["options"] |= options
        with pytest.raises(ApiError, match=words) as caught:
            api.submit_job("noise-learner", params, backend="ibm_manila")
        assert caught.value.status == 400


@pytest.mark.parametrize("version", LEARNER_VERSIONS)
def test_what_the_service_has_no_use_for_is_accepted(api, layers, version):
    params = params_of(layers, version)
    others = {"simulator": {"angle_decimals": 3}, "environment": {"log_level": "DEBUG"}}
    off = {"post_selection": {"enable": False, "strategy": "edge"}}
    params["options"] |= {**others, **off, "experimental": {"x": 1}}
    assert api.submit_job("noise-learner", params, backend="ibm_manila")["id"]


# -- the older one -------------------------------------------------------------------------------


def older_params(version=2, **options):
    circuit = QuantumCircuit(5)
    circuit.cx(0, 1)
    sent = {"circuits": [circuit], "options": {**options, "support_qiskit": True}}
    if version is not None:
        sent["version"] = version
    return json.loads(json.dumps(sent, cls=RuntimeEncoder))


@pytest.mark.parametrize("version", [2, None])
def test_the_older_learner_is_answered_in_its_schema(api, version, scenario):
    """The clients send no version of a schema; the schema itself has the version 2, or none."""
    params = older_params(version, max_layers_to_learn=3, twirling_strategy="active")
    ParamsModel(**params)
    job_id = api.submit_job("noise-learner", params, backend="ibm_manila")["id"]
    assert api.wait_for_job(job_id)
    text = api.job_results(job_id)
    ResultsModel(**json.loads(text))
    learned = NoiseLearnerResultDecoder.decode(text)
    (native,) = qiskit_modes.NoiseLearner(FakeManilaV2()).run(older_circuits()).result()
    assert [each.qubits for each in learned] == [native.qubits] == [[0, 1]]
    assert learned[0].circuit == native.circuit
    assert learned[0].error.generators == native.error.generators
    np.testing.assert_array_equal(learned[0].error.rates, native.error.rates)
    assert learned.metadata["input_options"]["max_layers_to_learn"] == 3


def older_circuits():
    circuit = QuantumCircuit(5)
    circuit.cx(0, 1)
    return [circuit]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"circuits": None}, "Expected the parameters circuits"),
        ({"circuits": ["OPENQASM 3.0;"]}, r"circuits\[0\] is a str"),
        ({"circuits": [1]}, r"circuits\[0\] is a int"),
        ({"version": 1}, r"version \(2\)"),
        ({"instructions": []}, "NoiseLearnerV3 sends"),
        ({"options": {"unheard_of": 1}}, "no option unheard_of"),
        ({"options": {"max_layers_to_learn": -1}}, "max_layers_to_learn=-1 does not fit"),
        ({"options": {"simulator": {"noise_model": {"a": 1}}}}, "a noise model cannot travel"),
        ({"options": 3}, "options must be an object"),
    ],
)
def test_what_the_older_learner_cannot_read_is_refused(api, change, words):
    with pytest.raises(ApiError, match=words) as caught:
        api.submit_job("noise-learner", {**older_params(), **change}, backend="ibm_manila")
    assert caught.value.status == 400
