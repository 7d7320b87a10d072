"""A library that nobody here wrote, `qiskit-addon-cutting`, runs its documented workflow here.

A circuit that is too wide is cut into two, the pieces run as two jobs of a batch through the
service's own sampler, and the expectation value of the whole is put together again.
"""

from __future__ import annotations

import numpy as np
import pytest
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import Batch, QiskitRuntimeService, SamplerV2
from qiskit_ibm_runtime.executor_sampler import Sampler

from qiskit_modes.client import local_runtime

cutting = pytest.importorskip("qiskit_addon_cutting")


@pytest.mark.parametrize("sampler", [SamplerV2, pytest.param(Sampler, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("no_network")
def test_gates_between_two_halves_are_cut(sampler):
    circuit = efficient_su2(4, entanglement="linear", reps=1).decompose()
    circuit = circuit.assign_parameters([0.4] * circuit.num_parameters)
    observable = SparsePauliOp(["ZZII", "IZZI", "IIZZ", "XIXI"])
    expected = Statevector(circuit).expectation_value(observable).real

    problem = cutting.partition_problem(
        circuit=circuit, partition_labels="AABB", observables=observable.paulis
    )
    experiments, coefficients = cutting.generate_cutting_experiments(
        circuits=problem.subcircuits, observables=problem.subobservables, num_samples=np.inf
    )
    with local_runtime(backends={"ibm_ideal": AerSimulator()}, seed=3):
        backend = QiskitRuntimeService().least_busy()
        pass_manager = generate_preset_pass_manager(optimization_level=1, backend=backend)
        ready = {label: pass_manager.run(each) for label, each in experiments.items()}
        with Batch(backend=backend) as batch:
            primitive = sampler(mode=batch)
            jobs = {label: primitive.run(each, shots=2**12) for label, each in ready.items()}
        results = {label: job.result() for label, job in jobs.items()}
    terms = cutting.reconstruct_expectation_values(results, coefficients, problem.subobservables)
    assert np.dot(terms, observable.coeffs).real == pytest.approx(expected, abs=0.15)
    assert batch.status() == "Closed"
