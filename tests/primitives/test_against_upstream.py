"""Results, shapes, keys and counts agree with upstream's client-side primitives in local mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import qiskit_aer
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import Parameter
from qiskit.primitives.containers import PrimitiveResult
from qiskit.providers import BackendV2
from qiskit.quantum_info import PauliLindbladMap, SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.executor_estimator import Estimator as TheirEstimator
from qiskit_ibm_runtime.executor_sampler import Sampler as TheirSampler
from qiskit_ibm_runtime.options_models import EstimatorOptions, SamplerOptions

from qiskit_modes import EstimatorV2, SamplerV2

OURS_ALONE = {
    "sampler": ({"version", "execution", "simulation"}, {"shots", "simulation"}),
    "estimator": (
        {
            "version",
            "resilience_level",
            "resilience",
            "twirling",
            "dynamical_decoupling",
            "simulation",
        },
        {"target_precision", "shots", "num_randomizations", "simulation"},
    ),
}
"""Keys of the metadata, of the job and of a PUB, that upstream's client-side primitives lack: those
of its older family, and what says how it was simulated."""

BACKENDS = ["ideal", pytest.param("manila", marks=pytest.mark.slow)]


@pytest.fixture(params=BACKENDS)
def backend(request) -> BackendV2:
    return request.getfixturevalue(request.param)


def isa(circuit: QuantumCircuit, backend: BackendV2) -> QuantumCircuit:
    if isinstance(backend, AerSimulator):
        return generate_preset_pass_manager(1, basis_gates=["rz", "sx", "cx"]).run(circuit)
    return generate_preset_pass_manager(1, backend, seed_transpiler=1).run(circuit)


def ansatz() -> QuantumCircuit:
    circuit = QuantumCircuit(3, metadata={"name": "ansatz"})
    circuit.ry(Parameter("a"), 0)
    circuit.cx(0, 1)
    circuit.rx(Parameter("b"), 1)
    circuit.cx(1, 2)
    return circuit


def check_metadata(
    ours: PrimitiveResult, theirs: PrimitiveResult, kind: str, *, zne: bool = False
) -> None:
    of_job, of_pub = OURS_ALONE[kind]
    assert set(theirs.metadata) <= set(ours.metadata) <= set(theirs.metadata) | of_job
    assert ours.metadata["shots"] == theirs.metadata["shots"]
    told, expected = (dict(each.metadata["options"]) for each in (ours, theirs))
    assert told == expected
    for mine, other in zip(ours, theirs, strict=True):
        assert set(other.metadata) <= set(mine.metadata) <= set(other.metadata) | of_pub
        assert mine.metadata["circuit_metadata"] == other.metadata["circuit_metadata"]
        if zne:
            chosen, reference = (
                each.metadata["resilience"]["zne"]["extrapolators"] for each in (mine, other)
            )
            assert chosen.shape == reference.shape


def options_for(chosen: dict[str, Any], backend: BackendV2, seed: int) -> dict[str, Any]:
    if isinstance(backend, AerSimulator) and "dynamical_decoupling" in chosen:
        pytest.skip("a simulator has no durations, and cannot be decoupled")
    return {"simulator": {"seed_simulator": seed}, **chosen}


# -- the sampler ---------------------------------------------------------------------------------

SAMPLER = {
    "nothing": {},
    "gates": {"twirling": {"enable_gates": True}},
    "measurements": {"twirling": {"enable_measure": True}},
    "everything, all qubits": {
        "twirling": {"enable_gates": True, "enable_measure": True, "strategy": "all"}
    },
    "five randomisations": {"twirling": {"enable_measure": True, "num_randomizations": 5}},
    "seven shots each": {"twirling": {"enable_gates": True, "shots_per_randomization": 7}},
    "more than asked for": {
        "twirling": {
            "enable_measure": True,
            "num_randomizations": 5,
            "shots_per_randomization": 100,
        }
    },
    "balanced": {"twirling": {"enable_gates": True, "group": "balanced_pauli"}},
    "local Cliffords": {
        "twirling": {"enable_gates": True, "group": "local_c1", "strategy": "active-circuit"}
    },
    "decoupled": {"dynamical_decoupling": {"enable": True, "sequence_type": "XY4"}},
    "decoupled and twirled": {
        "dynamical_decoupling": {"enable": True, "scheduling_method": "asap"},
        "twirling": {"enable_gates": True, "enable_measure": True},
    },
    "rounded": {"simulator": {"angle_decimals": 1}},
}


@pytest.mark.parametrize("name", SAMPLER)
def test_sampler(name, backend):
    if name == "everything, all qubits" and qiskit_aer.__version__.startswith("0.17."):
        pytest.skip("Aer 0.17 cannot load the circuit that upstream gives it")
    options = options_for(SAMPLER[name], backend, seed=5)
    circuit = ansatz()
    circuit.measure_all()
    # Registers of its own, one outcome certain, a bit that is never written.
    certain = QuantumCircuit(2, 3)
    certain.x(0)
    certain.cx(0, 1)
    certain.measure([0, 1], [2, 0])
    pubs = [(isa(circuit, backend), [[0.3, 0.4], [0.0, np.pi]]), isa(certain, backend)]
    if "enable_gates" in options.get("twirling", {}):
        pubs.pop()  # upstream fails at circuits that have no angle, or randomises them once only
    ours = SamplerV2(backend, options=options).run(pubs, shots=300).result(timeout=60)
    theirs = TheirSampler(backend, options=options).run(pubs, shots=300).result()
    check_metadata(ours, theirs, "sampler")
    for mine, other in zip(ours, theirs, strict=True):
        randomisations = "num_randomizations"
        assert mine.metadata.get(randomisations) == other.metadata.get(randomisations), name
        assert mine.data.shape == other.data.shape
        assert set(mine.data) == set(other.data)
        for register in mine.data:
            assert mine.data[register].num_bits == other.data[register].num_bits
            assert mine.data[register].array.shape == other.data[register].array.shape, name
            frequencies = [
                each.data[register].to_bool_array().mean(axis=-2) for each in (mine, other)
            ]
            assert np.abs(np.subtract(*frequencies)).max() < 0.16, name
            if isinstance(backend, AerSimulator) and register == "c":
                np.testing.assert_array_equal(*frequencies)


# -- the estimator -------------------------------------------------------------------------------

ESTIMATOR = {
    "default": {},
    "level 0, decoupled": {"resilience_level": 0, "dynamical_decoupling": {"enable": True}},
    "level 0, twirled": {"resilience_level": 0, "twirling": {"enable_gates": True}},
    "level 2": {"resilience_level": 2},
    "ten calibrations": {"resilience": {"measure_noise_learning": {"num_randomizations": 10}}},
    "gates too": {"twirling": {"enable_gates": True, "num_randomizations": 6}},
    "folding in front": {
        "resilience": {
            "zne_mitigation": True,
            "measure_mitigation": False,
            "zne": {
                "amplifier": "gate_folding_front",
                "noise_factors": [1, 1.5, 2, 3],
                "extrapolator": ["double_exponential", "polynomial_degree_2", "fallback"],
                "extrapolated_noise_factors": [0, 0.5],
            },
        },
    },
}


def check_values(ours: PrimitiveResult, theirs: PrimitiveResult) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        assert set(mine.data) == set(other.data)
        assert mine.data.shape == other.data.shape
        for field in mine.data:
            assert np.shape(mine.data[field]) == np.shape(other.data[field]), field
        spread = np.hypot(mine.data.stds, other.data.stds)
        assert np.all(np.abs(mine.data.evs - other.data.evs) <= 5 * spread + 0.05)


@pytest.mark.filterwarnings("ignore:No positive, finite standard errors:UserWarning")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "folding in front" else name
        for name in ESTIMATOR
    ],
)
def test_estimator(name, backend):
    options = {**options_for(ESTIMATOR[name], backend, seed=7), "default_shots": 640}
    circuit = isa(ansatz(), backend)
    observables = [SparsePauliOp(["ZZI", "IXX", "IIZ"], [1.0, 0.5, -1.0]), SparsePauliOp("ZZZ")]
    if circuit.layout is not None:
        observables = [each.apply_layout(circuit.layout) for each in observables]
    pubs = [(circuit, [[observables[0]], [observables[1]]], [[0.1, 0.2], [0.3, 0.4]])]
    if name == "default":
        pubs.append((circuit, observables[0], [0.5, 0.6]))
    ours = EstimatorV2(backend, options=options).run(pubs).result(timeout=60)
    theirs = TheirEstimator(backend, options=options).run(pubs).result()
    ours.metadata["target_precision"] = theirs.metadata["target_precision"]
    zne = bool(theirs.metadata["options"]["resilience"]["zne_mitigation"])
    check_metadata(ours, theirs, "estimator", zne=zne)
    check_values(ours, theirs)


@pytest.mark.parametrize(
    "resilience",
    [
        {"pec_mitigation": True},
        {"pec_mitigation": True, "pec": {"max_overhead": 2.0}},
        {"pec_mitigation": True, "pec": {"noise_gain": 0.5, "max_overhead": None}},
        {"zne_mitigation": True, "zne": {"amplifier": "pea"}},
    ],
    ids=str,
)
def test_noise_of_layers(ideal, resilience):
    circuit = isa(ansatz(), ideal)
    pub = (circuit, SparsePauliOp(["ZZI", "IXX"]), [0.1, 0.2])
    options = {"default_shots": 512, "resilience": resilience, "simulator": {"seed_simulator": 3}}
    ours, theirs = EstimatorV2(ideal, options=options), TheirEstimator(ideal, options=options)
    layers = ours.find_unique_layers([pub])
    assert layers == theirs.find_unique_layers([pub])
    noise = [
        PauliLindbladMap.from_sparse_list(
            [("ZX", [0, 1], 0.03), ("X", [0], 0.02)], num_qubits=len(layer.qubits)
        )
        for layer in layers
    ]
    results = []
    for estimator in (ours, theirs):
        estimator.options.resilience.layer_noise_model = list(zip(layers, noise, strict=True))
        estimator.options.simulator.warn_absent = False
        results.append(estimator.run([pub]).result())
    results[0].metadata["target_precision"] = None
    check_metadata(*results, "estimator", zne="zne_mitigation" in resilience)
    check_values(*results)


# -- options -------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("gates", [None, True])
@pytest.mark.parametrize("measure", [None, True])
@pytest.mark.parametrize("pec", [False, True])
@pytest.mark.parametrize("zne", [None, "pea", "gate_folding"])
def test_finalized_estimator_options(ideal, level, gates, measure, pec, zne):
    twirling = {"enable_gates": gates, "enable_measure": measure}
    options = EstimatorOptions(
        resilience_level=level,
        # What is set to None counts as set for upstream, which then warns for no reason.
        twirling={k: v for k, v in twirling.items() if v is not None},
        resilience={
            "pec_mitigation": pec,
            "zne_mitigation": zne and True,
            "zne": {"amplifier": zne or "pea"},
        },
    )
    ours = EstimatorV2(ideal, options=options).finalize_options()
    theirs = TheirEstimator(ideal, options=options).finalize_options()
    assert ours.model_dump() == theirs.model_dump()


def test_finalized_sampler_options(ideal):
    options = SamplerOptions(twirling={"enable_measure": True})
    ours = SamplerV2(ideal, options=options).finalize_options()
    assert ours.model_dump() == TheirSampler(ideal, options=options).finalize_options().model_dump()


def test_what_was_switched_off_and_is_needed_is_on_with_a_warning(ideal):
    options = EstimatorOptions(twirling={"enable_measure": False})
    with pytest.warns(UserWarning, match=r"twirling\.enable_measure=False"):
        ours = EstimatorV2(ideal, options=options).finalize_options()
    with pytest.warns(UserWarning, match=r"twirling\.enable_measure=False"):
        theirs = TheirEstimator(ideal, options=options).finalize_options()
    assert ours.model_dump() == theirs.model_dump()
