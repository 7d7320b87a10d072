"""The noise of a fake backend is such that mitigation pulls expectation values to the ideal ones.

Three circuits are named here, before anything is run. Every seed gives a value at each level; what
is compared is paired by seed, and holds where the 95 % interval of the mean says so.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.providers import BackendV2
from qiskit.quantum_info import SparsePauliOp, Statevector

from qiskit_modes import EstimatorV2, NoiseLearnerV3

SEEDS = range(12)
SHOTS = 4096

STUDENT = 2.201
"""97.5 % quantile of Student's distribution with 11 degrees of freedom."""


def ghz() -> tuple[QuantumCircuit, SparsePauliOp]:
    """A state of four qubits that are all up or all down, and how far they agree."""
    circuit = QuantumCircuit(4)
    circuit.h(0)
    for qubit in range(3):
        circuit.cx(qubit, qubit + 1)
    return circuit, SparsePauliOp(["ZZZZ", "XXXX"], [0.5, 0.5])


def ising() -> tuple[QuantumCircuit, SparsePauliOp]:
    """Two steps in the time of an Ising chain in a transverse field, and its magnetisation."""
    circuit = QuantumCircuit(4)
    for _ in range(2):
        for qubit in range(3):
            circuit.rzz(0.4, qubit, qubit + 1)
        for qubit in range(4):
            circuit.rx(0.3, qubit)
    return circuit, SparsePauliOp(["IIIZ", "IIZI", "IZII", "ZIII"], [0.25] * 4)


def ladder() -> tuple[QuantumCircuit, SparsePauliOp]:
    """Rotations and entangling gates in turn, with angles that were drawn once."""
    circuit = QuantumCircuit(3)
    angles = iter(np.random.default_rng(2026).uniform(0.2, 1.2, 9))
    for _ in range(3):
        for qubit in range(3):
            circuit.ry(next(angles), qubit)
        circuit.cx(0, 1)
        circuit.cx(1, 2)
    return circuit, SparsePauliOp(["IIZ", "IZI", "ZZI"], [0.4, 0.3, 0.3])


CIRCUITS = {"ghz": ghz, "ising": ising, "ladder": ladder}


def errors(
    name: str, backend: BackendV2, options: dict, levels: tuple[int, ...]
) -> dict[int, npt.NDArray[np.float64]]:
    """Return for each level and seed by how much the value is wrong."""
    circuit, observable = CIRCUITS[name]()
    ideal = Statevector(circuit).expectation_value(observable).real
    transpiled = generate_preset_pass_manager(1, backend, seed_transpiler=1).run(circuit)
    pub = (transpiled, observable.apply_layout(transpiled.layout))
    jobs = {
        level: [
            EstimatorV2(
                backend,
                options={
                    "resilience_level": level,
                    "default_shots": SHOTS,
                    "simulator": {"seed_simulator": seed},
                    **options,
                },
            ).run([pub])
            for seed in SEEDS
        ]
        for level in levels
    }
    return {
        level: np.array([float(job.result(timeout=100)[0].data.evs) for job in mine]) - ideal
        for level, mine in jobs.items()
    }


def surely_positive(differences: npt.NDArray[np.float64]) -> bool:
    """Whether the 95 % interval of the mean of some differences lies above 0."""
    mean, spread = differences.mean(), differences.std(ddof=1) / np.sqrt(len(differences))
    return bool(mean - STUDENT * spread > 0)


@pytest.mark.parametrize(
    "name", ["ising", *(pytest.param(each, marks=pytest.mark.slow) for each in ("ghz", "ladder"))]
)
def test_levels(name, manila):
    wrong = errors(name, manila, {}, (0, 1, 2))
    assert surely_positive(np.abs(wrong[0]) - np.abs(wrong[1]))
    # The bias falls if level 2 is on the ideal's side of level 1, and nearer to it.
    side = np.sign(wrong[1].mean())
    assert surely_positive(side * (wrong[1] - wrong[2]))
    assert surely_positive(side * (wrong[1] + wrong[2]))


LEARNED = {
    "pec": {"pec_mitigation": True},
    "pea": {"zne_mitigation": True, "zne": {"amplifier": "pea", "noise_factors": [1, 1.5, 2]}},
}


@pytest.mark.slow
@pytest.mark.parametrize("technique", LEARNED)
def test_noise_that_was_learned(technique, manila):
    circuit, observable = ising()
    transpiled = generate_preset_pass_manager(1, manila, seed_transpiler=1).run(circuit)
    pub = (transpiled, observable.apply_layout(transpiled.layout))
    estimator = EstimatorV2(manila, options={"resilience": LEARNED[technique]})
    layers = estimator.find_unique_layers([pub])
    noise = NoiseLearnerV3(manila).run(layers).result(timeout=60).to_pauli_lindblad_maps()
    learned = {**LEARNED[technique], "layer_noise_model": list(zip(layers, noise, strict=True))}
    plain = errors("ising", manila, {}, (1,))[1]
    # Which errors are inserted is drawn once for each randomisation, so there are many of them.
    many = {"num_randomizations": 1600, "shots_per_randomization": 4}
    options = {"resilience": learned, "twirling": many}
    mitigated = errors("ising", manila, options, (1,))[1]
    side = np.sign(plain.mean())
    assert surely_positive(side * (plain - mitigated))
    assert surely_positive(side * (plain + mitigated))
