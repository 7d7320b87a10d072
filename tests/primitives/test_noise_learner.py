"""The noise learner as users meet it, and that what it learns undoes the noise."""
# ruff: noqa: F811 - fixtures of another folder are imported, and then asked for by name

import inspect

import numpy as np
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import PauliLindbladMap, SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime import NoiseLearnerV3 as TheirNoiseLearner
from qiskit_ibm_runtime import QuantumProgram
from qiskit_ibm_runtime.executor_estimator import Estimator as TheirEstimator
from qiskit_ibm_runtime.executor_estimator.prepare import prepare
from qiskit_ibm_runtime.options_models import NoiseLearnerV3Options
from qiskit_ibm_runtime.results import NoiseLearnerV3Result, NoiseLearnerV3Results
from samplomatic import InjectNoise, Tag, Twirl, build
from samplomatic.utils import find_unique_box_instructions

from qiskit_modes import Batch, Executor, NoiseLearnerV3, Session
from qiskit_modes.exceptions import InvalidInputError, UnsupportedOptionError
from qiskit_modes.primitives.layers.learn import learn_layer
from qiskit_modes.primitives.layers.learnable import read_layer
from tests.modes.staging import stage, timed  # noqa: F401

SHOTS = 64

needs_simulator_options = pytest.mark.skipif(
    "simulator" not in NoiseLearnerV3Options.model_fields, reason="upstream's newer options"
)


def boxed(depth: int = 4, *, inject: bool = True) -> QuantumCircuit:
    """Flips of one qubit on a chain by `depth` equal layers, so that all bits are 0 at the end."""
    circuit = QuantumCircuit(5, 3)
    noise = [InjectNoise("layer", "scale")] if inject else []
    for _ in range(depth):
        with circuit.box([Twirl(), Tag("layer"), *noise]):
            circuit.cx(1, 0)
            circuit.noop(2)
    with circuit.box([Twirl(), Tag("measure")]):
        circuit.measure([0, 1, 2], [0, 1, 2])
    return circuit


def test_it_has_the_interface_of_upstreams(manila, timed):
    for name in ("__init__", "run", "backend"):
        theirs = inspect.signature(getattr(TheirNoiseLearner, name)).parameters
        ours = inspect.signature(getattr(NoiseLearnerV3, name)).parameters
        assert {k: (p.kind, p.default) for k, p in theirs.items()} == {
            k: (p.kind, p.default) for k, p in ours.items()
        }
    learner = NoiseLearnerV3(manila, {"num_randomizations": 2})
    assert learner.options == NoiseLearnerV3Options(num_randomizations=2)


@pytest.mark.parametrize("mode", ["job", "batch", "session"])
def test_it_runs_in_every_mode(mode, manila, timed):
    layers = find_unique_box_instructions(boxed().data, normalize_annotations=None)
    if mode == "job":
        job = NoiseLearnerV3(manila).run(layers)
    else:
        with Batch(manila) if mode == "batch" else Session(backend=manila):
            job = NoiseLearnerV3().run(layers)
    results = job.result(timeout=20)
    assert (job.mode, job.primitive_id, job.status()) == (mode, "noise-learner", "DONE")
    assert type(results) is NoiseLearnerV3Results
    assert [type(each) for each in results] == [NoiseLearnerV3Result] * 2
    assert [each.metadata["learning_protocol"] for each in results] == ["pauli_lindblad", "trex"]
    maps = results.to_pauli_lindblad_maps()
    assert [type(each) for each in maps] == [PauliLindbladMap] * 2
    assert results.to_dict(layers, require_refs=False).keys() == {"layer"}
    assert maps[0].rates.sum() > 0.005
    assert list(job.inputs) == ["instructions", "options"]


def test_the_estimate_of_usage_is_that_of_the_experiment(manila, timed):
    options = {
        "num_randomizations": 2,
        "shots_per_randomization": 10,
        "layer_pair_depths": [0, 1, 4],
        "environment": {"job_tags": ["learned"]},
        "execution": {"rep_delay": 1e-3},
    }
    layers = find_unique_box_instructions(boxed().data)
    job = NoiseLearnerV3(manila, options).run(layers)
    executions = 9 * 3 * 20 + 20
    assert job.usage_estimation["quantum_seconds"] == pytest.approx(2 + 1.1e-3 * executions)
    assert job.tags == ["learned"]
    assert job.inputs["options"] == options


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"bit_flip_checks": {"pre_circuit": {"enable": True}}}, "bit_flip_checks.pre_circuit"),
        pytest.param(
            {"simulator": {"angle_decimals": 3}},
            "simulator.angle_decimals=3",
            marks=needs_simulator_options,
        ),
        ({"experimental": {"x": 1}}, "experimental={'x': 1}"),
        ({"execution": {"init_qubits": False}}, "execution.init_qubits=False"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused_by_name(manila, timed, options, name):
    with pytest.raises(UnsupportedOptionError) as caught:
        NoiseLearnerV3(manila, options).run([])
    assert name in str(caught.value)
    assert "is not supported: " in str(caught.value)


@needs_simulator_options
def test_a_seed_may_be_given_though_nothing_is_drawn(manila, timed):
    options = {"simulator": {"seed_simulator": 5}}
    assert len(NoiseLearnerV3(manila, options).run([]).result(timeout=20)) == 0


def test_what_tunes_checks_that_are_off_has_no_effect(manila, timed):
    options = {"bit_flip_checks": {"post_circuit": {"strategy": "edge"}}}
    assert len(NoiseLearnerV3(manila, options).run([]).result(timeout=20)) == 0


def test_instructions_are_checked_before_the_job(manila, timed):
    learner = NoiseLearnerV3(manila)
    circuit = boxed()
    circuit.x(0)
    with pytest.raises(InvalidInputError, match="Instruction 5: expected a box, not 'x'"):
        learner.run(circuit.data)
    with pytest.raises(InvalidInputError, match="expects a list of instructions"):
        learner.run(circuit.data[0])


def mean_and_error(
    item: dict[str, np.ndarray], gamma: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Expectation values of Z on each bit over randomisations, and their standard errors."""
    bits = item["c"] ^ item["measurement_flips.c"]
    values = (1 - 2.0 * bits).mean(axis=1)
    if "pauli_signs" in item:
        values = values * gamma * (1 - 2.0 * item["pauli_signs"].sum(axis=1, keepdims=True) % 4)
    return values.mean(axis=0), values.std(axis=0) / np.sqrt(len(values))


def test_cancellation_with_what_was_learned_gives_the_ideal_values(manila, timed):
    """Quasi-probabilities of the learned map undo the backend's noise, not only a model of it."""
    depth = 6
    backend = without_readout_error(manila)
    circuit = boxed(depth)
    layers = find_unique_box_instructions(circuit.data[:1])
    (noise,) = NoiseLearnerV3(backend).run(layers).result(timeout=20).to_pauli_lindblad_maps()
    template, samplex = build(circuit)
    means = {}
    for scale in (0.0, -1.0):
        program = QuantumProgram(SHOTS)
        arguments = {"pauli_lindblad_maps.layer": noise, "noise_scales.scale": scale}
        program.append_samplex_item(template, samplex, arguments, shape=(2000,))
        options = {"simulator": {"seed_simulator": 3}}
        item = Executor(backend, options).run(program).result(timeout=60)[0]
        gamma = np.exp(2 * depth * noise.rates.sum()) if scale else 1.0
        means[scale] = mean_and_error(item, gamma)
    noisy, noisy_error = means[0.0]
    cancelled, error = means[-1.0]
    assert (noisy[:2] < 1 - 20 * noisy_error[:2]).all(), "the noise is seen"
    assert (abs(cancelled - 1) < 4 * error + 1e-3).all()
    assert (abs(cancelled - 1)[:2] < (1 - noisy[:2]) / 5).all()


def without_readout_error(manila) -> AerSimulator:
    backend = AerSimulator.from_backend(manila)
    backend.set_options(noise_model=NoiseModel.from_backend(manila, readout_error=False))
    return backend


@pytest.mark.filterwarnings("ignore:Trying to add QuantumRegister:UserWarning")  # upstream's own
def test_layers_of_upstreams_estimator_are_learned_and_cancelled_with(manila, timed):
    """The whole way of a user: layers, learning, options, a program, and expectation values."""
    circuit = efficient_su2(2, reps=1)
    isa = generate_preset_pass_manager(1, manila, seed_transpiler=1).run(circuit)
    observable = SparsePauliOp(["ZZ", "XX"]).apply_layout(isa.layout)
    pubs = [(isa, observable, [0.3] * circuit.num_parameters)]
    estimator = TheirEstimator(manila, options={"default_shots": 64 * 50})
    estimator.options.resilience.pec_mitigation = True
    estimator.options.resilience.zne_mitigation = False
    estimator.options.twirling.num_randomizations = 50
    layers = estimator.find_unique_layers(pubs, types="all")
    results = NoiseLearnerV3(manila).run(layers).result(timeout=20)
    protocols = [each.metadata["learning_protocol"] for each in results]
    assert set(protocols) == {"pauli_lindblad", "trex"}
    noise = zip(layers, results.to_pauli_lindblad_maps(), strict=True)
    estimator.options.resilience.layer_noise_model = [
        pair for pair, protocol in zip(noise, protocols, strict=True) if protocol != "trex"
    ]
    program, _ = prepare(pubs, estimator.finalize_options(), backend=manila)
    program._semantic_role = "estimator_v2"
    options = {"simulator": {"seed_simulator": 2}}
    data = Executor(manila, options).run(program).result(timeout=60)[0].data
    ideal = StatevectorEstimator().run([(circuit, SparsePauliOp(["ZZ", "XX"]), [0.3] * 8)])
    assert abs(data.evs - ideal.result()[0].data.evs) < 5 * data.stds + 0.02


def turning() -> QuantumCircuit:
    """Three different layers with turns by an angle between them, on qubits in odd orders."""
    circuit = QuantumCircuit(5, 3)
    for number, (control, target) in enumerate([(1, 0), (1, 2), (0, 1), (2, 1)] * 2):
        with circuit.box([Twirl(), Tag(f"layer{number % 4}")]):
            for qubit in (2, 0, 1):
                circuit.ry(0.4 + 0.3 * qubit + 0.1 * number, qubit)
            circuit.cx(control, target)
    with circuit.box([Twirl(), Tag("measure")]):
        circuit.measure([2, 0, 1], [0, 1, 2])
    return circuit


def test_the_learned_noise_on_an_ideal_simulator_is_that_of_the_backend(manila, timed):
    """Also for turns that are no Paulis; and the twirl's own gates are a part of it."""
    backend = without_readout_error(manila)
    circuit = turning()
    layers = {
        annotation.ref: step
        for step in circuit.data
        for annotation in step.operation.annotations
        if isinstance(annotation, Tag)
    }
    results = NoiseLearnerV3(backend).run(layers.values()).result(timeout=20)
    noise = list(zip(layers.values(), results.to_pauli_lindblad_maps(), strict=True))
    template, samplex = build(circuit)
    program = QuantumProgram(1000)
    program.append_samplex_item(template, samplex, shape=(300,))

    def expectations(backend, **simulator) -> tuple[np.ndarray, np.ndarray]:
        options = {"simulator": {"seed_simulator": 1, **simulator}}
        return mean_and_error(Executor(backend, options).run(program).result(timeout=60)[0])

    noisy, error = expectations(backend)
    modelled, _ = expectations(AerSimulator(), layer_noise_model=noise)
    ideal, _ = expectations(AerSimulator())
    assert (abs(modelled - noisy) < 4 * np.sqrt(2) * error).all()
    bare = [
        (step, learn_layer(read_layer(step, backend, "it"), backend, dressing=False))
        for step in layers.values()
    ]
    bare = [(step, result.to_pauli_lindblad_map()) for step, result in bare]
    undressed, _ = expectations(AerSimulator(), layer_noise_model=bare)
    assert (abs(undressed - noisy) > 4 * np.sqrt(2) * error).any()
    assert abs(ideal - noisy).max() > 20 * error.max()
