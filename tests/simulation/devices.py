"""Backends that the tests of the simulation share, with the noise models that Aer gives them."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

from qiskit.providers import BackendV2
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import FakeLimaV2, FakeManilaV2, FakeMontrealV2, FakeTorino

NAMES = ["manila", "lima", "generic-1", "generic-2", "fractional"]
"""Small devices: two real ones, and some with random errors of which one has other gates."""


@cache
def device(name: str) -> BackendV2:
    kind, _, seed = name.partition("-")
    match kind:
        case "manila":
            return FakeManilaV2()
        case "lima":
            return FakeLimaV2()
        case "montreal":
            return FakeMontrealV2()
        case "torino":
            return FakeTorino()
        case "fractional":
            gates = ["cz", "rzz", "rx", "rz", "sx", "x", "id"]
            return GenericBackendV2(5, basis_gates=gates, control_flow=True, seed=7)
        case "generic":
            line = [[k, k + 1] for k in range(4)] + [[k + 1, k] for k in range(4)]
            return GenericBackendV2(5, coupling_map=line, control_flow=True, seed=int(seed))
    raise KeyError(name)


def noise_model(backend: BackendV2) -> Any:
    """Aer's own noise model of a backend: the truth that everything is measured by."""
    return _noise_model(backend)


@cache
def _noise_model(backend: BackendV2) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return NoiseModel.from_backend(backend)
