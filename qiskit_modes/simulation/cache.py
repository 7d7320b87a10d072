"""Compiling each circuit once per backend, for as long as neither changes."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from typing import Any

from qiskit import QuantumCircuit
from qiskit.providers import BackendV2

from qiskit_modes.simulation.compilation import Compilation, compiled
from qiskit_modes.simulation.compiled import CompiledCircuit
from qiskit_modes.simulation.compiling import noise_source
from qiskit_modes.simulation.content import fingerprint
from qiskit_modes.simulation.elsewhere import Elsewhere, here
from qiskit_modes.simulation.ideal import Beginning
from qiskit_modes.simulation.methods import SimulatorChoice
from qiskit_modes.simulation.noise import Fact, NoiseSource
from qiskit_modes.simulation.settings import DEFAULT_SETTINGS, Settings

__all__ = ["compile_circuit"]

CIRCUITS_PER_BACKEND = 1024
"""Compiled circuits that are kept for each living backend object, some 20 kB each."""


@dataclass(frozen=True)
class _Entry:
    compiled: CompiledCircuit
    facts: dict[tuple[Any, ...], Fact]
    """What was read of the noise; while all of it still holds, so does the compiled circuit."""

    def holds(self, noise: NoiseSource) -> bool:
        return all(noise.fact(key) == fact for key, fact in self.facts.items())


@dataclass
class _BackendCache:
    backend: weakref.ref[BackendV2]
    entries: OrderedDict[Hashable, _Entry] = field(default_factory=OrderedDict)
    """Least recently used first."""


# Guards `_caches` and every `entries` in it: circuits are compiled in several threads. Nothing is
# compiled while it is held; two threads may compile the same circuit, and the later one wins.
_mutex = threading.Lock()
_caches: dict[int, _BackendCache] = {}


def compile_circuit(
    circuit: QuantumCircuit,
    backend: BackendV2,
    settings: Settings = DEFAULT_SETTINGS,
    *,
    content: bytes | None = None,
    clbits: Collection[int] | None = None,
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
        clbits: Indices of the classical bits that will be read; by default all. The others come
            back as 0, and what only they depend on is not simulated.
        beginning: What it shares with other circuits, whose state is then computed once for all.
        elsewhere: Compiles what is not known yet. What comes of it does not depend on where.

    Raises:
        UnsupportedCircuitError: If the circuit has a construct that cannot be simulated.
        SimulationTooLargeError: If it needs more memory than there is.
    """
    noise, choice = noise_source(backend), SimulatorChoice.of(backend)
    content = fingerprint(circuit) if content is None else content
    wanted = frozenset(range(circuit.num_clbits))
    if clbits is not None:
        wanted = wanted.intersection(clbits)
    key = (content, type(noise), choice, settings, wanted, beginning)
    entry = _find(backend, key)
    if entry is None or not entry.holds(noise):
        task = Compilation(circuit, noise, choice, content, settings, wanted, beginning)
        entry = _Entry(elsewhere(task.seconds, compiled, task), noise.facts)
        _keep(backend, key, entry)
    return entry.compiled


def _find(backend: BackendV2, key: Hashable) -> _Entry | None:
    with _mutex:
        cache = _caches.get(id(backend))
        # An address may be used again by another object; the weak reference tells them apart.
        if cache is None or cache.backend() is not backend or key not in cache.entries:
            return None
        cache.entries.move_to_end(key)
        return cache.entries[key]


def _keep(backend: BackendV2, key: Hashable, entry: _Entry) -> None:
    address = id(backend)

    def forget(reference: weakref.ref[BackendV2]) -> None:
        # Runs wherever the last reference to the backend is dropped, perhaps while this thread
        # holds the mutex: dict.pop is atomic, and a newer backend at the address is left alone.
        cache = _caches.get(address)
        if cache is not None and cache.backend is reference:
            _caches.pop(address, None)

    with _mutex:
        cache = _caches.get(address)
        if cache is None or cache.backend() is not backend:
            cache = _caches[address] = _BackendCache(weakref.ref(backend, forget))
        cache.entries[key] = entry
        cache.entries.move_to_end(key)
        while len(cache.entries) > CIRCUITS_PER_BACKEND:
            cache.entries.popitem(last=False)
