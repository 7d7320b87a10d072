"""Imports point down the floors that stand in the docstring of the package."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import qiskit_modes

ROOT = Path(qiskit_modes.__file__).parent

FLOORS = [
    {"_mutex"},
    {"_lazy", "_moved", "caches", "durations", "exceptions", "memory"},
    {"warn"},
    {"scheduling", "simulation"},
    {"runtime"},
    {"primitives", "modes"},
    {"planning"},
    {"service"},
    {"wire"},
    {"client", "server"},
    {"demo", "testing"},
    {"commands"},
    {"cli"},
]
"""From the ground up; the names are modules or packages of `qiskit_modes`."""

LEVEL = {part: level for level, floor in enumerate(FLOORS) for part in floor}

BESIDE = {("primitives", "modes")}
"""Who may import whom on one floor."""

UPWARDS = {("modes.session", "service"), ("modes.session", "planning")}
"""Imports that point up, inside a function: one asks a session for its service, or its picture."""

THREADS_AND_JOBS = {"threading", "concurrent", "multiprocessing", "asyncio", "loky", "queue"}


def name_of(path: Path) -> str:
    """The dotted name of a module within the package; empty for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {name_of(path): ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}


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


def imports(tree: ast.AST, *, inside_functions: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield every module that is imported when the code runs, and whether inside a function."""
    for node in ast.iter_child_nodes(tree):
        inside = inside_functions or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((name, inside) for name in sorted(imported_from(node)))
        elif is_for_type_checkers(node):
            for other in node.orelse:
                yield from imports(other, inside_functions=inside)
        else:
            yield from imports(node, inside_functions=inside)


def our_imports(module: str) -> Iterator[tuple[str, bool]]:
    """Yield what it imports of this package, without the package's name."""
    for imported, inside in imports(MODULES[module]):
        package, _, rest = imported.partition(".")
        if package == "qiskit_modes" and rest:
            yield rest, inside


def part_of(module: str) -> str:
    return module.partition(".")[0]


def test_every_module_has_a_floor():
    assert {part_of(module) for module in MODULES if module} == set(LEVEL)


def test_the_floors_are_those_of_the_docstring():
    order = [
        qiskit_modes.__doc__.index(f"``{part}``")
        for part in (
            *("cli", "client", "wire", "service", "planning"),
            *("primitives", "runtime", "scheduling"),
        )
    ]
    assert order == sorted(order)


@pytest.mark.parametrize("module", [module for module in MODULES if module])
def test_imports_point_down(module):
    here = part_of(module)
    for imported, inside in our_imports(module):
        there = part_of(imported)
        if there not in LEVEL or there == here or (here, there) in BESIDE:
            continue
        if inside and (module, there) in UPWARDS:
            continue
        assert LEVEL[there] < LEVEL[here], f"{module} imports {imported}"


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
        assert part_of(imported) in {"simulation", *FLOORS[0], *FLOORS[1]}, f"{imported}"


def is_within(module: str, folder: str) -> bool:
    return f"{module}.".startswith(f"{folder}.")


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


def test_no_module_imports_itself_in_a_circle():
    """Also within a floor: a circle of module-level imports breaks for some order of importing."""
    edges = {
        module: {name for name, inside in our_imports(module) if not inside and name in MODULES}
        for module in MODULES
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path, module])
        if module in done:
            return
        for imported in sorted(edges[module]):
            visit(imported, (*path, module))
        done.add(module)

    for module in MODULES:
        visit(module, ())


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
