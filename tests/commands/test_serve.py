"""``qiskit-modes serve``: one service for several programs."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from qiskit_modes.cli import main
from tests import programs

_VARIABLES = 10

SERVE = (
    programs.SIGNALS_AS_USUAL + "import sys; from qiskit_modes.cli import main; sys.exit(main())"
)

HOLDER = """
import sys
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session
from qiskit import QuantumCircuit
service = QiskitRuntimeService()
circuit = QuantumCircuit(1, 1)
circuit.measure(0, 0)
with Session(service.backend("ibm_manila")) as session:
    SamplerV2().run([circuit], shots=10).result()
    print(session.session_id, flush=True)
    sys.stdin.readline()
print(session.status(), flush=True)
"""

GUEST = """
import sys
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session
from qiskit import QuantumCircuit
service = QiskitRuntimeService()
circuit = QuantumCircuit(1, 1)
circuit.measure(0, 0)
session = Session.from_id(sys.argv[1], service)
job = SamplerV2(mode=session).run([circuit], shots=10)
print(job.result()[0].data.c.num_shots, len(service.jobs(session_id=sys.argv[1])), flush=True)
"""

OUTSIDER = """
import json, sys
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2
from qiskit import QuantumCircuit
service = QiskitRuntimeService()
circuit = QuantumCircuit(1, 1)
circuit.measure(0, 0)
job = SamplerV2(service.backend("ibm_manila")).run([circuit], shots=10)
print(job.status(), flush=True)
sys.stdin.readline()
print(job.status(), flush=True)
sys.stdin.readline()
job.result()
print(json.dumps(job.metrics()["timestamps"]), flush=True)
"""


@contextmanager
def start(code, environment, *arguments):
    """A program that ends with the test, whatever becomes of that."""
    with programs.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def say(process, text="\n"):
    process.stdin.write(text)
    process.stdin.flush()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_two_programs_share_a_qpu_and_a_session_of_one_keeps_the_other_out():
    with start(SERVE, {}, "serve", "--qpu", "ibm_manila", "--seed", "3") as service:
        assert "answers until Ctrl-C" in service.stdout.readline()
        assert "its page for people: http" in service.stdout.readline()
        assert service.stdout.readline().startswith("#")
        lines = [service.stdout.readline() for _ in range(_VARIABLES)]
        words = [shlex.split(line) for line in lines]
        assert {word[0] for word in words} == {"export"}
        environment = dict(word[1].split("=", 1) for word in words)
        assert environment["IAM_URL"].startswith("http://127.0.0.1:")
        with start(HOLDER, environment) as holder:
            session_id = holder.stdout.readline().strip()
            with start(OUTSIDER, environment) as outsider:
                assert outsider.stdout.readline() == "QUEUED\n"
                say(outsider)
                assert outsider.stdout.readline() == "QUEUED\n", "the session still holds the QPU"
                with start(GUEST, environment, session_id) as guest:
                    assert guest.stdout.readline() == "10 2\n", "who knows its id gets in"
                say(holder)
                assert holder.stdout.readline() == "Closed\n"
                say(outsider)
                times = json.loads(outsider.stdout.readline())
                assert times["created"] < times["running"]
        service.send_signal(signal.SIGINT)
        assert service.wait(30) == 130


@pytest.mark.skipif(sys.platform == "win32", reason="there are other signals there")
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)]
)
def test_a_request_to_end_is_taken_as_control_c(number):
    """The pipes stay open for as long as one of its processes lives."""
    with programs.Popen(
        [sys.executable, "-W", "ignore", "-c", SERVE, "serve", "--qpu", "ibm_manila"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            for _ in range(1 + _VARIABLES):
                assert service.stdout.readline()
            service.send_signal(number)
            _, errors = service.communicate(timeout=60)
        finally:
            service.kill()
    assert service.returncode == 128 + number
    assert errors == "qiskit-modes: terminated, everything was stopped\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--qpu", "ibm_nowhere"], "No backend matches the name 'ibm_nowhere'"),
        (["--host", "0.0.0.0"], "pass a token"),
    ],
)
def test_what_cannot_be_served(capsys, arguments, text):
    assert main(["serve", *arguments]) == 2
    assert text in capsys.readouterr().err
