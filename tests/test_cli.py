import os
import re
import signal
import subprocess
import sys

import pytest

from qiskit_modes.cli import main
from qiskit_modes.demo.claims import Claim
from tests import programs

SHORT = ("demo", "--plain", "--backend", "fake_manila", "--shots", "1000")

HEAVY = ("qiskit", "qiskit_aer", "qiskit_ibm_runtime", "numpy", "scipy", "loky")


def start(code, *arguments, popen=programs.Popen):
    """Run Python code in a process of its own, with the command line in ``sys.argv``."""
    return popen(
        [sys.executable, "-W", "error::UserWarning", "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1", "COLUMNS": "200"},
    )


RUN = "import sys; from qiskit_modes.cli import main; sys.exit(main())"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["demo", "--help"], 0),
        ([], 2),
        (["nonsense"], 2),
        (["demo", "--maxiter", "0"], 2),
    ],
)
def test_talking_about_commands_imports_nothing_heavy(arguments, code):
    script = (
        "import sys\n"
        "from qiskit_modes.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        f"print('imported:', [name for name in {HEAVY} if name in sys.modules], 'code:', code)"
    )
    out, _ = start(script, *arguments, popen=subprocess.Popen).communicate()
    assert f"imported: [] code: {code}" in out


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    assert "example: qiskit-modes demo --backend" in capsys.readouterr().out


def test_bad_numbers_are_named_with_their_limits(capsys):
    with pytest.raises(SystemExit):
        main(["demo", "--maxiter", "many"])
    assert "expected a whole number from 1 to 1000, found 'many'" in capsys.readouterr().err


def test_an_unknown_backend_is_a_usage_error(capsys):
    assert main(["demo", "--backend", "fake_atlantis"]) == 2
    captured = capsys.readouterr()
    assert "No backend matches the name 'fake_atlantis'" in captured.err
    assert captured.out == ""


def test_a_backend_without_enough_qubits_is_a_usage_error(capsys):
    assert main(["demo", "--backend", "fake_armonk"]) == 2
    assert "fake_armonk has 1 qubit, the demonstration needs 2" in capsys.readouterr().err


def test_a_short_demo_shows_what_it_claims():
    demo = start(RUN, *SHORT, "--maxiter", "3")
    out, err = demo.communicate()
    assert demo.returncode == 0, err
    assert err == ""
    assert "in two threads inside one session on fake_manila (5 qubits)" in out
    assert re.search(r"Bell job QUEUED, as session \w+ has the QPU for itself", out)
    assert re.search(r"COBYLA +session +3 ", out)
    assert re.search(r"Nelder-Mead +session +3 ", out)
    assert re.search(r"the session +session +6 .* s +\d+\.\d+ s", out)
    assert re.search(r"Bell job +job +1 ", out)
    assert "✓ 6 jobs ran in session mode and one in job mode; all of them succeeded." in out
    assert "none of the 7 intervals of quantum execution overlaps another" in out
    assert "until the session was closed, and then started at once" in out
    assert out.count("✓") == 5
    assert "✗" not in out


def test_a_claim_that_did_not_hold_is_shown_and_is_a_failure(capsys, monkeypatch):
    monkeypatch.setattr(
        "qiskit_modes.demo.run.examine", lambda scene: [Claim("Pigs flew.", held=False)]
    )
    assert main([*SHORT, "--maxiter", "1", "--quiet"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"[✗!] Pigs flew\.", out)
    assert "The records contradict the sentences marked" in out
    assert "Two optimizers" not in out, "quiet means the report only"


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_control_c_ends_everything_cleanly():
    demo = start(programs.SIGNALS_AS_USUAL + RUN, *SHORT, "--maxiter", "1000", "--shots", "1000000")
    lines = iter(demo.stdout.readline, "")
    assert any("Bell job QUEUED" in line for line in lines)
    demo.send_signal(signal.SIGINT)
    out, err = demo.communicate(timeout=30)
    assert demo.returncode == 130
    assert "checked against the records" not in out
    assert err == "qiskit-modes: interrupted, everything was stopped\n"
