"""The tables of a store. A change of them is a step in ``migrations/versions``, and a dump."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "VERSION_TABLE",
    "bodies",
    "heads",
    "instances",
    "jobs",
    "metadata",
    "secrets",
    "tags",
    "tokens",
    "usage",
    "workloads",
]

VERSION_TABLE = "qiskit_modes_version"
"""Where the name of the schema's version stands, so that a store is not mistaken for another."""

metadata = MetaData()

_Big = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only by "INTEGER"

heads = Table(
    "heads",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("host", Text, nullable=False),
    Column("process_id", _Big, nullable=False),
    Column("process_started", Float, nullable=False),
    Column("serves", Boolean, nullable=False),
    Column("began_at", _Big, nullable=False),
    Column("seen_at", _Big, nullable=False),
    Column("ended_at", _Big),
)

instances = Table(
    "instances",
    metadata,
    Column("id", Text, primary_key=True),
    Column("facts", JSON, nullable=False),
)

workloads = Table(
    "workloads",
    metadata,
    Column("number", _Big, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("head", String(64), nullable=False),
    Column("instance", Text, nullable=False),
    Column("qpu", Text, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("opened_at", _Big, nullable=False),
    Column("closed_at", _Big),
    Column("facts", JSON, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("number", _Big, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("head", String(64), nullable=False),
    Column("instance", Text, nullable=False),
    Column("qpu", Text, nullable=False),
    Column("program", String(64), nullable=False),
    Column("workload", String(64)),
    Column("ending", String(16), nullable=False),
    Column("is_final", Boolean, nullable=False),
    Column("created_at", _Big, nullable=False),
    Column("ended_at", _Big),
    Column("submission_key", Text),
    Column("facts", JSON, nullable=False),
    Column("listed_form", Integer),
    Column("listed", Text),  # both for `SqlStore.list_jobs`
    UniqueConstraint("instance", "submission_key", name="one_job_for_a_key"),
    Index("jobs_by_time", "created_at", "number"),
    Index("jobs_of_an_instance", "instance", "created_at", "number"),
    Index("jobs_of_a_workload", "workload"),
    Index("jobs_on_a_qpu", "qpu", "ending", "instance"),
    Index("jobs_by_ending", "ending"),
    Index("jobs_that_are_not_final", "is_final", "head"),
)

tags = Table(
    "tags",
    metadata,
    Column(
        "job", _Big, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True, index=True
    ),
    Column("position", Integer, primary_key=True),
    Column("tag", Text, nullable=False, index=True),
)

bodies = Table(
    "bodies",
    metadata,
    Column("job", _Big, ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("size", _Big, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("data", LargeBinary, nullable=False),
)

usage = Table(
    "usage",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("instance", Text, nullable=False),
    Column("ended_at", _Big, nullable=False),
    Column("seconds", Float, nullable=False),
    Index("usage_of_an_instance", "instance", "ended_at"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("instances", JSON(none_as_null=True)),
    Column("created_at", _Big, nullable=False),
    Column("expires_at", _Big),
    Column("revoked_at", _Big),
    Column("used_at", _Big),
)
