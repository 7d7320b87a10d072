"""The first tables.

They are written out, and not those of `qiskit_modes.store.schema`, which go on changing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "heads",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("process_id", _Big, nullable=False),
        sa.Column("process_started", sa.Float, nullable=False),
        sa.Column("serves", sa.Boolean, nullable=False),
        sa.Column("began_at", _Big, nullable=False),
        sa.Column("seen_at", _Big, nullable=False),
        sa.Column("ended_at", _Big),
    )
    op.create_table(
        "instances",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("facts", sa.JSON, nullable=False),
    )
    op.create_table(
        "workloads",
        sa.Column("number", _Big, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("head", sa.String(64), nullable=False),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("qpu", sa.Text, nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("opened_at", _Big, nullable=False),
        sa.Column("closed_at", _Big),
        sa.Column("facts", sa.JSON, nullable=False),
    )
    op.create_table(
        "jobs",
        sa.Column("number", _Big, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("head", sa.String(64), nullable=False),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("qpu", sa.Text, nullable=False),
        sa.Column("program", sa.String(64), nullable=False),
        sa.Column("workload", sa.String(64)),
        sa.Column("ending", sa.String(16), nullable=False),
        sa.Column("is_final", sa.Boolean, nullable=False),
        sa.Column("created_at", _Big, nullable=False),
        sa.Column("ended_at", _Big),
        sa.Column("submission_key", sa.Text),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.UniqueConstraint("instance", "submission_key", name="one_job_for_a_key"),
    )
    op.create_index("jobs_by_time", "jobs", ["created_at", "number"])
    op.create_index("jobs_of_an_instance", "jobs", ["instance", "created_at", "number"])
    op.create_index("jobs_of_a_workload", "jobs", ["workload"])
    op.create_index("jobs_by_ending", "jobs", ["ending"])
    op.create_index("jobs_that_are_not_final", "jobs", ["is_final", "head"])
    op.create_table(
        "tags",
        sa.Column("job", _Big, sa.ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("tag", sa.Text, nullable=False),
    )
    op.create_index("ix_tags_job", "tags", ["job"])
    op.create_index("ix_tags_tag", "tags", ["tag"])
    op.create_table(
        "bodies",
        sa.Column("job", _Big, sa.ForeignKey("jobs.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("size", _Big, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "usage",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("ended_at", _Big, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
    )
    op.create_index("usage_of_an_instance", "usage", ["instance", "ended_at"])
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
