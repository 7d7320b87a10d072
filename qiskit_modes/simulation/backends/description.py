"""Questions to a backend, and the answers of one with a target."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from qiskit.transpiler import Target

from qiskit_modes._mutex import cached_property
from qiskit_modes.simulation.compile.methods import SimulatorChoice
from qiskit_modes.simulation.noise.device import DeviceNoise
from qiskit_modes.simulation.noise.source import NoiseSource, Same

__all__ = ["BackendDescription", "state_of_target"]


class BackendDescription:
    """Any backend of which nothing is known but its target.

    Another kind of backend is a class that derives from this one, says which backends are of that
    kind, and answers differently where they differ. It stands in `kinds.KINDS`.

    Args:
        backend: The backend, which may change: a description is made anew for each question.
    """

    def __init__(self, backend: Any) -> None:
        self.backend = backend

    @classmethod
    def takes(cls, backends: type) -> bool:
        """Tell whether a class of backends is of this kind, importing nothing that nobody has."""
        del backends
        return True

    # -- which machine it is ---------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its name, or its class where it has none."""
        return str(getattr(self.backend, "name", None) or type(self.backend).__name__)

    @property
    def machine(self) -> Hashable | None:
        """Identity, equal for objects that stand for one machine; None: each object is one."""
        return None

    @property
    def configuration(self) -> Any | None:
        """Configuration in a machine's snapshot, much faster than its target; None for others."""
        return None

    # -- its noise -------------------------------------------------------------------------------

    def noise(self) -> NoiseSource:
        """Return where its noise is read, as it is now."""
        return DeviceNoise(self.backend)

    def noise_model(self) -> Any:
        """Return all of its noise as Aer's ``NoiseModel``; that of a large device takes seconds."""
        from qiskit_aer.noise import NoiseModel

        return NoiseModel.from_backend(self.backend)

    @property
    def is_noiseless(self) -> bool:
        """Tell whether it surely has no noise, whatever the circuit."""
        return False

    @property
    def reported(self) -> Target | None:
        """Report of its errors; None where there is none."""
        return self.target

    @property
    def assumed_errors(self) -> Mapping[str, str]:
        """Gates of which the errors are taken for those without any report, by their names."""
        return {}

    # -- its instruction set ---------------------------------------------------------------------

    @cached_property
    def target(self) -> Target:
        """Its target; asked for once, because some make another for each access."""
        target: Target = self.backend.target
        return target

    @property
    def builds_its_target(self) -> bool:
        """Tell whether it makes a target, which takes a while and decides nothing of circuits."""
        return False

    @property
    def instructions_state(self) -> Hashable:
        """State that decides which instructions it executes: equal as long as they are the same."""
        return state_of_target(self.target)

    @property
    def executed(self) -> frozenset[str] | None:
        """The names of what it executes on whatever qubits; None: what is in its target, there."""
        return None

    @property
    def num_qubits(self) -> int | None:
        """The width of the device; None for a simulator without one."""
        number: int | None = self.target.num_qubits
        return number

    @property
    def plain_target(self) -> Target | None:
        """The target without gates that were asked for in addition; None if there are none."""
        return None

    # -- how it is simulated ---------------------------------------------------------------------

    @property
    def choice(self) -> SimulatorChoice:
        """Choice of a simulation by the user.

        Raises:
            UnsupportedOptionError: If that cannot be done at all.
        """
        return SimulatorChoice()

    @property
    def seed(self) -> int | None:
        """The seed of jobs that have none of their own."""
        return None

    @property
    def options_set(self) -> Mapping[str, Any]:
        """Options of a simulator that are not what they are by default."""
        return {}

    def refusals(self) -> list[str]:
        """Return a sentence for each of those options that cannot be honoured."""
        return []


def state_of_target(target: Target | None) -> Hashable:
    """Return what decides which instructions a target has: it may be given more, and loses none."""
    return None if target is None else (Same(target), *target.operation_names, target.num_qubits)
