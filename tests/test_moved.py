"""What version 0.1 pickled is found wherever its modules have moved."""

import importlib
import pickle
import sys

import pytest

import qiskit_modes
from qiskit_modes._moved import MOVED

PICKLED_BY_0_1 = {
    "modes.session": ["Session"],
    "modes.batch": ["Batch"],
    "planning.compare": ["Comparison"],
    "planning.estimate": ["CircuitEstimate", "UsageEstimate"],
    "planning.figure": ["TimelineFigure"],
    "planning.outcomes": ["ModeOutcome", "Spread"],
    "planning.recording": ["RecordedJob", "RecordedWorkload", "Recording"],
    "planning.traffic": ["Traffic"],
    "primitives.compiled_program": ["SimulatedItemMetadata", "SimulatedMetadata"],
    "primitives.estimator": ["EstimatorV2"],
    "primitives.executor": ["Executor"],
    "primitives.fractional": ["_unpickled"],
    "primitives.job": ["RuntimeJobV2"],
    "primitives.noise_learner": ["NoiseLearnerV3"],
    "primitives.older_noise_learner": ["NoiseLearner"],
    "primitives.option_models": [
        "LayerNoiseLearningOptions",
        "LocalEstimatorOptions",
        "LocalMeasureNoiseLearningOptions",
        "LocalNoiseLearnerOptions",
        "LocalResilienceOptions",
        "LocalSamplerOptions",
        "LocalSimulatorOptions",
    ],
    "primitives.sampler": ["SamplerV2"],
    "runtime.handles": ["_unpickled"],
    "runtime.records": ["JobMode"],
    "scheduling.errors": ["IllegalTransition", "InvariantViolation", "NotHolder"],
    "scheduling.instructions": ["Refusal"],
    "scheduling.job": ["Fault"],
    "scheduling.locks": ["Hold", "LockStatistics"],
    "scheduling.plan": ["Instance", "Plan"],
    "scheduling.workload": ["Mode", "Timer", "WorkloadState"],
    "service.local_service": ["LocalService", "_service"],
    "service.qiskit_runtime_service": ["QiskitRuntimeService"],
    "testing.lock_history": ["LockHistory"],
    "testing.manual_clock": ["Deadlock"],
    "testing.tenant": ["TenantJob", "TenantWorkload"],
    "wire.api_error": ["ApiError", "Code"],
}
"""What the pickles of all that its users could hold named, by module."""


RENAMED = {"Timer": "TTL"}
"""Classes that have another name now, and are found by both."""

NAMES = [(module, name) for module, names in PICKLED_BY_0_1.items() for name in names]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_pickle_of_0_1_finds_its_classes(module, name):
    found = pickle.loads(f"cqiskit_modes.{module}\n{name}\n.".encode())
    assert found.__name__ == RENAMED.get(name, name)


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_what_has_moved_is_one_thing_under_both_names(old, new, monkeypatch):
    monkeypatch.delitem(sys.modules, f"qiskit_modes.{old}", raising=False)
    before = importlib.import_module(f"qiskit_modes.{old}")
    after = importlib.import_module(f"qiskit_modes.{new}")
    for name in PICKLED_BY_0_1[old]:
        assert getattr(before, name) is getattr(after, name)
    assert after.__name__ == f"qiskit_modes.{new}"


def test_a_module_that_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("qiskit_modes.planning.never")


def test_a_public_class_pickles_by_a_name_of_today():
    assert pickle.loads(pickle.dumps(qiskit_modes.Plan)) is qiskit_modes.Plan
