"""What `run()` does with large circuits: it looks at them, and the job prepares them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import PauliLindbladMap, SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.results import LayerError, NoiseLearnerResult
from samplomatic import build
from samplomatic.quantum_program import QuantumProgram
from samplomatic.transpiler import generate_boxing_pass_manager

from qiskit_modes import EstimatorV2, Executor, LocalService, SamplerV2, estimate_usage
from qiskit_modes.exceptions import InvalidInputError, SimulationTooLargeError
from qiskit_modes.primitives.boxes.sample import AT_ONCE, sample_of
from qiskit_modes.primitives.estimator.prepare import prepare_estimator_job
from qiskit_modes.primitives.inputs import pubs
from qiskit_modes.primitives.mitigation import (
    early_layer_noise,
    learned_layers,
    preparer,
)
from qiskit_modes.primitives.primitive import Primitive
from qiskit_modes.primitives.sampler import templates
from qiskit_modes.primitives.sampler.prepare import prepare_sampler_job
from qiskit_modes.simulation import execute

TWIRLED: dict[str, Any] = {"twirling": {"enable_gates": True, "enable_measure": True}}
EXTRAPOLATED = {"resilience_level": 2, "twirling": {"enable_gates": True}}
CANCELLED = {"resilience": {"pec_mitigation": True}}
AMPLIFIED = {"resilience": {"zne_mitigation": True, "zne": {"amplifier": "pea"}}}


def layers(num_qubits: int, gates: int) -> QuantumCircuit:
    """A circuit with so many gates and more, each angle another."""
    circuit = QuantumCircuit(num_qubits, num_qubits)
    random = np.random.default_rng(5)
    while len(circuit.data) < gates:
        for qubit in range(num_qubits):
            circuit.rz(float(random.uniform(0, 6)), qubit)
            circuit.sx(qubit)
        for qubit in range(0, num_qubits - 1, 2):
            circuit.cx(qubit, qubit + 1)
    return circuit


def line_of(num_qubits: int) -> GenericBackendV2:
    """A noisy device with qubits in a line."""
    pairs = [[qubit, qubit + 1] for qubit in range(num_qubits - 1)]
    gates = ["cx", "rz", "sx", "x", "id"]
    return GenericBackendV2(num_qubits, basis_gates=gates, coupling_map=pairs, seed=1)


def sampled(circuit: QuantumCircuit, backend: AerSimulator) -> Any:
    whole = circuit.copy()
    whole.measure(whole.qubits, whole.clbits)
    return prepare_sampler_job([whole], TWIRLED, backend, shots=16)


def estimated(circuit: QuantumCircuit, backend: AerSimulator) -> Any:
    pub = (circuit, "Z" * circuit.num_qubits)
    return prepare_estimator_job([pub], EXTRAPOLATED, backend, precision=0.5)


def cancelled(circuit: QuantumCircuit, backend: AerSimulator) -> Any:
    pub = (circuit, "Z" * circuit.num_qubits)
    return prepare_estimator_job([pub], CANCELLED, backend, precision=0.5)


def amplified(circuit: QuantumCircuit, backend: AerSimulator) -> Any:
    pub = (circuit, "Z" * circuit.num_qubits)
    return prepare_estimator_job([pub], AMPLIFIED, backend, precision=0.5)


@pytest.mark.parametrize("prepare", [sampled, estimated, cancelled, amplified])
def test_what_is_boxed_for_run_does_not_grow_with_the_circuit(prepare, monkeypatch):
    boxed: list[int] = []

    def counting(module: Any, name: str, place: int) -> None:
        original = getattr(module, name)

        def counted(*args: Any, **more: Any) -> Any:
            boxed.append(len(args[place].data))
            return original(*args, **more)

        monkeypatch.setattr(module, name, counted)

    counting(templates, "boxed", 0)
    counting(preparer, "_prepared", 1)
    for gates in (400, 1600):
        prepare(layers(10, gates), AerSimulator())
    assert len(boxed) == 2
    assert max(boxed) < 10


@pytest.mark.parametrize("prepare", [cancelled, amplified])
def test_nor_does_what_is_looked_at_for_the_noise_of_layers(prepare, monkeypatch):
    looked_at: list[int] = []
    original = early_layer_noise.counted_layers

    def counted(circuits: Any, *more: Any) -> Any:
        looked_at.extend(len(circuit.data) for circuit in circuits)
        return original(circuits, *more)

    monkeypatch.setattr(early_layer_noise, "counted_layers", counted)
    monkeypatch.setattr(learned_layers, "learn_layer", None)
    for gates in (400, 1600):
        assert prepare(layers(10, gates), AerSimulator()).executions > 0
    assert len(looked_at) == 2
    assert max(looked_at) < 10


@pytest.mark.parametrize("prepare", [sampled, estimated, cancelled, amplified])
def test_the_qubits_that_a_circuit_uses_are_looked_for_once(prepare, monkeypatch):
    """By `run()` and by its job together."""
    looked_through: list[QuantumCircuit] = []
    original = pubs.used_qubits

    def counted(circuit: QuantumCircuit) -> set[int]:
        looked_through.append(circuit)
        return original(circuit)

    monkeypatch.setattr(pubs, "used_qubits", counted)
    job = prepare(layers(4, 20), line_of(4))
    job.check_simulation()
    job.steps.compile()
    job.steps.executions()
    assert len(looked_through) == 1


def learned(backend: Any, resilience: dict[str, Any], **options: Any) -> tuple[Any, int]:
    """What a job of PEC or PEA comes to, and how many executions it is said to have."""
    circuit = layers(4, 40)
    settings = {"simulator": {"seed_simulator": 3}, "default_shots": 512, **options}
    pub = (circuit, ["ZZII", "IIXZ"])
    job = prepare_estimator_job(
        [pub], {"resilience": resilience, **settings}, backend, precision=None
    )
    program, notes = job.steps.compile()
    return job.steps.post_process(execute(program), notes, None), job.executions


@pytest.mark.parametrize("limit", [0, 1, 2, None])
@pytest.mark.parametrize("technique", [CANCELLED, AMPLIFIED], ids=["pec", "pea"])
def test_it_does_not_matter_who_finds_the_noise_of_layers(technique, limit, monkeypatch):
    learning = {"layer_noise_learning": {"max_layers_to_learn": limit}}
    resilience = {**technique["resilience"], **learning}
    here, shots = learned(line_of(4), resilience)
    monkeypatch.setattr(early_layer_noise, "AT_ONCE", 0)
    monkeypatch.setattr(preparer, "AT_ONCE", 0)
    there, about = learned(line_of(4), resilience)
    np.testing.assert_array_equal(here[0].data.evs, there[0].data.evs)
    np.testing.assert_array_equal(here[0].data.stds, there[0].data.stds)
    told = [result.metadata["resilience"].get("layer_noise_model", []) for result in (here, there)]
    assert len(told[0]) == len(told[1]) == (1 if limit is None else min(limit, 1))
    assert about == shots


def test_a_job_that_looks_noise_of_layers_up_logs_what_it_does_not_find(monkeypatch, caplog):
    monkeypatch.setattr(early_layer_noise, "AT_ONCE", 0)
    nothing = NoiseLearnerResult([LayerError(QuantumCircuit(2), [2, 3], None)])
    resilience = {**CANCELLED["resilience"], "layer_noise_model": nothing}
    with caplog.at_level("WARNING", logger="qiskit_modes"):
        learned(line_of(4), resilience)
    assert "has no noise for 1 of the 1 layers" in caplog.text


def test_noise_that_is_given_and_lacks_a_layer_is_an_error_of_the_job(monkeypatch):
    pec = EstimatorV2(line_of(4), options=CANCELLED)
    (layer,) = pec.find_unique_layers([(layers(4, 10), "ZZZZ")])
    given = [(layer, PauliLindbladMap.identity(4))]
    resilience = {**CANCELLED["resilience"], "layer_noise_model": given}
    monkeypatch.setattr(early_layer_noise, "AT_ONCE", 0)
    monkeypatch.setattr(preparer, "AT_ONCE", 0)
    circuit = layers(4, 40)
    circuit.cx(1, 2)
    options = {"resilience": resilience}
    job = prepare_estimator_job([(circuit, "ZZZZ")], options, line_of(4), precision=0.1)
    with pytest.raises(InvalidInputError, match="has no noise for the layer"):
        job.steps.compile()


@pytest.mark.parametrize("prepare", [sampled, estimated, cancelled, amplified])
def test_what_small_circuits_become_is_kept_for_their_jobs(prepare, monkeypatch):
    backend = AerSimulator()
    job = prepare(layers(4, 20), backend)
    monkeypatch.setattr(templates, "boxed", None)
    monkeypatch.setattr(preparer, "_prepared", None)
    program, _ = job.steps.compile()
    assert program.runs


def test_a_sample_has_each_kind_once():
    circuit = layers(6, 600)
    circuit.rzz(0.5, 0, 1)
    circuit.rzz(0.25, 1, 2)
    circuit.rzz(Parameter("a"), 2, 3)
    circuit.rzz(Parameter("b"), 2, 3)
    circuit.barrier()
    circuit.measure(circuit.qubits[:5], circuit.clbits[:5])
    circuit.measure(5, 4)
    counts = sample_of(circuit).count_ops()
    assert counts == {"rz": 1, "sx": 1, "cx": 1, "rzz": 3, "barrier": 1, "measure": 3}


def conditional(circuit: QuantumCircuit) -> None:
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)


def storing(circuit: QuantumCircuit) -> None:
    circuit.store(circuit.add_var("flag", False), True)


def looping(circuit: QuantumCircuit) -> None:
    with circuit.for_loop(range(2)):
        circuit.x(0)


REFUSED: dict[str, Callable[[QuantumCircuit], object]] = {
    "a condition": conditional,
    "a loop": looping,
    "a store": storing,
    "a variable": lambda circuit: circuit.add_var("flag", False),
    "three qubits": lambda circuit: circuit.ccx(0, 1, 2),
    "an angle": lambda circuit: circuit.cp(0.3, 0, 1),
    "another angle": lambda circuit: circuit.crx(Parameter("a"), 0, 1),
    "a bit measured twice": lambda circuit: circuit.measure([2, 3], [2, 2]),
    "a unitary": lambda circuit: circuit.unitary(np.eye(4), [0, 1]),
}


@pytest.mark.parametrize("prepare", [sampled, estimated, cancelled, amplified])
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_of_small_circuits_is_refused_of_large_ones(case, prepare):
    """At once, in the same words; or of neither."""
    said = []
    for gates in (0, 4 * AT_ONCE):
        circuit = layers(4, gates)
        REFUSED[case](circuit)
        try:
            prepare(circuit, AerSimulator())
        except InvalidInputError as error:
            # Which of its layers it is, the circuit decides.
            said.append(re.sub(r"^Layer \d+ ", "Layer ", error.message))
        else:
            said.append("")
    assert said[0] == said[1]


def test_at_least_most_of_them_are_refused():
    """So that the test above compares something."""
    circuit = layers(4, 0)
    for case in ("a condition", "three qubits", "an angle"):
        bad = circuit.copy()
        REFUSED[case](bad)
        with pytest.raises(InvalidInputError, match="cannot be randomised"):
            sampled(bad, AerSimulator())


@pytest.mark.parametrize(("prepare", "module"), [(sampled, templates), (estimated, preparer)])
def test_where_a_sample_is_refused_the_circuit_decides(prepare, module, monkeypatch):
    refused = layers(4, 0)
    conditional(refused)
    monkeypatch.setattr(module, "sample_of", lambda _: refused)
    job = prepare(layers(4, 2 * AT_ONCE), AerSimulator())
    monkeypatch.setattr(templates, "boxed", None)
    monkeypatch.setattr(preparer, "_prepared", None)
    program, _ = job.steps.compile()
    assert program.runs


def entangled(clifford: bool) -> QuantumCircuit:
    """Gates of which no order needs few qubits at a time."""
    circuit = QuantumCircuit(60)
    random = np.random.default_rng(3)
    for _ in range(30):
        order = random.permutation(60)
        for qubit in range(60):
            circuit.sx(qubit)
            circuit.rz(np.pi / 2 if clifford else 0.3 + qubit, qubit)
        for one, other in zip(order[::2], order[1::2], strict=True):
            circuit.cz(int(one), int(other))
    return circuit


def program(circuit: QuantumCircuit, *, twirled: bool) -> QuantumProgram:
    whole, items = circuit.measure_all(inplace=False), QuantumProgram(shots=8)
    if not twirled:
        items.append_circuit_item(whole)
        return items
    boxes = generate_boxing_pass_manager(enable_gates=True, enable_measures=True).run(whole)
    template, samplex = build(boxes)
    items.append_samplex_item(template, samplex=samplex, shape=(2,))
    return items


SUBMITTED: dict[str, Callable[[AerSimulator, QuantumCircuit], Any]] = {
    "sampler": lambda backend, circuit: SamplerV2(backend).run(
        [circuit.measure_all(inplace=False)], shots=8
    ),
    "twirled sampler": lambda backend, circuit: SamplerV2(backend, options=TWIRLED).run(
        [circuit.measure_all(inplace=False)], shots=8
    ),
    **{
        name: lambda backend, circuit, options=options: EstimatorV2(backend, options=options).run(
            [(circuit, SparsePauliOp.from_sparse_list([("Z", [k], 1) for k in range(60)], 60))]
        )
        for name, options in {
            "level 0": {"resilience_level": 0},
            "level 1": {"resilience_level": 1},
            "level 2": {"resilience_level": 2},
            "twirled level 2": EXTRAPOLATED,
            "PEC": CANCELLED,
            "PEA": AMPLIFIED,
        }.items()
    },
    "executor": lambda backend, circuit: Executor(backend).run(program(circuit, twirled=False)),
    "executor with a samplex": lambda backend, circuit: Executor(backend).run(
        program(circuit, twirled=True)
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name.startswith("executor") else name
        for name in SUBMITTED
    ],
)
def test_what_is_too_wide_is_refused_by_run_before_anything_is_prepared(name, monkeypatch):
    backend = AerSimulator()
    circuit = entangled(clifford=False)
    monkeypatch.setattr(templates, "template_of", None)
    monkeypatch.setattr(preparer.Preparer, "group", None)
    number = len(LocalService().jobs())
    held = r"(PUB|Item) 0: .*held at a time"
    with pytest.raises(SimulationTooLargeError, match=held) as refused:
        SUBMITTED[name](backend, circuit)
    assert refused.value.num_qubits > 40
    for words in ("memory", "fewer layers", "matrix_product_state"):
        assert words in refused.value.message
    assert len(LocalService().jobs()) == number


@pytest.mark.parametrize(
    "name",
    [
        *["sampler", "executor", "level 0"],
        pytest.param("executor with a samplex", marks=pytest.mark.slow),
    ],
)
def test_clifford_gates_are_not_too_wide(name):
    backend = AerSimulator()
    with mock.patch.object(Primitive, "_submit", lambda _, where, job: job):
        SUBMITTED[name](backend, entangled(clifford=True)).check_simulation()
        with pytest.raises(SimulationTooLargeError):
            SUBMITTED[name](backend, entangled(clifford=False)).check_simulation()


def test_what_hardware_would_charge_can_be_asked_of_what_is_too_wide():
    circuit = entangled(clifford=False).measure_all(inplace=False)
    assert estimate_usage([circuit], AerSimulator(), shots=100).executions == 100
