"""What the packages export: exactly what they say, and what a script needs."""

import importlib
import subprocess
import sys

import pytest
import qiskit_ibm_runtime

import qiskit_modes

LAZY = [
    "qiskit_modes",
    "qiskit_modes.runtime",
    "qiskit_modes.server",
    "qiskit_modes.primitives",
    "qiskit_modes.planning",
    "qiskit_modes.simulation",
    "qiskit_modes.testing",
]
EAGER = ["qiskit_modes.modes", "qiskit_modes.scheduling", "qiskit_modes.wire"]


SCRIPTS_IMPORT = [
    "Batch",
    "Estimator",
    "EstimatorOptions",
    "EstimatorV2",
    "Executor",
    "ExecutorOptions",
    "IBMInputValueError",
    "IBMQuantumComputeService",
    "IBMRuntimeError",
    "NoiseLearner",
    "NoiseLearnerV3",
    "NoiseLearnerV3Options",
    "QiskitRuntimeService",
    "QuantumProgram",
    "RuntimeInvalidStateError",
    "RuntimeJobFailureError",
    "RuntimeJobMaxTimeoutError",
    "RuntimeJobNotFound",
    "RuntimeJobTimeoutError",
    "RuntimeJobV2",
    "Sampler",
    "SamplerOptions",
    "SamplerV2",
    "Session",
]
"""Names of `qiskit_ibm_runtime` that a script needs to run primitives in a mode."""


@pytest.mark.parametrize("package", LAZY + EAGER)
def test_all_names_exist_and_are_sorted(package):
    module = importlib.import_module(package)
    assert module.__all__ == sorted(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("package", LAZY)
def test_lazy_names_are_exactly_those_of_all(package):
    module = importlib.import_module(package)
    assert dir(module) == module.__all__
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nonsense'"):
        _ = module.nonsense


@pytest.mark.parametrize("package", LAZY)
def test_lazy_names_are_what_type_checkers_see(package):
    """The imports for type checkers and the table of homes name the same things."""
    import ast
    from pathlib import Path

    module = importlib.import_module(package)
    tree = ast.parse(Path(module.__file__).read_text())
    seen = {
        alias.asname or alias.name: (statement.module, alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert set(seen) == set(module.__all__)
    for name, (home, there) in seen.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), there)


@pytest.mark.parametrize("package", EAGER)
def test_other_packages_export_what_they_import(package):
    module = importlib.import_module(package)
    from_us = {
        name
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and str(getattr(thing, "__module__", "")).startswith("qiskit_modes")
    }
    assert from_us == set(module.__all__)


@pytest.mark.parametrize("name", SCRIPTS_IMPORT)
def test_every_name_that_a_script_imports_has_a_counterpart(name):
    assert hasattr(qiskit_ibm_runtime, name)
    assert name in qiskit_modes.__all__


def test_exceptions_are_ibms_own():
    for name in SCRIPTS_IMPORT:
        theirs = getattr(qiskit_ibm_runtime, name)
        if isinstance(theirs, type) and issubclass(theirs, Exception):
            assert getattr(qiskit_modes, name) is theirs


def test_two_names_for_one_thing():
    assert qiskit_modes.Sampler is qiskit_modes.SamplerV2
    assert qiskit_modes.Estimator is qiskit_modes.EstimatorV2
    assert qiskit_modes.IBMQuantumComputeService is qiskit_modes.QiskitRuntimeService


def test_a_star_import_gives_everything():
    names: dict[str, object] = {}
    exec("from qiskit_modes import *", names)
    assert set(qiskit_modes.__all__) <= set(names)


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import qiskit_modes", ("qiskit", "qiskit_aer", "qiskit_ibm_runtime", "numpy", "loky")),
        ("import qiskit_modes.testing.plugin", ("qiskit", "numpy", "fastapi", "loky")),
        ("import qiskit_modes.server", ("qiskit", "fastapi", "uvicorn", "starlette")),
        ("import qiskit_modes.cli", ("qiskit", "qiskit_aer", "qiskit_ibm_runtime", "numpy")),
        ("import qiskit_modes.scheduling", ("qiskit", "numpy", "loky")),
        ("import qiskit_modes.runtime.workers.worker_process", ("qiskit", "qiskit_aer")),
    ],
)
def test_importing_this_does_not_import_that(statement, unwanted):
    code = f"{statement}, sys\nprint(*(m for m in {unwanted!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == []
