"""One circuit that is to be compiled, wherever that will be done."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, NamedTuple

from qiskit import QuantumCircuit, qpy

from qiskit_modes.simulation.circuits.ending import Ending, with_ending
from qiskit_modes.simulation.compile.compile_ideal import Beginning
from qiskit_modes.simulation.compile.compile_with_noise import compile_in_parts, compile_with_noise
from qiskit_modes.simulation.compile.methods import SimulatorChoice
from qiskit_modes.simulation.elsewhere import NeedsMoreError
from qiskit_modes.simulation.noise.extract import extract_noise, is_plain
from qiskit_modes.simulation.noise.passes import contains_delay
from qiskit_modes.simulation.noise.source import NoiseSource, NotCuttableError
from qiskit_modes.simulation.packing import Layout
from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit
from qiskit_modes.simulation.settings import Settings

__all__ = ["Compilation", "compiled"]

_SECONDS_PER_INSTRUCTION = 35e-6
"""What compiling takes: 16 ms for 451 instructions, of which 54 on two qubits."""

_SECONDS_PER_IDEAL_INSTRUCTION = 8e-6
"""... and for a state vector: 10 ms for 1,200."""


class Compilation(NamedTuple):
    """A circuit and all that its compilation depends on.

    Pickled it holds, in place of the noise, what the circuit asks of it, and the circuit as QPY,
    which is read and written five times as fast as a pickle.

    Raises:
        NeedsMoreError: On pickling, if the circuit holds more than standard instructions, or its
            noise depends on more than them.
    """

    circuit: QuantumCircuit
    noise: NoiseSource
    choice: SimulatorChoice
    content: bytes
    """The circuit's fingerprint, without the ending."""
    settings: Settings
    layout: Layout
    """The classical registers, that of the ending among them."""
    wanted: frozenset[int]
    """The classical bits that will be read."""
    ending: Ending | None = None
    """What follows the circuit."""
    beginning: Beginning | None = None
    """Who else shares the circuit, with other endings."""
    travelled: bool = False
    """Whether it was pickled on its way here, so that the noise is not all of it."""

    @property
    def seconds(self) -> float:
        """Return roughly how long it takes."""
        ideal = self.noise.is_ideal and self.choice.takes_state_vector
        each = _SECONDS_PER_IDEAL_INSTRUCTION if ideal else _SECONDS_PER_INSTRUCTION
        return each * len(self.circuit)

    def __reduce__(self) -> tuple[Callable[..., Compilation], tuple[Any, ...]]:
        ending = self.ending
        whole, _ = with_ending(self.circuit, self.content, ending)
        if not is_plain(whole):
            raise NeedsMoreError("the circuit holds more than standard instructions")
        bare = self.circuit.copy()
        bare.metadata = {}  # the user's: it may hold anything, and nobody asks for it
        bare._layout = None  # noqa: SLF001 - nor for this, which takes half of the time to write
        noise = extract_noise(self.noise, whole)
        rest = (
            *(noise, self.choice, self.content, self.settings),
            *(self.layout, self.wanted, ending, self.beginning, True),
        )
        if contains_delay(bare):  # QPY loses in what unit it is given
            return Compilation, (bare, *rest)
        file = io.BytesIO()
        qpy.dump(bare, file)
        return _unpacked, (file.getvalue(), *rest)


def _unpacked(circuit: bytes, *rest: Any) -> Compilation:
    (read,) = qpy.load(io.BytesIO(circuit))
    return Compilation(read, *rest)


def compiled(task: Compilation) -> CompiledCircuit:
    """Compile a circuit; a pure function, for `Elsewhere`.

    Raises:
        NeedsMoreError: If it has travelled, and needs what was left behind.
        UnsupportedCircuitError: If the circuit has a construct that cannot be simulated.
        SimulationTooLargeError: If it needs more memory than there is.
    """
    arguments = task[:-1]  # all but whether it has travelled
    if not task.travelled:
        return compile_with_noise(*arguments)
    try:
        return compile_in_parts(*arguments)
    except NotCuttableError as error:
        raise NeedsMoreError(error.message) from error
