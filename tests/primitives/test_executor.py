"""The executor as users meet it: from ``run()`` through the runtime to the result."""
# ruff: noqa: F811 - fixtures of another folder are imported, and then asked for by name

import inspect

import numpy as np
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import CircuitInstruction, Parameter
from qiskit.circuit.library import efficient_su2
from qiskit.primitives import PrimitiveResult
from qiskit.quantum_info import PauliLindbladMap, SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import Executor as TheirExecutor
from qiskit_ibm_runtime import QuantumProgram
from qiskit_ibm_runtime.exceptions import IBMRuntimeError
from qiskit_ibm_runtime.executor_estimator import Estimator as TheirEstimator
from qiskit_ibm_runtime.executor_estimator import estimator as their_estimator
from qiskit_ibm_runtime.executor_sampler import Sampler as TheirSampler
from qiskit_ibm_runtime.executor_sampler import sampler as their_sampler
from qiskit_ibm_runtime.options_models import ExecutorOptions
from qiskit_ibm_runtime.results import QuantumProgramResult
from samplomatic import Tag, Twirl, build
from samplomatic import quantum_program as samplomatic_programs
from scipy.stats import chi2_contingency

from qiskit_modes import Batch, Executor, Session
from qiskit_modes.exceptions import (
    InvalidInputError,
    NotISAError,
    QiskitModesWarning,
    UnsupportedOptionError,
)
from qiskit_modes.primitives.executor.semantic_role import decoder_of, semantic_role
from tests.modes.staging import stage, timed  # noqa: F401
from tests.primitives import program_cases as cases


def turned(angle: float | None = None, shots: int = 100) -> QuantumProgram:
    circuit = QuantumCircuit(1)
    circuit.sx(0)
    circuit.rz(Parameter("a"), 0)
    circuit.sx(0)
    circuit.measure_all()
    program = QuantumProgram(shots)
    program.append_circuit_item(circuit, [1.5 if angle is None else angle])
    return program


def test_it_has_the_interface_of_upstreams(ideal, timed):
    for name in ("__init__", "run", "backend"):
        theirs = inspect.signature(getattr(TheirExecutor, name)).parameters
        ours = inspect.signature(getattr(Executor, name)).parameters
        assert {k: (p.kind, p.default) for k, p in theirs.items()} == {
            k: (p.kind, p.default) for k, p in ours.items()
        }
    executor = Executor(ideal)
    assert isinstance(executor.options, ExecutorOptions)
    executor.options = {"max_execution_time": 7}
    assert executor.options == ExecutorOptions(max_execution_time=7)
    assert executor.backend() is ideal
    assert executor.mode is None


@pytest.mark.parametrize("mode", ["job", "batch", "session"])
def test_it_runs_in_every_mode(mode, manila, timed):
    program = cases.sweep()
    if mode == "job":
        job = Executor(manila).run(program)
    else:
        with Batch(manila) if mode == "batch" else Session(backend=manila) as opened:
            executor = Executor()
            job = executor.run(program)
            assert executor.mode is opened
            assert job.session_id == opened.session_id
    result = job.result(timeout=20)
    assert isinstance(result, QuantumProgramResult)
    flips = (result[0]["meas"] ^ result[0]["measurement_flips.meas"]).mean(axis=(0, 2))
    assert (flips[0] < 0.3).all()
    assert (flips[1] > 0.7).all()
    assert (job.mode, job.primitive_id) == (mode, "executor")
    assert result.timing.duration == job.metrics()["circuits_execution_time_ns"] / 1e9


def test_a_job_knows_what_was_passed(ideal, timed):
    options = {"simulator": {"seed_simulator": 0}, "environment": {"job_tags": ["a"]}}
    job = Executor(ideal, options).run(turned())
    assert list(job.inputs) == ["quantum_program", "options"]
    assert job.inputs["quantum_program"].shots == 100
    assert job.inputs["options"] == options
    assert job.tags == ["a"]
    assert job.usage_estimation["quantum_seconds"] == pytest.approx(2 + 0.35e-3 * 100)


def test_options_act_on_the_job(ideal, timed):
    executor = Executor(ideal, {"execution": {"rep_delay": 0.01}, "max_execution_time": 60})
    job = executor.run(cases.sweep())
    executions = cases.SHOTS * 8
    assert job.usage_estimation["quantum_seconds"] == pytest.approx(2 + 0.0101 * executions)


@pytest.mark.parametrize("seed", [0, 5])
def test_a_seed_reproduces_bits_and_randomisations(manila, timed, seed):
    def item(**simulator):
        job = Executor(manila, {"simulator": simulator}).run(cases.sweep())
        return {name: array.tobytes() for name, array in job.result(timeout=20)[0].items()}

    assert item(seed_simulator=seed) == item(seed_simulator=seed)
    first, second = item(), item()
    assert all(first[name] != second[name] for name in first)


def test_a_program_of_samplomatic_runs_too(ideal, timed):
    program = samplomatic_programs.QuantumProgram(10)
    program.append_circuit_item(cases.plain())
    result = Executor(ideal).run(program).result(timeout=20)
    assert isinstance(result, QuantumProgramResult)
    np.testing.assert_array_equal(result[0]["meas"], [[True, False]] * 10)


def test_what_was_submitted_is_not_changed_afterwards(ideal, timed, stage):
    program = turned(np.pi)
    program.passthrough_data = {"kept": [1]}
    stage.shut()
    job = Executor(ideal).run(program)
    program.items[0].circuit_arguments[:] = 0.0
    program.items[0].circuit.reset(0)
    program.passthrough_data["kept"].append(2)
    program.items.append(program.items[0])
    program.shots = 1
    stage.open()
    result = job.result(timeout=20)
    assert len(result) == 1
    assert not result[0]["meas"].any()
    assert result[0]["meas"].shape == (100, 1)
    assert result.passthrough_data == {"kept": [1]}


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"execution": {"init_qubits": False}}, "execution.init_qubits=False"),
        ({"execution": {"scheduler_timing": True}}, "execution.scheduler_timing=True"),
        ({"execution": {"stretch_values": True}}, "execution.stretch_values=True"),
        ({"environment": {"image": "a/b:c"}}, "environment.image='a/b:c'"),
        ({"experimental": {"x": 1}}, "experimental={'x': 1}"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused_by_name(ideal, timed, options, name):
    with pytest.raises(UnsupportedOptionError) as caught:
        Executor(ideal, options).run(turned())
    assert f"{name} is not supported: " in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"nonsense": 1}, "no option nonsense: the options are"),
        ({"shots": 1}, "no option shots: the options are"),
        ({"execution": {"rep_delays": 1.0}}, "did you mean execution.rep_delay"),
        ({1: 2}, "cannot be read"),
        ({"execution": {"rep_delay": -1.0}}, "execution.rep_delay"),
        ({"simulator": {"seed_simulator": -1}}, "seed_simulator must be an integer of at least 0"),
        ({"max_execution_time": 0}, "max_execution_time must be a positive number"),
        (7, "must be a dict or qiskit_ibm_runtime.options_models.ExecutorOptions"),
    ],
)
def test_options_that_make_no_sense(ideal, timed, options, message):
    with pytest.raises(InvalidInputError, match=message):
        Executor(ideal, options).run(turned())


def kerneled() -> QuantumProgram:
    return QuantumProgram(10, meas_level="kerneled")


def not_finite() -> QuantumProgram:
    return turned(np.nan)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (cases.plain, InvalidInputError, "expects a QuantumProgram .* not QuantumCircuit"),
        (lambda: QuantumProgram(0), InvalidInputError, "shots of the program must be a positive"),
        (kerneled, UnsupportedOptionError, "kerneled.* of the program is not supported"),
        (not_finite, InvalidInputError, "Item 0 of the program: the parameter values"),
        (cases.wide, NotISAError, "Item 0 of the program: .* 10 qubits, but fake_manila has only"),
    ],
)
def test_programs_that_cannot_be_run(manila, timed, make, error, message):
    with pytest.raises(error, match=message):
        Executor(manila).run(make())


def test_no_jobs_for_a_closed_session_and_no_dry_runs(manila, timed):
    session = Session(backend=manila)
    executor = Executor(session)
    session.close()
    with pytest.raises(IBMRuntimeError, match="closed"):
        executor.run(turned())
    with pytest.raises(UnsupportedOptionError, match="dry_run"):
        Executor(manila).run(turned(), dry_run=True)


def layer_noise(circuit: QuantumCircuit, tag: str, noise: PauliLindbladMap) -> dict:
    def is_tagged(step: CircuitInstruction) -> bool:
        return any(isinstance(a, Tag) and a.ref == tag for a in step.operation.annotations)

    (box,) = filter(is_tagged, circuit.data)
    return {"layer_noise_model": [(box, noise)], "warn_absent": False}


FLIPS = PauliLindbladMap.from_sparse_list([("X", [1], 100.0), ("Z", [0], 3.0)], 2)


def test_noise_of_layers_acts_as_upstreams(ideal, timed):
    """After a hundred flips of one qubit its copy along the chain knows nothing any more."""
    simulator = layer_noise(cases.boxed(), "gate0", FLIPS)
    results = [
        door(ideal, {"simulator": simulator}).run(cases.sweep((20, 2))).result()[0]
        for door in (Executor, TheirExecutor)
    ]
    for result in results:
        flips = (result["meas"] ^ result["measurement_flips.meas"]).mean(axis=(0, 2))
        assert flips[:, 0].tolist() == [0.0, 1.0]
        np.testing.assert_allclose(flips[:, 1:], 0.5, atol=0.1)


def test_layers_without_noise_are_warned_of(ideal, timed):
    simulator = layer_noise(cases.boxed(), "gate0", FLIPS)
    executor = Executor(ideal, {"simulator": {**simulator, "warn_absent": True}})
    with pytest.warns(QiskitModesWarning, match=r"no noise for the layers \['gate1', 'measure'\]"):
        executor.run(cases.sweep())


def test_angles_are_rounded_where_that_is_set(ideal, timed):
    def mean(angle: float, **simulator) -> float:
        executor = Executor(ideal, {"simulator": {"seed_simulator": 1, **simulator}})
        return executor.run(turned(angle, 4000)).result()[0]["meas"].mean()

    exact = mean(np.pi / 2 * 1.3)
    assert exact == pytest.approx(np.cos(np.pi * 0.65 / 2) ** 2, abs=0.05)
    assert mean(np.pi / 2 * 1.3, angle_decimals=0) == pytest.approx(0.5, abs=0.05)
    assert abs(exact - 0.5) > 0.1


@pytest.mark.parametrize(
    ("method", "found"), [("stabilizer", "stabilizer"), ("automatic", "a window of 3 qubits")]
)
@pytest.mark.parametrize("noisy", [False, True])
def test_a_twirled_clifford_circuit_on_more_qubits_than_a_state_would_fit(
    timed, method, found, noisy
):
    circuit = QuantumCircuit(40)
    with circuit.box([Twirl(), Tag("first")]):
        circuit.x(0)
        circuit.cx(range(0, 40, 2), range(1, 40, 2))
    with circuit.box([Twirl()]):
        circuit.cx(range(1, 39, 2), range(2, 40, 2))
        circuit.noop(0, 39)
    with circuit.box([Twirl()]):
        circuit.measure_all()
    template, samplex = build(circuit)
    program = QuantumProgram(10)
    program.append_samplex_item(template, samplex, shape=(2,))
    flips = PauliLindbladMap.from_sparse_list([("X", [20], 100.0)], 40)
    options = {"simulator": layer_noise(circuit, "first", flips) if noisy else {}}
    item = Executor(AerSimulator(method=method), options).run(program).result(timeout=60)[0]
    bits = item["meas"] ^ item["measurement_flips.meas"]
    assert (bits[..., :20] == ([True, True, True] + [False] * 17)).all()
    assert bits[..., 20].any() == noisy
    assert not bits[..., 23:].any()
    assert found in item.metadata.simulation["methods"][-1]


def prepared_by(primitive, module, pubs, monkeypatch) -> QuantumProgram:
    """Return the program that upstream's primitive hands to its executor."""
    taken = []

    class Taking:
        def __init__(self, *args, **kwargs) -> None: ...

        def run(self, program: QuantumProgram, dry_run: bool) -> None:
            taken.append(program)

    with monkeypatch.context() as patched:
        patched.setattr(module, "Executor", Taking)
        primitive.run(pubs)
    return taken[0]


def test_a_program_that_upstreams_estimator_prepared_gives_expectation_values(
    ideal, timed, monkeypatch
):
    circuit = efficient_su2(2, reps=1)
    isa = generate_preset_pass_manager(1, basis_gates=["rz", "sx", "cx", "x"]).run(circuit)
    observable = SparsePauliOp(["ZZ", "XI"])
    pubs = [(isa, observable, [[0.0] * 8, [np.pi / 2] * 8])]
    estimator = TheirEstimator(ideal, options={"resilience_level": 1, "default_shots": 4000})
    theirs = estimator.run(pubs).result()
    program = prepared_by(estimator, their_estimator, pubs, monkeypatch)
    assert semantic_role(program) == "estimator_v2"
    ours = Executor(ideal).run(program).result(timeout=60)
    assert type(ours) is type(theirs) is PrimitiveResult
    assert type(ours[0]) is type(theirs[0])
    assert ours[0].data.evs.shape == theirs[0].data.evs.shape
    np.testing.assert_allclose(ours[0].data.evs, theirs[0].data.evs, atol=0.2)
    # Upstream passes Aer's dictionary on in its local mode, and the service's type otherwise.
    assert set(theirs[0].metadata) - {"executor"} == set(ours[0].metadata) - {"compilation"}
    assert ours.metadata.keys() == theirs.metadata.keys()


def test_a_program_that_upstreams_sampler_prepared_gives_bits(ideal, timed, monkeypatch):
    sampler = TheirSampler(ideal, options={"twirling": {"enable_measure": True}})
    program = prepared_by(sampler, their_sampler, [(cases.plain(), None, 64)], monkeypatch)
    assert semantic_role(program) == "sampler_v2"
    result = Executor(ideal).run(program).result(timeout=20)
    assert result[0].data.meas.get_counts() == {"01": 64}


def test_a_program_that_somebody_wrote_has_no_role():
    assert semantic_role(cases.sweep()) is None
    assert semantic_role(samplomatic_programs.QuantumProgram(1)) is None
    marked = QuantumProgram(1, passthrough_data={"post_processor": {"version": "v0.1"}})
    assert semantic_role(marked) is None
    assert decoder_of(marked) is None


def test_a_program_prepared_in_a_way_that_is_not_known_is_refused_before_the_job(ideal, timed):
    program = cases.circuits()
    program.passthrough_data = {"post_processor": {"version": "v9"}}
    program._semantic_role = "sampler_v2"
    with pytest.raises(InvalidInputError, match=r"'sampler_v2' for .* version 'v9'"):
        Executor(ideal).run(program)


def test_a_circuit_that_branches(ideal, timed):
    circuit = QuantumCircuit(2, 2)
    circuit.rx(Parameter("a"), 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    program = QuantumProgram(50)
    program.append_circuit_item(circuit, [[0.0], [np.pi]])
    item = Executor(ideal).run(program).result(timeout=20)[0]
    assert item["c"].mean(axis=1).tolist() == [[0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize("angle", [0.7, 2.0])
def test_outcomes_are_distributed_as_upstreams(manila, timed, angle):
    """Chi-squared, at seeds that are fixed beforehand; the flips of the twirling are undone."""
    program = QuantumProgram(500)
    template, samplex = cases.template()
    program.append_samplex_item(template, samplex, {"parameter_values": [angle]}, shape=(20,))
    counts = []
    for door in (Executor, TheirExecutor):
        options = {"simulator": {"seed_simulator": 11}}
        item = door(manila, options).run(program).result()[0]
        bits = item["meas"] ^ item["measurement_flips.meas"]
        counts.append(np.bincount((bits @ [1, 2, 4]).ravel(), minlength=8))
    assert chi2_contingency(counts).pvalue > 1e-3
