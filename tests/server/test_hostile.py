"""What strangers send: never more than a 4xx, never more than its own memory."""

from __future__ import annotations

import ast
import base64
import io
import json
import random
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter

from qiskit_modes import Instance
from qiskit_modes.server import application, serve
from qiskit_modes.server.application import make_application
from qiskit_modes.server.guard import inspection
from tests.examples import examples

# -- the described interface -----------------------------------------------------------------------


DESCRIPTION = schemathesis.openapi.from_dict(make_application(None).openapi())
OPERATIONS = {each.ok().label: each.ok() for each in DESCRIPTION.get_all_operations()}
FITS, BREAKS = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
CASES = [
    pytest.param(label, mode, id=f"{label}-{mode.value}")
    for label in OPERATIONS
    for mode in (FITS, BREAKS)
    # The tool takes long to break the rules of a form.
    if (label, mode) != ("POST /identity/token", BREAKS)
]


def is_said(response):
    """Whether an error has words."""
    return response.json()["errors"][0]["message"]


@pytest.fixture(scope="module")
def secured():
    """A server that wants a token, and has two."""
    keys = {"lab": "sesame"}
    instances = [Instance("lab"), Instance("other")]
    with serve(
        backends=["ibm_manila"], instances=instances, token="open", instance_tokens=keys
    ) as server:
        yield server


PUBLIC = {"GET /livez", "GET /readyz", "POST /identity/token"}


def test_the_description_is_whole():
    """Health and metrics are in it; the pages for people have tests of their own."""
    described = {label.partition(" ")[2] for label in OPERATIONS}
    assert {"/livez", "/readyz", "/metrics", "/experimental/jobs"} <= described


@pytest.mark.parametrize("label", OPERATIONS)
def test_with_and_without_a_token(label, secured):
    """Without one nothing is answered but what is for everybody; with one of an instance, what
    shows all is not.
    """

    @settings(
        max_examples=examples(daily=1, full=30),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=FITS))
    def is_looked_at(case):
        for key in (None, "wrong", "sesame", "open"):
            case.headers = {"Authorization": f"apikey {key}"} if key else {}
            response = case.call(base_url=secured.url, allow_redirects=False)
            if response.status_code >= 400:
                assert is_said(response)
            if label in PUBLIC:
                assert response.status_code < 500
            elif key in (None, "wrong"):
                assert response.status_code == 401, response.text
            elif key == "sesame" and label == "GET /metrics":
                assert response.status_code == 403
            else:
                assert response.status_code not in (401, 403)
                assert response.status_code < 500

    is_looked_at()


@pytest.mark.parametrize(("label", "mode"), CASES)
def test_what_fits_the_description_and_what_does_not(label, mode, http_, caplog):
    @settings(
        max_examples=examples(daily=2, full=200),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    def is_answered(case):
        response = case.call(base_url=http_.server.url, allow_redirects=False)
        assert 200 <= response.status_code < 500, response.text
        if response.status_code >= 400:
            assert is_said(response)

    try:
        is_answered()
    except Unsatisfiable:
        assert mode is BREAKS, "nothing to break in this operation"
    assert "A request could not be answered" not in caplog.text


# -- bodies that were changed on their way ---------------------------------------------------------


def packed(data):
    return base64.b64encode(zlib.compress(data)).decode()


def circuit_bytes():
    circuit = QuantumCircuit(3, 2)
    theta = Parameter("theta")
    circuit.rx(theta * 2 + 1, 0)
    circuit.measure([0, 1], [0, 1])
    with circuit.if_test((0, 1)):
        circuit.x(0)
    circuit.append(QuantumCircuit(2, name="part").to_gate(), [0, 1])
    file = io.BytesIO()
    qpy.dump(circuit, file, version=17)
    return file.getvalue()


def changed(data, rng, first=0):
    """Some bytes of ``data`` at random, cut off, or with numbers in it that are far too large."""
    data = bytearray(data)
    match rng.randrange(3):
        case 0:
            del data[rng.randrange(len(data)) :]
        case 1:
            for _ in range(rng.randrange(1, 4)):
                data[rng.randrange(first, len(data))] = rng.randrange(256)
        case 2:
            place = rng.randrange(first, len(data) - 8)
            data[place : place + 8] = rng.choice([b"\xff" * 8, b"\x7f\xff\xff\xff" * 2])
    return bytes(data)


def sampling_of(circuit):
    pub = [{"__type__": "QuantumCircuit", "__value__": circuit}, None, 10]
    return {"program_id": "sampler", "backend": "ibm_manila", "params": {"pubs": [pub]}}


def learning_of(data):
    instructions = {"circuit_b64": base64.b64encode(data).decode(), "qpy_version": 17}
    params = {"schema_version": "v0.3", "instructions": instructions, "options": {}}
    return {"program_id": "noise-learner", "backend": "ibm_manila", "params": params}


def most_memory():
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def test_changed_circuits_are_jobs_or_are_refused(http_, monkeypatch, caplog):
    monkeypatch.setattr(inspection, "_SECONDS", 2.0)
    rng, circuit, before = random.Random(7), circuit_bytes(), most_memory()
    statuses = Counter(
        http_("POST", "/jobs", sampling_of(packed(changed(circuit, rng, 20)))).status
        for _ in range(examples(daily=20))
    )
    assert set(statuses) <= {200, 400}
    assert statuses[400] > 10
    assert "A request could not be answered" not in caplog.text
    assert most_memory() - before < 200, "MiB"


def test_changed_bodies_are_jobs_or_are_refused(http_, sampling, caplog):
    rng, body, before = random.Random(8), json.dumps(sampling).encode(), most_memory()
    statuses = Counter(
        http_("POST", "/jobs", changed(body, rng)).status for _ in range(examples(daily=20))
    )
    assert set(statuses) <= {200, 400, 404}
    assert statuses[400] > 10
    assert "A request could not be answered" not in caplog.text
    assert most_memory() - before < 200, "MiB"


def test_circuits_that_would_take_all_memory(http_, monkeypatch):
    """These bytes were found by chance: Qiskit makes of them what never ends."""
    monkeypatch.setattr(inspection, "_SECONDS", 1.0)
    file = io.BytesIO()
    qpy.dump(QuantumCircuit(1), file, version=17)
    data = file.getvalue()
    # In the header of the circuit stands the number of its qubits: four thousand millions.
    place = data.index((1).to_bytes(4, "big"), 20)
    bombs = [data[:p] + b"\xff" * 4 + data[p + 4 :] for p in range(place - 2, place + 3)]
    refused = [http_("POST", "/jobs", sampling_of(packed(bomb))) for bomb in bombs]
    refused.append(http_("POST", "/jobs", learning_of(bombs[2])))
    assert {answer.status for answer in refused} == {400}
    assert refused[-1].message == refused[2].message, "circuits of any program are tried out"
    assert http_("GET", "/backends").status == 200
    good = http_("POST", "/jobs", sampling_of(packed(data)))
    assert good.status == 200, "the next circuit is read, and its job records nothing"


def test_what_would_be_unpickled_is_refused(http_, sampling):
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    sampling = json.loads(json.dumps(sampling))
    sampling["params"]["pubs"][0][1] = {"__type__": "ndarray", "__value__": packed(file.getvalue())}
    answer = http_("POST", "/jobs", sampling)
    assert answer.status == 400
    assert "not of the size that it says" in answer.message


def test_what_inflates_to_too_much_is_refused(http_, monkeypatch):
    monkeypatch.setattr(inspection, "MOST_INFLATED_BYTES", 2**20)
    answer = http_("POST", "/jobs", sampling_of(packed(bytes(2**21))))
    assert answer.status == 400
    assert "more than 1 MiB" in answer.message


def test_no_module_of_the_server_unpickles_or_opens_what_is_asked_for():
    """But for the sandbox and its certificates, nothing here opens files at all."""
    allowed = {"certificates.py", "isolation.py", "circuit_reader.py"}
    # What runs in programs under `qiskit-modes run`, and reads first lines of scripts.
    allowed |= {"qiskit_modes_child.py", "qiskit_modes_commands.py"}
    folder = Path(application.__file__).parent
    for path in folder.rglob("*.py"):
        names = {
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Name | ast.Attribute)
        }
        assert not names & {"pickle", "cloudpickle", "eval", "exec", "system"}, path
        assert path.name in allowed or not names & {"open", "Path", "read_text"}, path
