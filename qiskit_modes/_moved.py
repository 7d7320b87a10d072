"""Modules that stand elsewhere than in version 0.1, for what was pickled by it.

A pickle names the module of each class in it. Whoever moves a module that has such a class adds a
line here; `tests/test_moved.py` knows all of them.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["MOVED", "find_moved_modules"]

MOVED = {
    "planning.figure": "planning.draw.figure",
    "planning.outcomes": "planning.compare.outcomes",
    "planning.traffic": "planning.compare.traffic",
    "primitives.compiled_program": "primitives.programs.compiled",
    "primitives.fractional": "primitives.backends.fractional",
    "primitives.older_noise_learner": "primitives.noise_learner.older_noise_learner",
    "primitives.option_models": "primitives.options.models",
}
"""From the old names of modules to the new ones, within this package."""


class _MovedModules(MetaPathFinder, Loader):
    """Makes a module of an old name, whose names are those of the module that it has become."""

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        package, _dot, module = name.partition(".")
        return ModuleSpec(name, self) if package == __package__ and module in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__.partition(".")[2]
        new = importlib.import_module(f"{__package__}.{MOVED[old]}")

        def get(name: str) -> Any:
            return getattr(new, name)

        module.__dict__["__getattr__"] = get


def find_moved_modules() -> None:
    """Have Python find them, after all modules that are where their names say."""
    sys.meta_path.append(_MovedModules())
