"""The package's modules as trees of syntax, for tests that read all of it."""

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import qiskit_modes

__all__ = ["ROOT", "SourceTrees", "tree_of"]

ROOT = Path(qiskit_modes.__file__).parent


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the tree of a module, read once for all tests of a process; nobody changes it."""
    return ast.parse(path.read_text())


class SourceTrees(Mapping[str, ast.Module]):
    """Trees by a name of their modules, each read when it is first asked for.

    Tests have a parameter for each module: names are wanted by every process that collects them,
    trees only by the one that runs them.

    Args:
        name_of: Returns the name of a path.
    """

    def __init__(self, name_of: Callable[[Path], str]) -> None:
        self._paths = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}

    def __getitem__(self, name: str) -> ast.Module:
        return tree_of(self._paths[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)
