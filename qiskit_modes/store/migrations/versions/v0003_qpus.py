"""An index of jobs by their QPUs, for who asks what was used, and how often."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index."""
    op.create_index("jobs_on_a_qpu", "jobs", ["qpu", "ending", "instance"])
