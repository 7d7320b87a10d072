"""A sampler's job with twirling or dynamical decoupling."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError
from qiskit_ibm_runtime import options as legacy
from qiskit_ibm_runtime.fake_provider import FakeSherbrooke
from qiskit_ibm_runtime.options_models import DynamicalDecouplingOptions

from qiskit_modes import SamplerV2
from qiskit_modes.exceptions import InvalidInputError, UnsupportedOptionError
from qiskit_modes.primitives.backends.target_facts import TargetFacts
from qiskit_modes.primitives.boxes.decoupling import decoupled
from qiskit_modes.primitives.options.resolve import resolve_sampler_options
from qiskit_modes.primitives.sampler.steps import sampler_steps
from qiskit_modes.primitives.sampler.templates import decoupled_circuit
from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.settings import Settings
from tests.simulation.devices import path_through, placed_on

TWIRLED = {"twirling": {"enable_gates": True, "enable_measure": True}}


def idle_for_long() -> QuantumCircuit:
    """A qubit that waits for another one between two gates."""
    circuit = QuantumCircuit(2)
    circuit.sx([0, 1])
    circuit.cx(0, 1)
    for _ in range(12):
        circuit.sx(0)
        circuit.barrier(0)  # or they would be multiplied
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


# -- twirling ------------------------------------------------------------------------------------


def test_pubs_with_their_own_shots_and_shapes(ideal, sample):
    swept = QuantumCircuit(1, 1)
    swept.rx(Parameter("a"), 0)
    swept.measure(0, 0)
    certain = QuantumCircuit(9, metadata={"name": "nine"})
    certain.x([0, 8])
    certain.measure_all()
    pubs = [(swept, [[[0.0], [np.pi]]], 100), (certain, None, 1000), (swept, np.zeros((0, 1)))]
    result = sample(ideal, pubs, shots=100, options=TWIRLED)
    assert result[0].data.c.array.shape == (1, 2, 128, 1)
    assert result[0].data.c.get_counts((0, 0)) == {"0": 128}
    assert result[0].data.c.get_counts((0, 1)) == {"1": 128}
    assert result[1].data.meas.get_counts() == {"100000001": 1024}
    assert result[2].data.c.array.shape == (0, 128, 1)
    assert [each.metadata["num_randomizations"] for each in result] == [2, 16, 2]
    assert [each.metadata["shots"] for each in result] == [128, 1024, 128]
    assert result[1].metadata["circuit_metadata"] == {"name": "nine"}
    (span,) = result.metadata["execution"]["execution_spans"]
    assert span.pub_idxs == [0, 1]
    assert span.size == 2 * 128 + 1024
    assert span.mask(0).shape == (1, 2, 128)


def test_twirled_measurements_make_readout_errors_symmetric(sample):
    noise = NoiseModel(basis_gates=sorted(AerSimulator().target.operation_names))
    noise.add_all_qubit_readout_error(ReadoutError([[1.0, 0.0], [0.4, 0.6]]))
    backend = AerSimulator(noise_model=noise)
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    options = {"twirling": {"enable_measure": True, "num_randomizations": 500}}
    ones = sample(backend, [circuit], shots=5000, options=options)[0].data.meas.get_counts()["1"]
    assert ones / 5000 == pytest.approx(0.2, abs=0.05)
    assert sample(backend, [circuit], shots=100)[0].data.meas.get_counts() == {"0": 100}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:fake_sherbrooke reports an error of 1")
def test_twirled_measurements_of_a_hundred_joined_qubits(sample):
    """One- and two-point values against the exact ones of their light cones, flips averaged.

    Five standard errors, for eight values; a flip is a gate of which a little error is its own.
    """
    size, shots, backend = 100, 8192, FakeSherbrooke()
    places = path_through(backend, size)
    chain = QuantumCircuit(size)
    chain.h(0)
    for qubit in range(size - 1):
        chain.cx(qubit, qubit + 1)
    placed = placed_on(backend, chain, places)
    whole = placed.copy()
    whole.add_register(ClassicalRegister(size, "meas"))
    whole.measure(places, range(size))
    options = {
        "twirling": {"enable_measure": True, "num_randomizations": 512},
        "simulator": {"seed_simulator": 5},
    }
    data = sample(backend, [whole], shots=shots, options=options)[0].data.meas
    signs = 1 - 2.0 * np.unpackbits(data.array, axis=-1, bitorder="big")[:, ::-1][:, :size]
    assert len(signs) == shots

    def exact(few: tuple[int, ...], flips: tuple[int, ...]) -> float:
        part = placed.copy()
        part.add_register(ClassicalRegister(len(few)))
        for qubit, flipped in zip(few, flips, strict=True):
            if flipped:
                part.x(places[qubit])
        part.measure([places[qubit] for qubit in few], range(len(few)))
        cone = compile_circuit(part, backend, Settings(only="exact"))
        outcomes = outcome_probabilities(cone).items()
        return (-1) ** sum(flips) * sum(
            weight * (-1) ** memory.bit_count() for memory, weight in outcomes
        )

    for few in [(0,), (30,), (0, 1), (20, 21), (20, 23), (60, 61), (98, 99), (0, 99)]:
        flips = list(product((0, 1), repeat=len(few)))
        expected = np.mean([exact(few, each) for each in flips])
        found = signs[:, list(few)].prod(axis=1).mean()
        assert abs(found - expected) < 5 * np.sqrt((1 - expected**2) / shots), few


def test_randomisations_differ_and_a_seed_reproduces_them(manila, sample):
    circuit = generate_preset_pass_manager(1, manila, seed_transpiler=1).run(idle_for_long())
    seen = {}
    for seed in (0, 0, 1):
        programs: list = []
        options = {**TWIRLED, "simulator": {"seed_simulator": seed}}
        result = sample(manila, [circuit], shots=256, options=options, programs=programs)
        values = programs[0].runs[0].parameter_values
        assert len(np.unique(values, axis=0)) > 1
        key = (values.tobytes(), result[0].data.meas.array.tobytes())
        seen.setdefault(seed, set()).add(key)
    assert len(seen[0]) == 1
    assert seen[0] != seen[1]


def test_iterations_send_numbers_only(torino, sampler_inputs):
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("a"), 0)
    circuit.cx(0, 1)
    circuit.measure_all()
    circuit = generate_preset_pass_manager(1, torino, seed_transpiler=1).run(circuit)
    options = resolve_sampler_options(TWIRLED)
    keys = {
        frozenset(
            sampler_steps(sampler_inputs([(circuit.copy(), [value])], torino), options, torino)
            .compile()[0]
            .circuits
        )
        for value in (0.1, 0.2, 0.3)
    }
    assert len(keys) == 1


def test_executions_are_counted(ideal):
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    job = SamplerV2(ideal, options=TWIRLED).run([circuit], shots=100)
    assert job.usage_estimation == {"quantum_seconds": pytest.approx(2 + 128 * 0.35e-3)}


def test_older_options_are_translated(manila):
    older = legacy.SamplerOptions()
    older.twirling.enable_measure = True
    older.twirling.num_randomizations = 4
    older.dynamical_decoupling.enable = True
    older.environment.job_tags = ["old"]
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    job = SamplerV2(manila, options=older).run([(circuit, None, 10), (circuit, None, 20)])
    assert job.tags == ["old"]
    result = job.result(timeout=60)
    assert [each.data.meas.num_shots for each in result] == [12, 20]


# -- dynamical decoupling ------------------------------------------------------------------------


@pytest.mark.parametrize(("sequence", "pulses"), [("XX", 2), ("XpXm", 2), ("XY4", 4)])
def test_pulses_are_in_the_circuit_that_runs(manila, sampler_inputs, sequence, pulses):
    circuit = generate_preset_pass_manager(1, manila, seed_transpiler=1).run(idle_for_long())
    options = resolve_sampler_options(
        {"dynamical_decoupling": {"enable": True, "sequence_type": sequence}}
    )
    (pub,) = sampler_inputs([circuit], manila)
    runs = decoupled_circuit(pub, options, manila)
    waiting = circuit.layout.final_index_layout()[1]

    def count(circuit: QuantumCircuit, name: str) -> int:
        steps = [step for step in circuit.data if step.name == name]
        return sum(circuit.find_bit(step.qubits[0]).index == waiting for step in steps)

    assert count(runs, "x") - count(circuit, "x") >= pulses
    assert count(runs, "delay") > count(circuit, "delay")
    (program,) = [sampler_steps((pub,), options, manila).compile()[0]]
    (plain,) = [sampler_steps((pub,), resolve_sampler_options(None), manila).compile()[0]]
    assert program.runs[0].circuit != plain.runs[0].circuit


def test_what_was_decoupled_gives_the_same_outcomes_without_noise(manila):
    circuit = generate_preset_pass_manager(1, manila, seed_transpiler=1).run(idle_for_long())
    noiseless = AerSimulator()
    for sequence in ("XX", "XpXm", "XY4"):
        options = DynamicalDecouplingOptions(enable=True, sequence_type=sequence)
        (runs,) = decoupled([circuit], options, TargetFacts(manila.target), manila.name)
        counts = [
            noiseless.run(each, shots=4000, seed_simulator=1).result().get_counts()
            for each in (circuit, runs)
        ]
        for outcome in counts[0]:
            assert counts[0][outcome] == pytest.approx(counts[1].get(outcome, 0), abs=250)


# -- what is refused -----------------------------------------------------------------------------


def conditional() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((0, 1)):
        circuit.x(0)
    return circuit


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (TWIRLED, InvalidInputError, r"PUB 0: the circuit cannot be randomised.*if_else"),
        ({"dynamical_decoupling": {"enable": True}}, InvalidInputError, "control flow"),
        (
            {"execution": {"meas_type": "kerneled"}, **TWIRLED},
            UnsupportedOptionError,
            "the simulation gives classified bits",
        ),
        (
            {"experimental": {"execution": {"scheduler_timing": True}}},
            UnsupportedOptionError,
            "a simulation has no schedule",
        ),
    ],
    ids=str,
)
def test_contradictions_are_said_at_once(manila, options, error, words):
    with pytest.raises(error, match=words):
        SamplerV2(manila, options=options).run([conditional()])


def test_noise_of_layers_needs_layers(ideal):
    from tests.primitives.test_mitigated_estimation import wrong_layer

    circuit = QuantumCircuit(1)
    circuit.measure_all()
    options = {"simulator": {"layer_noise_model": wrong_layer()}}
    with pytest.raises(UnsupportedOptionError, match="layer_noise_model has no effect"):
        SamplerV2(ideal, options=options).run([circuit])
    with pytest.warns(UserWarning, match="has no noise for the layers"):
        SamplerV2(ideal, options={**options, **TWIRLED}).run([circuit])


def test_layers_of_a_sampler(ideal):
    circuit = QuantumCircuit(3)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.cx(0, 1)
    circuit.measure_all()
    sampler = SamplerV2(ideal, options={"twirling": {**TWIRLED["twirling"], "strategy": "active"}})
    assert len(sampler.find_unique_layers([circuit])) == 2
    assert len(sampler.find_unique_layers([circuit], types="all")) == 3
