"""What the README and the pages show works, as it stands there."""

import re
from codeop import CommandCompiler
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path.relative_to(ROOT)
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "_build" not in path.parts and "```python\n" in path.read_text()
)
PRINTED = {
    "docs/wide_circuits.md": [],
    "README.md": [r"DONE \d", r"\[1000(, 1000){9}\]", r"^200 .* Closed$", r"^3\.0 Closed$"],
    "docs/index.md": [r"'00'"],
    "docs/start.md": [r"DONE job", r"energy -0\.[89]|energy -1", r"Closed"],
    "docs/howto/cluster.md": [],
    "docs/howto/store.md": [r"'0': \d+.* \d\S* \[\] \{'pubs'"],
    "docs/howto/mitigation.md": [r"^-?\d\.\d{3} ± \d\.\d{3}$"],
    "docs/howto/quantum_programs.md": [r"\(20, 50, 2\) 9", r"2 qubits, an error in"],
    "docs/howto/planning.md": [r"^Use "],
    "docs/howto/service.md": [r"'00'", r"closed"],
    "docs/howto/testing.md": [r"the scenario lets job 2 fail", r"Closed"],
}
"""What their examples print; every page that has examples is named."""


def examples(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_examples_of_a_page_run_one_after_the_other(page, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some of them write files
    names = {}
    for example in examples(page):
        exec(compile(example, str(page), "exec"), names)
    printed = capsys.readouterr().out
    assert not re.search(r"<(bound )?(method|function)| object at 0x", printed), "not called"
    for pattern in PRINTED[page.as_posix()]:
        assert re.search(pattern, printed, re.MULTILINE), printed
    if page.name == "planning.md":
        assert "3 jobs in a session" in (tmp_path / "session.html").read_text()


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(example, id=f"{page}: {example.splitlines()[0]}")
        for page in PAGES
        for example in examples(page)
    ],
)
def test_the_examples_can_be_pasted_into_an_interpreter(example):
    """There a line at the margin must not follow an indented one, and a blank line ends a block."""
    compiler, statement = CommandCompiler(), []
    for line in [*example.splitlines(), ""]:
        statement.append(line)
        if compiler("\n".join(statement), "README.md", "single") is not None:
            statement.clear()
    assert not statement, "the last statement is complete"


def test_the_examples_are_short():
    for page in PAGES:
        lines = [[line for line in example.splitlines() if line] for example in examples(page)]
        assert all(len(example) < 15 for example in lines), page


def test_the_readme_is_two_screens():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 130
    assert len(text.encode()) <= 8_000


def test_the_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert len(links) > 10
    for link in links:
        assert (ROOT / link).exists(), link
