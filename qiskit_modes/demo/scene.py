"""The plot of the demonstration, without a word of how it looks.

Three threads use one QPU: two searches inside of one session, and an outsider with a job in job
mode. A fourth, the one that calls `Scene.play`, watches.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from qiskit import generate_preset_pass_manager
from qiskit_ibm_runtime.exceptions import RuntimeJobNotFound

from qiskit_modes.demo.hydrogen import ansatz, hamiltonian
from qiskit_modes.demo.outsider import Outsider, bell_circuit
from qiskit_modes.demo.search import OPTIMIZERS, Search
from qiskit_modes.demo.settings import Settings
from qiskit_modes.exceptions import InvalidInputError
from qiskit_modes.modes import Session
from qiskit_modes.primitives.estimator.estimator import EstimatorV2
from qiskit_modes.primitives.job import RuntimeJobV2
from qiskit_modes.runtime.snapshot import Snapshot
from qiskit_modes.service import LocalService

__all__ = ["Moment", "Scene"]

_FRAME_SECONDS = 0.125
"""Time between two looks: eight a second look like motion and cost next to nothing."""


@dataclass(frozen=True)
class Moment:
    """Everything there is to see at one moment. Times are seconds since the curtain rose."""

    seconds: float
    snapshot: Snapshot
    origin: float
    """When the curtain rose, on the clock of the snapshot."""
    session_name: str
    """What the session is called in views."""
    session_state: str
    """``"open"``, ``"active"``, ``"inactive"`` or ``"closed"``."""
    session_seconds: float
    """The session's usage so far."""
    session_window: tuple[float, float] | None
    """When it became active, and when that ended or now; None before."""
    outsider_status: str
    """The job's status in the service's words; ``"not submitted"`` before."""
    outsider_wait: str
    """Whom the job waits for, as a sentence; empty if it waits for nobody."""
    outsider_queued: tuple[float, float] | None
    """From when to when, or to now, it was in the queue; None before it was submitted."""


class _Notices(logging.Handler):
    """Collects what the package tells its user meanwhile; it would tear up a live view."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


class Scene:
    """The demonstration, ready to be played once, in what is the default runtime then.

    Args:
        settings: What can be chosen.

    Raises:
        QiskitBackendNotFoundError: If there is no such backend.
        InvalidInputError: If the backend is too small for the problem.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.service = LocalService()
        self.backend = self.service.backend(settings.backend)
        if self.backend.num_qubits < 2:
            raise InvalidInputError(
                f"{settings.backend} has {self.backend.num_qubits} qubit, the demonstration needs "
                "2: choose another backend"
            )
        self.clock = self.service.runtime.clock
        self.qpu = self.service.runtime.qpu(self.backend)
        self.notices: list[str] = []
        """What a user would have been told on the console meanwhile."""
        self.searches: list[Search] = []
        self.session: Session | None = None
        self.origin = self.clock.now()
        self.charged_before = self._charged()
        passes = generate_preset_pass_manager(
            optimization_level=3, backend=self.backend, seed_transpiler=settings.seed
        )
        self._ansatz = passes.run(ansatz())
        self._moved = threading.Event()
        """Set when there is something new to see."""
        self.outsider = Outsider(
            self.backend, passes.run(bell_circuit()), settings.seed, self._moved.set
        )
        self._names: dict[str, str] = {}

    def play(self, watch: Callable[[], None]) -> None:
        """Let it happen; returns when all threads have ended.

        Args:
            watch: Called in this thread about eight times a second, and once at the end.

        Raises:
            KeyboardInterrupt: At Ctrl-C; by then everything has been stopped.
            Exception: What ended one of the threads, if anything did.
        """
        logger = logging.getLogger("qiskit_modes")
        notices = _Notices()
        self.notices = notices.messages
        logger.addHandler(notices)
        self.origin = self.clock.now()
        try:
            self.outsider.start()
            with Session(self.backend) as self.session:
                self._start_searches()
                self._watch_while(lambda: any(search.running for search in self.searches), watch)
                # However short the searches were: the session is not closed before somebody waits.
                self.outsider.submit()
                self._watch_while(lambda: not self.outsider.decided.is_set(), watch)
                watch()
            self._watch_while(lambda: self.outsider.running, watch)
        except BaseException:
            self._stop()
            raise
        finally:
            for search in self.searches:
                search.join()
            self.outsider.join()
            logger.removeHandler(notices)
        watch()

    def _start_searches(self) -> None:
        """Make an estimator for each search, inside of the ``with`` block, and start them all."""
        generator = np.random.default_rng(self.settings.seed)
        start = generator.uniform(-np.pi / 2, np.pi / 2, self._ansatz.num_parameters)
        observable = hamiltonian().apply_layout(self._ansatz.layout)
        for number, optimizer in enumerate(OPTIMIZERS):
            estimator = EstimatorV2(
                options={
                    "default_shots": self.settings.shots,
                    # Nothing is mitigated: the searches are to meet the noise as it is.
                    "resilience_level": 0,
                    # The same shots for every energy: without that, optimizers chase the dice.
                    "simulator": {"seed_simulator": self.settings.seed + number},
                    "environment": {"job_tags": [optimizer.method]},
                }
            )
            search = Search(
                optimizer,
                estimator,
                self._ansatz,
                observable,
                start,
                self.settings.evaluations,
                self._moved.set,
            )
            self.searches.append(search)
            search.start()

    def _watch_while(self, condition: Callable[[], bool], watch: Callable[[], None]) -> None:
        """Watch, and raise what ended a thread too early if anything did."""
        last = float("-inf")
        while condition():
            if any(search.energies for search in self.searches):
                self.outsider.submit()
            if self.clock.now() - last >= _FRAME_SECONDS:
                last = self.clock.now()
                watch()
            self._moved.wait(_FRAME_SECONDS)
            self._moved.clear()
            self._raise_errors()
        self._raise_errors()

    def _raise_errors(self) -> None:
        for error in (*(search.error for search in self.searches), self.outsider.error):
            if error is not None:
                raise error

    def _stop(self) -> None:
        """Have everything end soon."""
        for search in self.searches:
            search.stop()
        if self.session is not None:
            self.session.cancel()
        self.outsider.stop()

    # -- what there is to see --------------------------------------------------------------------

    def moment(self) -> Moment:
        """Return what there is to see now."""
        assert self.session is not None, "the curtain has risen"
        # Before the snapshot: a job that is submitted meanwhile is not queued without a reason.
        status = "not submitted" if self._job is None else self._job.status()
        snapshot = self.service.runtime.snapshot(self.qpu)
        core = self.session.record.core
        window = core.windows[-1] if core.windows else None
        active = None
        if window is not None:
            active = self._interval(window.start, window.end, snapshot.at)
        return Moment(
            seconds=snapshot.at - self.origin,
            snapshot=snapshot,
            origin=self.origin,
            session_name=self.name(self.session.session_id),
            session_state=core.state.value,
            session_seconds=self.session.usage() or 0.0,
            session_window=active,
            outsider_status=status,
            outsider_wait=self._outsider_wait(snapshot),
            outsider_queued=self._outsider_queued(snapshot),
        )

    def name(self, some_id: str) -> str:
        """Return what a job, session or batch is called in views."""
        if some_id not in self._names:
            self._names[some_id] = self._new_name(some_id)
        return self._names[some_id]

    def charged(self) -> float:
        """Return what the instance was charged since the scene was made, in seconds."""
        return self._charged() - self.charged_before

    @property
    def _job(self) -> RuntimeJobV2 | None:
        return self.outsider.job

    def _new_name(self, some_id: str) -> str:
        workload = self.service.runtime.workload(some_id)
        if workload is not None:
            return f"{workload.core.mode} {some_id[:8]}"
        try:
            return next(iter(self.service.job(some_id).tags), f"job {some_id[:8]}")
        except RuntimeJobNotFound:
            return some_id

    def _charged(self) -> float:
        return float(self.service.usage()["usage_consumed_seconds"])

    def _interval(self, start: float, end: float | None, now: float) -> tuple[float, float]:
        return start - self.origin, (now if end is None else end) - self.origin

    def _outsider_wait(self, snapshot: Snapshot) -> str:
        if self._job is None:
            return ""
        waits = [wait for wait in snapshot.waits if wait.job_id == self._job.job_id()]
        return f"{self.name(waits[0].blocker_id)} {waits[0].reason}" if waits else ""

    def _outsider_queued(self, snapshot: Snapshot) -> tuple[float, float] | None:
        record = self._job and self.service.runtime.job(self._job.job_id())
        if record is None:
            return None
        return self._interval(record.core.submitted_at, record.core.running_at, snapshot.at)
