from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.primitives.containers import BitArray
from qiskit.providers import BackendV2
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import Executor, QuantumProgram
from qiskit_ibm_runtime.results import QuantumProgramItemResult, QuantumProgramResult
from samplomatic.quantum_program import QuantumProgramItem

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.primitives.programs.compile import compile_quantum_program
from qiskit_modes.primitives.programs.compiled import unpack_bits
from qiskit_modes.runtime.steps import ExecutionSpan
from qiskit_modes.simulation import execute
from tests.primitives import program_cases as cases

Result = QuantumProgramResult


@pytest.fixture
def run(span: ExecutionSpan) -> Callable[..., Result]:
    def run(program: QuantumProgram, backend: BackendV2, seed: int = 1, **kwargs) -> Result:
        compiled = compile_quantum_program(program, backend, seed=seed, **kwargs)
        compiled = pickle.loads(pickle.dumps(compiled))
        return compiled.result(execute(compiled.program), span)

    return run


def unflipped(item: QuantumProgramItemResult) -> dict[str, np.ndarray]:
    """The bits of an item's registers with the flips of their twirling undone."""
    return {
        name: bits ^ item.get(f"measurement_flips.{name}", False)
        for name, bits in item.items()
        if "." not in name
    }


@pytest.mark.parametrize("make", cases.ANYWHERE)
def test_ideal_results_are_upstreams(make, run, ideal):
    program = make()
    ours, theirs = run(program, ideal), Executor(AerSimulator()).run(program).result()
    assert type(ours) is type(theirs) is QuantumProgramResult
    assert len(ours) == len(theirs) == len(program.items)
    assert ours.passthrough_data == program.passthrough_data
    for mine, other in zip(ours, theirs, strict=True):
        assert type(mine) is type(other) is QuantumProgramItemResult
        assert list(mine) == list(other)
        assert {k: (v.shape, v.dtype) for k, v in mine.items()} == {
            k: (v.shape, v.dtype) for k, v in other.items()
        }
        for name, bits in unflipped(mine).items():
            np.testing.assert_array_equal(bits, unflipped(other)[name])


@pytest.mark.parametrize("make", cases.ON_FIVE_QUBITS)
def test_noisy_results_have_the_form_of_upstreams(make, run, manila):
    program = make()
    ours, theirs = run(program, manila), Executor(manila).run(program).result()
    for mine, other in zip(ours, theirs, strict=True):
        assert {k: (v.shape, v.dtype) for k, v in mine.items()} == {
            k: (v.shape, v.dtype) for k, v in other.items()
        }


def test_the_metadata_says_when_what_was_executed_and_how(run, manila, span):
    program = cases.circuits()
    result = run(program, manila, seed=7)
    (chunk,) = result.timing
    assert (chunk.start, chunk.stop) == (span.start, span.stop)
    assert [(part.idx_item, part.size) for part in chunk.parts] == [(0, 1), (1, 6)]
    assert result.metadata.simulation == {"seed_simulator": 7}
    assert result[0].metadata.simulation["noise"] == "backend"
    assert result[0].metadata.scheduler_timing is None


def test_a_seed_gives_the_same_result_and_another_seed_another(run, manila):
    results = [run(cases.sweep(), manila, seed=seed)[0] for seed in (0, 0, 1)]
    for name in results[0]:
        np.testing.assert_array_equal(results[0][name], results[1][name])
        assert (results[0][name] != results[2][name]).any()


def test_randomisations_are_parameter_sets_of_one_circuit(manila):
    program = cases.sweep((4, 2))
    program.items.append(program.items[0])
    compiled = compile_quantum_program(program, manila, seed=1)
    assert len(compiled.program.circuits) == 1
    first, second = (run.parameter_values for run in compiled.program.runs)
    assert first.shape == second.shape == (8, program.items[0].circuit.num_parameters)
    assert len(np.unique(np.vstack([first, second]), axis=0)) == 16, "each is drawn for itself"


def test_an_item_without_elements_has_empty_arrays(run, ideal):
    program = cases.sweep((0, 2))
    turned = QuantumCircuit(1)
    turned.rz(Parameter("angle"), 0)
    turned.measure_all()
    program.append_circuit_item(turned, np.zeros((3, 0, 1)))
    result = run(program, ideal)
    assert {name: array.shape for name, array in result[0].items()} == {
        "measurement_flips.meas": (0, 2, 1, 3),
        "meas": (0, 2, cases.SHOTS, 3),
    }
    assert result[1]["meas"].shape == (3, 0, cases.SHOTS, 1)
    assert result[0].metadata.simulation is None
    assert len(result.timing) == 0


def test_a_program_without_items_has_an_empty_result(run, ideal):
    assert len(run(QuantumProgram(10), ideal)) == 0


def test_bits_can_be_had_packed(ideal, span):
    compiled = compile_quantum_program(cases.wide(), ideal, seed=1)
    samples = execute(compiled.program)
    bits = compiled.bits(samples, 0)
    assert bits["wide"].shape == (2,)
    assert bits["wide"].get_counts() == {"100000001": 2 * cases.SHOTS}
    np.testing.assert_array_equal(
        unpack_bits(bits["wide"]), compiled.result(samples, span)[0]["wide"]
    )


@pytest.mark.parametrize("num_bits", [0, 1, 7, 8, 9, 127])
def test_unpacked_bits_are_those_of_qiskit(num_bits):
    generator = np.random.default_rng(1)
    array = BitArray.from_bool_array(generator.random((3, 5, num_bits)) < 0.5, order="little")
    bits = unpack_bits(array)
    assert bits.dtype == np.bool_
    np.testing.assert_array_equal(bits, array.to_bool_array(order="little"))


def test_angles_are_rounded_only_where_that_is_asked_for(ideal):
    program = cases.circuits()
    program.items[1].circuit_arguments[:] = np.pi / 2 + 1e-6
    exact = compile_quantum_program(program, ideal, seed=1)
    rounded = compile_quantum_program(program, ideal, seed=1, angle_decimals=5)
    assert (exact.program.runs[1].parameter_values == np.pi / 2 + 1e-6).all()
    assert (rounded.program.runs[1].parameter_values == np.pi / 2).all()


def test_an_item_of_another_kind_is_refused_by_name(ideal):
    class Other(QuantumProgramItem):
        shape = ()

    program = QuantumProgram(10, [Other(cases.plain())])
    with pytest.raises(UnsupportedCircuitError, match="Item 0 of the program is a Other"):
        compile_quantum_program(program, ideal, seed=1)
