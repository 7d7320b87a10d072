"""The Pauli-Lindblad noise of a layer, computed from the noise model of a backend.

A layer is a twirled box: its content, a gate at most on each qubit or a measurement of each, and
the dressing that twirling puts before it or after it. What a learning experiment on hardware would
find with infinitely many shots is the noise of both: the noisy content with the ideal one undone,
the noise of the dressing's own gates, and the average over all Paulis of the twirl, which leaves
of a channel its Pauli fidelities. Noise models are local, so that the noise of a layer is a product
over its gates and the remaining qubits, and each factor has its generators by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import XGate, YGate, ZGate
from qiskit.providers import BackendV2
from qiskit.quantum_info import QubitSparsePauliList
from qiskit_ibm_runtime.results import NoiseLearnerV3Result
from samplomatic.synths import get_synth
from samplomatic.virtual_registers import U2Register

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.layers.learnable import Layer
from qiskit_modes.primitives.layers.pauli_rates import Rates, rates_from_fidelities
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.noise.source import IdealNoise, NoiseSource
from qiskit_modes.simulation.pauli_basis import RealArray, tensor
from qiskit_modes.simulation.read.channels import channels_of

__all__ = ["learn_layer"]

_PAULIS = np.array([np.eye(2), XGate().to_matrix(), YGate().to_matrix(), ZGate().to_matrix()])


def learn_layer(
    layer: Layer, backend: BackendV2, *, dressing: bool = True, noise: NoiseSource | None = None
) -> NoiseLearnerV3Result:
    """Return the noise of a layer, in upstream's result type.

    All Pauli strings on the qubits of each gate, and on each other qubit, are generators, numbered
    among the layer's qubits in ascending order; with a measurement the flips of each qubit are. The
    metadata has ``"learning_protocol"``, which tells the two apart, and ``"residual"``, by how much
    the worst Pauli fidelity of the result is off: 0 where the twirled noise has this form exactly.

    Args:
        layer: From `read_layer`.
        backend: Where the noise is read.
        dressing: Whether the errors of the twirl's own gates count, as in an experiment.
        noise: What to read it from, where the caller wants to know what was read; None: from the
            backend.

    Raises:
        InvalidInputError: If noise destroys something altogether, so that no rates describe it.
    """
    source = describe(backend).noise() if noise is None else noise
    learning = _Learning(layer, backend, source, dressing=dressing)
    learned = learning.measurements() if layer.kind == "measurement" else learning.gates()
    generators, rates = [], []
    for qubits, each in learned:
        indices = [layer.qubits.index(qubit) for qubit in qubits]
        for string, rate in zip(each.strings, each.values, strict=True):
            if layer.kind == "measurement" and string != "X":
                continue  # what does not flip a bit is not seen
            term = _sparse(string, indices)
            generators.append(QubitSparsePauliList.from_sparse_list([term], len(layer.qubits)))
            rates.append(float(rate))
    metadata = {
        "learning_protocol": "trex" if layer.kind == "measurement" else "pauli_lindblad",
        "residual": max((each.residual for _, each in learned), default=0.0),
        "noise": learning.noise.description,
    }
    return NoiseLearnerV3Result.from_generators(generators, rates, metadata=metadata)


class _Learning:
    """One layer's noise, piece by piece."""

    def __init__(
        self, layer: Layer, backend: BackendV2, noise: NoiseSource, *, dressing: bool
    ) -> None:
        self.layer = layer
        self.noise = noise
        # A simulator without a width runs circuits of any: its target's is that of a state vector.
        self._width = instruction_set_of(backend).num_qubits or 1 + max(layer.qubits)
        self._on_the_left = layer.twirl.dressing.value == "left"
        idle = dict.fromkeys(layer.qubits, np.eye(4))
        self._dressing = self._dressing_noise() if dressing else idle

    def gates(self) -> list[tuple[tuple[int, ...], Rates]]:
        """Return the rates for the qubits of each gate, and for each qubit without one."""
        groups = [qubits for _, qubits in self.layer.gates]
        circuit = QuantumCircuit(self._width)
        for operation, qubits in self.layer.gates:
            circuit.append(operation, qubits)
        noisy = channels_of(circuit, self.noise, groups)
        ideal = channels_of(circuit, IdealNoise(), groups)
        pieces: list[tuple[tuple[int, ...], RealArray]] = []
        for qubits, content, undone in zip(groups, noisy, ideal, strict=True):
            dressing = tensor(*(self._dressing[qubit] for qubit in qubits))
            whole = content @ dressing if self._on_the_left else dressing @ content
            after = self.layer.site == "after"
            pieces.append((qubits, whole @ undone.T if after else undone.T @ whole))
        others = set(self.layer.qubits).difference(*groups)
        pieces += [((qubit,), self._dressing[qubit]) for qubit in sorted(others)]
        return [(qubits, self._rates(np.diag(matrix), qubits)) for qubits, matrix in pieces]

    def measurements(self) -> list[tuple[tuple[int, ...], Rates]]:
        """Return the rates for each measured qubit; only those of X mean anything."""
        found: list[tuple[tuple[int, ...], Rates]] = []
        for _, (qubit,) in self.layer.gates:
            before = self.noise.before_measure(qubit)
            matrix = np.eye(4) if before is None else before
            if self._on_the_left:
                matrix = matrix @ self._dressing[qubit]
            confusion = self.noise.confusion(qubit)
            kept = float(np.trace(confusion)) - 1.0  # symmetric, once twirling flips half of all
            seen = matrix[3, 3] * kept
            # A flip by X with a probability of (1 - seen) / 2 leaves X alone.
            found.append(((qubit,), self._rates(np.array([1.0, 1.0, seen, seen]), (qubit,))))
        return found

    def _dressing_noise(self) -> dict[int, RealArray]:
        """Return the noise of the gates that twirl each qubit, the mean over all four Paulis.

        It stands on the side of the dressing's gates on which the content is.
        """
        synth = get_synth(self.layer.twirl.decomposition)
        angles_of_paulis = synth.generate_template_values(U2Register(_PAULIS[None]))[0]
        qubits = self.layer.qubits
        total = [np.zeros((4, 4)) for _ in qubits]
        for angles in angles_of_paulis:
            parameters = [Parameter(f"angle{index}") for index in range(synth.num_params)]
            values = dict(zip(parameters, angles, strict=True))
            circuit = QuantumCircuit(self._width)
            for qubit in qubits:
                for step in synth.make_template([circuit.qubits[qubit]], iter(parameters)):
                    circuit.append(step)
            circuit = circuit.assign_parameters(values)
            groups = [(qubit,) for qubit in qubits]
            noisy = channels_of(circuit, self.noise, groups)
            ideal = channels_of(circuit, IdealNoise(), groups)
            for place, (each, undone) in enumerate(zip(noisy, ideal, strict=True)):
                total[place] += each @ undone.T if self._on_the_left else undone.T @ each
        means = (matrix / len(angles_of_paulis) for matrix in total)
        return dict(zip(qubits, means, strict=True))

    def _rates(self, fidelities: RealArray, qubits: Sequence[int]) -> Rates:
        try:
            return rates_from_fidelities(fidelities)
        except ValueError as error:
            raise InvalidInputError(
                f"The noise on qubits {list(qubits)} cannot be learned: {error}. It destroys what "
                "mitigation would have to restore; leave these qubits out."
            ) from None


def _sparse(string: str, indices: Sequence[int]) -> tuple[str, list[int]]:
    pairs = [(letter, index) for letter, index in zip(string, indices, strict=True)]
    pairs = [(letter, index) for letter, index in pairs if letter != "I"]
    return "".join(letter for letter, _ in pairs), [index for _, index in pairs]
