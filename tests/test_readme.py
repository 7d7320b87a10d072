"""What the README shows works, as it stands there."""

import re
from codeop import CommandCompiler
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.splitlines()[0])
def test_the_examples_can_be_pasted_into_an_interpreter(example):
    """There a line at the margin must not follow an indented one, and a blank line ends a block."""
    compiler, statement = CommandCompiler(), []
    for line in [*example.splitlines(), ""]:
        statement.append(line)
        if compiler("\n".join(statement), "README.md", "single") is not None:
            statement.clear()
    assert not statement, "the last statement is complete"


def test_the_examples_are_short():
    assert len(EXAMPLES) >= 3
    lines = [[line for line in example.splitlines() if line] for example in EXAMPLES]
    assert all(len(example) < 15 for example in lines)
