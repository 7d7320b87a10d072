"""Packages whose names are imported when they are first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy"]


def lazy(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a module's ``__getattr__`` and ``__dir__``.

    ``qiskit-modes --help`` and pytest with this package installed import no Qiskit that way, and a
    worker process imports only what it runs.

    Args:
        package: Name of the package, its ``__name__``.
        homes: For each public name the module that has it; ``module:name`` if it is another name
            there.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, there = homes[name].partition(":")
        return getattr(importlib.import_module(module), there or name)

    def names() -> list[str]:
        return sorted(homes)

    return get, names
