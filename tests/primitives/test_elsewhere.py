"""What is prepared and compiled in another process gives the results of having done it here."""

import pickle
from datetime import UTC, datetime

import numpy as np
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.estimator.steps import estimator_steps
from qiskit_modes.primitives.inputs.pubs import coerce_estimator_pubs, coerce_sampler_pubs
from qiskit_modes.primitives.options.resolve import (
    resolve_estimator_options,
    resolve_sampler_options,
)
from qiskit_modes.primitives.sampler.steps import sampler_steps
from qiskit_modes.runtime.steps import ExecutionSpan
from qiskit_modes.simulation import execute
from tests.way import ToAWorker, Way

SPAN = ExecutionSpan(*[datetime(2026, 1, 1, tzinfo=UTC)] * 2)
SEED = {"simulator": {"seed_simulator": 7}}
DECOUPLED = {"dynamical_decoupling": {"enable": True}}


def circuit(backend, *, measured):
    ansatz = efficient_su2(3, reps=1)
    if measured:
        ansatz.measure_all()
    return generate_preset_pass_manager(1, backend, seed_transpiler=1).run(ansatz)


def values(own):
    return np.linspace(0, 1, own.num_parameters)


def of_estimator(options):
    backend = FakeManilaV2()
    own = circuit(backend, measured=False)
    observable = SparsePauliOp(["ZZI", "IXX"]).apply_layout(own.layout)
    resolved = resolve_estimator_options({**SEED, **options})
    pubs = coerce_estimator_pubs(
        [(own, observable, values(own))],
        backend,
        precision=None,
        default_precision=0.1,
        default_shots=64,
    )
    return estimator_steps(pubs, resolved, backend)


def of_sampler(options):
    backend = FakeManilaV2()
    own = circuit(backend, measured=True)
    resolved = resolve_sampler_options({**SEED, **options})
    pubs = coerce_sampler_pubs([(own, values(own))], backend, shots=64, default_shots=64)
    return sampler_steps(pubs, resolved, backend)


def came_of(steps, program, notes):
    """The data of the job's only PUB, as arrays by their names."""
    data = steps.post_process(execute(program), pickle.loads(pickle.dumps(notes)), SPAN)[0].data
    return {name: getattr(value, "array", value) for name, value in data.items()}


def check_gives_the_same(make, options, way):
    here, away = make(options), make(options)
    expected = came_of(here, *here.compile())
    found = came_of(away, *away.compile(way))
    assert expected.keys() == found.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize(
    ("make", "options", "done"),
    [
        (of_sampler, {}, {"compiled"}),
        (of_sampler, {"twirling": {"enable_gates": True}}, {"_box", "compiled"}),
        (of_sampler, DECOUPLED, {"_decoupled", "compiled"}),
        (of_estimator, {"resilience_level": 0}, {"compiled"}),
        (of_estimator, {}, {"_prepared", "compiled"}),
        (
            of_estimator,
            {"resilience_level": 2, **DECOUPLED},
            {"_prepared", "_decoupled", "compiled"},
        ),
    ],
    ids=["sampler", "twirled", "decoupled", "estimator", "mitigated", "extrapolated"],
)
def test_a_job_gives_what_it_gives_here(make, options, done):
    way = Way()
    check_gives_the_same(make, options, way)
    assert set(way.names) == done


def test_a_job_gives_the_same_by_way_of_a_worker():
    with ToAWorker() as way:
        check_gives_the_same(of_estimator, {"resilience_level": 2, **DECOUPLED}, way)
    assert set(way.names) == {"_prepared", "_decoupled", "compiled"}


def test_an_error_names_the_pub_wherever_it_is_found(manila):
    own = QuantumCircuit(5, 1)
    own.measure(0, 0)
    with own.if_test((own.clbits[0], 1)):
        own.x(1)
    pubs = coerce_estimator_pubs(
        [(own, SparsePauliOp("ZIIII"))],
        manila,
        precision=None,
        default_precision=0.1,
        default_shots=64,
    )
    steps = estimator_steps(pubs, resolve_estimator_options({"resilience_level": 2}), manila)
    with pytest.raises(InvalidInputError, match="PUB 0: the circuit cannot be randomised"):
        steps.compile(Way())
