"""The circuits of MQT Bench, from ``run()`` to counts, against Aer with the whole noise model.

Small ones and medium ones: of each benchmark the largest with at most five qubits, and the largest
with six to eight. Counts are compared by a chi-squared test of two samples; with one threshold for
all of them, right samples are refused in one run of a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.transpiler.exceptions import TranspilerError
from qiskit_aer import AerSimulator
from scipy.stats import chi2

from qiskit_modes import SamplerV2
from qiskit_modes.service.fakes import fakes

mqt_bench = pytest.importorskip("mqt.bench")
benchmarks = pytest.importorskip("mqt.bench.benchmarks")

FAMILY_WISE_ERROR = 1e-3
"""How often one of all the comparisons fails although nothing is wrong."""
SHOTS = 4000
AER_SHOTS = {"static": 2000, "dynamic": 500}
"""With feed-forward Aer simulates shot by shot, milliseconds each."""
SIZES = {"small": range(5, 1, -1), "medium": range(8, 5, -1)}
MOST_TWO_QUBIT_GATES = 200
"""Aer needs seconds for one circuit with more."""
LEAST_EXPECTED = 5
"""Counts of rarer outcomes are taken together: the statistic is none of small numbers."""


@dataclass(frozen=True)
class Case:
    name: str
    circuit: QuantumCircuit

    @property
    def is_dynamic(self) -> bool:
        return any(step.is_control_flow() for step in self.circuit.data)


def cases_for(backend: object) -> tuple[list[Case], list[tuple[str, str]]]:
    """Return what is compared, and what is left out: the reason, and what it is of."""
    passes = generate_preset_pass_manager(1, backend, seed_transpiler=7)
    cases, left_out = [], []
    for name in benchmarks.get_available_benchmark_names():
        for kind, sizes in SIZES.items():
            found, reason = None, f"no circuit with {min(sizes)} to {max(sizes)} qubits"
            for circuit in circuits_of(name, sizes):
                if circuit.num_qubits > backend.num_qubits:
                    reason = "more qubits than the backend"
                    continue
                try:
                    made = passes.run(circuit)
                except TranspilerError as error:
                    reason = f"cannot be transpiled: {str(error)[:80]}"
                    continue
                gates = made.num_nonlocal_gates()
                if gates > MOST_TWO_QUBIT_GATES:
                    reason = f"{gates} two-qubit gates, more than {MOST_TWO_QUBIT_GATES}"
                    continue
                found = Case(f"{name} on {circuit.num_qubits}", made)
                break
            if found:
                cases.append(found)
            else:
                left_out.append((reason, f"{name} ({kind})"))
    return cases, left_out


def circuits_of(name: str, sizes: range) -> Iterator[QuantumCircuit]:
    for size in sizes:
        try:
            circuit = mqt_bench.get_benchmark_indep(name, size, opt_level=0)
        except ValueError:  # not of this size
            continue
        if not circuit.num_clbits:
            circuit.measure_all()
        yield circuit


def p_value(ours: Mapping[int, int], theirs: Mapping[int, int]) -> float:
    """Return the p-value of the chi-squared test that two samples are of one distribution."""
    totals = sum(ours.values()), sum(theirs.values())
    everything = sum(totals)
    cells, rare = [], [0, 0]
    for key in ours.keys() | theirs.keys():
        cell = ours.get(key, 0), theirs.get(key, 0)
        if sum(cell) * min(totals) / everything >= LEAST_EXPECTED:
            cells.append(cell)
        else:
            rare = [rare[0] + cell[0], rare[1] + cell[1]]
    if sum(rare) * min(totals) / everything >= LEAST_EXPECTED:
        cells.append((rare[0], rare[1]))
    if len(cells) < 2:
        return 1.0
    statistic = sum(
        (count - sum(cell) * total / everything) ** 2 / (sum(cell) * total / everything)
        for cell in cells
        for count, total in zip(cell, totals, strict=True)
    )
    return float(chi2.sf(statistic, len(cells) - 1))


def counts_of_aer(cases: list[Case], backend: object) -> dict[str, dict[int, int]]:
    """Run all circuits with the whole noise model, which is sent to Aer twice only."""
    found = {}
    for kind, shots in AER_SHOTS.items():
        chosen = [case for case in cases if case.is_dynamic == (kind == "dynamic")]
        if not chosen:
            continue
        method = "statevector" if kind == "dynamic" else "density_matrix"
        simulator = AerSimulator.from_backend(
            backend, method=method, fusion_enable=False, seed_simulator=5
        )
        result = simulator.run([case.circuit for case in chosen], shots=shots).result()
        assert result.success, result.status
        for index, case in enumerate(chosen):
            found[case.name] = memory(result.get_counts(index))
    return found


def memory(counts: Mapping[str, int]) -> dict[int, int]:
    return {int(key.replace(" ", ""), 2): count for key, count in counts.items()}


def counts_of_ours(cases: list[Case], backend: object) -> dict[str, dict[int, int]]:
    sampler = SamplerV2(backend, options={"simulator": {"seed_simulator": 3}})
    result = sampler.run([case.circuit for case in cases], shots=SHOTS).result()
    found = {}
    for case, pub in zip(cases, result, strict=True):
        found[case.name] = memory(pub.join_data().get_counts())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fake_manila", "fake_torino"])
def test_counts_are_those_of_aer(name, capsys):
    backend = fakes()[name]
    cases, left_out = cases_for(backend)
    assert len(cases) >= 25
    ours, theirs = counts_of_ours(cases, backend), counts_of_aer(cases, backend)
    found = sorted((p_value(ours[case.name], theirs[case.name]), case.name) for case in cases)
    threshold = FAMILY_WISE_ERROR / 2 / len(cases)  # Bonferroni; two backends
    with capsys.disabled():
        print(f"\nMQT Bench on {name}: {len(cases)} circuits, refused below p = {threshold:.1e}")
        print("  worst: " + ", ".join(f"{each} (p = {p:.2g})" for p, each in found[:3]))
        for reason, names in groupby(sorted(left_out), key=itemgetter(0)):
            print(f"  left out, {reason}: {', '.join(each for _, each in names)}")
    assert found[0][0] > threshold, found[:3]


def test_another_distribution_is_found():
    """The test itself: a difference of five per cent in one outcome is seen, none is not."""
    ours = {0: 2000, 1: 1500, 2: 500}
    assert p_value(ours, {0: 1000, 1: 750, 2: 250}) > 0.9
    assert p_value(ours, {0: 900, 1: 750, 2: 350}) < FAMILY_WISE_ERROR / 100
    assert p_value({0: 4000}, {0: 2000}) == 1.0
    assert p_value({0: 4000}, {5: 2000}) < 1e-100
