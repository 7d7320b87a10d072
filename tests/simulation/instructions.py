"""Every instruction that Qiskit and Aer have, and for each of its arguments two values.

A new class, or a new argument of an old one, is found by `pairs` without anybody thinking of it:
where no row below says which values it may have, asking for it is an error.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import qiskit.circuit
import qiskit.circuit.library
import qiskit.quantum_info
import qiskit_aer.library
import qiskit_aer.noise
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import (
    Annotation,
    ControlModifier,
    InverseModifier,
    Operation,
    Parameter,
    PowerModifier,
)
from qiskit.circuit.classical import expr
from qiskit.circuit.library import (
    HGate,
    Initialize,
    RXGate,
    RZGate,
    SGate,
    StatePreparation,
    XGate,
)
from qiskit.quantum_info import (
    PTM,
    Chi,
    Choi,
    Clifford,
    Kraus,
    Operator,
    Pauli,
    SparsePauliOp,
    StabilizerState,
    Stinespring,
    SuperOp,
    random_cnotdihedral,
)
from qiskit.synthesis import LieTrotter, SuzukiTrotter

__all__ = ["Pair", "error_pairs", "holding", "pairs", "quantum_info_pairs"]


class Pair(NamedTuple):
    """Two instances of a class that differ in one argument, made anew at each call."""

    name: str
    one: Callable[[], Any]
    other: Callable[[], Any]


def body(*gates: Any, clbits: int = 0) -> QuantumCircuit:
    circuit = QuantumCircuit(1, clbits)
    for gate in gates:
        circuit.append(gate, [0])
    return circuit


def wide(*gates: Any) -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    for gate in gates:
        circuit.append(gate, [0])
    return circuit


class Marked(Annotation):
    """Something that is written on a box."""

    namespace = "tests.marked"

    def __init__(self, text: str) -> None:
        self.text = text


BITS = ClassicalRegister(2, "bits")
LOOP, OTHER_LOOP = Parameter("i"), Parameter("j")
NUMBERS = expr.Var.new("number", qiskit.circuit.classical.types.Uint(4))
QUBITS = QuantumRegister(2, "q")


def stabilizer(*gates: Any) -> Any:
    return StabilizerState(Clifford(body(*gates)))


def mps(angle: float) -> Any:
    tensor = np.array([[np.cos(angle)]]), np.array([[np.sin(angle)]])
    return [tensor], []


ONE_QUBIT = ([[1, 0], [0, 1]], [[0, 1], [1, 0]])
STATE = ([1.0, 0.0], [0.0, 1.0])

USUAL: dict[str, tuple[Any, Any]] = {
    "label": ("one", "other"),
    "_base_label": ("one", "other"),
    **dict.fromkeys(("theta", "phi", "lam", "gamma", "beta"), (0.3, 0.7)),
    **dict.fromkeys(("phase", "angle", "time"), (0.3, 0.7)),
    **dict.fromkeys(("v_x", "v_y", "v_z", "slope", "offset"), (0.3, 0.7)),
    "num_qubits": (2, 3),
    "num_state_qubits": (2, 3),
    "num_ctrl_qubits": (2, 3),
    "num_clbits": (1, 2),
    "ctrl_state": (0, 1),
    "pershot": (False, True),
    "conditional": (False, True),
    "unnormalized": (False, True),
    "normalize": (False, True),
    "name": ("mine", "yours"),
    "params": ([0.3], [0.7]),
    "basis": ("X", "Y"),
    "angle_list": ([0.3, 0.7], [0.3, 0.8]),
    "unit": ("ns", "us"),
    "duration": (100, 200),
}
"""What arguments of these names are given, whatever the class."""

OWN: dict[str, dict[str, tuple[Any, Any]]] = {
    "AndGate": {"num_variable_qubits": (2, 3), "flags": ([1, 1], [1, -1])},
    "AnnotatedOperation": {
        "base_op": (HGate(), SGate()),
        "modifiers": ([InverseModifier()], [PowerModifier(2), ControlModifier(1)]),
    },
    "BitFlipOracleGate": {"expression": ("a & b", "a | b"), "var_order": (["a", "b"], ["b", "a"])},
    "BitwiseXorGate": {"amount": (1, 2)},
    "BoxOp": {
        "body": (body(HGate()), body(XGate())),
        "annotations": ([Marked("one")], [Marked("other")]),
    },
    "ControlledGate": {
        "num_qubits": (3, 3),
        "num_ctrl_qubits": (1, 2),
        "definition": (wide(), wide(XGate())),
        "base_gate": (RXGate(0.3), RZGate(0.3)),
        "params": ([], []),  # they are the base gate's
    },
    "DiagonalGate": {"diag": ([1, -1], [1, 1j])},
    "ExactReciprocalGate": {"scaling": (0.3, 0.7), "neg_vals": (False, True)},
    "ForLoopOp": {
        "indexset": (range(2), range(3)),
        "loop_parameter": (LOOP, OTHER_LOOP),
        "body": (body(RXGate(LOOP)), body(RZGate(LOOP))),
    },
    "GraphStateGate": {"adjacency_matrix": ([[0, 0], [0, 0]], [[0, 1], [1, 0]])},
    "HamiltonianGate": {"data": ONE_QUBIT},
    "IfElseOp": {
        "condition": ((BITS[0], True), (BITS[0], False)),
        "true_body": (body(HGate()), body(XGate())),
        "false_body": (body(HGate()), body(XGate())),
    },
    "Initialize": {"params": STATE},
    "IntegerComparatorGate": {"value": (1, 2), "geq": (True, False)},
    "Isometry": {
        "isometry": tuple(map(np.array, ONE_QUBIT)),
        "num_ancillas_zero": (0, 1),
        "num_ancillas_dirty": (0, 1),
        "epsilon": (1e-10, 1e-9),
    },
    "LinearAmplitudeFunctionGate": {
        "domain": ((0, 1), (0, 2)),
        "image": ((0, 1), (0, 2)),
        "rescaling_factor": (1, 2),
        "breakpoints": (None, [0]),
    },
    "LinearFunction": {
        "linear": ([[1, 0], [0, 1]], [[1, 1], [0, 1]]),
        "validate_input": (False, True),
    },
    "MCGupDiag": {
        "gate": tuple(map(np.array, ONE_QUBIT)),
        "num_controls": (1, 2),
        "num_ancillas_zero": (0, 1),
        "num_ancillas_dirty": (0, 1),
    },
    "MCMTGate": {"gate": (XGate(), HGate()), "num_target_qubits": (1, 2)},
    "MCXGate": {"num_ctrl_qubits": (5, 6)},
    "MCXGrayCode": {"num_ctrl_qubits": (5, 6)},
    "MCXRecursive": {"num_ctrl_qubits": (5, 6)},
    "MCXVChain": {
        "num_ctrl_qubits": (5, 6),
        "dirty_ancillas": (False, True),
        "relative_phase": (False, True),
        "action_only": (False, True),
    },
    "MultiplierGate": {"num_result_qubits": (3, 4)},
    "OrGate": {"num_variable_qubits": (2, 3), "flags": ([1, 1], [1, -1])},
    "PauliEvolutionGate": {
        "operator": (SparsePauliOp("X"), SparsePauliOp("Z")),
        "synthesis": (LieTrotter(), SuzukiTrotter(2)),
    },
    "PauliGate": {"label": ("XY", "XZ")},
    "PauliProductMeasurement": {"pauli": (Pauli("XZ"), Pauli("XX"))},
    "PauliProductRotationGate": {"pauli": (Pauli("XZ"), Pauli("XX"))},
    "PermutationGate": {"pattern": ([0, 1, 2], [1, 0, 2])},
    "PhaseOracleGate": {"expression": ("a & b", "a | b"), "var_order": (["a", "b"], ["b", "a"])},
    "PiecewiseChebyshevGate": {
        "f_x": (0.3, 0.7),
        "degree": (1, 2),
        "breakpoints": ([0, 4], [0, 2, 4]),
    },
    "PiecewiseLinearPauliRotationsGate": {
        "breakpoints": ([0], [1]),
        "slopes": ([0.3], [0.7]),
        "offsets": ([0.3], [0.7]),
    },
    "PiecewisePolynomialPauliRotationsGate": {
        "breakpoints": ([0, 1], [0, 2]),
        "coeffs": ([[0.3], [0.4]], [[0.3], [0.7]]),
    },
    "PolynomialPauliRotationsGate": {"coeffs": ([0.3], [0.7])},
    "QuadraticFormGate": {
        "num_result_qubits": (2, 3),
        "quadratic": ([[1, 0], [0, 1]], [[1, 1], [0, 1]]),
        "linear": ([1, 0], [0, 1]),
        "offset": (1, 2),
    },
    "RVGate": {"basis": ("U", "ZYZ")},
    "SaveAmplitudes": {"params": ([0], [1])},
    "SaveAmplitudesSquared": {"params": ([0], [1])},
    "SaveExpectationValue": {
        "operator": (SparsePauliOp("XX"), SparsePauliOp("ZZ")),
    },
    "SaveExpectationValueVariance": {
        "operator": (SparsePauliOp("XX"), SparsePauliOp("ZZ")),
    },
    "SetDensityMatrix": {"state": ([[1, 0], [0, 0]], [[0, 0], [0, 1]])},
    "SetMatrixProductState": {"state": (mps(0.3), mps(0.7))},
    "SetStabilizer": {"state": (stabilizer(HGate()), stabilizer(XGate()))},
    "SetStatevector": {"state": STATE},
    "SetSuperOp": {"state": tuple(SuperOp(Operator(each)) for each in ONE_QUBIT)},
    "SetUnitary": {"state": ONE_QUBIT},
    "StatePreparation": {
        "params": STATE,
        "inverse": (False, True),
    },
    "Store": {
        "lvalue": (expr.lift(BITS[0]), expr.lift(BITS[1])),
        "rvalue": (expr.lift(True), expr.lift(False)),
    },
    "SwitchCaseOp": {
        "target": (BITS, NUMBERS),
        "cases": ([(0, body(HGate()))], [(1, body(HGate()))]),
    },
    "UCGate": {
        "gate_list": (
            [np.array(ONE_QUBIT[0])] * 2,
            [np.array(each) for each in ONE_QUBIT],
        ),
        "up_to_diagonal": (False, True),
        "mux_simp": (False, True),
    },
    "UCPauliRotGate": {"rot_axis": ("X", "Y")},
    "UniformSuperpositionGate": {"num_superpos_states": (2, 3)},
    "UnitaryGate": {"data": ONE_QUBIT, "num_qubits": (None, 1), "check_input": (True, False)},
    "WeightedSumGate": {"weights": ([1, 2], [2, 1])},
    "WhileLoopOp": {
        "condition": ((BITS[0], True), (BITS[0], False)),
        "body": (body(HGate()), body(XGate())),
    },
}
"""What arguments of one class are given."""

NEEDED = {"num_qubits", "num_clbits", "num_state_qubits", "base_gate", "definition", "coeffs"}
NEEDED |= {"breakpoints"}
"""Given to every instance that takes them, although they have defaults."""

OUT_OF_REACH = {
    ("MCXGate", "_name"),
    ("Initialize", "num_qubits"),
    ("StatePreparation", "num_qubits"),
}
"""Arguments that ``__init__`` has and that cannot be given, or not with the others; see `MORE`."""

LEFT_OUT = {
    "Operation": "an interface",
    "Instruction": "the base class, whose instances are described in tests of their own",
    "ControlFlowOp": "a base class",
}


MORE = [
    Pair("Initialize(int)", lambda: Initialize(1, 2), lambda: Initialize(2, 2)),
    Pair("Initialize(num_qubits=)", lambda: Initialize(1, 2), lambda: Initialize(1, 3)),
    Pair("StatePreparation(label)", lambda: StatePreparation("01"), lambda: StatePreparation("10")),
    Pair(
        "StatePreparation(num_qubits=)",
        lambda: StatePreparation(1, 2),
        lambda: StatePreparation(1, 3),
    ),
]


def pairs() -> Iterator[Pair]:
    """Yield for each class of instructions, and each of its arguments, two instances."""
    for module in (qiskit.circuit, qiskit.circuit.library, qiskit_aer.library):
        for name in sorted(dir(module)):
            kind = getattr(module, name)
            if not inspect.isclass(kind) or not issubclass(kind, Operation) or name in LEFT_OUT:
                continue
            yield from _pairs_of(kind)
    yield from MORE


def _pairs_of(kind: type) -> Iterator[Pair]:
    given = {}
    values = {**USUAL, **OWN.get(kind.__name__, {})}
    arguments = [
        argument
        for name, argument in list(inspect.signature(kind.__init__).parameters.items())[1:]
        if (kind.__name__, name) not in OUT_OF_REACH
    ]
    for argument in arguments:
        needed = argument.default is argument.empty or argument.name in NEEDED
        if needed:
            given[argument.name] = values[argument.name][0]
    if not arguments:
        yield Pair(f"{kind.__name__}()", kind, kind)
    for argument in arguments:
        one, other = values[argument.name]
        yield Pair(
            f"{kind.__name__}({argument.name}=)",
            lambda name=argument.name, value=one: kind(**{**given, name: value}),
            lambda name=argument.name, value=other: kind(**{**given, name: value}),
        )


QUANTUM_INFO: dict[str, tuple[Any, Any]] = {
    "CNOTDihedral": (
        lambda: random_cnotdihedral(1, seed=1),
        lambda: random_cnotdihedral(1, seed=3),
    ),
    "Chi": (lambda: Chi(body(HGate())), lambda: Chi(body(XGate()))),
    "Choi": (lambda: Choi(body(HGate())), lambda: Choi(body(XGate()))),
    "Clifford": (lambda: Clifford(body(HGate())), lambda: Clifford(body(XGate()))),
    "Kraus": (lambda: Kraus(body(HGate())), lambda: Kraus(body(XGate()))),
    "Operator": (lambda: Operator(body(HGate())), lambda: Operator(body(XGate()))),
    "PTM": (lambda: PTM(body(HGate())), lambda: PTM(body(XGate()))),
    "Pauli": (lambda: Pauli("XZ"), lambda: Pauli("XX")),
    "Stinespring": (lambda: Stinespring(body(HGate())), lambda: Stinespring(body(XGate()))),
    "SuperOp": (lambda: SuperOp(body(HGate())), lambda: SuperOp(body(XGate()))),
}

ERRORS: dict[str, tuple[Any, Any]] = {
    "amplitude_damping_error": ((0.1,), (0.2,)),
    "coherent_unitary_error": ((ONE_QUBIT[0],), (ONE_QUBIT[1],)),
    "depolarizing_error": ((0.1, 1), (0.2, 1)),
    "kraus_error": (
        ([np.diag([1, 0.6]), np.diag([0, 0.8])],),
        ([np.diag([1, 0.8]), np.diag([0, 0.6])],),
    ),
    "mixed_unitary_error": (([(ONE_QUBIT[0], 1.0)],), ([(ONE_QUBIT[1], 1.0)],)),
    "pauli_error": (([("X", 0.1), ("I", 0.9)],), ([("Z", 0.1), ("I", 0.9)],)),
    "phase_amplitude_damping_error": ((0.1, 0.1), (0.1, 0.2)),
    "phase_damping_error": ((0.1,), (0.2,)),
    "reset_error": ((0.1, 0.2), (0.2, 0.1)),
    "thermal_relaxation_error": ((3.0, 2.0, 1.0), (3.0, 2.0, 1.5)),
}
"""Arguments of what makes one of Aer's errors."""


def error_pairs() -> Iterator[Pair]:
    """Yield two of each kind of error that Aer has."""
    for name in sorted(dir(qiskit_aer.noise)):
        make = getattr(qiskit_aer.noise, name)
        if inspect.isfunction(make) and name.endswith("_error"):
            one, other = ERRORS[name]
            yield Pair(name, partial(make, *one), partial(make, *other))


NOT_IN_CIRCUITS = {
    "DensityMatrix",
    *("PauliLindbladMap", "PauliList", "PhasedQubitSparsePauli", "PhasedQubitSparsePauliList"),
    *("Quaternion", "QubitSparsePauli", "QubitSparsePauliList", "SparseObservable"),
    *("SparsePauliOp", "Z2Symmetries", "ScalarOp", "StabilizerState", "Statevector"),
}


def quantum_info_pairs() -> Iterator[Pair]:
    """Yield two of each kind of operator that a circuit may hold."""
    for name in sorted(dir(qiskit.quantum_info)):
        kind = getattr(qiskit.quantum_info, name)
        if inspect.isclass(kind) and name not in NOT_IN_CIRCUITS:
            yield Pair(name, *QUANTUM_INFO[name])


def holding(operation: Any) -> QuantumCircuit:
    """Return a circuit that has one instruction, on as many bits as it wants."""
    if not isinstance(operation, Operation):
        operation = operation.to_instruction()
        operation.name = "named"  # otherwise by a number that goes up
    circuit = QuantumCircuit(operation.num_qubits, 0)
    circuit.add_register(BITS)
    if operation.name in {"store", "switch_case"}:
        circuit.add_uninitialized_var(NUMBERS)
    clbits = [*BITS, *BITS][: operation.num_clbits]
    circuit.append(operation, range(operation.num_qubits), clbits)
    return circuit
