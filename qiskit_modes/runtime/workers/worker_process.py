"""Runs programs inside a worker process, which remembers their circuits.

Only numpy and the simulation's own data are needed for that. Qiskit is imported if a circuit asks
for it, which few do, or if the worker is to do classical steps too, so that a worker is ready soon
after it was started.
"""

from __future__ import annotations

import gc
import importlib
import pickle
import signal
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from qiskit_modes.runtime.workers.parent_watch import end_with
from qiskit_modes.runtime.workers.team import Team

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.connection import Connection

    from qiskit_modes.simulation.run.compiled_circuit import CompiledCircuit
    from qiskit_modes.simulation.run.program import Program, Samples

__all__ = [
    "CACHED_CIRCUITS",
    "HERE",
    "Done",
    "Execution",
    "NotDone",
    "UnknownCircuits",
    "Work",
    "do",
    "get_ready",
    "prepare",
    "run",
    "run_whole",
]

CACHED_CIRCUITS = 512
"""Circuits that a worker remembers; a compiled circuit takes a few kB to a few MB."""

HERE = "this process"
"""Who has done what was done in the process that the user talks to."""

_circuits: OrderedDict[str, CompiledCircuit] = OrderedDict()


class Work(NamedTuple):
    """A piece of a program or a heavy part of compilation, and who did it."""

    worker: str
    """Its name, for people."""
    started: float
    """Seconds on the monotonic clock of the process that the user talks to."""
    stopped: float
    step: Literal["compile", "execute"] = "execute"
    """Of which step of the job it was a part."""


class Execution(NamedTuple):
    """Answer of a worker."""

    samples: Samples
    started: float
    """Monotonic seconds, stamped here and not by whoever holds the lock."""
    stopped: float
    work: tuple[Work, ...] = ()
    """Who did it; noted by whoever knows the worker's name."""

    def signed(self, worker: str) -> Execution:
        """Return it with the name of the worker that did all of it."""
        work = (Work(worker, self.started, self.stopped),)
        return Execution(self.samples, self.started, self.stopped, work)


@dataclass(frozen=True)
class UnknownCircuits:
    """The worker does not know some circuits: they must be sent again, with the program."""

    keys: tuple[str, ...]


class Done(NamedTuple):
    """Result of a classical step."""

    value: bytes
    """Pickled."""
    started: float = 0.0
    """Monotonic seconds, as those of `Execution`."""
    stopped: float = 0.0
    work: Work | None = None
    """Who did it; noted by whoever knows the worker's name."""

    def signed(self, worker: str) -> Done:
        """Return it with the name of the worker that did it."""
        return self._replace(work=Work(worker, self.started, self.stopped, "compile"))


@dataclass(frozen=True)
class NotDone:
    """A classical step that cannot be done in a worker: it, or what came of it, does not travel."""

    reason: str


def prepare(parent: Connection | None = None) -> None:
    """Get ready: import the simulation, and leave Ctrl-C to the process that the user talks to.

    Args:
        parent: With whose end this process is to end, see `parent_watch`; None for nobody's.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(parent)
    # Imported for later, and no more than programs need that leave nothing to Aer: whoever has the
    # first one waits for this worker, and Qiskit would take ten times as long as all of it.
    import qiskit_modes.simulation.run.component_kinds
    import qiskit_modes.simulation.run.execution
    import qiskit_modes.simulation.run.ideal.few_qubits
    import qiskit_modes.simulation.run.ideal.stabilizer_component
    import qiskit_modes.simulation.run.ideal.state_component
    import qiskit_modes.simulation.run.window.component  # noqa: F401


def run(program: Program, keys: tuple[str, ...], threads: int = 1) -> Execution | UnknownCircuits:
    """Run a program whose circuits may have been sent before.

    Args:
        program: With only those circuits that this worker is not believed to know.
        keys: Of all circuits that it needs.
        threads: How many may work on large states.
    """
    _circuits.update(program.circuits)
    unknown = tuple(key for key in keys if key not in _circuits)
    if unknown:
        return UnknownCircuits(unknown)
    needed: Mapping[str, CompiledCircuit] = {key: _circuits[key] for key in keys}
    execution = run_whole(program._replace(circuits=needed), threads)
    for key in keys:
        _circuits.move_to_end(key)
    while len(_circuits) > CACHED_CIRCUITS:
        _circuits.popitem(last=False)
    return execution


def run_whole(program: Program, threads: int = 1) -> Execution:
    """Run a program that has all its circuits; remembers nothing, so any thread may call it."""
    started = time.monotonic()
    with Team(threads) as team:
        samples = _execution().execute(program, team)
    return Execution(samples, started, time.monotonic())


@cache
def _execution() -> Any:
    """Return the module that executes programs, looked for once: each program needs it."""
    from qiskit_modes.simulation.run import execution

    return execution


def get_ready(module: str) -> None:
    """Import what the classical steps of a module need."""
    importlib.import_module(module)
    # What was imported stays: the collector, which takes 0.2 s to look through all of Qiskit, need
    # not come back to it in the midst of a step.
    gc.collect()
    gc.freeze()


def do(call: bytes) -> Done | NotDone:
    """Do a classical step.

    Args:
        call: A function and its arguments, pickled. What it raises is raised.
    """
    from qiskit_modes.simulation.elsewhere import NeedsMoreError

    started = time.monotonic()
    try:
        function, args = pickle.loads(call)  # noqa: S301 - from the process that started this one
    except Exception as error:
        return NotDone(f"it could not be read: {error!r}")
    try:
        value = function(*args)
    except NeedsMoreError as error:
        return NotDone(str(error))
    try:
        packed = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        return NotDone(f"what came of it could not be written: {error!r}")
    return Done(packed, started, time.monotonic())
