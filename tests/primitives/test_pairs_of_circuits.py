"""Random circuits that differ in one thing give what each gives alone, by whatever primitive."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import ControlFlowOp

from tests import fresh
from tests.examples import examples
from tests.primitives.circuit_outcomes import outcomes
from tests.simulation.strategies import dynamic_circuits, static_circuits, static_devices


def changed(draw: Any, circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit that differs from another one in one thing, anywhere in it."""
    other = circuit.copy_empty_like()
    steps = list(circuit.data)
    place = draw(st.integers(0, len(steps) - 1))
    step = steps[place]
    operation = step.operation
    kinds = ["left out"]
    if isinstance(operation, ControlFlowOp):
        kinds = ["inside"]
    elif step.name == "measure":
        kinds = ["bit"]
    elif step.params:
        kinds += ["parameter", "label"]
    elif step.is_standard_gate():
        kinds += ["label", "twice"]
    match draw(st.sampled_from(kinds)):
        case "inside":
            blocks = list(operation.blocks)
            which = draw(st.integers(0, len(blocks) - 1))
            if blocks[which].data:
                blocks[which] = changed(draw, blocks[which])
            steps[place] = step.replace(operation=operation.replace_blocks(blocks))
        case "bit":
            bit = draw(st.sampled_from(list(circuit.clbits)))
            steps[place] = step.replace(clbits=[bit])
        case "parameter":
            value = step.params[0]
            changes = [2 * value] if step.name == "delay" else [-value, value + 0.1, 2 * value]
            mutable = operation.to_mutable()
            mutable.params = [draw(st.sampled_from(changes)), *step.params[1:]]
            steps[place] = step.replace(operation=mutable)
        case "label":
            mutable = operation.to_mutable()
            mutable.label = "x"
            steps[place] = step.replace(operation=mutable)
        case "twice":
            steps.insert(place, step)
        case _:
            del steps[place]
    for each in steps:
        other.append(each, copy=False)
    return other


@st.composite
def pairs(draw: Any) -> tuple[str, bytes, bytes]:
    """A device, and two circuits for it that differ in one thing, written."""
    if draw(st.booleans()):
        name = draw(static_devices)
        circuit = draw(static_circuits(name))
    else:
        name = draw(st.sampled_from(["generic-1", "generic-2"]))  # which have all control flow
        circuit = draw(dynamic_circuits(name))
    return name, written(circuit), written(changed(draw, circuit))


def written(circuit: QuantumCircuit) -> bytes:
    file = io.BytesIO()
    qpy.dump(circuit, file)
    return file.getvalue()


@pytest.fixture(scope="module", autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    fresh.stop()


@settings(max_examples=examples(daily=4, full=80))  # each starts a process
@given(pairs())
def test_each_of_a_pair_gives_what_it_gives_alone(pair: tuple[str, bytes, bytes]):
    name, one, other = pair
    here = outcomes(name, [one, other])
    # In a process of their own the second comes first, alone, and the first after it.
    assert fresh.call(outcomes, name, [other, one]) == here[::-1]
