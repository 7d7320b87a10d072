"""Rows of a store as the jobs and workloads that they were; `row_writer` is the way there."""

from __future__ import annotations

from qiskit_modes.runtime.keeping.job_rows import Calendar, job_of
from qiskit_modes.runtime.keeping.workload_rows import instance_of, workload_of
from qiskit_modes.runtime.qpu import QPU, QPURegistry
from qiskit_modes.runtime.records import Bodies, JobRecord, WorkloadRecord
from qiskit_modes.scheduling import Instance, Ledger
from qiskit_modes.store.rows import JobRow, WorkloadRow
from qiskit_modes.store.sql_store import SqlStore

__all__ = ["RowReader"]


class RowReader:
    """Makes jobs and workloads of rows, with instances and QPUs. May be used from any thread.

    Args:
        store: Knows the limits of instances.
        registry: The QPUs of the runtime; another that a row names stands there for its name.
        calendar: Of the runtime.
    """

    def __init__(self, store: SqlStore, registry: QPURegistry, calendar: Calendar) -> None:
        self._store = store
        self._registry = registry
        self._calendar = calendar
        self._read_instances: dict[str, Instance] = {}
        """Those that were read from the store, with the limits that they had then."""
        self._placeholders: dict[str, QPU] = {}

    def job(self, row: JobRow, workload: WorkloadRecord | None, *, bodies: Bodies) -> JobRecord:
        """Return the job that a row says.

        Args:
            row: From the store.
            workload: Its session or batch; None in job mode.
            bodies: Where its texts are read.

        Raises:
            StoreError: If the store cannot be read.
        """
        return job_of(
            row,
            calendar=self._calendar,
            bodies=bodies,
            instance=self._instance(row.instance),
            qpu=self._qpu(row.qpu),
            backend=None,
            workload=workload,
        )

    def workload(self, row: WorkloadRow) -> WorkloadRecord:
        """Return the session or batch that a row says.

        Raises:
            StoreError: If the store cannot be read.
        """
        instance, qpu = self._instance(row.instance), self._qpu(row.qpu)
        return workload_of(row, calendar=self._calendar, instance=instance, qpu=qpu, backend=None)

    def _instance(self, name: str) -> Instance:
        if name not in self._read_instances:
            found = self._store.instances()
            self._read_instances.update({each: instance_of(each, found[each]) for each in found})
            self._read_instances.setdefault(name, Instance(name))
        return self._read_instances[name]

    def _qpu(self, name: str) -> QPU:
        known = next((qpu for qpu in self._registry.all() if qpu.name == name), None)
        if known is not None:
            return known
        if name not in self._placeholders:
            self._placeholders.setdefault(name, QPU(name, lanes=1, ledger=Ledger()))
        return self._placeholders[name]
