"""Metrics for Prometheus: of requests, and of what the QPUs do when they are asked for."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from qiskit_modes.runtime.local_runtime import LocalRuntime
from qiskit_modes.scheduling import Instance, Mode, WorkloadState
from qiskit_modes.server.guard.connections import Connections
from qiskit_modes.wire import Platform

__all__ = ["CONTENT_TYPE", "Metrics", "budget_lines"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0)
"""Upper ends of the classes of the histogram."""

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Metrics:
    """Metrics of one server. May be used from any thread.

    Args:
        platform: Returns the platform whose QPUs, jobs and instances are told of.
        connections: Of the server.
    """

    def __init__(self, platform: Callable[[], Platform], connections: Connections) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "qiskit_modes_requests",
            "Requests that were answered",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "qiskit_modes_request_seconds",
            "Seconds until an answer was sent",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._registry.register(_Now(platform, connections))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request; what strangers invent is counted as one."""
        self._requests.labels(method if method in _METHODS else "other", route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return all of them, as Prometheus reads them."""
        return generate_latest(self._registry)


class _Now(Collector):
    """Reads what is at the moment of asking."""

    def __init__(self, platform: Callable[[], Platform], connections: Connections) -> None:
        self._platform = platform
        self._connections = connections

    def describe(self) -> list[Metric]:
        return []  # nothing is looked at before somebody asks

    def collect(self) -> Iterator[Metric]:
        platform = self._platform()
        runtime = platform.runtime
        jobs, workloads = runtime.states()
        by_state = {(qpu, status.lower()): count for (qpu, status), count in jobs.items()}
        yield _family("jobs", "Jobs that are known", ("qpu", "state"), by_state)
        labels = ("qpu", "mode", "state")
        yield _family("workloads", "Sessions and batches that are known", labels, workloads)
        reserved = {(qpu.name,): 0 for qpu in runtime.qpus()}
        for each in runtime.workloads():
            if each.core.mode is Mode.SESSION and each.core.state is WorkloadState.ACTIVE:
                reserved[each.qpu.name,] = 1
        yield _family("reserved", "Whether a session has the QPU to itself", ("qpu",), reserved)
        instances = [
            runtime.current(platform.api(each["crn"]).instance) for each in platform.instances()
        ]
        used = {(each.id,): runtime.used(each) for each in instances}
        yield _family("usage_seconds", "Usage within the plan's window", ("instance",), used)
        yield from _budgets(runtime, instances)
        workers = Count((state,) for _, state in runtime.workers.states())
        yield _family("workers", "Workers that have been started", ("state",), workers)
        yield from _done_by_workers(runtime)
        connections = {(): len(self._connections)}
        yield _family("connections", "Connections that are open", (), connections)


def _done_by_workers(runtime: LocalRuntime) -> Iterator[Metric]:
    pieces = CounterMetricFamily(
        "qiskit_modes_worker_pieces",
        "Pieces of programs, and heavy parts of compilations, that a worker has done",
        labels=("worker", "step"),
    )
    seconds = CounterMetricFamily(
        "qiskit_modes_worker_busy_seconds",
        "Seconds that a worker has taken for them",
        labels=("worker", "step"),
    )
    for labels, (count, duration) in sorted(runtime.workers.tally.totals().items()):
        pieces.add_metric(labels, count)
        seconds.add_metric(labels, duration)
    yield pieces
    yield seconds


def _budgets(runtime: LocalRuntime, instances: Sequence[Instance]) -> Iterator[Metric]:
    used: dict[tuple[str, str], float] = {}
    limits: dict[tuple[str, str], float] = {}
    for instance in instances:
        for what, count, most in budget_lines(runtime, instance):
            used[instance.id, what] = count
            if most is not None:
                limits[instance.id, what] = most
    labels = ("instance", "what")
    yield _family("budget_used", "What an instance keeps and has under way", labels, used)
    yield _family("budget_limit", "What it may have of that", labels, limits)


def budget_lines(
    runtime: LocalRuntime, instance: Instance
) -> Iterator[tuple[str, int, int | None]]:
    """Yield what an instance has of each thing that budgets limit, and its limit.

    What is kept is left out where nothing is.
    """
    used, budget = runtime.budget_used(instance), instance.budget
    if runtime.store is not None:
        yield "bytes", used.bytes, budget.max_bytes
        yield "jobs", used.jobs, budget.max_jobs
    yield "pending_jobs", used.pending_jobs, budget.max_pending_jobs
    yield "open_workloads", used.open_workloads, budget.max_open_workloads


def _family(name: str, words: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(f"qiskit_modes_{name}", words, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(list(key), value)
    return family
