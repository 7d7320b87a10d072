"""Builds a component from its operations, as it will be run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from qiskit import QuantumCircuit

from qiskit_modes.exceptions import SimulationTooLargeError, UnsupportedCircuitError
from qiskit_modes.simulation.aer.component import AerComponent
from qiskit_modes.simulation.aer.costs import aer_cost, least_aer_seconds, may_be_done
from qiskit_modes.simulation.aer.cut_circuit import cut_circuit
from qiskit_modes.simulation.circuits.aer_instructions import executed_by_method
from qiskit_modes.simulation.compile.clifford import may_be_clifford
from qiskit_modes.simulation.compile.components import final_measurements
from qiskit_modes.simulation.compile.contraction import build_contraction, largest_state
from qiskit_modes.simulation.compile.costs import (
    TYPICAL_SHOTS,
    crossover,
    feed_forward_costs,
    static_cost,
)
from qiskit_modes.simulation.compile.merge import Group
from qiskit_modes.simulation.compile.methods import (
    SimulatorChoice,
    available_bytes,
    check_memory,
    check_stabilizer,
    density_fits,
    density_too_large,
    is_clifford,
    is_ideal,
)
from qiskit_modes.simulation.compile.product_pool import ProductPool
from qiskit_modes.simulation.compile.stages import staged
from qiskit_modes.simulation.compile.window.merging import Merging
from qiskit_modes.simulation.compile.window.order import ordered
from qiskit_modes.simulation.compile.window.window_planner import WindowPlanner
from qiskit_modes.simulation.noise.source import NoiseSource
from qiskit_modes.simulation.operations import (
    Block,
    Branch,
    Channel,
    Loop,
    Measure,
    Operation,
    Rotation,
    Store,
    is_static,
)
from qiskit_modes.simulation.read.read_circuit import Extents
from qiskit_modes.simulation.run.component import Component, SingleComponent
from qiskit_modes.simulation.run.component_kinds import (
    EitherComponent,
    FeedForwardComponent,
    StaticComponent,
)
from qiskit_modes.simulation.run.pauli_vector.contraction import Contraction
from qiskit_modes.simulation.run.pauli_vector.feed_forward import BranchNode, LoopNode, Node
from qiskit_modes.simulation.settings import Settings

__all__ = ["ComponentBuilder"]


class ComponentBuilder:
    """Chooses for each component of a circuit how to simulate it, and prepares that.

    Args:
        circuit: The whole circuit.
        extents: What each of its instructions touches.
        noise: Its noise.
        choice: What the user chose.
        pool: Collects the products that depend on angles.
        settings: Which optimisations are on.
        wanted: The classical bits that will be read.
    """

    def __init__(
        self,
        circuit: QuantumCircuit,
        extents: Extents,
        noise: NoiseSource,
        choice: SimulatorChoice,
        pool: ProductPool,
        settings: Settings,
        wanted: frozenset[int],
    ) -> None:
        self._circuit = circuit
        self._extents = extents
        self._noise = noise
        self._choice = choice
        self._pool = pool
        self._settings = settings
        self._wanted = wanted
        self._available = available_bytes(choice, settings)
        self._merging = Merging(settings)
        self._windows = WindowPlanner(pool, self._merging, settings, wanted)

    def build(self, block: Block) -> Component:
        """Return a component ready to run.

        Raises:
            SimulationTooLargeError: If no method that fits the component has enough memory.
        """
        if not is_static(block):
            block = staged(block)
        before, finals = final_measurements(block)
        if block.qubits and (self._choice.method or self._settings.only == "trajectories"):
            return self._aer(block, before)
        if is_static(block):
            exact: StaticComponent | FeedForwardComponent | None
            exact, divided = self._static(block), None
        else:
            exact, divided = self._feed_forward(block, before, finals)
        if self._settings.only == "division" and divided:
            return divided
        if self._settings.only in {"Pauli window", "state window"}:
            window = self._windows.build(block, self._available)
            if window is not None:
                return window
        if self._choice.density:
            if (as_density := exact or divided) is None:
                raise density_too_large(block.qubits, self._available)
            return as_density
        singly = self._cheapest(block, before, exact, divided)
        if exact is None or singly is None:
            component = exact or singly
            assert component is not None, "without an exact way, another is there or has raised"
            return component
        from_shots = crossover(exact.cost, singly.cost)
        if from_shots <= 1 or self._settings.only == "exact":
            return exact
        return EitherComponent(exact, singly, math.ceil(min(from_shots, 1e12)))

    def _cheapest(
        self,
        block: Block,
        before: Sequence[Operation],
        exact: StaticComponent | FeedForwardComponent | None,
        divided: FeedForwardComponent | None,
    ) -> SingleComponent | None:
        """Return the best way to draw shots one by one, if one may be better than the exact way."""
        if exact is not None and exact.cost.once < self._settings.trajectories_from_seconds:
            return divided
        used = self._pool.mark()
        window = self._windows.build(block, self._available)
        best = self._best(block, before, _better(divided, window), is_needed=exact is None)
        if best is not window:
            self._pool.forget_since(used)
        return best

    def _best(
        self,
        block: Block,
        before: Sequence[Operation],
        best: SingleComponent | None,
        *,
        is_needed: bool,
    ) -> SingleComponent | None:
        """Return the better of a way and Aer's."""
        if best is not None and _typical_seconds(best) < self._least_by_aer(block, before):
            return best
        try:
            return _better(best, self._aer(block, before))
        except UnsupportedCircuitError:
            if is_needed and best is None:
                raise
        except SimulationTooLargeError:
            if is_needed and best is None:
                raise self._windows.refusal(block, self._available) from None
        return best

    def _least_by_aer(self, block: Block, before: Sequence[Operation]) -> float:
        """Return what Aer needs at least for the typical number of shots.

        So that nothing is written for Aer that is thrown away.
        """
        if is_static(block) and is_ideal(Block(tuple(before))):
            return 0.0
        return least_aer_seconds(len(before), len(block.qubits), TYPICAL_SHOTS)

    def _static(self, block: Block) -> StaticComponent | None:
        """Return a density matrix that follows a contraction; None if there is no memory for it."""
        used = self._pool.mark()
        groups, finals = self._merging.of(block)
        if self._settings.lazy_qubits:
            groups = ordered(groups, {measure.qubit for measure in finals})
            if not density_fits(largest_state(groups, finals), self._available, self._settings):
                return None  # before anything is built that would be thrown away
        contraction = build_contraction(
            groups, self._pool, finals=finals, lazy=self._settings.lazy_qubits
        )
        if not density_fits(contraction.peak, self._available, self._settings):
            self._pool.forget_since(used)
            return None
        return StaticComponent(
            contraction, tuple(number for _, number in contraction.axes), static_cost(contraction)
        )

    def _feed_forward(
        self, block: Block, operations: Sequence[Operation], finals: Sequence[Measure]
    ) -> tuple[FeedForwardComponent | None, FeedForwardComponent | None]:
        """Return a density matrix for every branch, and one for the branches that shots take."""
        settings, size = self._settings, 4 ** len(block.qubits)
        if not density_fits(size, self._available, settings):
            return None, None
        written = frozenset[int]().union(*map(_written, operations))
        # Every written bit may double the branches.
        peak = size << min(len(written), 48)
        qubits = tuple(sorted(block.qubits))
        count = next(i for i, op in enumerate(operations) if not _is_quantum(op))
        groups = self._groups(operations[:count], len(qubits))
        begin = build_contraction(groups, self._pool, staying=qubits)
        overwritten = {measure.clbit for measure in finals}
        nodes = (begin, *self._nodes(operations[count:], qubits))
        final = build_contraction([], self._pool, present=qubits, finals=finals)
        all_branches, by_shots = feed_forward_costs(nodes, final, size)
        divided = FeedForwardComponent(
            qubits=qubits,
            nodes=nodes,
            final=final,
            remembered=tuple(sorted((written - overwritten) & self._wanted)),
            max_loop_rounds=settings.max_loop_rounds,
            peak=peak,
            cost=by_shots,
            block_shots=min(by_shots.block_shots or 1, max(1, settings.divided_elements // size)),
        )
        exact = None
        if len(written) <= settings.max_branch_bits and density_fits(
            peak, self._available, settings
        ):
            exact = replace(divided, cost=all_branches, block_shots=None)
        return exact, divided

    def _aer(self, block: Block, before: Sequence[Operation]) -> AerComponent:
        """Return a component that Aer simulates.

        Raises:
            SimulationTooLargeError: If there is no memory for it; where that can be seen before
                a circuit for Aer is written, it is.
        """
        self._check_memory_before(block)
        known = executed_by_method(self._choice.method or "statevector")
        cut, readout = cut_circuit(
            self._circuit,
            self._extents.in_order,
            block,
            self._noise,
            known,
            neighbours=self._choice.method == "matrix_product_state",
        )
        clifford = is_clifford(cut, clifford_angles=self._settings.clifford_angles)
        method = self._choice.method or ("stabilizer" if clifford else "statevector")
        readers = cut.num_qubits - len(block.qubits)
        check_memory(method, block.qubits, self._available, readers=readers)
        if self._choice.method == "stabilizer":
            check_stabilizer(cut)
        columns = {parameter: k for k, parameter in enumerate(self._circuit.parameters)}
        computed_once = is_static(block) and is_ideal(Block(tuple(before)))
        return AerComponent(
            circuit=cut,
            columns=tuple(columns[parameter] for parameter in cut.parameters),
            clbits=tuple(sorted(block.clbits & self._wanted)),
            readout=readout,
            options={
                **self._choice.aer_options(self._settings, method),
                # Aer would cut off what follows the last measurement, and with it the end of a
                # loop that the measurement is in. Here nothing needs to be cut off any more.
                "enable_truncation": False,
            },
            cost=aer_cost(cut, method, computed_once=computed_once),
        )

    def _check_memory_before(self, block: Block) -> None:
        """Refuse what needs too much memory, however it would be written for Aer."""
        method = self._choice.method or "statevector"
        if not may_be_done(method, len(block.qubits), self._available) and (
            self._choice.method
            or not may_be_clifford(block, clifford_angles=self._settings.clifford_angles)
        ):
            check_memory(method, block.qubits, self._available)

    def _groups(self, operations: Sequence[Operation], num_qubits: int) -> list[Group]:
        """Return the linear maps of a stretch without feed-forward."""
        return self._merging.merged(operations, num_qubits)

    def _nodes(self, operations: Sequence[Operation], qubits: Sequence[int]) -> Iterator[Node]:
        for quantum, run in groupby(operations, key=_is_quantum):
            if quantum:
                yield self._stretch(list(run), qubits)
            else:
                for operation in run:
                    yield self._node(operation, qubits)

    def _stretch(self, operations: Sequence[Operation], qubits: Sequence[int]) -> Contraction:
        groups = self._groups(operations, len(qubits))
        return build_contraction(groups, self._pool, present=qubits, staying=qubits)

    def _node(self, operation: Operation, qubits: Sequence[int]) -> Node:
        match operation:
            case Branch(arms):
                return BranchNode(
                    tuple(
                        (condition, tuple(self._nodes(block.operations, qubits)))
                        for condition, block in arms
                    )
                )
            case Loop(condition, body):
                return LoopNode(condition, tuple(self._nodes(body.operations, qubits)))
            case Channel() | Rotation():
                raise AssertionError(f"{operation} belongs into a stretch")
        return operation


def _typical_seconds(component: SingleComponent) -> float:
    return component.cost.seconds(TYPICAL_SHOTS)


def _better(one: SingleComponent | None, other: SingleComponent | None) -> SingleComponent | None:
    if one is None or other is None:
        return other if one is None else one
    return one if _typical_seconds(one) <= _typical_seconds(other) else other


def _is_quantum(operation: Operation) -> bool:
    return isinstance(operation, Channel | Rotation)


def _written(operation: Operation) -> frozenset[int]:
    """Return the classical bits that an operation may write."""
    match operation:
        case Measure(_, clbit):
            return frozenset([clbit])
        case Store(clbits):
            return frozenset(clbits)
        case Branch(arms):
            return frozenset().union(*(_written_in(block) for _, block in arms))
        case Loop(_, body):
            return _written_in(body)
    return frozenset()


def _written_in(block: Block) -> frozenset[int]:
    return frozenset().union(*map(_written, block.operations))
