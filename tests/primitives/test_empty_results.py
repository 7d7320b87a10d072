"""Circuits that record nothing, or only part of what they measure, in registers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, Clbit, QuantumCircuit, QuantumRegister
from qiskit_aer.primitives import SamplerV2 as AersSampler

from qiskit_modes import EstimatorV2, Executor, ModeWarning, QuantumProgram, SamplerV2
from qiskit_modes.exceptions import QiskitModesWarning


def built(*bits: Any, measured: Callable[[QuantumCircuit], object] = lambda _: None) -> Any:
    circuit = QuantumCircuit(QuantumRegister(1, "q"), *bits)
    circuit.x(0)
    measured(circuit)
    return circuit


# Each with whether its result is empty.
CIRCUITS = {
    "no bits": (lambda: built(), True),
    "an empty register": (lambda: built(ClassicalRegister(0, "e")), True),
    "loose bits": (lambda: built([Clbit()], measured=lambda c: c.measure(0, 0)), True),
    "an empty register and another": (
        lambda: built(
            ClassicalRegister(0, "e"), ClassicalRegister(1, "c"), measured=lambda c: c.measure(0, 0)
        ),
        False,
    ),
    "loose bits and a register": (
        lambda: built(
            [Clbit()], ClassicalRegister(1, "c"), measured=lambda c: c.measure([0, 0], [0, 1])
        ),
        False,
    ),
    "nothing measured": (lambda: built(ClassicalRegister(9, "c")), False),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "gates twirled": {"twirling": {"enable_gates": True}},
    "measurements twirled": {"twirling": {"enable_measure": True}},
}


@pytest.mark.parametrize("backend_name", ["ideal", "manila"])
@pytest.mark.parametrize("name", CIRCUITS)
def test_results_are_those_of_aer(name, backend_name, request):
    backend = request.getfixturevalue(backend_name)
    build, empty = CIRCUITS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = AersSampler().run([build()], shots=64).result()[0].data
    for options in OPTIONS.values():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            job = SamplerV2(backend, options=options).run([build()], shots=64)
            ours = job.result()[0].data
        told = [each for each in caught if issubclass(each.category, QiskitModesWarning)]
        told = [each for each in told if not issubclass(each.category, ModeWarning)]
        assert ["result is empty" in str(each.message) for each in told] == [True] * empty
        assert all(each.filename == __file__ for each in told)
        assert list(ours.keys()) == list(theirs.keys())
        assert ours.shape == theirs.shape
        for key in theirs:
            assert (ours[key].num_bits, ours[key].array.shape) == (
                theirs[key].num_bits,
                theirs[key].array.shape,
            )


@pytest.mark.parametrize("name", CIRCUITS)
def test_executors_and_estimators_take_them(name, ideal):
    build, _ = CIRCUITS[name]
    circuit = build()
    program = QuantumProgram(7)
    program.append_circuit_item(circuit)
    (item,) = Executor(ideal).run(program).result()
    sizes = {register.name: (7, register.size) for register in circuit.cregs}
    assert {key: item[key].shape for key in item} == sizes
    for level in (0, 1, 2):
        job = EstimatorV2(ideal, options={"resilience_level": level}).run([(circuit, "Z")])
        np.testing.assert_allclose(job.result()[0].data.evs, -1)


def test_what_only_loose_bits_depend_on_is_not_simulated(ideal):
    circuit = QuantumCircuit([*QuantumRegister(40, "q")], [Clbit() for _ in range(40)])
    circuit.add_register(ClassicalRegister(1, "c"))
    circuit.rx(0.3, range(39))
    for qubit in range(38):
        circuit.cx(qubit, qubit + 1)
    circuit.measure(range(39), range(39))
    circuit.x(39)
    circuit.measure(39, 40)
    result = SamplerV2(ideal).run([circuit], shots=10).result()
    assert result[0].data.c.get_counts() == {"1": 10}
