"""What users pickled with 0.1 loads: its classes are found at the addresses that they had."""

import pickle
import pickletools

import pytest
from qiskit_aer import AerSimulator

import qiskit_modes
from qiskit_modes import LocalService
from qiskit_modes.primitives.options import models

MOVED = {
    "qiskit_modes.primitives.backends.fractional": "qiskit_modes.primitives.fractional",
    "qiskit_modes.primitives.estimator.estimator": "qiskit_modes.primitives.estimator",
    "qiskit_modes.primitives.executor.executor": "qiskit_modes.primitives.executor",
    "qiskit_modes.primitives.noise_learner.noise_learner": "qiskit_modes.primitives.noise_learner",
    "qiskit_modes.primitives.noise_learner.older_noise_learner": (
        "qiskit_modes.primitives.older_noise_learner"
    ),
    "qiskit_modes.primitives.options.models": "qiskit_modes.primitives.option_models",
    "qiskit_modes.primitives.sampler.sampler": "qiskit_modes.primitives.sampler",
}
"""Where things are that users hold, and where 0.1 had them."""

MODELS = [name for name in models.__all__ if isinstance(getattr(models, name), type)]


def as_pickled_by_0_1(held):
    """Pickle with the addresses of 0.1. Protocol 2 writes them as lines of text."""
    pickled = pickle.dumps(held, 2)
    for new, old in MOVED.items():
        pickled = pickled.replace(f"c{new}\n".encode(), f"c{old}\n".encode())
    return pickled


def addresses(pickled):
    """Return the modules of this package that a pickle names."""
    named = {
        arg.split()[0] for code, arg, _ in pickletools.genops(pickled) if code.name == "GLOBAL"
    }
    return {module for module in named if module.startswith("qiskit_modes.")}


@pytest.mark.parametrize("name", MODELS)
def test_models_of_options(name):
    pickled = as_pickled_by_0_1(getattr(models, name)())
    assert "qiskit_modes.primitives.option_models" in addresses(pickled)
    loaded = pickle.loads(pickled)
    assert type(loaded) is getattr(models, name)
    assert loaded == getattr(models, name)()


@pytest.mark.parametrize(
    "name", ["EstimatorV2", "Executor", "NoiseLearner", "NoiseLearnerV3", "SamplerV2"]
)
def test_primitives_with_their_options(name):
    primitive = getattr(qiskit_modes, name)(AerSimulator())
    primitive.options.environment.job_tags = ["kept"]
    pickled = as_pickled_by_0_1(primitive)
    assert addresses(pickled) <= set(MOVED.values())
    loaded = pickle.loads(pickled)
    assert type(loaded) is type(primitive)
    assert loaded.options.environment.job_tags == ["kept"]


def test_fakes_with_fractional_gates():
    backend = LocalService().backend("ibm_torino", use_fractional_gates=True)
    pickled = as_pickled_by_0_1(backend)
    assert "qiskit_modes.primitives.fractional" in addresses(pickled)
    assert "rzz" in pickle.loads(pickled).target.operation_names
