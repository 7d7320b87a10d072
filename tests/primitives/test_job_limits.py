"""A few bytes that ask for more results than there is room for are refused at once."""

from __future__ import annotations

import re
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.exceptions import RuntimeInvalidStateError, RuntimeJobFailureError
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from samplomatic import build
from samplomatic.quantum_program import QuantumProgram
from samplomatic.transpiler import generate_boxing_pass_manager

from qiskit_modes import (
    EstimatorV2,
    Executor,
    NoiseLearner,
    NoiseLearnerV3,
    SamplerV2,
    estimate_usage,
)
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.boxes import draw
from qiskit_modes.primitives.inputs import job_limits
from qiskit_modes.primitives.measurement.expectation_values import mean_squares
from qiskit_modes.primitives.mitigation import early_layer_noise, preparer
from qiskit_modes.runtime import LocalRuntime, WorkerPool
from qiskit_modes.runtime.shared_runtime import use_runtime
from qiskit_modes.simulation import Program, Run, compile_circuit, execute, split
from qiskit_modes.simulation.run import division, execution
from tests.option_values import OTHER_VALUES, nested

NOTHING = np.empty((2**40, 0))
"""So many sets of no parameters."""


def sampled(circuit, shots, values=None):
    return SamplerV2(FakeManilaV2()).run([(circuit, values, shots)])


def executed(circuit, shots, values=()):
    program = QuantumProgram(shots=shots)
    program.append_circuit_item(circuit, circuit_arguments=np.asarray(values))
    return Executor(FakeManilaV2()).run(program)


@pytest.fixture
def measured():
    circuit = QuantumCircuit(5, 17)
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize("run", [sampled, executed])
def test_empty_arrays_of_any_shape_are_no_way_to_ask_for_everything(run, measured):
    with pytest.raises(InvalidInputError, match=r" 0: .* asks for 1,099,511,627,776 results"):
        run(measured, 1, NOTHING)


def test_nor_are_they_for_an_estimator():
    with pytest.raises(InvalidInputError, match=r"PUB 0: .* asks for 1,099,511,627,776 results"):
        EstimatorV2(FakeManilaV2()).run([(QuantumCircuit(5), "IIIIZ", NOTHING)])


def test_nor_for_an_estimate():
    with pytest.raises(InvalidInputError, match=r"PUB 0: .* asks for 1,099,511,627,776 results"):
        estimate_usage([(QuantumCircuit(5), "IIIIZ", NOTHING)], FakeManilaV2())


@pytest.mark.parametrize(("run", "bytes_of_a_shot"), [(sampled, 3), (executed, 17)])
def test_there_is_memory_for_the_results(run, bytes_of_a_shot, measured, monkeypatch):
    available = 100 * bytes_of_a_shot * job_limits.COPIES
    monkeypatch.setattr(job_limits, "available_bytes", lambda *_: available)
    assert run(measured, 100).result() is not None
    with pytest.raises(InvalidInputError, match=r" 0: the results up to here would take 0\.0 GiB"):
        run(measured, 101)


def test_all_pubs_count_together(measured, monkeypatch):
    monkeypatch.setattr(job_limits, "MAX_RESULTS", 100)
    sampler = SamplerV2(FakeManilaV2())
    with pytest.raises(InvalidInputError, match=r"PUB 2: up to here the job asks for 101 results"):
        sampler.run([(measured, None, 50), (measured, None, 50), (measured, None, 1)])


# -- numbers whose product is enormous -------------------------------------------------------------


def bell(layers: int = 1) -> QuantumCircuit:
    circuit = QuantumCircuit(5)
    for _ in range(layers):
        circuit.sx(0)
        circuit.cx(0, 1)
    return circuit


def swept() -> QuantumCircuit:
    circuit = bell()
    circuit.rz(Parameter("t"), 0)
    return circuit


def estimating(observables: Any = "IIIZZ", *, values: Any = None, **options: Any) -> Any:
    circuit = bell() if values is None else swept()
    pub = (circuit, observables, values)
    return lambda: EstimatorV2(FakeManilaV2(), options=options).run([pub])


def sampling(shots: int, *, values: Any = None, **options: Any) -> Any:
    circuit = (bell() if values is None else swept()).measure_all(inplace=False)
    return lambda: SamplerV2(FakeManilaV2(), options=options).run([(circuit, values)], shots=shots)


def executing(*, shots: int, shape: tuple[int, ...] = (), values: Any = None) -> Any:
    program = QuantumProgram(shots)
    if values is None:
        boxes = generate_boxing_pass_manager(enable_gates=True, enable_measures=True)
        template, samplex = build(boxes.run(bell().measure_all(inplace=False)))
        program.append_samplex_item(template, samplex=samplex, shape=shape)
    else:
        whole = swept().measure_all(inplace=False)
        program.append_circuit_item(whole, circuit_arguments=values)
    return lambda: Executor(FakeManilaV2()).run(program)


GATES = {"enable_gates": True}
BOTH = {"enable_gates": True, "enable_measure": True}
MANY = np.zeros((100_000, 1))
PEC = {"pec_mitigation": True}
PEA = {"zne_mitigation": True, "zne": {"amplifier": "pea"}}
SINGLY = {"num_randomizations": 10**7, "shots_per_randomization": 1}

ENORMOUS: dict[str, Callable[[], Any]] = {
    "shots": sampling(10**8),
    "shots x parameter sets": sampling(10_000, values=MANY),
    "randomisations of a sampler": sampling(10**7, twirling={**BOTH, **SINGLY}),
    "randomisations x parameter sets": sampling(
        4096, values=MANY, twirling={**BOTH, "shots_per_randomization": 1}
    ),
    "randomised measurements": sampling(10**7, twirling={"enable_measure": True, **SINGLY}),
    "precision": estimating(resilience_level=0, default_precision=1e-4),
    "precision x parameter sets": estimating(
        resilience_level=0, values=MANY, default_precision=0.01
    ),
    "observables x parameter sets": estimating(
        [[letter * 5] for letter in "XYZ" * 100], values=MANY, resilience_level=1
    ),
    "observables x parameter sets x extrapolators": estimating(
        [[letter * 5] for letter in "XYZ" * 30],
        values=np.zeros((3000, 1)),
        default_shots=1,
        resilience_level=2,
        resilience={"zne": {"extrapolator": ["linear", "exponential"]}},
    ),
    "randomisations of an estimator": estimating(resilience_level=0, twirling={**GATES, **SINGLY}),
    "noise factors": estimating(
        resilience_level=2,
        twirling={**GATES, "num_randomizations": 200_000, "shots_per_randomization": 1},
        resilience={"zne": {"noise_factors": list(np.linspace(1, 3, 10))}},
    ),
    "the calibration's randomisations": estimating(
        resilience={"measure_noise_learning": {"num_randomizations": 10**8}}
    ),
    "the calibration's shots": estimating(
        resilience={"measure_noise_learning": {"shots_per_randomization": 10**10}}
    ),
    "PEC": estimating(resilience=PEC, default_precision=1e-4),
    "PEC's randomisations": estimating(resilience=PEC, twirling={"num_randomizations": 10**8}),
    "PEA": estimating(resilience=PEA, twirling=SINGLY),
    "an executor's shape": executing(shots=1, shape=(10**8,)),
    "an executor's shape x shots": executing(shots=10**5, shape=(10**4,)),
    "an executor's parameter sets x shots": executing(shots=10**5, values=np.zeros((10**4, 1))),
}
"""Each asks for more than 256 MiB, and for some of it by numbers that are small by themselves."""


@pytest.fixture
def few_bytes(monkeypatch):
    """So that what is not refused by mistake ends, too."""
    monkeypatch.setattr(job_limits, "available_bytes", lambda *_: 1 << 28)


@pytest.mark.parametrize("name", ENORMOUS)
def test_what_takes_too_much_memory_is_refused_by_run_with_the_numbers(name, few_bytes):
    with pytest.raises(InvalidInputError) as refused:
        ENORMOUS[name]()
    message = refused.value.message
    assert message.startswith(("PUB 0", "Item 0"))
    for words in ("may be used", "iB", "fewer shots"):
        assert words in message


def test_pec_says_how_many_randomisations_it_needs_and_why(monkeypatch):
    """What a sampling overhead adds is known once a circuit is boxed."""
    monkeypatch.setattr("qiskit_modes.primitives.programs.memory._ANGLES", 0)
    monkeypatch.setattr(job_limits, "available_bytes", lambda *_: 5_000_000)
    with pytest.raises(InvalidInputError) as refused:
        estimating(resilience={**PEC, "measure_mitigation": False}, default_precision=1e-3)()
    message = refused.value.message
    for words in ("randomisations of the circuit", "its sampling overhead", "max_overhead"):
        assert words in message


@pytest.mark.parametrize("technique", [PEC, PEA], ids=["PEC", "PEA"])
def test_of_large_circuits_the_job_says_so(technique, few_bytes, monkeypatch):
    """What a small one is told by `run()` takes the noise of layers, which is found by the job."""
    monkeypatch.setattr(early_layer_noise, "AT_ONCE", 0)
    monkeypatch.setattr(preparer, "AT_ONCE", 0)
    monkeypatch.setattr("qiskit_modes.primitives.programs.memory._ANGLES", 0)
    monkeypatch.setattr(job_limits, "available_bytes", lambda *_: 1 << 25)
    job = estimating(
        resilience=technique, twirling={"num_randomizations": 10**6, "shots_per_randomization": 1}
    )()
    with pytest.raises(RuntimeJobFailureError, match=r"PUB 0: [\d,]+ randomisations of the"):
        job.result(timeout=60)


NUMBERS = [
    name
    for name, value in OTHER_VALUES.items()
    if isinstance(value, int | list) and not isinstance(value, bool) and "simulator." not in name
]
"""Options that say how many there are of something."""

TECHNIQUES: dict[str, dict[str, Any]] = {
    "level 1": {"resilience_level": 1},
    "level 2": {"resilience_level": 2, "twirling": {**GATES}},
    "PEC": {"resilience": PEC},
    "PEA": {"resilience": PEA},
}


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.filterwarnings("ignore::qiskit_modes.exceptions.OptionWithoutEffectWarning")
def test_no_number_among_the_options_fills_the_memory(name, technique, few_bytes):
    """Each is refused, by its value or with the memory; or it acts on nothing that is drawn."""
    value = OTHER_VALUES[name]
    much: Any = 10**12
    if name.endswith("layer_pair_depths"):
        much = list(range(0, 10**5, 2))
    elif isinstance(value, list):
        much = [1 + number / 1000 for number in range(3000)]
    estimator = EstimatorV2(FakeManilaV2(), options=TECHNIQUES[technique])
    estimator.options.default_shots = 512
    said = job = None
    try:
        estimator.options = merged(TECHNIQUES[technique], nested(name, much))
        job = estimator.run([(bell(), "IIIZZ")])
    except InvalidInputError as error:
        said = error.message
    if job is None:
        assert re.search(rf"may be used|{re.escape(name)}", said), said
    else:
        assert name.startswith(("resilience.layer_noise_learning", "resilience.zne"))
        assert np.isfinite(job.result(timeout=100)[0].data.evs)


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = dict(one)
    for name, value in other.items():
        mine = both.get(name)
        both[name] = merged(mine, value) if isinstance(mine, dict) else value
    return both


@pytest.mark.parametrize("learner", [NoiseLearner, NoiseLearnerV3])
def test_learners_draw_nothing_however_much_they_are_asked_for(learner, few_bytes):
    options = {"shots_per_randomization": 10**9, "num_randomizations": 10**9}
    if learner is NoiseLearner:
        task = [bell()]
    else:
        task = EstimatorV2(FakeManilaV2(), options={"resilience": PEC}).find_unique_layers(
            [(bell(), "IIIZZ")]
        )
    assert len(learner(FakeManilaV2(), options).run(task).result(timeout=60)) == 1


# -- in pieces -------------------------------------------------------------------------------------


def samplex_item(*shape: int) -> Any:
    executor = executing(shots=1, shape=shape)
    (item,) = executor.__closure__[0].cell_contents.items
    return item


@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 4)])
def test_randomisations_in_pieces_have_their_places(shape, monkeypatch):
    item = samplex_item(*shape)
    whole = draw.draw_randomisations(item, np.random.default_rng(3))
    monkeypatch.setattr(draw, "REGISTER_BYTES", 3 * draw.bytes_of_registers(item.samplex))
    asked = []

    def elsewhere(seconds: float, function: Callable[[], Any]) -> Any:
        asked.append(seconds)
        return function()

    pieces = draw.draw_randomisations(item, np.random.default_rng(3), elsewhere)
    assert len(asked) == -(-np.prod(shape) // 3) - 1
    for name, array in pieces.items():
        assert array.shape == whole[name].shape
        flat = array.reshape(-1, *array.shape[len(shape) :])
        assert len(np.unique(flat, axis=0)) > 1
    # The first piece is drawn as if there were no others, so it says where pieces go.
    monkeypatch.setattr(draw, "REGISTER_BYTES", 1 << 26)
    first = draw.draw_randomisations(samplex_item(3), np.random.default_rng(3))
    for name, array in pieces.items():
        flat = array.reshape(-1, *array.shape[len(shape) :])
        np.testing.assert_array_equal(flat[:3], first[name])


def test_swept_arguments_and_pieces_go_together(monkeypatch):
    circuit = swept().measure_all(inplace=False)
    boxes = generate_boxing_pass_manager(enable_gates=True, enable_measures=True)
    template, samplex = build(boxes.run(circuit))
    program = QuantumProgram(1)
    arguments = {"parameter_values": np.array([[0.1], [0.2], [0.3]])}
    program.append_samplex_item(
        template, samplex=samplex, samplex_arguments=arguments, shape=(8, 3)
    )
    (item,) = program.items
    monkeypatch.setattr(draw, "REGISTER_BYTES", 3 * draw.bytes_of_registers(samplex))
    drawn = draw.draw_randomisations(item, np.random.default_rng(1))
    for number in range(3):
        own = draw.draw_randomisations(item, np.random.default_rng(1))
        for name in drawn:
            np.testing.assert_array_equal(drawn[name][:, number], own[name][:, number])
    angles = drawn[draw.PARAMETER_VALUES]
    sums = angles.reshape(8, 3, -1)
    assert not np.array_equal(sums[:, 0], sums[:, 1])


def test_drawing_is_left_by_a_job_that_is_cancelled(monkeypatch):
    begun, go_on, left = threading.Event(), threading.Event(), threading.Event()
    sample = draw._sample
    drawn = []

    def held(*args: Any, **more: Any) -> Any:
        drawn.append(more["num_randomizations"])
        begun.set()
        assert go_on.wait(60)
        return sample(*args, **more)

    original = draw.draw_randomisations

    def watched(*args: Any) -> Any:
        try:
            return original(*args)
        finally:
            left.set()

    monkeypatch.setattr(draw, "_sample", held)
    monkeypatch.setattr(draw, "REGISTER_BYTES", 1)
    monkeypatch.setattr("qiskit_modes.primitives.programs.compile.draw_randomisations", watched)
    with LocalRuntime(workers=WorkerPool(1)) as runtime, use_runtime(runtime):
        job = executing(shots=1, shape=(1000,))()
        assert begun.wait(60)
        job.cancel()
        go_on.set()
        assert left.wait(60)
        assert len(drawn) == 1
        with pytest.raises(RuntimeInvalidStateError, match="cancelled"):
            job.result(timeout=60)


def pairs(number: int) -> QuantumCircuit:
    """Pairs of qubits, and lone ones."""
    circuit = QuantumCircuit(3 * number, 3 * number)
    for first in range(0, 3 * number, 3):
        circuit.h([first, first + 2])
        circuit.cx(first, first + 1)
    circuit.measure(range(3 * number), range(3 * number))
    return circuit


def test_shots_are_drawn_in_blocks_that_change_no_bit(monkeypatch):
    compiled = compile_circuit(pairs(2), GenericBackendV2(6, seed=1))
    program = Program({compiled.key: compiled}, (Run(compiled.key, np.empty((1, 0)), 1000),), 5)
    whole = execute(program).runs[0].registers["c"]
    monkeypatch.setattr(execution, "SHOTS_AT_ONCE", 7)
    np.testing.assert_array_equal(execute(program).runs[0].registers["c"], whole)


def test_drawing_many_shots_takes_little_more_than_what_they_are():
    compiled = compile_circuit(pairs(8), AerSimulator())
    shots = 500_000
    program = Program({compiled.key: compiled}, (Run(compiled.key, np.empty((1, 0)), shots),), 5)
    execute(program)
    tracemalloc.start()
    execute(program)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * shots + (24 << 20)  # it was 8 bytes more for each of 8 lone bits


def test_pieces_of_many_shots_do_not_multiply_them(monkeypatch):
    compiled = compile_circuit(pairs(20), AerSimulator())
    run = Run(compiled.key, np.empty((1, 0)), 10**7)
    program = Program({compiled.key: compiled}, (run,), 5)
    many = split(program)
    assert len(many) > 2
    monkeypatch.setattr(division, "MOST_BYTES", 2 * 8 * 10**7)
    few = split(program)
    assert 1 < len(few) <= 3
    recorded = [index for piece in few for index in piece.runs[0].components]
    assert sorted(recorded) == list(range(len(compiled.components)))


def test_sums_are_squared_some_at_a_time(monkeypatch):
    generator = np.random.default_rng(4)
    samples = generator.integers(0, 256, (2, 50, 2), dtype=np.uint8)
    supports = [(0,), (3, 9), (1, 2, 15)]
    weights = [generator.standard_normal((3, 11))]
    whole = mean_squares(samples, supports, weights)
    monkeypatch.setattr("qiskit_modes.primitives.measurement.expectation_values._MAX_SUMS", 4 * 50)
    np.testing.assert_allclose(mean_squares(samples, supports, weights), whole)
