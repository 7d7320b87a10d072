"""Aer's simulators: their noise model, their method, and instructions by name on any qubits."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from typing import Any

from qiskit.circuit import Instruction
from qiskit.transpiler import Target

from qiskit_modes.exceptions import UnsupportedOptionError
from qiskit_modes.simulation.aer.options import (
    MATRIX_METHODS,
    options_passed_on,
    options_set,
    refusals_of_simulator,
    usual_options,
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
        names, gates = _asked(self.backend)
        return (
            tuple(names),
            self._option("method"),
            self._is_uncoupled(gates),
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

    def _is_uncoupled(self, gates: Any = None) -> bool:
        """Tell whether it has no coupling map.

        To find out, Aer builds its target, which takes longer than many a job. It need not where
        nothing says of any gate where it acts: no device, no coupling map, no configuration of it.
        """
        return self._is_plain(gates) or self.backend.coupling_map is None

    def _is_plain(self, gates: Any = None) -> bool:
        backend = self.backend
        return (
            not getattr(backend, "_from_backend", True)
            and getattr(backend, "_coupling_map", backend) is None
            and _properties(backend) is None
            and not (_asked(backend)[1] if gates is None else gates)
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
        if options_set(self.backend):
            choice = _choice(vars(self.backend.options), options_passed_on(self.backend))
        else:
            choice = _usual_choice(self.backend.__class__)
        if choice.method in MATRIX_METHODS:
            raise UnsupportedOptionError(" ".join(self.refusals()))
        return choice

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
        return vars(self.backend.options).get(name)


def _choice(options: Mapping[str, Any], passed_on: tuple[tuple[str, Any], ...]) -> SimulatorChoice:
    method = options.get("method")
    return SimulatorChoice(
        method=None if method in OURS else method,
        max_memory_mb=options.get("max_memory_mb") or None,
        density=method == "density_matrix",
        max_threads=options.get("max_parallel_threads") or None,
        options=passed_on,
    )


@cache
def _usual_choice(kind: Any) -> SimulatorChoice:
    """Return the choice of a class of simulators by its defaults."""
    return _choice(usual_options(kind), ())


def _properties(backend: Any) -> Any:
    if _answers_as_aer(backend.__class__):
        return backend._properties  # noqa: SLF001 - of which it would make a copy
    return backend.properties()


def _asked(backend: Any) -> tuple[Sequence[str], Any]:
    """Return the names of what a simulator executes, without those of Aer's instructions where
    its method says them, and what its configuration says of gates.
    """
    if _answers_as_aer(backend.__class__):
        # What its configuration would be made of, which takes a quarter of the time.
        said = backend._options_configuration  # noqa: SLF001
        gates = said.get("gates", backend._configuration.gates)  # noqa: SLF001
        return backend._cached_basis_gates, gates  # noqa: SLF001
    configuration = backend.configuration()  # made anew for each access
    return configuration.basis_gates, configuration.gates


@cache
def _answers_as_aer(kind: Any) -> bool:
    """Tell whether a class makes its configuration and properties of what they are asked for here.

    Not so a class that derives from Aer's and answers otherwise, or a release of Aer's that does.
    """
    from qiskit_aer import AerSimulator
    from qiskit_aer.backends.aerbackend import AerBackend

    used = {"_cached_basis_gates", "_options_configuration", "_configuration", "_CUSTOM_INSTR"}
    return (
        kind.configuration is AerSimulator.configuration
        and kind.properties is AerBackend.properties
        and used <= {*AerSimulator.configuration.__code__.co_names}
        and "_properties" in AerBackend.properties.__code__.co_names
    )
