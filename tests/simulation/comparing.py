"""Ways to compare distributions and samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from scipy.stats import chi2

from qiskit_modes.simulation import Program, Run, compile_circuit, execute
from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit
from qiskit_modes.simulation.settings import DEFAULT_SETTINGS, Settings

TOLERANCE = 1e-9


def assert_same(
    found: Mapping[int, float], expected: Mapping[int, float], circuit: QuantumCircuit
) -> None:
    """Fail unless two distributions over classical memories are the same; show the circuit.

    Aer's C++ leaves out improbable terms of errors, so that its states lose some trace: about 1e-9
    with each two-qubit gate. What is lost is missing somewhere, so that much may be missing here.
    """
    lost = 1.0 - sum(expected.values())
    assert -TOLERANCE < lost < 1e-7, f"what is expected is no distribution: {lost} is missing"
    for memory in found.keys() | expected.keys():
        difference = found.get(memory, 0.0) - expected.get(memory, 0.0)
        if not -TOLERANCE < difference < TOLERANCE + lost:
            raise AssertionError(f"{memory:b}: {found} {expected}\n{_as_text(circuit)}")


def _as_text(circuit: QuantumCircuit, indent: str = "") -> str:
    lines = []
    for step in circuit.data:
        bits = [circuit.find_bit(bit).index for bit in [*step.qubits, *step.clbits]]
        condition = getattr(step.operation, "condition", "")
        lines.append(f"{indent}{step.name} {bits} {step.operation.label or ''} {condition}")
        for block in getattr(step.operation, "blocks", ()):
            lines += [_as_text(block, indent + "    "), f"{indent}  --"]
        if not getattr(step.operation, "blocks", ()):
            lines[-1] += f" {step.operation.params}"
    return "\n".join(lines)


def assert_drawn_from(counts: Mapping[Any, int], distribution: Mapping[Any, float]) -> None:
    """Fail if samples are not from a distribution; right ones fail once in a million times."""
    shots = sum(counts.values())
    observed, expected = [], []
    rest_observed, rest_expected = 0.0, 0.0
    for key in counts.keys() | distribution.keys():
        mean = shots * distribution.get(key, 0.0)
        if mean >= 5:
            observed.append(counts.get(key, 0))
            expected.append(mean)
        else:  # too rare for the statistic, so rare outcomes are taken together
            rest_observed += counts.get(key, 0)
            rest_expected += mean
    if rest_expected >= 5:
        observed.append(rest_observed)
        expected.append(rest_expected)
    else:
        assert rest_observed <= 30, (counts, distribution)
    statistic = float(np.sum((np.array(observed) - expected) ** 2 / np.array(expected)))
    assert statistic < chi2.isf(1e-6, max(1, len(observed) - 1)), (counts, distribution)


def sample(
    circuit: QuantumCircuit | CompiledCircuit,
    backend: Any = None,
    *,
    values: Any = None,
    shots: int = 1000,
    seed: int = 0,
    settings: Settings = DEFAULT_SETTINGS,
) -> dict[str, np.ndarray]:
    """Run one circuit; return its registers, each (num_sets, shots, bytes)."""
    compiled = circuit
    if isinstance(circuit, QuantumCircuit):
        compiled = compile_circuit(circuit, backend, settings)
    if values is None:
        values = np.zeros((1, compiled.num_parameters))
    program = Program({compiled.key: compiled}, (Run(compiled.key, values, shots),), seed)
    return dict(execute(program).runs[0].registers)


def memory_counts(circuit: QuantumCircuit, registers: Mapping[str, np.ndarray]) -> dict[int, int]:
    """Count the classical memories of the first parameter set's shots."""
    total = 0
    for register in circuit.cregs:
        packed = registers[register.name][0]
        value = np.zeros(len(packed), dtype=object)
        for byte in range(packed.shape[1]):
            value = value * 256 + packed[:, byte].astype(object)
        for index, bit in enumerate(register):
            total = total | ((value >> index) & 1) << circuit.find_bit(bit).index
    memories, counts = np.unique(np.asarray(total, dtype=object), return_counts=True)
    return dict(zip(memories.tolist(), counts.tolist(), strict=True))
