"""Components that Aer simulates: too large for a density matrix, or because the user said so."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from qiskit_modes.exceptions import QiskitModesError, UnsupportedCircuitError
from qiskit_modes.simulation.aer.costs import aer_bytes
from qiskit_modes.simulation.aer.gates import with_whole_model
from qiskit_modes.simulation.circuits.aer_instructions import executed_by_method
from qiskit_modes.simulation.pauli_basis import RealArray
from qiskit_modes.simulation.run.component import Bits, OneWay, ParameterSets
from qiskit_modes.simulation.run.cost import Cost
from qiskit_modes.simulation.run.outcomes import Outcomes

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

__all__ = ["AerComponent"]


@dataclass(frozen=True, eq=False)
class AerComponent(OneWay):
    """Joined qubits whose shots Aer draws, one trajectory each unless the circuit is ideal."""

    circuit: QuantumCircuit
    """The component with its errors, see `cut_circuit`; its parameters are open."""
    columns: tuple[int, ...]
    """Where the values of its parameters stand among those of the whole circuit."""
    clbits: tuple[int, ...]
    """Which bits are recorded."""
    readout: Mapping[int, RealArray]
    """Readout errors of the component's qubits: ``[recorded, true]``."""
    options: Mapping[str, Any]
    """For the `AerSimulator`; the method is always among them."""
    cost: Cost
    model: bytes | None = None
    """A whole noise model, pickled, where the circuit does not hold its errors itself."""
    _packed: bytes = field(init=False, repr=False)
    """The circuit, pickled; what is sent to workers."""
    draws_shots: ClassVar[bool] = True
    records_one_bit: ClassVar[bool] = False
    holds_up_others: ClassVar[bool] = True

    def __post_init__(self) -> None:
        # By the thread that has made it, before others have it. What a circuit remembers after it
        # was pickled first (Qiskit 2.6) is guarded by a lock that is waited for with the GIL held:
        # two threads that send it to two workers would hang, and the process with them.
        object.__setattr__(self, "_packed", pickle.dumps(self.circuit, pickle.HIGHEST_PROTOCOL))

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "circuit"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, circuit=pickle.loads(state["_packed"]))  # noqa: S301 - our own

    @property
    def method(self) -> str:
        """Tell how it is simulated."""
        return f"Aer's {self.options['method'].replace('_', ' ')}"

    @property
    def num_qubits(self) -> int:
        """Return how many qubits are joined."""
        return self.circuit.num_qubits

    @property
    def device(self) -> str:
        """Tell where it is simulated, in Aer's words."""
        return str(self.options.get("device", "CPU"))

    @property
    def block_shots(self) -> int | None:
        """Return how many shots are one block; None if Aer computes all of them at once."""
        return self.cost.block_shots

    @property
    def peak(self) -> int:
        """Return 1: nothing of ours is held."""
        return 1

    def peak_bytes(self, num_sets: int) -> int:
        """Return the memory of Aer's state, which is for one parameter set at a time."""
        del num_sets
        return aer_bytes(self.options["method"], self.circuit.num_qubits)

    def outcomes(self, sets: ParameterSets) -> Outcomes:
        """Fail: Aer draws shots.

        Raises:
            UnsupportedCircuitError: Always.
        """
        del sets
        raise UnsupportedCircuitError(
            f"{self.circuit.num_qubits} joined qubits of the circuit are simulated by "
            f"{self.method}, which draws shots and knows no exact probabilities."
        )

    def sample(self, sets: ParameterSets, shots: int, generator: np.random.Generator) -> Bits:
        """Draw shots for one parameter set.

        Args:
            sets: The parameter set.
            shots: How many.
            generator: Where Aer's seed comes from.

        Returns:
            Shape (shots, bits).

        Raises:
            QiskitModesError: If Aer fails; the message is Aer's.
        """
        from qiskit_aer import AerSimulator

        bound = self.circuit.assign_parameters(sets.values[0, list(self.columns)])
        # 31 bits are what Aer takes on every platform.
        seed = int(generator.integers(1 << 31))
        model = self._noise_model()
        if self.model is not None:
            known = executed_by_method(self.options["method"])
            bound, model = with_whole_model(bound, model, known)
        simulator = AerSimulator(noise_model=model)
        # Not for the constructor, which does not know all that Aer knows.
        simulator.options.update_options(**self.options)
        result = simulator.run(bound, shots=shots, memory=True, seed_simulator=seed).result()
        if not result.success:
            raise QiskitModesError(
                f"Aer failed on {self.circuit.num_qubits} joined qubits with the method "
                f"{self.options['method']!r}: {result.status}"
            )
        # Where no shot came to a measurement, Aer says nothing of the memory.
        recorded = getattr(result.results[0].data, "memory", ["0x0"] * shots)
        memories = [int(memory, 16) for memory in recorded]
        bits = np.array([[memory >> bit & 1 for bit in self.clbits] for memory in memories])
        bits = bits.reshape(shots, len(self.clbits))
        # Aer may sort the shots of an ideal circuit; shots of components are paired at random.
        return generator.permutation(bits.astype(np.bool_))

    def _noise_model(self) -> Any:
        """Return the noise model that has what is not in the circuit: the readout errors."""
        if self.model is not None:
            return pickle.loads(self.model)  # noqa: S301 - written by ourselves
        from qiskit_aer.noise import NoiseModel, ReadoutError

        model = NoiseModel()
        for qubit, confusion in self.readout.items():
            model.add_readout_error(ReadoutError(confusion.T), [qubit])
        return model
