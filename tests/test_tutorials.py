"""The tutorials as they are stored; `pytest --nbmake tutorials` runs each from top to bottom."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TUTORIALS = sorted((ROOT / "tutorials").glob("*.ipynb"))

ONLY_HERE = {"testing_your_code"}
"""About tests, and not for hardware."""


@pytest.fixture(params=TUTORIALS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def cells(path):
    return json.loads(path.read_text())["cells"]


def text_of(cells, kind):
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == kind)


def test_outputs_are_stored_and_none_is_an_error(cells):
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert len(outputs) >= 4
    assert not [output for output in outputs if output["output_type"] == "error"]


def test_outputs_tell_nothing_of_the_machine_that_made_them(path, cells):
    stored = json.dumps([cell.get("outputs") for cell in cells])
    assert not re.search(r"Warning|Traceback|/(home|root|tmp|work|Users)/", stored)


def test_it_says_what_changes_on_hardware(path, cells):
    prose = text_of(cells, "markdown")
    if path.stem in ONLY_HERE:
        assert "nothing to change for hardware" in prose
        return
    assert "**on hardware**" in prose.lower()
    first = next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    lines = [line for line in first.splitlines() if line]
    assert len(lines) == 2, "one line of imports, one with the backend"
    assert lines[0].startswith("from qiskit_modes import")
    assert lines[1].startswith("backend = QiskitRuntimeService().backend(")


def test_it_is_told_of_in_the_documentation(path):
    assert f"{path.name}" in (ROOT / "docs" / "tutorials.md").read_text()
    assert f"tutorials/{path.stem}\n" in (ROOT / "docs" / "tutorials.md").read_text()
