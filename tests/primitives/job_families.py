"""Jobs that differ from each other in one thing, and what comes of them bit for bit.

In a *family* of cases one thing differs, and all others are the same: the door, the backend's
calibration, the options, the circuit or the observables. Whatever a cache takes for the same
although it is not is among them.
"""

from __future__ import annotations

import copy
import hashlib
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from qiskit.circuit import ClassicalRegister, Gate, Parameter, QuantumCircuit
from qiskit.circuit.library import UnitaryGate
from qiskit.primitives.containers import BitArray, DataBin
from qiskit.providers import BackendV2
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import QuantumProgram

from qiskit_modes import Executor
from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.runtime.workers.pool import WorkerPool
from qiskit_modes.service.fakes import fakes
from tests.contract.doors import DOORS, close_servers

__all__ = ["Case", "families", "few_families", "in_order", "in_threads"]

A, B = Parameter("a"), Parameter("b")
VALUES = {"a": 0.4, "b": 1.1}


@dataclass(frozen=True)
class Case:
    """One job; everything is a name."""

    door: str
    backend: str
    calibration: str
    primitive: str
    options: str
    circuit: str
    observables: str


# -- circuits: three qubits in the gates of Manila, which differ in one thing ---------------------


def base(
    *,
    angle: Any = A,
    twist: Callable[[QuantumCircuit], object] = lambda _: None,
    clbits: Sequence[int] = (0, 1, 2),
    register: str = "c",
) -> Callable[[bool], QuantumCircuit]:
    """Return what writes a circuit, with measurements or without."""

    def write(measured: bool) -> QuantumCircuit:
        circuit = QuantumCircuit(5)
        circuit.sx(0)
        circuit.rz(angle, 0)
        circuit.sx(0)
        circuit.sx(1)
        circuit.rz(B, 1)
        circuit.sx(1)
        circuit.cx(0, 1)
        twist(circuit)
        circuit.cx(1, 2)
        circuit.sx(2)
        if measured:
            circuit.add_register(ClassicalRegister(3, register))
            circuit.measure([0, 1, 2], clbits)
        return circuit

    return write


class OwnX(Gate):
    """A user's gate under the name of another one."""

    def __init__(self, angle: float) -> None:
        super().__init__("x", 1, [])
        self.angle = angle

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        cosine, sine = np.cos(self.angle / 2), np.sin(self.angle / 2)
        return np.array([[cosine, -sine], [sine, cosine]], dtype=dtype)


def turn(angle: float) -> np.ndarray:
    return np.asarray(OwnX(angle))


ANYWHERE = {
    "plain": base(),
    "times": base(angle=(A / -A) * B),
    "under": base(angle=A / (-A * B)),
    "sum": base(angle=A + B),
    "bits": base(clbits=(2, 0, 1)),
    "register": base(register="other"),
    "x": base(twist=lambda c: c.x(1)),
    "label": base(twist=lambda c: c.append(c.x(0)[0].operation.to_mutable(), [1])),
    "reset": base(twist=lambda c: c.reset(0)),
    "delay": base(twist=lambda c: c.delay(1600, 2)),
    "long delay": base(twist=lambda c: c.delay(16000, 2)),
    "delay in ns": base(twist=lambda c: c.delay(1600, 2, unit="ns")),
    "other pair": base(twist=lambda c: c.cx(2, 1)),
}
ON_AER = {
    "unitary": base(twist=lambda c: c.append(UnitaryGate(turn(0.5)), [1])),
    "other unitary": base(twist=lambda c: c.append(UnitaryGate(turn(1.5)), [1])),
    "own x": base(twist=lambda c: c.append(OwnX(0.5), [1])),
    "other own x": base(twist=lambda c: c.append(OwnX(1.5), [1])),
    "loop": base(twist=lambda c: looped(c, "i")),
    "other loop": base(twist=lambda c: looped(c, "a")),
}


def looped(circuit: QuantumCircuit, name: str) -> None:
    step = Parameter("i")
    with circuit.for_loop(range(3), step):
        circuit.rz({"i": step, "a": 2 * step}[name], 1)
        circuit.sx(1)


CIRCUITS = {**ANYWHERE, **ON_AER}
OBSERVABLES = {
    "zz": ["IIIZZ"],
    "zz, x": ["IIIZZ", "IIXII"],
    "x": ["IIXII"],
    "sum": [SparsePauliOp(["IIIZZ", "IIXXI"], [1.0, 0.5])],
    "scaled": [SparsePauliOp(["IIIZZ", "IIXXI"], [2.0, -0.5])],
    "two pubs": "two",
}
OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "sampler": {
        "plain": {},
        "twirled": {"twirling": {"enable_gates": True, "num_randomizations": 4}},
        "measurements": {"twirling": {"enable_measure": True, "num_randomizations": 4}},
        "decoupled": {"dynamical_decoupling": {"enable": True}},
        "XY4": {"dynamical_decoupling": {"enable": True, "sequence_type": "XY4"}},
        "both": {
            "dynamical_decoupling": {"enable": True},
            "twirling": {"enable_gates": True, "num_randomizations": 4},
        },
    },
    "estimator": {
        "0": {"resilience_level": 0},
        "1": {"resilience_level": 1},
        "2": {"resilience_level": 2},
        "twirled": {"resilience_level": 1, "twirling": {"enable_gates": True}},
        "decoupled": {"resilience_level": 1, "dynamical_decoupling": {"enable": True}},
        "folded": {"resilience_level": 2, "resilience": {"zne": {"noise_factors": [1, 3]}}},
    },
    "executor": {"plain": {}},
}
CALIBRATIONS = {"usual": (1.0, 1.0), "slower": (50.0, 1.0), "worse": (1.0, 20.0)}
"""By how much the duration and the error of the first two-qubit gate are multiplied."""


def _family(thing: str, values: Iterable[str], **others: str) -> list[Case]:
    """Return cases that differ in one thing."""
    usual = Case("native", "manila", "usual", "sampler", "plain", "plain", "zz")
    return [replace(usual, **others, **{thing: value}) for value in values]


def few_families() -> list[list[Case]]:
    """Return families of cases in which much was once taken for the same that was not."""
    on_aer = ["times", "under", "unitary", "other unitary", "own x", "x"]
    return [
        _family("circuit", on_aer, backend="ideal"),
        _family("observables", ["zz", "x", "two pubs"], primitive="estimator", options="1"),
        _family("calibration", CALIBRATIONS, circuit="other pair", options="decoupled"),
    ]


def families(doors: Sequence[str]) -> list[list[Case]]:
    """Return families of cases, each for one thing, with others as various as possible."""
    found = []
    found.append(_family("circuit", CIRCUITS, backend="noisy"))
    for primitive, option in (("sampler", "plain"), ("estimator", "0"), ("executor", "plain")):
        setting = {"primitive": primitive, "options": option, "backend": "ideal"}
        found.append(_family("circuit", CIRCUITS, **setting))
    for primitive, options in OPTIONS.items():
        for option in options:
            setting = {"primitive": primitive, "options": option}
            if option in {"both", "1", "2"}:
                found.append(_family("circuit", ANYWHERE, **setting))
            if option in {"plain", "both", "0", "2", "decoupled"}:
                found.append(_family("calibration", CALIBRATIONS, circuit="delay", **setting))
            if primitive == "estimator":
                found.append(_family("observables", OBSERVABLES, **setting))
            if primitive != "executor":
                found.append(_family("door", doors, **setting))
    for primitive in ("sampler", "estimator"):
        found += [
            _family("options", OPTIONS[primitive], primitive=primitive, door=d) for d in doors
        ]
    return found


# -- running them --------------------------------------------------------------------------------


class _Room:
    """One process's machine room, and the backends that all of its jobs share."""

    def __init__(self, workers: WorkerPool) -> None:
        self.runtime = LocalRuntime(workers=workers, surface=lambda: None)
        self.manila = fakes()["fake_manila"]
        self._usual = {
            qubits: copy.copy(self.manila.target["cx"][qubits]) for qubits in ((0, 1), (1, 0))
        }
        self._aer = {
            "ideal": AerSimulator(),
            "noisy": AerSimulator.from_backend(fakes()["fake_manila"]),
        }

    def backend(self, case: Case) -> BackendV2:
        return self._aer.get(case.backend, self.manila)

    def calibrate(self, name: str) -> None:
        """Change the target in place."""
        longer, worse = CALIBRATIONS[name]
        for qubits, usual in self._usual.items():
            properties = self.manila.target["cx"][qubits]
            properties.duration = usual.duration * longer
            properties.error = usual.error * worse

    def run(self, case: Case) -> str:
        """Return a digest of what comes of a case."""
        self.calibrate(case.calibration)
        with DOORS[case.door](self.runtime, None) as door:
            backend = self.backend(case) if case.door == "native" else door.backend
            return _digest(_job(case, door, backend).result())


def _job(case: Case, door: Any, backend: Any) -> Any:
    options = copy.deepcopy(OPTIONS[case.primitive][case.options])
    options["simulator"] = {"seed_simulator": 7}
    write = CIRCUITS[case.circuit]
    match case.primitive:
        case "sampler":
            circuit = write(True)
            values = [VALUES[each.name] for each in circuit.parameters]
            return door.sampler(backend, options=options).run([(circuit, values)], shots=256)
        case "estimator":
            circuit = write(False)
            values = [VALUES[each.name] for each in circuit.parameters]
            chosen = OBSERVABLES[case.observables]
            pubs = [(circuit, chosen, values)]
            if chosen == "two":
                pubs = [(circuit, each, values) for each in (["IIIZZ"], ["IIZII"])]
            options["default_shots"] = 256
            return door.estimator(backend, options=options).run(pubs)
    circuit = write(True)
    program = QuantumProgram(shots=256)
    values = np.array([[VALUES[each.name] for each in circuit.parameters]] * 2)
    program.append_circuit_item(circuit, circuit_arguments=values)
    return Executor(backend, options=options).run(program)


def _digest(result: Any) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for part in _parts(result):
        digest.update(part)
    return digest.hexdigest()


def _parts(thing: Any) -> Iterator[bytes]:
    """Yield all data of a result as bytes, without what tells the time."""
    if hasattr(thing, "data") and hasattr(thing, "metadata"):  # of one PUB
        yield from _parts(thing.data)
    elif isinstance(thing, BitArray):
        yield repr(thing.array.shape).encode() + thing.array.tobytes()
    elif isinstance(thing, DataBin | dict):
        for name, value in thing.items():
            yield name.encode()
            yield from _parts(value)
    elif isinstance(thing, np.ndarray | np.generic | float):
        array = np.asarray(thing)
        yield repr((array.shape, array.dtype)).encode() + array.tobytes()
    elif thing is None or isinstance(thing, str | int):
        yield repr(thing).encode()
    else:
        for part in thing:
            yield from _parts(part)


def in_order(cases: Sequence[Case], processes: bool = False) -> list[str]:
    """Run cases one after the other, and return a digest of each one's result.

    Args:
        cases: What to run.
        processes: Whether programs are executed by worker processes, and not by threads.
    """
    room = _Room(WorkerPool(2, light_seconds=0) if processes else _threads())
    with warnings.catch_warnings(), room.runtime:
        warnings.simplefilter("ignore")
        found = [room.run(case) for case in cases]
    close_servers()
    return found


def _threads() -> WorkerPool:
    return WorkerPool(2, lambda: ThreadPoolExecutor(1))


def in_threads(orders: Sequence[Sequence[Case]]) -> list[list[str]]:
    """Run cases in several threads at once, each in an order of its own; all at one door.

    Args:
        orders: For each thread its cases, all with the calibration of the first.
    """
    room = _Room(_threads())
    results: list[list[str]] = [[] for _ in orders]
    barrier = threading.Barrier(len(orders))

    def run(number: int) -> None:
        barrier.wait()
        for case in orders[number]:
            job = _job(case, door, room.backend(case))
            results[number].append(_digest(job.result()))

    with warnings.catch_warnings(), room.runtime, DOORS["native"](room.runtime, None) as door:
        warnings.simplefilter("ignore")
        room.calibrate(orders[0][0].calibration)
        with ThreadPoolExecutor(len(orders)) as pool:
            list(pool.map(run, range(len(orders))))
    return results
