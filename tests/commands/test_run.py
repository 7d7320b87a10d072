"""``qiskit-modes run``: programs for the service, unchanged."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from qiskit_modes.cli import main
from qiskit_modes.commands.run import _execute, _report
from qiskit_modes.planning.recording.recording import Recording
from qiskit_modes.server.usage_report import _MOST_ROWS, Row, _shortened
from tests import programs

WORKFLOW = Path(__file__).parent.parent / "client" / "scripts" / "workflow.py"
not_on_windows = pytest.mark.skipif(
    sys.platform == "win32", reason="signals to one process, and what they are"
)
MAIN = "import sys; from qiskit_modes.cli import main; sys.exit(main())"


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def run(capfd):
    """Run the command in this process, where Qiskit is imported already."""

    def run(*arguments):
        code = main(["run", "--qpu", "ibm_manila", *map(str, arguments)])
        return Done(code, *capfd.readouterr())

    return run


@pytest.mark.parametrize("family", [pytest.param("legacy", marks=pytest.mark.slow), "client"])
def test_a_program_for_the_service_unchanged(family, run):
    done = run("--seed", 11, sys.executable, WORKFLOW, family)
    assert done.code == 0, done.err[-3000:]
    told = json.loads(done.out)
    assert (told["family"], told["session"][0]) == (family, "Closed")
    rows = done.err.partition("what ran on this machine")[2].splitlines()[2:]
    assert [row.split()[0] for row in rows] == ["job", "session", "batch", "all"]
    number = r"(\d+\.\d{3}) s"
    session = re.search(rf"session +\S+ +4 +4 +{number} +{number} +{number}", rows[1])
    assert session, rows[1]
    qpu, reserved, usage = map(float, session.groups())
    assert 0 < qpu <= reserved == usage
    assert abs(usage - told["session"][1]) < 0.01
    assert re.search(rf"batch +\S+ +7 +6 +{number} +{number}", rows[2]), rows[2]
    # The older family has a noise learner of its own, and a job that it helps.
    jobs = {"legacy": "17 +16", "client": "13 +12"}[family]
    assert re.search(rf"all +{jobs} ", rows[3]), rows[3]


@pytest.mark.slow
def test_the_tests_of_a_user(run, tmp_path):
    """Their account is written down in them, and one of them goes to the network."""
    (tmp_path / "test_mine.py").write_text(
        "import pytest, requests\n"
        "from qiskit import QuantumCircuit\n"
        "from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session\n"
        "@pytest.fixture(scope='module')\n"
        "def backend():\n"
        "    crn = 'crn:v1:bluemix:public:quantum-computing:us-east:a/1234:5678::'\n"
        "    return QiskitRuntimeService(token='secret', instance=crn).backend('ibm_manila')\n"
        "def test_counts(backend):\n"
        "    circuit = QuantumCircuit(1, 1)\n"
        "    circuit.measure(0, 0)\n"
        "    with Session(backend):\n"
        "        result = SamplerV2().run([circuit], shots=10).result()\n"
        "    assert result[0].data.c.num_shots == 10\n"
        "def test_away():\n"
        "    requests.get('https://example.org', timeout=20)\n"
    )
    pytest_ = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore")
    done = run(*pytest_, tmp_path)
    assert done.code == 1, done.err[-3000:]
    assert "1 failed, 1 passed" in done.out
    assert "nothing leaves this machine" in done.out
    assert re.search(r"session +\S+ +1 +1 ", done.err), done.err


def test_the_exit_code_is_the_programs_and_options_of_it_are_its_own(run):
    code = "import sys; print(sys.argv[1:]); sys.exit(3)"
    done = run("--", sys.executable, "-c", code, "--qpu", "x", "--help")
    assert (done.code, done.out) == (3, "['--qpu', 'x', '--help']\n")
    assert "submitted no jobs and opened no sessions" in done.err
    assert "`qiskit-modes record FILE SCRIPT`" in done.err


@not_on_windows
def test_a_program_that_a_signal_ends(run):
    done = run(sys.executable, "-c", "import os; os.kill(os.getpid(), 15)")
    assert done.code == 128 + signal.SIGTERM


WAITING = """
import signal, sys, threading
{handlers}
print('ready', flush=True)
threading.Event().wait(60)
"""


def start_and_signal(program, number, to):
    """Run a program until it says that it is ready, signal, and return the exit code and errors."""
    command = [sys.executable, "-c", programs.SIGNALS_AS_USUAL + MAIN, "run", "--qpu", "ibm_manila"]
    with programs.Popen(
        [*command, *program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as running:
        try:
            assert running.stdout.readline() == "ready\n"
            to(running.pid, number)
            _, errors = running.communicate(timeout=60)
        finally:
            running.kill()
    return running.returncode, errors


@not_on_windows
def test_control_c_is_the_programs_affair():
    code = WAITING.format(handlers="signal.signal(2, lambda *_: sys.exit(7))")
    program = [sys.executable, "-c", code]
    assert start_and_signal(program, signal.SIGINT, os.killpg)[0] == 7


@not_on_windows
def test_control_c_at_the_very_end_loses_no_exit_code(monkeypatch):
    """It comes when the system has told the exit code, once, and nobody has it yet."""
    wait, told = os.waitpid, []

    def interrupted(pid, options):
        answer = wait(pid, options)
        if answer[0] and threading.current_thread() is threading.main_thread():
            told.append(answer)
            signal.raise_signal(signal.SIGINT)
        return answer

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(os, "waitpid", interrupted)
    try:
        code = _execute([sys.executable, "-S", "-c", "import os; os._exit(7)"], os.environ)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (code, len(told)) == (7, 1)


@not_on_windows
def test_control_c_while_the_program_starts_needs_no_words(tmp_path, monkeypatch):
    """The user's own `sitecustomize` runs after this package's, and before the program."""
    waiting = textwrap.indent(WAITING.format(handlers=""), "    ")
    own = f"import os\nif 'QISKIT_MODES_RUN' in os.environ:{waiting}"
    (tmp_path / "sitecustomize.py").write_text(own)
    path = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    returned, errors = start_and_signal([sys.executable, "-c", ""], signal.SIGINT, os.killpg)
    assert returned == 130
    assert "Traceback" not in errors
    assert "Fatal" not in errors


@not_on_windows
@pytest.mark.parametrize(
    ("handlers", "number", "code"),
    [
        ("", signal.SIGTERM, 143),
        pytest.param("", signal.SIGHUP, 129, marks=pytest.mark.slow),
        pytest.param(
            "signal.signal(15, lambda *_: sys.exit(7))", signal.SIGTERM, 7, marks=pytest.mark.slow
        ),
    ],
)
def test_requests_to_end_are_passed_on_to_the_program(handlers, number, code):
    program = [sys.executable, "-c", WAITING.format(handlers=handlers)]
    returned, errors = start_and_signal(program, number, os.kill)
    assert returned == code
    assert "submitted no jobs and opened no sessions" in errors, "the report comes all the same"


def test_a_connection_that_was_stopped_is_told(run):
    code = (
        "import urllib.request\n"
        "try: urllib.request.urlopen('https://example.org', timeout=20)\n"
        "except OSError as error: print(error)"
    )
    done = run(sys.executable, "-c", code)
    assert "nothing leaves this machine" in done.out
    assert "stopped a connection to example.org" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 127, "which program?"),
        (["no-such-program"], 127, "there is no program 'no-such-program'"),
        ([sys.executable, "-I", "my.py"], 2, "leave the option out"),
        (["--qpu", "ibm_nowhere", sys.executable], 2, "ibm_nowhere"),
    ],
)
def test_what_cannot_be_run(capsys, arguments, code, text):
    assert main(["run", *arguments]) == code
    assert text in capsys.readouterr().err


def test_what_is_missing_is_told_with_what_to_do(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "qiskit_modes.server.serving", raising=False)
    monkeypatch.delitem(sys.modules, "qiskit_modes.server.isolation.isolation", raising=False)
    assert main(["run", sys.executable]) == 2
    assert "pip install 'qiskit_modes[server]'" in capsys.readouterr().err


def test_many_workloads_share_a_row():
    rows = [Row("batch", str(n), 2, 1, 0.5, None, 0.5) for n in range(_MOST_ROWS + 3)]
    shown = _shortened([], rows)
    assert len(shown) == _MOST_ROWS + 2
    assert (shown[-2].id, shown[-2].jobs) == ("3 of mode batch", 6)
    assert shown[-1].jobs == 2 * len(rows)
    assert len(set(map(len, _report(shown).splitlines()[1:]))) == 1, "columns are aligned"


def test_a_run_is_recorded_and_its_charges_in_each_mode_are_told(run, tmp_path):
    """The program waits for each result, so each job comes after the one before it."""
    program = tmp_path / "program.py"
    program.write_text(
        "from qiskit import QuantumCircuit\n"
        "from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session\n"
        "circuit = QuantumCircuit(1, 1)\n"
        "circuit.measure(0, 0)\n"
        "with Session(QiskitRuntimeService().backend('ibm_manila')):\n"
        "    for _ in range(3):\n"
        "        SamplerV2().run([circuit]).result()\n"
    )
    done = run("--record", tmp_path / "run.json", sys.executable, "-W", "ignore", program)
    assert done.code == 0, done.err[-3000:]
    charged = re.search(r"would charge, .*: job (\S+) s, batch (\S+) s, session (\S+) s", done.err)
    assert charged, done.err
    assert 0 < float(charged[1]) == float(charged[2]) <= float(charged[3])
    jobs = Recording.load(tmp_path / "run.json").jobs
    assert [job.after_ends for job in jobs] == [(), (1,), (2,)]
    assert f"next: qiskit-modes compare {tmp_path / 'run.json'}" in done.err


@pytest.mark.slow
def test_a_session_without_jobs_is_no_recording(run, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "from qiskit_ibm_runtime import QiskitRuntimeService, Session\n"
        "Session(QiskitRuntimeService().backend('ibm_manila')).close()\n"
    )
    done = run("--record", tmp_path / "run.json", sys.executable, "-W", "ignore", program)
    assert done.code == 0, done.err[-3000:]
    assert "run.json was not written: no job was submitted" in done.err
    assert not (tmp_path / "run.json").exists()
