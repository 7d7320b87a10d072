"""A backend in the service's words: its configuration and its properties, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.providers import BackendV2

from qiskit_modes.primitives.backends.fractional import (
    FRACTIONAL_GATES,
    extend_configuration,
    extend_properties,
    has_fractional_gates,
)

__all__ = ["configuration_text", "properties_text"]

_NO_GATES = frozenset({"delay", "measure", "reset"})
_DYNAMIC = "dynamic_circuits"
_CONTROL_FLOW = frozenset({"for_loop", "if_else", "switch_case", "while_loop"})


def configuration_text(backend: BackendV2, name: str) -> str:
    """Return the configuration of a backend as JSON text.

    A fake has that of the machine that it stands for. For every other backend it is made of its
    target: standard gates only, since the client knows no others.

    Args:
        backend: Any backend.
        name: What the service calls it.
    """
    configuration = _stored(backend, "conf_filename")
    if configuration is None:
        configuration = _configuration_of_target(backend)
    elif has_fractional_gates(backend):  # the client leaves them out for who does not ask for them
        configuration = extend_configuration(configuration)
    features = [
        feature
        for feature in configuration.get("supported_features") or ()
        if feature != "dynamic_circuits"
    ]
    if "if_else" in configuration.get("supported_instructions", ()):
        features.append("dynamic_circuits")  # what really branches here, whatever its age
    configuration["supported_features"] = features
    configuration["backend_name"] = name
    # The client opens sessions on machines only, and here every backend is one.
    configuration["simulator"] = False
    # Some older snapshots do not say it of machines that branch on measurement outcomes.
    features = configuration.get("supported_features") or []
    if "if_else" in backend.operation_names and _DYNAMIC not in features:
        configuration["supported_features"] = [*features, _DYNAMIC]
    return json.dumps(configuration)


def properties_text(backend: BackendV2, name: str) -> str:
    """Return the properties of a backend as JSON text; ``{}`` for a backend without calibration.

    Args:
        backend: Any backend.
        name: What the service calls it.
    """
    properties = _stored(backend, "props_filename") or {}
    if properties:
        configuration = _stored(backend, "conf_filename")
        if configuration and has_fractional_gates(backend):
            assumed = FRACTIONAL_GATES.difference(configuration["basis_gates"])
            properties = extend_properties(properties, assumed)
        properties["backend_name"] = name
    return json.dumps(properties)


def _stored(backend: BackendV2, attribute: str) -> dict[str, Any] | None:
    """Return what a fake backend has been made of; None for other backends."""
    folder = getattr(type(backend), "dirname", None)
    file = getattr(type(backend), attribute, None)
    if not folder or not file:
        return None
    stored: dict[str, Any] = json.loads((Path(folder) / file).read_text())
    return stored


def _configuration_of_target(backend: BackendV2) -> dict[str, Any]:
    target = backend.target
    standard = get_standard_gate_name_mapping()
    names = sorted(set(backend.operation_names))
    gates = [name for name in names if name in standard and name not in _NO_GATES]
    coupling = target.build_coupling_map()
    supported = (set(names) & (_NO_GATES | _CONTROL_FLOW)) | {"measure", "reset", "delay"}
    return {
        "backend_version": str(getattr(backend, "backend_version", None) or "0"),
        "n_qubits": backend.num_qubits,
        "basis_gates": gates,
        "gates": [_gate(target, name, standard[name]) for name in gates],
        "supported_instructions": sorted({*supported, *gates}),
        "supported_features": ["qasm3"],
        "coupling_map": None if coupling is None else [list(edge) for edge in coupling],
        "local": False,
        "conditional": True,
        "open_pulse": False,
        "memory": True,
        "max_shots": 1_000_000,
        "online_date": "2026-01-01T00:00:00+00:00",
        "description": str(backend.description or ""),
        **({} if target.dt is None else {"dt": target.dt * 1e9}),
    }


def _gate(target: Any, name: str, gate: Any) -> dict[str, Any]:
    places = target[name] if name in target.operation_names else None
    known = [] if places is None else [list(qubits) for qubits in places if qubits is not None]
    described: dict[str, Any] = {
        "name": name,
        "parameters": [str(parameter) for parameter in gate.params],
        "qasm_def": "",
    }
    if known:
        described["coupling_map"] = known
    return described
