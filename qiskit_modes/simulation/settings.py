"""Settings of the engine: which optimisations are on, and where it changes its method."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["DEFAULT_SETTINGS", "Settings"]


class Settings(NamedTuple):
    """Switches and bounds of the simulation; no setting changes an outcome distribution.

    They exist so that tests can compare each optimisation with its absence, and so that every
    bound stands in one place. All of them act when a circuit is compiled.
    """

    prune: bool = True
    """Drop instructions that no measurement depends on."""
    split_components: bool = True
    """Simulate qubits that nothing joins apart from each other."""
    merge: bool = True
    """Fold neighbouring gates and their noise into one linear map."""
    lazy_qubits: bool = True
    """Let a qubit enter the state at its first instruction and leave it after its last."""
    state_vectors: bool = True
    """Simulate circuits without noise as state vectors where they are measured at the end only."""
    fold_from_qubits: int = 6
    """From this many joined qubits on, single-qubit gates with parameters are folded into the
    two-qubit maps beside them: fewer passes over a large state for more work when binding."""
    batch_elements: int = 1 << 18
    """Parameter sets are simulated together up to this many float64 numbers of state: 2 MB, so
    that the working set stays within a core's cache."""
    max_density_elements: int = 1 << 28
    """Largest state, in float64 numbers, that is kept as a density matrix: 2 GB, reached by 14
    qubits that are all in use at once; with feed-forward all branches together count."""
    max_branch_bits: int = 16
    """With feed-forward, every branch may be followed while so many bits are written on the way:
    65536 branches."""
    divided_elements: int = 1 << 22
    """Where shots are divided among the branches, so many at a time that their states take up to
    so many float64 numbers: 32 MB."""
    trajectories_from_seconds: float = 0.03
    """What a density matrix does sooner is not left to Aer: its first call in a process takes
    half a second."""
    only: Literal["exact", "division", "trajectories", "Pauli window", "state window"] | None = None
    """For tests: not the cheapest way of simulating a component, but this one, where it exists."""
    max_memory_bytes: int | None = None
    """How much one simulation may take; by default half of the machine's memory."""
    aer_threads: int = 1
    """Threads of each of Aer's simulations: one, as every worker process has a core."""
    clifford_angles: bool = False
    """The caller's word that every angle of an ``rz`` which depends on parameters will be a
    multiple of π/2, as those of a twirled Clifford circuit are: then many joined qubits may be
    left to Aer's stabilizer method, which takes angles for exactly that."""
    max_loop_rounds: int = 10_000
    """A ``while_loop`` that still runs after so many rounds is an error and not a hang."""


DEFAULT_SETTINGS = Settings()
