"""What is run: one iteration of a small VQE, a circuit with feed-forward, and a heavy one."""

import warnings
from dataclasses import dataclass

import numpy as np
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import ClassicalRegister, QuantumRegister
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

import qiskit_modes

SHOTS = 1024


@dataclass
class VQE:
    """Four qubits, seven terms in two bases, 1024 shots; new parameters in every iteration."""

    backend: object

    def __post_init__(self):
        passes = generate_preset_pass_manager(1, self.backend, seed_transpiler=1)
        self.circuit = passes.run(efficient_su2(4, reps=2))
        terms = ["IIZZ", "IZZI", "ZZII", "IIIX", "IIXI", "IXII", "XIII"]
        observable = SparsePauliOp(terms, [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5])
        self.observable = observable.apply_layout(self.circuit.layout)
        self._random = np.random.default_rng(1)

    def pub(self):
        values = self._random.uniform(-np.pi, np.pi, self.circuit.num_parameters)
        return (self.circuit, self.observable, values)

    def ours(self, session, options=None):
        """Return a function that runs one iteration in ``session``."""
        options = {"default_shots": SHOTS, "resilience_level": 0, **(options or {})}
        estimator = qiskit_modes.EstimatorV2(mode=session, options=options)
        return lambda: estimator.run([self.pub()]).result()

    def upstream(self):
        """Return a function that runs one iteration in upstream's local mode."""
        import qiskit_ibm_runtime

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator = qiskit_ibm_runtime.EstimatorV2(
                mode=self.backend, options={"default_shots": SHOTS}
            )

        def iteration():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return estimator.run([self.pub()]).result()

        return iteration


def feed_forward(backend):
    """Return six qubits in a line, with one measurement that decides over a gate."""
    qubits, middle, end = QuantumRegister(6), ClassicalRegister(1, "m"), ClassicalRegister(6, "c")
    circuit = QuantumCircuit(qubits, middle, end)
    for qubit in range(6):
        circuit.ry(0.4 + 0.1 * qubit, qubit)
    for qubit in range(5):
        circuit.cx(qubit, qubit + 1)
    circuit.measure(0, middle)
    with circuit.if_test((middle, 1)):
        circuit.x(5)
    circuit.measure(qubits, end)
    return generate_preset_pass_manager(1, backend, seed_transpiler=1).run(circuit)


def heavy(qubits, layers):
    """Return a circuit whose simulation takes as long as its layers say."""
    circuit = QuantumCircuit(qubits)
    for layer in range(layers):
        for qubit in range(qubits - 1):
            circuit.rx(0.1 * (layer + 1), qubit)
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit
