"""A program for the service runs unchanged in process, with both families of primitives."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from qiskit_modes.client import local_runtime

WORKFLOW = Path(__file__).parent / "scripts" / "workflow.py"


@pytest.mark.parametrize("family", ["legacy", "client"])
@pytest.mark.usefixtures("no_network")
def test_the_workflow_of_a_user(family, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(WORKFLOW), family])
    with local_runtime(backends=["ibm_manila"], seed=11):
        runpy.run_path(str(WORKFLOW), run_name="__main__")
    told = json.loads(capsys.readouterr().out)
    assert told["family"] == family
    assert told["backend"] == "ibm_manila"
    assert told["session"][0] == "Closed"
    assert told["batch"][0] == "Closed"
    assert told["consumed"] >= told["session"][1] + told["batch"][1]


def test_the_workflow_knows_nothing_of_this_package():
    assert "qiskit_modes." not in WORKFLOW.read_text().split('"""', 2)[2]
