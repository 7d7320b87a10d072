"""The techniques of error mitigation: what each prepares for one PUB, and makes of the data.

The techniques themselves are those of qiskit-mitigation. What they prepare depends on the structure
of a PUB alone, not on its numbers, so it is kept in a form into which numbers are put later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import PauliLindbladMap
from qiskit.transpiler import PassManager
from qiskit_ibm_runtime.options_models import ResilienceOptions
from qiskit_mitigation import PEA, PEC, TREX, MitigationTask
from qiskit_mitigation.zne import GateFoldingPass
from samplomatic.quantum_program import QuantumProgram, SamplexItem

from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.primitives.boxes.swept_delays import SweptDelays, put_back
from qiskit_modes.primitives.inputs.observables import measured_by_paulis
from qiskit_modes.primitives.measurement.assembly import ResultAssembly, make_assembly
from qiskit_modes.primitives.measurement.readings import Readings
from qiskit_modes.primitives.mitigation.request import FOLDING, Request
from qiskit_modes.primitives.mitigation.values import (
    Estimates,
    Extrapolation,
    Readout,
    estimates,
)
from qiskit_modes.primitives.options.resilience import Technique, noise_factors_of
from qiskit_modes.simulation.circuits.durations import OpenDelay

__all__ = [
    "REGISTER",
    "Calibration",
    "PreparedItem",
    "PreparedPub",
    "prepare",
]

REGISTER = "_meas"
"""What qiskit-mitigation calls the register that it measures into."""

_NO_LIMIT = float(np.finfo(np.float64).max)


class _KnownNoise(dict[str, PauliLindbladMap]):
    """The noise of layers, with a word about what to do where a layer has none."""

    def __missing__(self, ref: str) -> PauliLindbladMap:
        raise InvalidInputError(
            f"resilience.layer_noise_model has no noise for the layer {ref!r} of the circuit; it "
            f"has noise for {sorted(self)}. Take the layers from estimator.find_unique_layers(pubs)"
            ", with the options and the circuits with which the job is run, and learn their noise."
        )


@dataclass(frozen=True)
class PreparedItem:
    """An item of a quantum program into which parameter values are still to be put."""

    circuit: QuantumCircuit
    samplex: Any
    arguments: Mapping[str, Any]
    """The samplex's arguments but for the parameter values."""
    shape: tuple[int, ...]
    """Randomisations, then configurations: pairs of a parameter set and a measurement basis.
    With PEA the noise factors stand in front."""
    swept: SweptDelays | None = None
    """The delays whose durations are still to be put in."""

    @classmethod
    def of(cls, item: SamplexItem) -> PreparedItem:
        """Take an item apart."""
        arguments = dict(item.samplex_arguments.items())
        arguments.pop("parameter_values", None)
        return cls(item.circuit, item.samplex, arguments, item.shape)

    def with_delays(self, delays: tuple[OpenDelay, ...]) -> PreparedItem:
        """Return it with the delays that were set aside while it was prepared."""
        swept = SweptDelays(delays, self.circuit)
        return replace(self, circuit=put_back(self.circuit, delays), swept=swept)


@dataclass(frozen=True)
class PreparedPub:
    """A PUB as a technique prepared it."""

    technique: Technique
    task: MitigationTask
    """Knows which basis was measured for which parameter set."""
    items: tuple[PreparedItem, ...]
    resilience: ResilienceOptions
    assembly: ResultAssembly
    """Where the terms of the observables were measured."""

    @property
    def randomisations(self) -> int:
        """Number of randomisations of each configuration."""
        return self.items[0].shape[-2]

    def rows(self, parameter_shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
        """Return the flat index of each configuration's parameter set, shape (configurations,)."""
        pairs = self.task.param_basis_pairs
        places = [int(np.ravel_multi_index(at, parameter_shape)) if at else 0 for at, _ in pairs]
        return np.array(places, dtype=np.intp)

    def evaluate(
        self,
        results: Sequence[npt.NDArray[np.uint8]],
        outputs: Sequence[Mapping[str, npt.NDArray[Any]]],
        coefficients: npt.NDArray[np.float64],
        readout: Readout | None,
    ) -> Estimates:
        """Return expectation values.

        Args:
            results: What each item recorded, packed, of the item's shape, then (shots, bytes).
            outputs: What the items' samplexes gave beside angles.
            coefficients: Those of the observables, shape (num_terms,).
            readout: How reliable measurements are, to be mitigated; None if that is not.
        """
        readings = [
            Readings.of(bits, drawn, REGISTER)
            for item, given in zip(results, outputs, strict=True)
            for bits, drawn in self._by_noise_factor(item, given)
        ]
        return estimates(
            self.assembly,
            coefficients,
            readings,
            gamma=self.task.gamma if isinstance(self.task, PEC) else 1.0,
            readout=readout,
            extrapolation=self.extrapolation,
        )

    @property
    def extrapolation(self) -> Extrapolation | None:
        """Extrapolation of values to zero noise; None if there is none."""
        if self.technique not in ("gate_folding", "pea"):
            return None
        return _extrapolation_of(self.resilience)

    def _by_noise_factor(
        self, bits: npt.NDArray[np.uint8], outputs: Mapping[str, npt.NDArray[Any]]
    ) -> Iterator[tuple[npt.NDArray[np.uint8], Mapping[str, npt.NDArray[Any]]]]:
        """Yield what was recorded at each noise factor, where one item has them all."""
        if self.technique != "pea":
            yield bits, outputs
            return
        for number in range(len(bits)):
            yield bits[number], {name: array[number] for name, array in outputs.items()}


def _extrapolation_of(resilience: ResilienceOptions) -> Extrapolation:
    """Return the noise factors, the extrapolators, and where these are evaluated."""
    zne = resilience.zne
    factors = noise_factors_of(resilience)
    points, names = zne.extrapolated_noise_factors, zne.extrapolator
    return Extrapolation(
        factors,
        (names,) if isinstance(names, str) else tuple(names),
        tuple(float(point) for point in ((0.0, *factors) if points == "auto" else points)),
    )


def prepare(
    circuit: QuantumCircuit,
    observables: ObservablesArray,
    parameter_shape: tuple[int, ...],
    request: Request,
) -> PreparedPub:
    """Box a circuit, and build what measures the observables.

    Args:
        circuit: The circuit, not modified.
        observables: On the circuit's qubits; their coefficients do not matter.
        parameter_shape: The shape of the PUB's parameter sets.
        request: The technique and what it needs to know.
    """
    names = tuple(parameter.name for parameter in circuit.parameters)
    zeros = BindingsArray({names: np.zeros((*parameter_shape, len(names)))}, shape=parameter_shape)
    common: dict[str, Any] = {
        "observables": measured_by_paulis(observables),
        "parameters": zeros,
        "custom_boxing_options": dict(request.boxing),
        "shots_per_randomization": request.shots,
        "num_randomizations": request.randomisations,
        "broadcast_obs_and_params": True,
    }
    resilience = request.resilience
    task: MitigationTask
    match request.technique:
        case "none":
            task = MitigationTask()
            programs = [task.prepare(circuit, **common)]
        case "gate_folding":
            task, programs = _folded(circuit, request, common)
        case "pea":
            task = PEA()
            programs = [
                task.prepare(
                    circuit,
                    **common,
                    noise_maps=_KnownNoise(request.noise_maps),
                    noise_factors=list(noise_factors_of(resilience)),
                )
            ]
        case "pec":
            task = PEC()
            limit = resilience.pec.max_overhead
            executions = request.randomisations * request.shots
            programs = [
                task.prepare(
                    circuit,
                    **common,
                    noise_maps=_KnownNoise(request.noise_maps),
                    noise_gain=resilience.pec.noise_gain,
                    max_sampling_overhead=_NO_LIMIT / executions if limit is None else float(limit),
                )
            ]
    items = tuple(PreparedItem.of(item) for program in programs for item in program.items)
    assembly = make_assembly(observables, parameter_shape, task.param_basis_pairs)
    return PreparedPub(request.technique, task, items, resilience, assembly)


def _folded(
    circuit: QuantumCircuit, request: Request, common: Mapping[str, Any]
) -> tuple[MitigationTask, list[QuantumProgram]]:
    """Prepare a circuit once for each noise factor, with gates folded."""
    method = FOLDING[request.resilience.zne.amplifier]
    programs = []
    for number, factor in enumerate(noise_factors_of(request.resilience)):
        # GateFolding draws which gates it folds from a seed that nobody knows; this one is ours.
        seed = np.random.default_rng((request.folding_seed, number))
        folding = PassManager([GateFoldingPass(factor, method, seed)])
        task = MitigationTask()
        programs.append(task.prepare(folding.run(circuit), **common))
    return task, programs


@dataclass(frozen=True)
class Calibration:
    """Circuits that measure how measurements err."""

    item: PreparedItem

    @classmethod
    def of(cls, num_qubits: int, randomisations: int) -> Calibration:
        """Prepare the calibration of all of some qubits."""
        trex, task = TREX(), MitigationTask()
        task.circuit = QuantumCircuit(num_qubits)
        trex.tasks.append(task)
        program = trex.prepare(randomisations, QuantumProgram(1), {"add_tags": "unique_box"})
        return cls(PreparedItem.of(program.items[0]))

    @staticmethod
    def readout(bits: npt.NDArray[np.uint8], outputs: Mapping[str, npt.NDArray[Any]]) -> Readout:
        """Return how reliable measurements are.

        Args:
            bits: What the item recorded, packed, shape (randomisations, shots, bytes).
            outputs: What its samplex gave beside angles.
        """
        readings = Readings.of(bits, outputs, REGISTER)
        return Readout(Readings(readings.bits[:, np.newaxis]))
