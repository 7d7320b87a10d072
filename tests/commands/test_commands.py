"""The commands of the command line: what they print, and how they end."""

import json
import subprocess
import sys

import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator

from qiskit_modes import SamplerV2, Session, cli, record
from qiskit_modes.cli import main
from qiskit_modes.commands import arguments, doctor
from qiskit_modes.exceptions import SimulationTooLargeError
from qiskit_modes.planning import Recording
from qiskit_modes.scheduling.plan import PLANS
from qiskit_modes.testing import Scenario

COMMANDS = [module.__name__.rpartition(".")[2] for module in cli._COMMANDS]

BELL = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2]; creg c[2];
h q[0]; cx q[0], q[1];
measure q -> c;
"""


@pytest.fixture
def recording(tmp_path):
    """The file of a recording of ten jobs in a session, each 20 s after the one before."""
    path = tmp_path / "run.json"
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    scenario = Scenario(compile_time=10, quantum_time=3, post_process_time=2)
    with scenario, record(path), Session(AerSimulator()):
        for number in range(10):
            SamplerV2().run([circuit]).result()
            if number < 9:
                scenario.clock.advance(20)
    return str(path)


@pytest.fixture
def bell_file(tmp_path):
    """A file with a Bell pair."""
    path = tmp_path / "bell.qasm"
    path.write_text(BELL)
    return str(path)


def said(capsys):
    """What was printed, with single blanks."""
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_each_help_text_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"example: qiskit-modes {command}" in said(capsys)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_heavy(command):
    code = (
        "import sys\n"
        "from qiskit_modes.cli import main\n"
        f"try: main([{command!r}, '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'qiskit', 'numpy', 'scipy', 'plotly', 'simpy', 'rich', 'loky'}\n"
        "print('imported:', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "imported: []" in done.stdout


def test_a_warning_is_a_line_and_one_about_a_script_names_its_line():
    code = """
import sys, warnings
from argparse import Namespace
from qiskit_modes.commands.common import run_safely

def run(_):
    warnings.warn_explicit("It is too wide", UserWarning, sys.argv[0], 8)
    warnings.warn_explicit("It is too long", UserWarning, "script.py", 3)
    return 0

run_safely(Namespace(run=run))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [
        "qiskit-modes: warning: It is too wide",
        "script.py:3: UserWarning: It is too long",
    ]


def test_compare_as_a_table(recording, capsys):
    assert main(["compare", recording, "--times", "recorded", "--price-per-minute", "90"]) == 0
    text = said(capsys)
    assert "session 5.5 min 0 s 30 s 5.5 min 495.00" in text
    assert "Use job mode: nothing else is faster" in text


def test_compare_as_data(recording, capsys):
    arguments = ["--json", "--traffic", "60", "--seeds", "2", "--plan", "premium"]
    assert main(["compare", recording, *arguments, "--compile-time", "5s"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [mode["mode"] for mode in data["modes"]] == ["job", "batch", "session"]
    assert data["replays"] == 2
    assert "Each job is compiled for 5 s" in " ".join(data["assumptions"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "nowhere.json"], "cannot read nowhere.json: No such file or directory"),
        (["timeline", "nowhere.json"], "cannot read nowhere.json"),
        (["record", "run.json", "nowhere.py"], "there is no script nowhere.py"),
        (["estimate", "nowhere.qasm"], "cannot read nowhere.qasm"),
        (["demo", "--backend", "fake_atlantis", "--quiet"], "No backend matches"),
    ],
)
def test_what_cannot_be_used_is_exit_code_2(arguments, message, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert f"qiskit-modes: error: {message}" in captured.err
    assert captured.out == ""


def test_bad_arguments_of_compare_are_named(recording, capsys):
    assert main(["compare", recording, "--plan", "gold"]) == 2
    assert "plan must be one of open" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["compare", recording, "--price-per-minute", "-1"])
    assert "expected a number above 0, found '-1'" in capsys.readouterr().err
    assert main(["compare", recording, "--traffic", "-5"]) == 2
    assert "jobs_per_hour of the traffic must be a number from 0, not -5" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["compare", recording, "--compile-time", "3 parsec"])
    assert "expected a time such as" in capsys.readouterr().err


def test_a_timeline_is_written_beside_its_recording(recording, capsys, tmp_path):
    assert main(["timeline", recording]) == 0
    assert said(capsys) == f"Wrote {tmp_path / 'run.html'}"
    assert "10 jobs in a session" in (tmp_path / "run.html").read_text()


def test_a_timeline_as_a_trace(recording, capsys, tmp_path):
    target = tmp_path / "trace.json"
    assert main(["timeline", recording, "--save", str(target), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"written": str(target), "jobs": 10}
    assert json.loads(target.read_text())["traceEvents"]


def test_a_timeline_says_what_it_can_be_written_to(recording, capsys, tmp_path):
    assert main(["timeline", recording, "--save", str(tmp_path / "run.gif")]) == 2
    assert ".svg, .pdf, .jpg or .webp, or .json for a trace" in capsys.readouterr().err


def test_a_timeline_never_overwrites_its_recording(recording, capsys):
    assert main(["timeline", recording, "--save", recording]) == 2
    assert "is the recording itself" in capsys.readouterr().err
    assert Recording.load(recording).jobs


def test_backends_are_listed(capsys):
    assert main(["backends", "--min-qubits", "130", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["backends"]
    torino = next(row for row in rows if row["name"] == "fake_torino")
    assert torino["qubits"] == 133
    assert torino["two_qubit_gate"] == "cz"
    assert 0 < torino["two_qubit_error"] < 0.02
    assert torino["rep_delay_seconds"] == 250e-6
    assert main(["backends", "--min-qubits", "130"]) == 0
    text = said(capsys)
    assert "fake_torino 133 cz 0." in text
    assert "(!)" not in text


def test_backends_that_are_of_no_use_are_marked(capsys):
    assert main(["backends", "--min-qubits", "127"]) == 0
    text = said(capsys)
    assert "fake_kyoto 127 ecr 100.00% (!)" in text
    assert "(!) Its calibration data say that all of its two-qubit gates fail." in text
    assert text.count("(!)") == 2


def test_no_backend_is_said(capsys):
    assert main(["backends", "--min-qubits", "1000"]) == 0
    assert said(capsys) == "No backend has 1000 qubits or more."
    assert main(["backends", "--min-qubits", "1000", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"backends": []}


def test_the_estimate_of_a_file(bell_file, capsys):
    command = ["estimate", bell_file, "--backend", "fake_manila", "--shots", "8000"]
    assert main([*command, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["executions"] == 8000
    assert data["quick_seconds"] == pytest.approx(4.8)
    assert data["seconds"] == pytest.approx(2 + 8000 * 262e-6, rel=0.02)
    assert main([*command, "--jobs", "10", "--thinking-time", "3s"]) == 0
    text = said(capsys)
    assert "Estimated usage on fake_manila, 10 jobs: as job" in text
    # 10 × 4.09 s, and 9 × 3 s of thinking; the sum stands there to be checked.
    assert "as session 67.9 s" in text
    assert (
        "10 × (4.09 s on the QPU + 0 s compiled and post-processed) + 9 × 3 s from a result to the "
        "next job = 67.9 s"
    ) in text


def test_how_a_circuit_would_be_simulated_here(bell_file, monkeypatch, capsys):
    command = ["estimate", bell_file, "--backend", "fake_manila", "--shots", "8000"]
    assert main([*command, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)["simulation"]
    assert data["methods"] == ["density matrix"]
    assert 0 < data["seconds"] < 0.1
    assert main(command) == 0
    assert "Simulated here: one job takes about" in said(capsys)

    def too_large(*_, **__):
        raise SimulationTooLargeError(
            "It is too wide.", num_qubits=60, needed_bytes=2, available_bytes=1
        )

    monkeypatch.setattr("qiskit_modes.planning.estimate.simulation.estimate_simulation", too_large)
    assert main(command) == 0
    assert "Simulated here: not possible. It is too wide." in said(capsys)
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["simulation"] == {"refused": "It is too wide."}


def test_the_estimate_of_observables(tmp_path, capsys):
    path = tmp_path / "ansatz.qpy"
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("a"), 0)
    circuit.cx(0, 1)
    with path.open("wb") as file:
        qpy.dump(circuit, file)
    command = ["estimate", str(path), "--backend", "fake_manila", "--json"]
    command += ["--precision", "0.1", "--observable", "ZZ,XX,IZ"]
    assert main([*command, "--resilience-level", "0"]) == 0
    assert json.loads(capsys.readouterr().out)["executions"] == 200
    assert main([*command, "--resilience-level", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["executions"] > 200


@pytest.mark.parametrize(
    ("observable", "message"),
    [
        ("ZZ,ZZZ", "the term ZZZ with 3 letters, and the circuit has 2 qubits"),
        ("ZQ", "must be Pauli terms of the letters I, X, Y and Z"),
        ("ZZ,", "must be Pauli terms"),
    ],
)
def test_observables_that_do_not_fit_are_named(bell_file, capsys, observable, message):
    command = ["estimate", bell_file, "--backend", "fake_manila", "--observable", observable]
    assert main(command) == 2
    assert message in capsys.readouterr().err


def test_pauli_propagation_is_estimated_too(bell_file, capsys):
    command = ["estimate", bell_file, "--backend", "fake_manila", "--observable", "ZZ,XX"]
    assert main([*command, "--resilience-level", "0", "--pauli-propagation", "2000"]) == 0
    assert "by Pauli propagation with at most 2,000 terms" in said(capsys)


def test_circuits_and_their_calibration_are_counted_apart(bell_file, capsys):
    command = ["estimate", bell_file, "--backend", "fake_manila", "--observable", "ZZ,XX"]
    assert main(command) == 0
    text = said(capsys)
    assert "One job: 12,288 executions" in text
    assert (
        "1 circuit is executed 8,192 times, the calibration of its measurements 4,096 times"
    ) in text


def test_a_backend_that_there_is_not(bell_file, capsys):
    assert main(["estimate", bell_file, "--backend", "ibm_tornio"]) == 2
    err = capsys.readouterr().err
    assert "did you mean 'ibm_torino'?" in err
    assert "`qiskit-modes backends`" in err


@pytest.mark.parametrize("option", ["--thinking-time", "--classical-time"])
@pytest.mark.parametrize("time", ["2parsec", "-1", "nan", ""])
def test_times_that_cannot_be_used_are_named(option, time, capsys):
    with pytest.raises(SystemExit) as end:
        main(["estimate", "bell.qasm", f"{option}={time}"])
    assert end.value.code == 2
    assert f"expected a time such as 2, 0.5s or '1m 30s', found '{time}'" in capsys.readouterr().err


def test_a_plain_number_is_in_seconds(recording, bell_file, capsys):
    told = []
    for time in ("90", "1m 30s"):
        command = ["estimate", bell_file, "--backend", "fake_manila", "--jobs", "2", "--json"]
        assert main([*command, "--thinking-time", time, "--classical-time", time]) == 0
        told.append(capsys.readouterr().out)
        assert main(["compare", recording, "--compile-time", time, "--json"]) == 0
        told.append(capsys.readouterr().out)
    assert told[:2] == told[2:]


def test_the_estimate_of_a_circuit_without_measurements(tmp_path, capsys):
    path = tmp_path / "ghz.qasm"
    path.write_text('OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; h q; cx q[0], q[1];')
    command = ["estimate", str(path), "--backend", "fake_manila", "--json"]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["executions"] == 4096


def test_what_is_no_circuit_is_said(tmp_path, capsys):
    path = tmp_path / "bell.qasm"
    path.write_text("nonsense")
    assert main(["estimate", str(path)]) == 2
    assert "holds no circuit that can be read" in capsys.readouterr().err


def test_the_doctor_finds_nothing_wrong(capsys):
    assert main(["doctor", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {check["name"] for check in data["checks"]} == {
        "imports",
        "worker process",
        "noise",
        "locks",
        "pictures",
    }
    assert all(check["passed"] for check in data["checks"])
    assert data["facts"]["qiskit-aer"]


def test_the_doctor_says_what_is_wrong_and_goes_on(capsys, monkeypatch):
    def broken():
        raise OSError("no processes left")

    checks = {
        "worker process": broken,
        "noise": lambda: (False, "too quiet"),
        "locks": doctor._locks,
    }
    monkeypatch.setattr(doctor, "_CHECKS", checks)
    assert main(["doctor"]) == 1
    text = said(capsys)
    assert "FAILED worker process: OSError: no processes left" in text
    assert "FAILED noise: too quiet" in text
    assert "ok locks: 12 jobs had the QPU one at a time" in text


def test_the_plans_of_the_command_line_are_those_that_there_are():
    assert set(arguments._PLANS) == set(PLANS)
