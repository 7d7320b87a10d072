"""Preparation of mitigated PUBs with equal shots: everything that does not depend on their numbers.

An optimizer's iterations differ in numbers only, so what is prepared here is kept for as long as
the backend lives, and an iteration only puts its numbers in.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from qiskit.circuit import QuantumCircuit
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.providers import BackendV2
from qiskit_mitigation import PEC

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.backends.instruction_set import instruction_set_of
from qiskit_modes.primitives.backends.target_facts import TargetFacts
from qiskit_modes.primitives.boxes.draw import bytes_of_set
from qiskit_modes.primitives.boxes.narrow import narrowed
from qiskit_modes.primitives.boxes.sample import AT_ONCE, sample_of
from qiskit_modes.primitives.boxes.templates import (
    explained,
    placed,
    readable,
    seconds_to_build,
)
from qiskit_modes.primitives.inputs.final_measurements import held_measurements, with_unread_bits
from qiskit_modes.primitives.inputs.job_limits import Drawn, check_memory_of_drawn
from qiskit_modes.primitives.inputs.observables import on_qubits
from qiskit_modes.primitives.inputs.pubs import EstimatorInput
from qiskit_modes.primitives.mitigation.measurement_twirl import prepare_opaque
from qiskit_modes.primitives.mitigation.request import Request
from qiskit_modes.primitives.mitigation.techniques import (
    REGISTER,
    Calibration,
    PreparedItem,
    PreparedPub,
    prepare,
)
from qiskit_modes.primitives.options.resilience import (
    calibration_randomisations,
    calibration_shots,
    needs_layer_noise,
    noise_factors_of,
)
from qiskit_modes.primitives.options.resolve import ResolvedEstimatorOptions
from qiskit_modes.simulation.circuits.used_qubits import used_qubits
from qiskit_modes.simulation.elsewhere import Elsewhere, here

__all__ = ["Group", "Preparer"]

MOST_RESULTS = 256
"""A PUB with more values to estimate is left to the job, too: 0.1 ms are spent on each."""


@dataclass(frozen=True)
class Group:
    """PUBs with the same number of shots, prepared."""

    qubits: tuple[int, ...]
    """The qubits that matter to any of them; the prepared circuits act on no others."""
    shots: int
    """The shots of each randomisation."""
    pubs: tuple[PreparedPub, ...]
    calibration: Calibration | None
    calibration_shots: int
    """The shots of each of its randomisations."""


class Preparer:
    """Prepares the PUBs of a job that have the same number of shots.

    Args:
        inputs: The PUBs, each with its number in the job.
        qubits: The qubits that matter to any of them, see `qubits_of`.
        request: What the options ask of a technique.
        options: The options.
        backend: Whose gates and durations count.
        elsewhere: Boxes, builds and decouples what is not known yet.
    """

    def __init__(
        self,
        inputs: Sequence[tuple[int, EstimatorInput]],
        qubits: tuple[int, ...],
        request: Request,
        options: ResolvedEstimatorOptions,
        backend: BackendV2,
        elsewhere: Elsewhere = here,
    ) -> None:
        self._inputs = inputs
        self._qubits = qubits
        self._request = request
        self._key = request.key()
        self._options = options
        self._elsewhere = elsewhere
        self._instructions = instruction_set_of(backend)
        self._known = self._instructions.templates
        self._read = {int(qubit) for _, each in inputs for qubit in each.observables.qubits}

    def prepared(self) -> list[PreparedPub]:
        """Return the PUBs boxed and built, on the qubits that matter.

        Raises:
            InvalidInputError: If a PUB does not go with the options; the message names it.
        """
        return [self._prepared(number, each) for number, each in self._inputs]

    def check(self) -> None:
        """Prepare small PUBs, and keep what came of them; of others look at a sample.

        Whether noise that is given has some for each layer of a large PUB, no sample tells; the job
        says so.

        Raises:
            InvalidInputError: If a PUB does not go with the options; the message names it.
        """
        for number, each in self._inputs:
            if not self._sample_can_be_prepared(each):
                self._prepared(number, each)

    def check_memory(self) -> None:
        """Check that there is memory for what is drawn for the PUBs that are prepared already.

        Raises:
            InvalidInputError: If there is not; the message names the PUB.
        """
        facts = self._facts()
        for number, each in self._inputs:
            prepared = self._known.get(("prepared", self._key_of_pub(each)), facts)
            if prepared is not None:
                _check_memory(number, prepared, self._request.shots)

    def _sample_can_be_prepared(self, pub: EstimatorInput) -> bool:
        """Return whether a circuit is left to the job, and nothing is known to be in the way."""
        is_small = len(pub.circuit.data) <= AT_ONCE and pub.pub.size <= MOST_RESULTS
        if is_small and not self._options.layers_to_find:
            return False
        facts = self._facts()  # of which boxing reads nothing
        key = ("sample", pub.fingerprint, self._key, self._options.older)
        verdict: bool | None = self._known.get(key, facts)
        if verdict is None:
            sample = sample_of(pub.circuit)
            circuit = narrowed(sample, sorted(used_qubits(sample)) or [0])
            circuit = self._as_measured(circuit)
            one = ObservablesArray("Z" * circuit.num_qubits)
            # A sample has layers of its own, whose noise nobody knows.
            request = self._request
            if needs_layer_noise(request.resilience):
                request = replace(request, technique="none", noise_maps={})
            try:
                _prepared("", circuit, one, (), request)
            except InvalidInputError:
                verdict = False
            else:
                verdict = True
            self._known.put(key, verdict, facts)
        return verdict

    def _as_measured(self, circuit: QuantumCircuit) -> QuantumCircuit:
        circuit = with_unread_bits(circuit)
        return held_measurements(circuit) if self._options.older else circuit

    def group(self) -> Group:
        """Return everything that is executed, on the qubits of the device.

        Raises:
            InvalidInputError: If a PUB does not go with the options; the message names it.
        """
        pubs = tuple(self._placed(number, each) for number, each in self._inputs)
        calibrates = self._options.resilience.measure_mitigation
        calibration = self._calibration() if calibrates else None
        shots = self._request.shots
        return Group(
            self._qubits,
            shots,
            pubs,
            calibration,
            calibration_shots(self._options.resilience, shots),
        )

    def _key_of_pub(self, pub: EstimatorInput) -> Hashable:
        structure = (pub.fingerprint, pub.observables.structure, pub.parameter_shape)
        return (*structure, self._qubits, self._key, self._options.older)

    def _prepared(self, number: int, pub: EstimatorInput) -> PreparedPub:
        facts = self._facts()  # of which boxing reads nothing
        key = ("prepared", self._key_of_pub(pub))
        prepared: PreparedPub | None = self._known.get(key, facts)
        if prepared is None:
            qubits = self._qubits_within(pub.circuit.num_qubits)
            where, request = f"PUB {number}", self._request
            with explained(where):
                circuit = self._as_measured(narrowed(pub.circuit, qubits))
                observables = on_qubits(pub.observables, qubits)
            arguments = (where, circuit, observables, pub.parameter_shape, request)
            prepared = self._elsewhere(_seconds(circuit, request), _prepared, *arguments)
            self._known.put(key, prepared, facts)
        return prepared

    def _placed(self, number: int, pub: EstimatorInput) -> PreparedPub:
        facts = self._facts()
        key = ("placed", self._key_of_pub(pub), self._placement_key)
        placed: PreparedPub | None = self._known.get(key, facts)
        if placed is None:
            try:
                prepared = self._prepared(number, pub)
            except InvalidInputError:
                placed = self._opaque(pub)
                if placed is None:
                    raise
            else:
                items = self._on_device(prepared.items, pub.circuit.num_qubits, facts)
                placed = replace(prepared, items=items)
            self._known.put(key, placed, facts)
        return placed

    def _opaque(self, pub: EstimatorInput) -> PreparedPub | None:
        """Prepare a circuit that cannot be boxed, if only its measurements are to be randomised."""
        options, request = self._options, self._request
        changes_body = options.twirling.gates or options.dynamical_decoupling is not None
        if changes_body or request.technique != "none" or options.layer_noise_model is not None:
            return None
        qubits = self._qubits_within(pub.circuit.num_qubits)
        return prepare_opaque(
            pub.circuit,
            qubits,
            on_qubits(pub.observables, qubits),
            pub.parameter_shape,
            request,
            self._read,
        )

    def _calibration(self) -> Calibration:
        request = self._request
        number = calibration_randomisations(request.resilience, request.randomisations)
        width = max(each.circuit.num_qubits for _, each in self._inputs)
        facts = self._facts()
        key = ("calibration", self._qubits, number, width, self._placement_key)
        calibration: Calibration | None = self._known.get(key, facts)
        if calibration is None:
            calibration = Calibration.of(len(self._qubits), number)
            (item,) = self._on_device((calibration.item,), width, facts)
            calibration = replace(calibration, item=item)
            self._known.put(key, calibration, facts)
        return calibration

    def _qubits_within(self, num_qubits: int) -> list[int]:
        """Return the qubits that a circuit of this width has; the first ones of all."""
        return [qubit for qubit in self._qubits if qubit < num_qubits]

    def _on_device(
        self, items: Sequence[PreparedItem], num_qubits: int, facts: TargetFacts
    ) -> tuple[PreparedItem, ...]:
        qubits = self._qubits_within(num_qubits)
        circuits = placed(
            [item.circuit for item in items],
            qubits,
            num_qubits,
            facts,
            name=self._instructions.name,
            decoupling=self._options.dynamical_decoupling,
            keeps_layers=self._options.layer_noise_model is not None,
            elsewhere=self._elsewhere,
            unread=[(REGISTER, at) for at, qubit in enumerate(qubits) if qubit not in self._read],
        )
        return tuple(
            replace(item, circuit=circuit) for item, circuit in zip(items, circuits, strict=True)
        )

    @property
    def _placement_key(self) -> Hashable:
        """Key of how prepared circuits are put on the device: all PUBs of the group decide that."""
        keeps_layers = self._options.layer_noise_model is not None
        return tuple(sorted(self._read)), self._options.decoupling_key, keeps_layers

    def _facts(self) -> TargetFacts:
        return TargetFacts(self._instructions.target)


def _prepared(
    where: str,
    circuit: QuantumCircuit,
    observables: ObservablesArray,
    parameter_shape: tuple[int, ...],
    request: Request,
) -> PreparedPub:
    """Prepare a PUB: a pure function, whose arguments can be pickled."""
    with explained(where):
        marked, delays = readable(circuit)
        prepared = prepare(marked, observables, parameter_shape, request)
        if not delays:
            return prepared
        items = tuple(item.with_delays(delays) for item in prepared.items)
        return replace(prepared, items=items)


def _check_memory(number: int, pub: PreparedPub, shots: int) -> None:
    """Raise if there is no memory for what is drawn for a PUB."""
    drawn = (
        Drawn(
            where=f"PUB {number}",
            sets=math.prod(item.shape),
            set_bytes=bytes_of_set(item.samplex),
            shots=shots,
            shot_bytes=sum(-(-register.size // 8) for register in item.circuit.cregs),
        )
        for item in pub.items
    )
    because = ""
    if isinstance(pub.task, PEC):
        because = (
            f"Probabilistic error cancellation takes {pub.task.gamma**2:,.4g} times as many as "
            "without noise, its sampling overhead; resilience.pec.max_overhead bounds it, and "
            "resilience.pec.noise_gain leaves a part of the noise. "
        )
    check_memory_of_drawn(drawn, because)


def _seconds(circuit: QuantumCircuit, request: Request) -> float:
    """Return roughly how long it takes to prepare a PUB."""
    times = 1.0
    if request.technique == "gate_folding":
        times = sum(noise_factors_of(request.resilience))
    return seconds_to_build(circuit) * times
