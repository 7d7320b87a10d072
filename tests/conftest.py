"""Settings of the whole test suite, and the device of most of its tests."""

import gc
import logging
import os

import loky
import pytest
from hypothesis import HealthCheck, Phase, settings

PHASES = [phase for phase in Phase if phase is not Phase.explain]
"""To explain a failure, Hypothesis traces each line of all that it tries: many times as slow."""

SEARCH_SECONDS = 120 + 300
"""Longest time of a search. What it finds is made smaller for up to five minutes before it is told:
with the limit of other tests it would be lost, and the search only be late."""

# What tests start, some two hundred processes, would compile the whole package anew each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

settings.register_profile("default", max_examples=20, deadline=None, phases=PHASES)
settings.register_profile(
    "full",
    max_examples=200,
    deadline=None,
    phases=PHASES,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Divide the whole suite among the cores; a part of it, which is named, starts no processes."""
    divides = config.pluginmanager.hasplugin("xdist") and not hasattr(config, "workerinput")
    if not divides or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    options = config.option
    watched = options.usepdb or options.trace or options.capture == "no"
    if options.numprocesses is None and options.dist == "no" and not watched:
        options.numprocesses = loky.cpu_count()
        options.dist = "loadfile"
        # As they are collected: those with most tests first would leave the longest tests for the
        # end, alone in their files, and one process waiting for the other.
        options.loadscopereorder = False
        # With a process in place of one that has died, pytest-xdist 3.8 waits for ever at the end.
        options.maxworkerrestart = "0"


def pytest_ignore_collect(collection_path):
    """Leave out what is no test: `--doctest-modules` would import helpers, and run programs."""
    if collection_path.suffix == ".py" and not collection_path.name.startswith("test_"):
        return True
    return None


def pytest_collection_finish():
    """Have the garbage collector look at less, and less often: it took a tenth of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def pytest_collection_modifyitems(config, items):
    """Mark what searches over examples: a proof, which the full check repeats with more of them."""
    told = config.getoption("timeout", None)  # of all tests, by who runs them
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("proof")
            if told is None and item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(SEARCH_SECONDS))


def _loggers():
    """What loggers of the package are not as they are when nobody has changed them."""
    usual = (logging.NOTSET, True, [], False)
    found = {
        name: (each.level, each.propagate, each.handlers[:], each.disabled)
        for name, each in logging.root.manager.loggerDict.items()
        if name.startswith("qiskit_modes") and isinstance(each, logging.Logger)
    }
    return {name: state for name, state in found.items() if state != usual}


@pytest.fixture(autouse=True)
def _loggers_are_left_alone():
    """No test leaves a logger of the package changed: a later one would not hear what is said."""
    before = _loggers()
    yield
    assert _loggers() == before


@pytest.fixture(scope="session")
def manila():
    """A fake backend with five qubits in a line."""
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    return FakeManilaV2()
