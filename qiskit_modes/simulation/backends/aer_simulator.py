"""Aer's simulators: their noise model, their method, and instructions by name on any qubits."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping
from typing import Any

from qiskit.circuit import Instruction
from qiskit.transpiler import Target

from qiskit_modes.exceptions import UnsupportedOptionError
from qiskit_modes.simulation.aer.options import (
    MATRIX_METHODS,
    options_passed_on,
    options_set,
    refusals_of_simulator,
)
from qiskit_modes.simulation.backends.description import BackendDescription, state_of_target
from qiskit_modes.simulation.circuits.aer_instructions import executed_by
from qiskit_modes.simulation.circuits.measurements import is_measurement, is_reset
from qiskit_modes.simulation.compile.methods import SimulatorChoice
from qiskit_modes.simulation.noise.model import ModelNoise
from qiskit_modes.simulation.noise.source import IdealNoise, NoiseSource

__all__ = ["AerDescription"]

OURS = frozenset({"automatic", "density_matrix"})
"""Methods of an `AerSimulator` for which the density matrices of this package stand in."""


class AerDescription(BackendDescription):
    """A simulator of Aer's, with the options that it has at the moment."""

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self._options: Mapping[str, Any] = vars(backend.options)

    @classmethod
    def takes(cls, backends: type) -> bool:
        """Tell whether they are Aer's, without importing Aer to find out."""
        aer = sys.modules.get("qiskit_aer")  # if it was never imported, nobody has derived one
        return aer is not None and issubclass(backends, aer.backends.aerbackend.AerBackend)

    def noise(self) -> NoiseSource:
        """Return that of its noise model."""
        model = self._option("noise_model")
        return IdealNoise() if model is None else ModelNoise(model)

    def noise_model(self) -> Any:
        """Return its noise model; an empty one if it has none."""
        from qiskit_aer.noise import NoiseModel

        return self._option("noise_model") or NoiseModel()

    @property
    def is_noiseless(self) -> bool:
        """Tell whether its noise model is an ideal one, or none."""
        model = self._option("noise_model")
        return bool(model is None or model.is_ideal())

    @property
    def reported(self) -> Target | None:
        """The target of the device that it was made of; None if it was made of none."""
        # Aer makes another where it is None.
        target: Target | None = self.backend._target  # noqa: SLF001
        return target

    @property
    def instructions_state(self) -> Hashable:
        """Options that decide it: Aer's gates depend on them, and they may be set at any time.

        Aer builds a target anew for each access, but the configuration tells in microseconds
        whether it would be another one.
        """
        configuration = self.backend.configuration()  # made anew for each access
        return (
            tuple(configuration.basis_gates),
            self._option("method"),
            self._is_uncoupled(configuration),
            state_of_target(self.reported),
        )

    @property
    def executed(self) -> frozenset[str]:
        """The instructions of its method, and those by which its device measures."""
        if self.builds_its_target:
            return executed_by(self.backend) | {"measure", "reset"}
        return executed_by(self.backend) | {
            operation.name
            for operation in self.target.operations
            if isinstance(operation, Instruction)
            and (is_measurement(operation) or is_reset(operation))
        }

    @property
    def num_qubits(self) -> int | None:
        """None without a coupling map: what fits depends on the qubits in use, not on a width."""
        return None if self._is_uncoupled() else self.target.num_qubits

    def _is_uncoupled(self, configuration: Any = None) -> bool:
        """Tell whether it has no coupling map.

        To find out, Aer builds its target, which takes longer than many a job. It need not where
        nothing says of any gate where it acts: no device, no coupling map, no configuration of it.
        """
        return self._is_plain(configuration) or self.backend.coupling_map is None

    def _is_plain(self, configuration: Any = None) -> bool:
        backend = self.backend
        return (
            not getattr(backend, "_from_backend", True)
            and getattr(backend, "_coupling_map", backend) is None
            and backend.properties() is None
            and not (configuration or backend.configuration()).gates
        )

    @property
    def builds_its_target(self) -> bool:
        """Tell whether it is made of no device: it measures as all simulators do, on any qubits."""
        return self.reported is None and self._is_plain()

    @property
    def choice(self) -> SimulatorChoice:
        """Choice of a simulation by its options.

        Raises:
            UnsupportedOptionError: If its method cannot measure.
        """
        method = self._option("method")
        if method in MATRIX_METHODS:
            raise UnsupportedOptionError(" ".join(self.refusals()))
        return SimulatorChoice(
            method=None if method in OURS else method,
            max_memory_mb=self._option("max_memory_mb") or None,
            density=method == "density_matrix",
            max_threads=self._option("max_parallel_threads") or None,
            options=options_passed_on(self.backend),
        )

    @property
    def seed(self) -> int | None:
        """Its option ``seed_simulator``."""
        seed: int | None = self._option("seed_simulator")
        return seed

    @property
    def options_set(self) -> Mapping[str, Any]:
        """Those that are not the defaults of its class."""
        return dict(options_set(self.backend))

    def refusals(self) -> list[str]:
        """Return a sentence for each option that cannot be honoured."""
        return refusals_of_simulator(self.backend)

    def _option(self, name: str) -> Any:
        return self._options.get(name)
