"""What the README shows works, as it stands there."""

import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_examples_run_one_after_the_other(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some of them write files
    names = {}
    for example in EXAMPLES:
        exec(compile(example, "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "DONE job" in printed
    assert "the scenario lets job 2 fail" in printed
    assert "Closed" in printed
    assert "(20, 50, 2) 9" in printed, "nine shots in ten agree, if not all"
    assert "2 qubits, an error in" in printed
    assert names["best"].fun < -0.8
    assert "Use " in printed, "the modes are compared"
    assert "3 jobs in a session" in (tmp_path / "session.html").read_text()
    assert names["session"].status() == "Closed"


def test_the_examples_are_short():
    assert len(EXAMPLES) >= 3
    lines = [[line for line in example.splitlines() if line] for example in EXAMPLES]
    assert all(len(example) < 15 for example in lines)
