"""Words of lists on a job, as text: of a job that is final they never change.

Jobs of before have none; it is made when they are listed next, and kept from then on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("jobs", sa.Column("listed_form", sa.Integer))
    op.add_column("jobs", sa.Column("listed", sa.Text))
