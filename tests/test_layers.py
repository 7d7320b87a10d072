"""Imports point down the floors that stand in the docstrings of the packages."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import qiskit_modes
from tests.source_trees import ROOT, SourceTrees


def floors_of(docstring: str) -> dict[str, int]:
    """Return the names in a table of floors, each with its floor; empty if there is no table."""
    rows = re.findall(r"^(\d+) +(``[^ ].*?``)(?:  |$)", docstring, re.MULTILINE)
    named = [(name, int(number)) for number, names in rows for name in re.findall(r"\w+", names)]
    assert len(dict(named)) == len(named), "a name stands in two rows"
    return dict(named)


LEVEL = floors_of(qiskit_modes.__doc__)
"""The floors of the house, from the ground up; the names are modules or packages."""

UPWARDS = {("modes.session", "service"), ("modes.session", "planning")}
"""Imports that point up, inside a function: one asks a session for its service, or its picture."""

THREADS_AND_JOBS = {"threading", "concurrent", "multiprocessing", "asyncio", "loky", "queue"}


def name_of(path: Path) -> str:
    """The dotted name of a module within the package; empty for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = SourceTrees(name_of)


def is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imported_from(node: ast.ImportFrom) -> set[str]:
    """What it imports: the module that it names, or modules of the package that it names."""
    assert node.module
    within = node.module.removeprefix("qiskit_modes").removeprefix(".")
    names = {alias.name: f"{within}.{alias.name}".removeprefix(".") for alias in node.names}
    return {
        f"{node.module}.{name}"
        if node.module.startswith("qiskit_modes") and ours in MODULES
        else node.module
        for name, ours in names.items()
    }


def imports(
    tree: ast.AST, *, inside_functions: bool = False, for_type_checkers: bool = False
) -> Iterator[tuple[str, bool]]:
    """Yield every module that is imported, and whether inside a function.

    Args:
        tree: Where.
        inside_functions: Whether it is within a function.
        for_type_checkers: Whether to yield also what is imported for type checkers alone.
    """
    for node in ast.iter_child_nodes(tree):
        inside = inside_functions or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((name, inside) for name in sorted(imported_from(node)))
        elif is_for_type_checkers(node) and not for_type_checkers:
            for other in node.orelse:
                yield from imports(other, inside_functions=inside)
        else:
            yield from imports(node, inside_functions=inside, for_type_checkers=for_type_checkers)


def our_imports(module: str, *, for_type_checkers: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield what it imports of this package, without the package's name."""
    for imported, inside in imports(MODULES[module], for_type_checkers=for_type_checkers):
        package, _, rest = imported.partition(".")
        if package == "qiskit_modes" and rest:
            yield rest, inside


def part_of(module: str) -> str:
    return module.partition(".")[0]


def is_within(module: str, folder: str) -> bool:
    return not folder or f"{module}.".startswith(f"{folder}.")


def child(module: str, package: str) -> str:
    """Return the name of what is directly in a package and holds a module."""
    return part_of(module.removeprefix(f"{package}."))


def children(package: str) -> set[str]:
    """Return the names of the modules and packages directly in a package."""
    prefix = f"{package}." if package else ""
    return {
        name.removeprefix(prefix).partition(".")[0]
        for name in MODULES
        if name and name.startswith(prefix)
    }


PACKAGES = [name for name in MODULES if children(name)]
"""The house itself is among them, without a name."""

WITH_FLOORS = [
    name for name in PACKAGES if floors_of(ast.get_docstring(MODULES[name], clean=True) or "")
]


def test_the_house_has_floors_and_its_largest_packages_too():
    assert {"", "primitives", "simulation"} <= set(WITH_FLOORS)


@pytest.mark.parametrize("package", WITH_FLOORS)
def test_everything_in_a_package_with_floors_has_one(package):
    assert children(package) == set(floors_of(ast.get_docstring(MODULES[package])))


@pytest.mark.parametrize("package", WITH_FLOORS)
def test_imports_point_down(package):
    floors = floors_of(ast.get_docstring(MODULES[package]))
    for module in MODULES:
        if module == package or not is_within(module, package):
            continue
        here = child(module, package)
        for imported, inside in our_imports(module):
            if not is_within(imported, package) or (there := child(imported, package)) == here:
                continue
            if there in floors and not (inside and (module, there) in UPWARDS):
                assert floors[there] < floors[here], f"{module} imports {imported}"


def test_floors_are_not_where_a_docstring_only_speaks_of_them():
    assert floors_of("Floors:\n\n1   ``a``, ``b``  text\n0   ``c``\n") == {"a": 1, "b": 1, "c": 0}
    assert floors_of("Floor 1 has ``a``.") == {}


@pytest.mark.parametrize(("module", "target"), sorted(UPWARDS))
def test_the_exceptions_are_still_needed(module, target):
    assert any(inside and part_of(name) == target for name, inside in our_imports(module))


def in_package(package: str) -> list[str]:
    return [module for module in MODULES if part_of(module) == package]


@pytest.mark.parametrize("module", in_package("scheduling"))
def test_scheduling_is_made_of_the_standard_library(module):
    allowed = sys.stdlib_module_names | {"qiskit_modes"}
    for imported, _ in imports(MODULES[module]):
        assert part_of(imported) in allowed, f"{module} imports {imported}"
    for imported, _ in our_imports(module):
        assert part_of(imported) == "scheduling", f"{module} imports {imported}"


@pytest.mark.parametrize("module", in_package("scheduling"))
def test_scheduling_knows_no_threads_and_no_clock(module):
    for imported, _ in imports(MODULES[module]):
        assert part_of(imported) not in THREADS_AND_JOBS | {"time", "datetime"}, imported


@pytest.mark.parametrize("module", in_package("simulation"))
def test_simulation_knows_no_jobs_and_starts_no_threads(module):
    for imported, _ in imports(MODULES[module]):
        if imported == "threading" or imported.startswith("threading.Lock"):
            continue  # a mutex around a cache is no thread; starting one is looked for below
        assert part_of(imported) not in THREADS_AND_JOBS, f"{module} imports {imported}"
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"Thread", "Timer", "ThreadPoolExecutor"}, module
    for imported, _ in our_imports(module):
        allowed = {part for part, level in LEVEL.items() if level < LEVEL["simulation"]}
        assert part_of(imported) in {"simulation", *allowed} - {"warn"}, f"{imported}"


FOR_WORKERS = [name for name in MODULES if is_within(name, "simulation.run")]
"""What a worker imports in order to run programs."""

OF_QISKIT = {"qiskit", "qiskit_aer", "qiskit_ibm_runtime", "samplomatic", "qiskit_mitigation"}


def closure(modules: list[str]) -> set[str]:
    """Return the modules and all of ours that they import while they are imported."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in MODULES and module not in found:
            found.add(module)
            waiting += [name for name, inside in our_imports(module) if not inside]
            waiting.append(module.rpartition(".")[0])  # importing a module imports its package
    return found


def test_running_programs_needs_no_qiskit():
    for module in closure(FOR_WORKERS):
        for imported, inside in imports(MODULES[module]):
            if not inside or is_within(module, "simulation.run"):
                assert part_of(imported) not in OF_QISKIT, f"{module} imports {imported}"


def test_running_programs_loads_no_qiskit():
    names = "".join(f"import qiskit_modes.{name};" for name in FOR_WORKERS)
    code = f"{names} import sys; print({OF_QISKIT!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("module", ["", "_lazy", "_moved", "cli", "commands.common"])
def test_the_door_is_light(module):
    for imported, inside in imports(MODULES[module]):
        if not inside:
            assert part_of(imported) in sys.stdlib_module_names | {"qiskit_modes"}, imported


def circle(edges: Mapping[str, set[str]]) -> list[str]:
    """Return a way from some node back to itself; empty if there is none."""
    done: set[str] = set()

    def visit(node: str, path: tuple[str, ...]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node not in done:
            for other in sorted(edges[node]):
                if found := visit(other, (*path, node)):
                    return found
            done.add(node)
        return []

    return next(filter(None, (visit(node, ()) for node in sorted(edges))), [])


@cache
def edges_of_all() -> dict[str, set[str]]:
    """What each module names of the others, in functions and for type checkers too."""
    return {
        module: {
            name
            for name, _ in our_imports(module, for_type_checkers=True)
            if name in MODULES and (module, part_of(name)) not in UPWARDS
        }
        for module in MODULES
    }


def test_no_module_imports_itself_in_a_circle():
    assert not circle(edges_of_all())


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_imports_itself_in_a_circle(package):
    """Also where its modules do not: whoever reads on in one folder is not led back to the last."""
    found: dict[str, set[str]] = {name: set() for name in children(package)}
    for module, others in edges_of_all().items():
        for other in others:
            if package not in (module, other) and is_within(module, package):
                here, there = child(module, package), child(other, package)
                if is_within(other, package) and here != there:
                    found[here].add(there)
    assert not circle(found)


def test_circles_are_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert not circle({"a": {"b", "c"}, "b": {"c"}, "c": set()})


@pytest.mark.parametrize("package", PACKAGES)
def test_no_folder_holds_more_than_sixteen_modules(package):
    inside = {name for name in MODULES if name.rpartition(".")[0] == package and name}
    assert len(inside - set(PACKAGES)) <= 16


OF_THE_RUNTIME = {"uninterrupted", "executor", "mutex", "registry"}
"""What makes a call of the runtime whole: its own methods see to it, and nobody else."""


@pytest.mark.parametrize("module", [name for name in MODULES if part_of(name) != "runtime"])
def test_nobody_but_the_runtime_knows_how_its_calls_are_made_whole(module):
    named = {
        node.attr: node.lineno
        for node in ast.walk(MODULES[module])
        if isinstance(node, ast.Attribute) and node.attr in OF_THE_RUNTIME
    }
    assert not named, f"{module} reaches into the runtime: {named}; give LocalRuntime a method"


WITH_MUTEXES_OF_THEIR_OWN = {"runtime", "server", "_mutex", "testing.manual_clock"}
"""Their mutexes are not taken by the main thread of a program: the runtime sees to that for its
own, and those of a server are its own threads'. A clock that tests move has a condition."""


@pytest.mark.parametrize("module", MODULES)
def test_mutexes_that_main_threads_take_leave_signals_and_forks_alone(module):
    if not {part_of(module), module} & WITH_MUTEXES_OF_THEIR_OWN:
        made = {
            node.attr
            for node in ast.walk(MODULES[module])
            if isinstance(node, ast.Attribute) and node.attr in {"Lock", "RLock", "Condition"}
        }
        assert not made, f"{module} makes a {made}; use new_mutex"
