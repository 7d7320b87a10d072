"""``qiskit-modes record``: scripts of both kinds are recorded, and nothing of them leaves."""

import sys

import pytest

from qiskit_modes.cli import main
from qiskit_modes.planning import Recording
from tests.door_fixtures import no_network  # noqa: F401

SCRIPT = """
import sys
from helper import circuit
from qiskit_aer import AerSimulator
from qiskit_modes import SamplerV2

if __name__ == "__main__":
    assert sys.argv[1:] == ["--loud"]
    SamplerV2(AerSimulator()).run([circuit()]).result()
    sys.exit(3)
"""

HELPER = """
from qiskit import QuantumCircuit

def circuit():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    return circuit
"""


def test_a_script_is_recorded_as_it_is(tmp_path, capsys):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "helper.py").write_text(HELPER)
    target = tmp_path / "run.json"
    before = list(sys.path)
    assert main(["record", str(target), str(tmp_path / "script.py"), "--loud"]) == 3
    assert f"Recorded 1 job in {target}" in capsys.readouterr().err
    assert [job.outcome for job in Recording.load(target).jobs] == ["completed"]
    assert sys.path == before
    sys.modules.pop("helper")


def test_a_script_without_jobs_is_told_so(tmp_path, capsys):
    (tmp_path / "script.py").write_text("raise SystemExit('no more')")
    assert main(["record", str(tmp_path / "run.json"), str(tmp_path / "script.py")]) == 1
    err = capsys.readouterr().err
    assert "no more" in err
    assert "no job was submitted" in err


SERVICE_SCRIPT = """
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session

circuit = QuantumCircuit(1, 1)
circuit.measure(0, 0)
service = QiskitRuntimeService({arguments})
backend = service.backend("ibm_manila")
with Session(backend) as session:
    for _ in range(2):
        SamplerV2(mode=session).run([circuit], shots=10).result()
print(session.status(), session.usage())
"""


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "channel='ibm_quantum_platform', token='0123', instance='crn:v1:bluemix:public:x:a/b:c::'",
    ],
)
def test_a_script_for_the_service_is_served_here_and_recorded(tmp_path, capsys, arguments):
    (tmp_path / "script.py").write_text(SERVICE_SCRIPT.format(arguments=arguments))
    target = tmp_path / "run.json"
    assert main(["record", str(target), str(tmp_path / "script.py")]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("Closed ")
    assert f"Recorded 2 jobs in {target}; next: qiskit-modes compare {target}" in captured.err
    recording = Recording.load(target)
    assert [job.mode for job in recording.jobs] == ["session"] * 2
    assert [job.after_ends for job in recording.jobs] == [(), (1,)]
    assert main(["compare", str(target)]) == 0


def test_the_clients_service_is_itself_again_afterwards(tmp_path):
    from qiskit_ibm_runtime import qiskit_runtime_service

    before = qiskit_runtime_service.RuntimeClient
    (tmp_path / "script.py").write_text("pass")
    main(["record", str(tmp_path / "run.json"), str(tmp_path / "script.py")])
    assert qiskit_runtime_service.RuntimeClient is before


def test_a_native_script_does_not_pay_for_the_client(tmp_path, monkeypatch, capsys):
    from qiskit_modes.client import local_runtime

    def made(*_):
        raise AssertionError("the platform was made")

    monkeypatch.setattr(sys.modules[local_runtime.__module__], "Platform", made)
    (tmp_path / "script.py").write_text(NATIVE)
    assert main(["record", str(tmp_path / "run.json"), str(tmp_path / "script.py")]) == 0
    assert "Recorded 1 job" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["1 / 0", "print('no jobs')"])
def test_a_recording_is_not_replaced_by_an_empty_one(tmp_path, capsys, script):
    target = tmp_path / "run.json"
    target.write_text("a good one")
    (tmp_path / "script.py").write_text(script)
    assert main(["record", str(target), str(tmp_path / "script.py")]) == ("/" in script)
    err = capsys.readouterr().err
    assert f"{target} was not written: no job was submitted" in err
    assert "`qiskit-modes run --record FILE PROGRAM`" in err
    assert target.read_text() == "a good one"


def test_the_error_of_a_script_is_printed_as_python_does(tmp_path, capsys):
    (tmp_path / "script.py").write_text("def f():\n    return 1 / 0\nf()\n")
    assert main(["record", str(tmp_path / "run.json"), str(tmp_path / "script.py")]) == 1
    err = capsys.readouterr().err
    assert f'most recent call last):\n  File "{tmp_path / "script.py"}", line 3' in err
    assert "ZeroDivisionError" in err
    assert "runpy" not in err


def test_what_was_done_before_control_c_is_kept(tmp_path, capsys):
    (tmp_path / "script.py").write_text(NATIVE + "raise KeyboardInterrupt\n")
    target = tmp_path / "run.json"
    assert main(["record", str(target), str(tmp_path / "script.py")]) == 130
    err = capsys.readouterr().err
    assert f"Recorded 1 job in {target}; next: qiskit-modes compare {target}" in err
    assert len(Recording.load(target).jobs) == 1


def test_where_nothing_can_be_written_nothing_runs(tmp_path, capsys):
    (tmp_path / "script.py").write_text("print('ran')")
    target = tmp_path / "nowhere" / "run.json"
    assert main(["record", str(target), str(tmp_path / "script.py")]) == 2
    captured = capsys.readouterr()
    assert f"there is no directory for {target}" in captured.err
    assert captured.out == ""


NATIVE = """
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_modes import SamplerV2

circuit = QuantumCircuit(1, 1)
circuit.measure(0, 0)
SamplerV2(AerSimulator()).run([circuit], shots=10).result()
"""
