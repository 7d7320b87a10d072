"""Classical variables: a value wherever they are read, and kept where circuits are rebuilt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.classical import expr, types
from qiskit_aer import AerSimulator

from qiskit_modes.exceptions import InvalidInputError, UnsupportedCircuitError
from qiskit_modes.simulation import compile_circuit, outcome_probabilities
from qiskit_modes.simulation.circuits.variables import check_values, declare_as_in
from qiskit_modes.simulation.settings import Settings
from tests.simulation.comparing import assert_drawn_from, memory_counts, sample

TRAJECTORIES = Settings(only="trajectories")
BOOL, UINT = types.Bool(), types.Uint(4)


def declared(circuit: QuantumCircuit, kind: types.Type = BOOL) -> expr.Var:
    variable = expr.Var.new("mine", kind)
    circuit.add_uninitialized_var(variable)
    return variable


def read(circuit: QuantumCircuit, condition: Any) -> None:
    with circuit.if_test(condition):
        circuit.x(1)


def an_input(circuit: QuantumCircuit) -> None:
    read(circuit, circuit.add_input("mine", BOOL))


def an_integer_input(circuit: QuantumCircuit) -> None:
    read(circuit, expr.equal(circuit.add_input("mine", UINT), 3))


def no_initial_value(circuit: QuantumCircuit) -> None:
    read(circuit, declared(circuit))


def copied_into_another(circuit: QuantumCircuit) -> None:
    circuit.add_var("other", declared(circuit, UINT))


def copied_into_a_bit(circuit: QuantumCircuit) -> None:
    circuit.store(circuit.clbits[1], declared(circuit))


def in_an_expression(circuit: QuantumCircuit) -> None:
    read(circuit, expr.less(expr.add(declared(circuit, UINT), 1), 5))


def of_a_while(circuit: QuantumCircuit) -> None:
    with circuit.while_loop(declared(circuit)):
        circuit.x(0)


def of_a_switch(circuit: QuantumCircuit) -> None:
    with circuit.switch(declared(circuit, UINT)) as case, case(1):
        circuit.x(0)


def stored_on_one_way(circuit: QuantumCircuit) -> None:
    variable = declared(circuit)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.store(variable, True)
    read(circuit, variable)


def stored_in_some_cases(circuit: QuantumCircuit) -> None:
    variable = declared(circuit)
    circuit.measure(0, 0)
    with circuit.switch(circuit.cregs[0]) as case:
        for label in range(3):
            with case(label):
                circuit.store(variable, True)
    read(circuit, variable)


def stored_in_a_loop_that_may_not_run(circuit: QuantumCircuit) -> None:
    variable = declared(circuit)
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.store(variable, True)
        circuit.measure(0, 0)
    read(circuit, variable)


def stored_in_a_loop_of_no_rounds(circuit: QuantumCircuit) -> None:
    variable = declared(circuit)
    with circuit.for_loop(range(0)):
        circuit.store(variable, True)
    read(circuit, variable)


def stored_after_a_break(circuit: QuantumCircuit) -> None:
    variable = declared(circuit)
    with circuit.for_loop(range(3)):
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.break_loop()
        circuit.store(variable, True)
    read(circuit, variable)


def read_before_it_is_stored_in_a_round(circuit: QuantumCircuit) -> None:
    variable = declared(circuit)
    with circuit.for_loop(range(3)):
        read(circuit, variable)
        circuit.store(variable, True)


def new_in_every_round(circuit: QuantumCircuit) -> None:
    body = circuit.copy_empty_like()
    variable = declared(body)
    with body.if_test((circuit.clbits[0], 1)):
        body.store(variable, True)
    read(body, variable)
    circuit.for_loop(range(3), None, body, circuit.qubits, circuit.clbits)


def one_bit_of_it(circuit: QuantumCircuit) -> None:
    variable = declared(circuit, UINT)
    circuit.store(expr.index(variable, 2), True)
    read(circuit, expr.equal(variable, 4))


def another_bit_of_it(circuit: QuantumCircuit) -> None:
    variable = declared(circuit, UINT)
    circuit.store(expr.index(variable, 2), True)
    read(circuit, expr.index(variable, 1))


def in_an_index(circuit: QuantumCircuit) -> None:
    circuit.store(expr.index(circuit.cregs[0], declared(circuit, UINT)), True)


WITHOUT_A_VALUE = [
    an_input,
    an_integer_input,
    no_initial_value,
    copied_into_another,
    copied_into_a_bit,
    in_an_expression,
    of_a_while,
    of_a_switch,
    stored_on_one_way,
    stored_in_some_cases,
    stored_in_a_loop_that_may_not_run,
    stored_in_a_loop_of_no_rounds,
    stored_after_a_break,
    read_before_it_is_stored_in_a_round,
    new_in_every_round,
    one_bit_of_it,
    another_bit_of_it,
    in_an_index,
]


@pytest.mark.parametrize("build", WITHOUT_A_VALUE)
def test_what_may_have_no_value_is_named(build: Callable[[QuantumCircuit], None]):
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    build(circuit)
    with pytest.raises(InvalidInputError, match="'mine'"):
        check_values(circuit)


NO_INPUTS = [build for build in WITHOUT_A_VALUE if build not in (an_input, an_integer_input)]


@pytest.mark.parametrize("build", NO_INPUTS)
def test_bodies_are_looked_into(build: Callable[[QuantumCircuit], None]):
    circuit = QuantumCircuit(2, 2)
    body = circuit.copy_empty_like()
    build(body)
    inner = circuit.copy_empty_like()
    inner.if_else((circuit.clbits[1], 0), body, None, circuit.qubits, circuit.clbits)
    circuit.for_loop(range(2), None, inner, circuit.qubits, circuit.clbits)
    with pytest.raises(InvalidInputError, match="'mine'"):
        check_values(circuit)


def test_an_input_is_named_so():
    circuit = QuantumCircuit(2)
    an_input(circuit)
    with pytest.raises(InvalidInputError, match=r"'mine' \(Bool\), an input"):
        check_values(circuit)


def overwritten_input(circuit: QuantumCircuit) -> expr.Expr:
    variable = circuit.add_input("mine", BOOL)
    circuit.store(variable, True)
    return variable


def stored_on_both_ways(circuit: QuantumCircuit) -> expr.Expr:
    variable = declared(circuit)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.store(variable, True)
    with otherwise:
        circuit.store(variable, True)
    return variable


def stored_in_all_cases(circuit: QuantumCircuit) -> expr.Expr:
    variable = declared(circuit)
    with circuit.switch(circuit.cregs[0]) as case:
        for label in range(4):
            with case(label):
                circuit.store(variable, True)
    return variable


def stored_by_default(circuit: QuantumCircuit) -> expr.Expr:
    variable = declared(circuit)
    with circuit.switch(circuit.cregs[0]) as case:
        with case(2):
            circuit.store(variable, False)
        with case(case.DEFAULT):
            circuit.store(variable, True)
    return variable


def stored_in_a_loop(circuit: QuantumCircuit) -> expr.Expr:
    variable = declared(circuit)
    with circuit.for_loop(range(2)):
        circuit.store(variable, True)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.break_loop()
    return variable


def stored_before_leaving_an_endless_loop(circuit: QuantumCircuit) -> expr.Expr:
    variable = declared(circuit)
    with circuit.while_loop(expr.lift(True)):
        circuit.store(variable, True)
        circuit.break_loop()
    return variable


def all_bits_of_it(circuit: QuantumCircuit) -> expr.Expr:
    variable = declared(circuit, UINT)
    for bit in range(4):
        circuit.store(expr.index(variable, bit), bit == 2)
    return expr.equal(variable, 4)


def the_bit_that_is_read(circuit: QuantumCircuit) -> expr.Expr:
    variable = declared(circuit, UINT)
    circuit.store(expr.index(variable, 2), True)
    return expr.index(variable, 2)


def a_loops_own(circuit: QuantumCircuit) -> expr.Expr:
    own = expr.Var.new("mine", UINT)
    with circuit.for_loop(range(1, 5), own), circuit.if_test(expr.equal(own, 3)):
        circuit.store(circuit.clbits[0], True)
    return expr.lift(circuit.clbits[0])


WITH_A_VALUE = [
    overwritten_input,
    stored_on_both_ways,
    stored_in_all_cases,
    stored_by_default,
    stored_in_a_loop,
    stored_before_leaving_an_endless_loop,
    all_bits_of_it,
    the_bit_that_is_read,
    a_loops_own,
]


@pytest.mark.parametrize("build", WITH_A_VALUE)
def test_what_has_a_value_runs(build: Callable[[QuantumCircuit], expr.Expr]):
    circuit = QuantumCircuit(2, 2)
    read(circuit, build(circuit))
    circuit.measure(1, 1)
    check_values(circuit)
    for settings in (Settings(), TRAJECTORIES):
        compiled = compile_circuit(circuit, AerSimulator(), settings)
        (memory,) = memory_counts(circuit, sample(compiled, shots=20))
        assert memory >> 1 == 1


def test_loops_with_a_parameter_are_not_loops_with_a_variable():
    angle = Parameter("i")
    body = QuantumCircuit(1)
    body.rx(angle, 0)
    circuit = QuantumCircuit(1, 1)
    circuit.for_loop([1, 2], angle, body, [0], [])
    circuit.measure(0, 0)
    check_values(circuit)


def counted(circuit: QuantumCircuit, *, depth: int) -> QuantumCircuit:
    """Let the last bit of a circuit depend on a variable that others were stored into."""
    number = circuit.add_var("number", expr.lift(3, UINT))
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.store(number, expr.bit_xor(number, 5))
        if depth:
            inner = circuit.add_var("inner", expr.bit_and(number, 4))
            circuit.store(number, inner)
    with circuit.while_loop(expr.less(number, 4)):
        circuit.store(number, 7)
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit


@pytest.mark.parametrize("depth", [0, 1])
def test_components_left_to_aer_keep_their_variables(depth):
    circuit = counted(QuantumCircuit(2, 2), depth=depth)
    compiled = compile_circuit(circuit, AerSimulator(), TRAJECTORIES)
    expected = dict(outcome_probabilities(compile_circuit(circuit, AerSimulator())))
    assert expected[0b10] == pytest.approx(0.5)
    assert_drawn_from(memory_counts(circuit, sample(compiled, shots=2000)), expected)


def added(circuit: QuantumCircuit) -> None:
    number = circuit.add_var("number", expr.lift(3, UINT))
    read(circuit, expr.less(expr.add(number, 1), 5))


def indexed(circuit: QuantumCircuit) -> None:
    number = circuit.add_var("number", expr.lift(3, UINT))
    read(circuit, expr.index(number, expr.bit_and(number, 1)))


def left_early(circuit: QuantumCircuit) -> None:
    own = expr.Var.new("own", UINT)
    with circuit.for_loop(range(3), own), circuit.if_test(expr.equal(own, 1)):
        circuit.x(1)
        circuit.break_loop()


AERS_LIMITS = {
    "operations": (added, "the operation .*ADD"),
    "bits": (indexed, "an index that is computed"),
    "loops": (left_early, "over the variable or duration 'own' that breaks"),
}


@pytest.mark.parametrize("case", AERS_LIMITS)
def test_what_aer_cannot_do_is_left_to_us_where_we_can(case):
    build, words = AERS_LIMITS[case]
    circuit = QuantumCircuit(2, 2)
    build(circuit)
    circuit.measure(1, 1)
    with pytest.raises(UnsupportedCircuitError, match=words):
        compile_circuit(circuit, AerSimulator(), TRAJECTORIES)
    compiled = compile_circuit(circuit, AerSimulator(), Settings(trajectories_from_seconds=0))
    assert memory_counts(circuit, sample(compiled, shots=20)) == {0b10: 20}


def test_everything_that_is_declared_is_declared_again():
    circuit = QuantumCircuit(1)
    circuit.add_input("a", BOOL)
    circuit.add_var("b", 3)
    circuit.add_stretch("c")
    again = QuantumCircuit(1)
    declare_as_in(circuit, again)
    for kind in ("input_vars", "declared_vars", "declared_stretches"):
        assert list(getattr(again, f"iter_{kind}")()) == list(getattr(circuit, f"iter_{kind}")())
    body = QuantumCircuit(1, captures=[*circuit.iter_vars(), *circuit.iter_stretches()])
    again = QuantumCircuit(1)
    declare_as_in(body, again)
    assert set(again.iter_captured_vars()) == set(circuit.iter_vars())
    assert set(again.iter_captured_stretches()) == set(circuit.iter_stretches())
