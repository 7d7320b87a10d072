"""The rules of the execution modes as data, and where each is tested.

The data is ``rules.toml``. A rule's test is the function whose name begins with the rule's id, in
the file of its theme: ``S07`` is ``test_s07_...`` in ``test_sessions.py``. The rules that belong to
the service's client alone have theirs in ``test_client.py``.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DOORS = ("native", "client", "both")
STRENGTHS = ("D", "C", "O", "I")


@dataclass(frozen=True)
class Rule:
    """One thing that the service, its client, or this package does."""

    id: str
    theme: str
    rule: str
    """In one sentence."""
    strength: str
    """D documented, C read in the client's code, O in older texts only, I inferred or decided."""
    source: str = ""
    """Tags, explained in the table of sources; empty for what no source says."""
    door: str = "both"
    """``"native"`` for this package's own classes, ``"client"`` for the service's client on top of
    this package, or both. What is true of both is tested through the native one."""
    decision: bool = False
    """Whether it is this package's decision, and not what the service is known to do."""

    @property
    def is_native(self) -> bool:
        """Whether it is tested through this package's own classes."""
        return self.door != "client"


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads((HERE / "rules.toml").read_text())


def sources() -> dict[str, str]:
    """Return what each tag of a source stands for."""
    return _data()["sources"]


def themes() -> dict[str, str]:
    """Return the title of each theme."""
    return _data()["themes"]


def rules() -> list[Rule]:
    """Return all rules, theme by theme."""
    return [
        Rule(id=id, theme=theme, **fields)
        for theme in themes()
        for id, fields in _data()[theme].items()
    ]


def proofs() -> list[tuple[str, str, str]]:
    """Return the rule's id, the theme and the name of every test of the native rules."""
    return [(id, theme, name) for theme in themes() for id, name in _tests(f"test_{theme}.py")]


def client_proofs() -> list[tuple[str, str]]:
    """Return the rule's id and the name of every test of the rules of the client alone."""
    return list(_tests("test_client.py"))


def _tests(file: str) -> Iterator[tuple[str, str]]:
    for node in ast.parse((HERE / file).read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name.split("_")[1].upper(), node.name
