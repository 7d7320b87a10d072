"""Bodies of jobs of all programs, changed on their way: jobs or refusals, and nothing else.

They are what the service's own client sends, with one to three places changed: numbers, names,
whole branches, and what is packed in text. Whatever is accepted runs, and comes to an end.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import re
import zlib
from unittest import mock

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, generate_preset_pass_manager, qpy
from qiskit.circuit import Parameter
from qiskit.quantum_info import PauliLindbladMap
from qiskit_ibm_runtime import (
    EstimatorV2,
    Executor,
    NoiseLearnerV3,
    QiskitRuntimeService,
    QuantumProgram,
    SamplerV2,
)
from qiskit_ibm_runtime.executor_estimator import Estimator
from qiskit_ibm_runtime.executor_sampler import Sampler
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from samplomatic import InjectNoise, Twirl, build

from qiskit_modes.server.guard import inspection
from qiskit_modes.testing import Scenario
from qiskit_modes.wire import Platform
from qiskit_modes.wire.programs import params
from tests.examples import examples
from tests.server.asking import end_of
from tests.server.test_hostile import most_memory

# -- what the client sends -------------------------------------------------------------------------


def of_circuits(backend):
    """A circuit with arguments, and arrays that are passed through."""
    circuit = QuantumCircuit(5, 2)
    circuit.rz(Parameter("a") + 1, 0)
    circuit.rz(Parameter("b"), 1)
    circuit.measure([0, 1], [0, 1])
    program = QuantumProgram(shots=5, passthrough_data={"mine": [1, np.arange(3.0), {"x": None}]})
    program.append_circuit_item(circuit, circuit_arguments=np.ones((2, 3, 2)))
    Executor(backend).run(program)


def of_samplexes(backend):
    """A twirled layer with noise of its own."""
    circuit = QuantumCircuit(5)
    with circuit.box([Twirl(), InjectNoise("layer", modifier_ref="scale")]):
        circuit.cx(0, 1)
    with circuit.box([Twirl()]):
        circuit.measure_all()
    template, samplex = build(circuit)
    template = generate_preset_pass_manager(
        0, FakeManilaV2(), initial_layout=range(5), seed_transpiler=1
    ).run(template)
    program = QuantumProgram(shots=3)
    noise = PauliLindbladMap.from_list([("XI", 0.1), ("ZZ", 0.01)])
    arguments = {"pauli_lindblad_maps": {"layer": noise}, "noise_scales": {"scale": 2.0}}
    program.append_samplex_item(template, samplex=samplex, samplex_arguments=arguments, shape=(4,))
    Executor(backend).run(program)


def of_sampler(backend):
    Sampler(backend, {"twirling": {"enable_gates": True, "num_randomizations": 2}}).run(
        [bell(measured=True)], shots=8
    )


def of_estimator(backend):
    options = {"default_precision": 0.3, "twirling": {"num_randomizations": 2}}
    Estimator(backend, options).run([(bell(), ["IIIZZ", "IIIXX"])])


def of_older_sampler(backend):
    circuit = bell()
    circuit.rz(Parameter("a"), 0)
    circuit.measure_all()
    SamplerV2(backend).run([(circuit, [[0.1], [0.2]], 5)])


def of_older_estimator(backend):
    circuit = bell()
    circuit.rz(Parameter("a"), 0)
    options = {"default_precision": 0.3, "resilience": {"zne_mitigation": True}}
    EstimatorV2(backend, options=options).run([(circuit, [["IIIZZ"], [{"IIIXX": 2}]], [0.1, 0.2])])


def of_learner(backend):
    circuit = QuantumCircuit(5, 2)
    with circuit.box([Twirl()]):
        circuit.cx(0, 1)
    with circuit.box([Twirl()]):
        circuit.measure([2, 3], [0, 1])
    NoiseLearnerV3(backend).run(circuit.data)


def bell(*, measured=False):
    circuit = QuantumCircuit(5, name="bell")
    circuit.sx(0)
    circuit.cx(0, 1)
    if measured:
        circuit.measure_all()
    return circuit


PROGRAMS = [
    of_circuits,
    of_samplexes,
    of_sampler,
    of_estimator,
    of_learner,
    of_older_sampler,
    of_older_estimator,
]


@pytest.fixture(scope="module")
def bodies(server):
    """For each program the body of its request for a job."""
    found, send = {}, requests.Session.send
    with Scenario(autojump=False) as scenario, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        with server.app_state.using(Platform(scenario.runtime, backends=["ibm_manila"])):
            backend = QiskitRuntimeService().backend("ibm_manila")
            for program in PROGRAMS:
                with mock.patch.object(requests.Session, "send", autospec=True) as sent:
                    sent.side_effect = send
                    program(backend)
                (found[program],) = [
                    json.loads(request.body)
                    for _, request in (call.args for call in sent.call_args_list)
                    if request.method == "POST" and request.url.endswith("/jobs")
                ]
    return found


# -- what becomes of it ----------------------------------------------------------------------------

HUGE = [2**31, 2**40, 2**62, 2**63, 2**64, 10**30, -1, -(2**63)]
ODD = [
    None,
    True,
    0,
    1,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "v9.0",
    "\0",
    [],
    {},
    [[]],
    *HUGE,
]
FOREIGN = [
    {"__type__": "_json", "__module__": "os", "__class__": "system", "__value__": "true"},
    {"__type__": "settings", "__module__": "subprocess", "__class__": "Popen", "__value__": {}},
    {"__type__": "QuantumCircuit", "__value__": "AAAA"},
    {"__type__": "ndarray", "__value__": "A" * 60},
    {"b64_data": "!"},
    {"data": "AAAA", "shape": [2**40], "dtype": "f64"},
    {"openqasm3": "include '/etc/passwd';"},
]
FOREIGN.append({"data": "eJwDAAAAAAE=", "shape": [2**40, 0]})


def bomb():
    """Few bytes that inflate to 32 MiB."""
    deflate = zlib.compressobj(9)
    zeros = bytes(2**20)
    data = b"".join(deflate.compress(zeros) for _ in range(32)) + deflate.flush()
    return base64.b64encode(data).decode()


BOMB = bomb()

PACKED = {
    "samplex_json",
    "b64_data",
    "circuit_b64",
    "output_specification",
    "param_table",
    "__value__",
}
"""Where most of a body is, and few of its places."""


def places(tree):
    """All places of a tree but its root, as (parent, key)."""
    waiting = [tree]
    while waiting:
        each = waiting.pop()
        for key in each if isinstance(each, dict) else range(len(each)):
            yield each, key
            if isinstance(each[key], dict | list):
                waiting.append(each[key])


def nested(depth):
    return json.loads("[" * depth + "]" * depth)


def change(tree, draw):
    """Change one place of a tree."""
    found = list(places(tree))
    if not found:
        return
    packed = [(parent, key) for parent, key in found if key in PACKED]
    if packed and draw(st.integers(0, 2)):
        found = packed
    parent, key = draw(st.sampled_from(found))
    value = parent[key]
    if isinstance(value, str) and len(value) > 2 and draw(st.integers(0, 3)):
        parent[key] = changed_text(value, draw)
        return
    number = draw(st.sampled_from([0, 1, 2, 3, 5, *HUGE]))
    match draw(st.integers(0, 9)):
        case 0:
            del parent[key]
        case 1:
            parent[key] = copy.deepcopy(draw(st.sampled_from(FOREIGN)))
        case 2 if isinstance(parent, list):
            parent.insert(key, copy.deepcopy(value))
        case 3:
            parent[key] = nested(draw(st.sampled_from([2, 50, 150, 300])))
        case kind if kind > 4 and isinstance(value, int | float):
            parent[key] = number
        case kind if kind > 4 and isinstance(value, str) and value.isdecimal():
            parent[key] = str(number)
        case _:
            parent[key] = copy.deepcopy(draw(st.sampled_from(ODD)))


def changed_text(text, draw):
    """Change what is written or packed in a text."""
    if text[0] in '{["':
        try:
            inner = [json.loads(text)]
        except ValueError:
            return text[:-1]
        change(inner, draw)
        # Without spaces, as it came: the client's schema looks for the version with a pattern.
        return json.dumps(inner[0] if inner else None, separators=(",", ":"))
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return draw(st.sampled_from(["", text[:-1], text + "x", text.upper(), "🦆"]))
    kind = draw(st.sampled_from(["text", "data", "inside", "bomb"]))
    if kind == "bomb":
        return BOMB
    if kind == "text":
        return changed_bytes(text.encode(), draw).decode("latin-1")
    try:
        inside = zlib.decompress(data)
    except zlib.error:
        return base64.b64encode(changed_bytes(data, draw)).decode()
    if kind == "data":
        return base64.b64encode(changed_bytes(data, draw)).decode()
    return base64.b64encode(zlib.compress(changed_bytes(inside, draw))).decode()


def changed_bytes(data, draw):
    """Cut off, with a bit turned, or with a far too large number in it."""
    place = draw(st.integers(0, max(0, len(data) - 1)))
    match draw(st.integers(0, 2)):
        case 0:
            return data[:place]
        case 1:
            bit = bytes([data[place] ^ 1 << draw(st.integers(0, 7))]) if data else b""
            return data[:place] + bit + data[place + 1 :]
        case _:
            large = draw(st.sampled_from([b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", bytes(8)]))
            return data[:place] + large + data[place + len(large) :]


@st.composite
def changes(draw, body):
    """Yield a body with one to three places changed."""
    body = copy.deepcopy(body)
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        change(body["params"], draw)
    return json.dumps(body).encode()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.__name__)
def test_changed_programs_are_jobs_or_are_refused(program, bodies, real, monkeypatch, caplog):
    for module in (inspection, params):
        monkeypatch.setattr(module, "MOST_INFLATED_BYTES", 8 * 2**20)
    monkeypatch.setattr(inspection, "_SECONDS", 2.0)
    accepted = real("POST", "/jobs", bodies[program])
    assert end_of(real, accepted.json["id"]) == "Completed", accepted.text
    before = most_memory()

    @settings(
        max_examples=examples(daily=20, full=200),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(body=changes(bodies[program]))
    def is_answered(body):
        answer = real("POST", "/jobs", body)
        assert answer.status in {200, 400, 404, 413}, answer.text
        if answer.status != 200:
            assert answer.message
            return
        job_id = answer.json["id"]
        end_of(real, job_id)
        for path in (f"/jobs/{job_id}/results", f"/jobs/{job_id}", f"/jobs/{job_id}/metrics"):
            assert real("GET", path).status == 200, path

    is_answered()
    assert "A request could not be answered" not in caplog.text
    assert most_memory() - before < 300, "MiB"


# -- what was found, and what was feared -----------------------------------------------------------


def packed(data):
    return base64.b64encode(zlib.compress(data)).decode()


def in_program(**changed):
    def change(body):
        body["params"]["quantum_program"].update(changed)

    return change


def in_item(**changed):
    def change(body):
        body["params"]["quantum_program"]["items"][0].update(changed)

    return change


def in_samplex(pattern, to):
    """Replace what a samplex says; in the JSON within its JSON quotes have backslashes."""

    def change(body):
        samplex = body["params"]["quantum_program"]["items"][0]["samplex"]
        text = re.sub(pattern.replace('"', r'\\*"'), to, samplex["samplex_json"])
        assert text != samplex["samplex_json"]
        samplex["samplex_json"] = text

    return change


def unreadable_qpy():
    """A circuit of four thousand million qubits."""
    file = io.BytesIO()
    qpy.dump(QuantumCircuit(1), file, version=15)
    data = file.getvalue()
    place = data.index((1).to_bytes(4, "big"), 20)
    return base64.b64encode(data[:place] + b"\xff" * 4 + data[place + 4 :]).decode()


def learning_a_bomb(body):
    body["params"]["instructions"] = {"circuit_b64": unreadable_qpy(), "qpy_version": 15}


@pytest.mark.parametrize(
    ("program", "change", "words"),
    [
        (of_circuits, in_item(circuit_arguments={"data": BOMB, "shape": [0]}), "more than 8 MiB"),
        (
            of_circuits,
            in_item(circuit_arguments={"data": packed(b""), "shape": [2**40, 0]}),
            "inconsistent|reshape|arguments|results",
        ),
        (of_circuits, in_program(shots=2**40), "at most 100,000,000"),
        (of_circuits, in_program(passthrough_data=[BOMB] * 2 + [{"b64_data": BOMB}]), "8 MiB"),
        (of_samplexes, in_item(shape=[2**40]), "the results up to here would take"),
        (of_samplexes, in_item(shape=[2**20, 2**20]), "the results up to here would take"),
        (of_samplexes, in_item(shape=[-1]), "broadcastable"),
        (of_samplexes, in_samplex(r'("num_subsystems":")\d+', rf"\g<1>{2**28}"), "an array of"),
        (of_samplexes, in_samplex(r'("num_qubits":)\d+', rf"\g<1>{2**40}"), "an array of|acting"),
        (of_samplexes, in_samplex(r'("dtype":")float32', r"\g<1>object"), "no number"),
        (
            of_samplexes,
            in_samplex(r'("shape":\["num_randomizations",)\d+', rf"\g<1>{2**31}"),
            "an array of",
        ),
        (of_samplexes, in_samplex(r'("circuit_base64":")[^"\\]+', rf"\g<1>{unreadable_qpy()}"), ""),
        # Some releases of Qiskit say that they cannot read it, others end their process.
        (of_learner, learning_a_bomb, "circuits cannot be read"),
    ],
)
def test_what_would_take_too_much_is_refused(program, change, words, bodies, real, monkeypatch):
    for module in (inspection, params):
        monkeypatch.setattr(module, "MOST_INFLATED_BYTES", 8 * 2**20)
    body, before = copy.deepcopy(bodies[program]), most_memory()
    change(body)
    answer = real("POST", "/jobs", body)
    assert answer.status == 400, answer.text
    assert re.search(words, answer.message), answer.message
    assert most_memory() - before < 100, "MiB"


def test_what_a_user_passes_through_may_look_like_an_array(bodies, real):
    body = copy.deepcopy(bodies[of_circuits])
    mine = {"data": "hello", "dtype": "mine", "shape": "round"}
    in_program(passthrough_data=mine)(body)
    job_id = real("POST", "/jobs", body).json["id"]
    assert end_of(real, job_id) == "Completed"
    assert real("GET", f"/jobs/{job_id}/results").json["passthrough_data"] == mine
