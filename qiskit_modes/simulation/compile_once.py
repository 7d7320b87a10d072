"""Compiling each circuit once per backend, for as long as neither changes."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import replace

from qiskit import QuantumCircuit
from qiskit.providers import BackendV2

from qiskit_modes.caches import FactCache, PerObject
from qiskit_modes.simulation.backends.kinds import describe
from qiskit_modes.simulation.circuits.content import fingerprint
from qiskit_modes.simulation.circuits.ending import Ending
from qiskit_modes.simulation.compile.compilation import Compilation, compiled
from qiskit_modes.simulation.compile.compile_ideal import Beginning
from qiskit_modes.simulation.elsewhere import Elsewhere, here
from qiskit_modes.simulation.noise.remarks import remarks
from qiskit_modes.simulation.packing import registers_of
from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit
from qiskit_modes.simulation.settings import DEFAULT_SETTINGS, Settings

__all__ = ["compile_circuit"]

CIRCUITS_PER_BACKEND = 1024
"""Compiled circuits that are kept for each living backend object, some 20 kB each."""


# Of each backend, by which object it is. The facts of a compiled circuit are what was read of the
# noise. Two threads may compile the same circuit; the later one wins.
_caches: PerObject[FactCache[Hashable, CompiledCircuit]] = PerObject(
    lambda: FactCache(CIRCUITS_PER_BACKEND)
)


def compile_circuit(
    circuit: QuantumCircuit,
    backend: BackendV2,
    settings: Settings = DEFAULT_SETTINGS,
    *,
    content: bytes | None = None,
    clbits: Collection[int] | None = None,
    ending: Ending | None = None,
    beginning: Beginning | None = None,
    elsewhere: Elsewhere = here,
) -> CompiledCircuit:
    """Return a circuit with a backend's noise, ready to run.

    A circuit that was compiled for this backend before is not compiled again, unless it or what
    it uses of the backend has changed since. May be called from any thread.

    Args:
        circuit: In the backend's instruction set, its qubits being the backend's.
        backend: Where the noise is read: an `AerSimulator` has that of its noise model, any
            other backend the one that ``AerSimulator.from_backend`` would give it.
        settings: Switches for tests.
        content: The circuit's `fingerprint`, where the caller has it and the circuit has not been
            changed since.
        clbits: Indices of the classical bits that will be read; by default all in registers. The
            others come back as 0, and what only they depend on is not simulated.
        ending: What follows the circuit.
        beginning: Who else shares the circuit, with other endings, and so its state.
        elsewhere: Compiles what is not known yet. What comes of it does not depend on where.

    Raises:
        UnsupportedCircuitError: If the circuit has a construct that cannot be simulated.
        SimulationTooLargeError: If it needs more memory than there is.
    """
    described = describe(backend)
    noise, choice = described.noise(), described.choice
    content = fingerprint(circuit) if content is None else content
    layout = registers_of(circuit, ending)
    wanted = layout.clbits if clbits is None else layout.clbits.intersection(clbits)
    key = (content, type(noise), choice, settings, wanted, ending, beginning)
    known = _caches.of(backend)
    found = known.get(key, noise)
    if found is None:
        task = Compilation(
            *(circuit, noise, choice, content, settings, layout, wanted, ending, beginning)
        )
        found = elsewhere(task.seconds, compiled, task)
        if noise.facts and (said := remarks(described, noise.facts)):
            found = replace(found, metadata={**found.metadata, **said})
        known.put(key, found, noise)
    return found
