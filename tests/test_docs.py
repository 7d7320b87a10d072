"""The documentation names everything that is public; `scripts/docs` makes it."""

import re
from pathlib import Path

import pytest

import qiskit_modes

ROOT = Path(__file__).parent.parent
API = "\n".join(path.read_text() for path in sorted((ROOT / "docs" / "api").glob("*.*")))

INNER = {"commands", "demo", "primitives", "service"}
"""Packages whose names are those of `qiskit_modes`, or a command's."""


@pytest.mark.parametrize("name", qiskit_modes.__all__)
def test_every_public_name_is_in_the_api_pages(name):
    assert re.search(rf"\b{name}\b", API)


def packages():
    folders = (path.parent for path in Path(qiskit_modes.__file__).parent.glob("*/__init__.py"))
    return sorted({folder.name for folder in folders} - INNER)


@pytest.mark.parametrize("package", packages())
def test_every_package_has_its_place_in_the_api_pages(package):
    assert f".. automodule:: qiskit_modes.{package}\n" in API


def test_every_script_is_told_of():
    page = (ROOT / "docs" / "contributing.md").read_text()
    for script in (ROOT / "scripts").iterdir():
        assert f"`scripts/{script.name}`" in page
