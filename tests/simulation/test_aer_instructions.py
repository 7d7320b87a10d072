"""Every instruction that Aer executes, its errors included, against Aer itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Instruction
from qiskit.circuit.library import (
    CSwapGate,
    DiagonalGate,
    Initialize,
    MCPhaseGate,
    MCXGate,
    PauliGate,
    UCGate,
    UnitaryGate,
    get_standard_gate_name_mapping,
)
from qiskit.quantum_info import Kraus, SuperOp, random_unitary
from qiskit_aer import AerError, AerSimulator
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    amplitude_damping_error,
    depolarizing_error,
)

from qiskit_modes.exceptions import UnsupportedCircuitError
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.circuits.aer_instructions import executed_by
from qiskit_modes.simulation.settings import Settings
from tests.simulation.comparing import assert_drawn_from, memory_counts, sample

PARAMETERS = {"mcp": 1, "mcphase": 1, "mcu": 4, "mcu1": 1, "mcu2": 2, "mcu3": 3}
PARAMETERS |= {"mcr": 2, "mcrx": 1, "mcry": 1, "mcrz": 1, "cu2": 2}
BY_NAME = {"mcx", "mcx_gray", "mcy", "mcz", "mcsx", "mcswap", *PARAMETERS}
"""What Aer executes by its name; most of these have no class in Qiskit that says what they do."""

NOT_TRIED = {"barrier", "measure", "reset", "delay", "store", "roerror", "quantum_channel"}
NOT_TRIED |= {"qerror_loc", "if_else", "for_loop", "while_loop", "switch_case"}
NOT_TRIED |= {"break_loop", "continue_loop"}
"""Not gates; those that have a meaning here have tests of their own."""


def instructions():
    """Return instructions by their names, and by what is special about them."""
    found = {}
    for name, gate in get_standard_gate_name_mapping().items():
        if name not in NOT_TRIED and gate.num_qubits:
            # Angles that Clifford methods take too, and of which each means another thing.
            found[name] = type(gate)(*(math.pi / 2 * (k + 1) for k in range(len(gate.params))))
    for name in BY_NAME:
        angles = [0.3 + 0.4 * k for k in range(PARAMETERS.get(name, 0))]
        found[name] = Gate(name, 2 if name == "cu2" else 4, angles)
    found |= {
        "u": get_standard_gate_name_mapping()["u"].base_class(0.3, 0.7, 1.1),
        "unitary": UnitaryGate(random_unitary(4, seed=1)),
        "unitary on three": UnitaryGate(random_unitary(8, seed=2)),
        "diagonal": DiagonalGate(np.exp(1j * np.arange(8))),
        "multiplexer": UCGate([random_unitary(2, seed=k).data for k in range(4)]),
        "pauli": PauliGate("XY"),
        "initialize": Initialize([0.6, 0, 0, 0.8j]),
        "kraus": Kraus([np.diag([1, 0.6]), np.array([[0, 0.8], [0, 0]])]).to_instruction(),
        "superop": Instruction("superop", 1, 0, [SuperOp(amplitude_damping_error(0.3)).data]),
        "a gate with a name only": Gate("h", 1, []),
        "a rotation with a name only": Gate("rzx", 2, [0.4]),
        "mcx on six": MCXGate(5),
        "mcphase on five": MCPhaseGate(0.7, 4),
    }
    for kind in ("x", "y", "z", "p", "u", "rx", "ry", "rz", "sx"):
        gate = get_standard_gate_name_mapping()[kind]
        angles = [0.3 + 0.4 * k for k in range(len(gate.params))]
        opened = type(gate)(*angles).control(1, ctrl_state=0)
        found[opened.name] = opened
    found["ccx_o1"] = MCXGate(2, ctrl_state=1)
    found["mcx_o5"] = MCXGate(4, ctrl_state=5)
    found["mcphase_o2"] = MCPhaseGate(0.7, 3, ctrl_state=2)
    return found


INSTRUCTIONS = instructions()
METHODS = ("automatic", "statevector", "density_matrix", "stabilizer")
METHODS += ("matrix_product_state", "extended_stabilizer")


def test_all_that_aer_lists_is_tried():
    listed = {
        name for name in executed_by(AerSimulator()) if not name.startswith(("save_", "set_"))
    }
    assert listed - NOT_TRIED - {instruction.name for instruction in INSTRUCTIONS.values()} == set()


def aer_executes(simulator, instruction):
    circuit = QuantumCircuit(instruction.num_qubits, 1)
    circuit.append(instruction, circuit.qubits)
    circuit.measure(0, 0)
    try:
        return simulator.run(circuit, shots=1).result().success
    except AerError:
        return False


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["plain", "device"])
def test_the_instruction_set_is_what_aer_executes(method, kind, manila):
    quickly = {"method": method, "extended_stabilizer_metropolis_mixing_time": 1}
    if kind == "device":
        simulator = AerSimulator.from_backend(manila, noise_model=None, **quickly)
    else:
        simulator = AerSimulator(**quickly)
    expected = {key for key, each in INSTRUCTIONS.items() if aer_executes(simulator, each)}
    assert supported(simulator) == expected
    if kind == "plain":  # Aer asks no noise model either; one whose gates are none of these
        simulator.set_options(noise_model=NoiseModel(basis_gates=["nothing"]))
        assert supported(simulator) == expected


def supported(simulator):
    known = instruction_set_of(simulator)
    return {
        key
        for key, each in INSTRUCTIONS.items()
        if known.supports(each.name, tuple(range(each.num_qubits)))
    }


def noise_on(label, num_qubits):
    """Return a model with errors for a label, of which each acts on each qubit in another way."""
    model = NoiseModel(basis_gates=["cx"])
    error = depolarizing_error(0.5, min(num_qubits, 2))
    if num_qubits > 2:
        error = error.expand(amplitude_damping_error(0.7))
    elif num_qubits == 1:
        error = error.compose(amplitude_damping_error(0.7))
    model.add_all_qubit_quantum_error(error, label)
    model.add_all_qubit_readout_error(ReadoutError([[0.95, 0.05], [0.1, 0.9]]))
    return model


def around(instruction):
    """Return a circuit in which all that an instruction does is seen, and its error too."""
    num_qubits = instruction.num_qubits
    circuit = QuantumCircuit(num_qubits, num_qubits)
    for qubit in range(num_qubits):
        circuit.append(UnitaryGate(random_unitary(2, seed=qubit), label="before"), [qubit])
    circuit.append(instruction, circuit.qubits)
    for qubit in range(num_qubits):
        circuit.append(UnitaryGate(random_unitary(2, seed=qubit + 9), label="after"), [qubit])
    circuit.measure(circuit.qubits, circuit.clbits)
    return circuit


def labelled(instruction, label):
    mutable = instruction.to_mutable() if hasattr(instruction, "to_mutable") else instruction.copy()
    mutable.label = label
    return mutable


EXECUTED = sorted(key for key, each in INSTRUCTIONS.items() if aer_executes(AerSimulator(), each))


def noisy_circuits(key):
    """Return an instruction without a label, with one that has errors, with one that has none."""
    plain = INSTRUCTIONS[key]
    base = plain.name.split("_o")[0]
    cases = [(plain, base), (labelled(plain, "mine"), "mine"), (labelled(plain, "mine"), base)]
    for instruction, noisy in cases:
        # The X gates of open controls have the same label, and errors must fit them too.
        size = 1 if noisy == "mine" and base != plain.name else plain.num_qubits
        options = {"seed_simulator": 11, "max_parallel_threads": 1}
        yield around(instruction), AerSimulator(noise_model=noise_on(noisy, size), **options)


@pytest.mark.parametrize("key", EXECUTED)
def test_outcomes_are_those_of_aer(key):
    for circuit, backend in noisy_circuits(key):
        compiled = compile_circuit(circuit, backend)
        result = backend.run(circuit, shots=1000).result()
        assert result.success, result.status
        assert_drawn_from(result.get_counts().int_outcomes(), outcome_probabilities(compiled))


@pytest.mark.slow
@pytest.mark.parametrize("key", EXECUTED)
def test_what_is_left_to_aer_is_written_for_it(key):
    for circuit, backend in noisy_circuits(key):
        distribution = outcome_probabilities(compile_circuit(circuit, backend))
        drawn = sample(circuit, backend, settings=Settings(only="trajectories"))
        assert_drawn_from(memory_counts(circuit, drawn), distribution)


@pytest.mark.parametrize("key", ["ccx_o1", "superop", "diagonal", "a rotation with a name only"])
def test_some_that_are_left_to_aer(key):
    test_what_is_left_to_aer_is_written_for_it(key)


def test_a_swap_with_an_open_control_is_what_qiskit_says():
    """Aer also flips one of the qubits to be swapped."""
    circuit = QuantumCircuit(3, 3)
    circuit.x(1)
    circuit.append(CSwapGate(ctrl_state=0), [0, 1, 2])
    circuit.measure([0, 1, 2], [0, 1, 2])
    assert outcome_probabilities(compile_circuit(circuit, AerSimulator()))[0b100] == pytest.approx(
        1
    )
    for only in ("exact", "trajectories"):
        drawn = sample(circuit, AerSimulator(), settings=Settings(only=only))
        assert memory_counts(circuit, drawn) == {0b100: 1000}


@pytest.mark.parametrize(
    "gate", [Gate("nobody", 2, []), Gate("mcu", 3, [0.1, 0.2, 0.3]), Gate("mcx", 1, [])]
)
def test_a_gate_that_is_only_a_name_and_no_gate_of_aers_is_refused(gate):
    circuit = QuantumCircuit(gate.num_qubits, 1)
    circuit.append(gate, circuit.qubits)
    circuit.measure(0, 0)
    with pytest.raises(UnsupportedCircuitError, match=f"'{gate.name}' on qubits .* cannot be"):
        compile_circuit(circuit, AerSimulator())
