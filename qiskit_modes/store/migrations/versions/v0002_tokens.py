"""Tokens of instances."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table of tokens."""
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("instances", sa.JSON),
        sa.Column("created_at", _Big, nullable=False),
        sa.Column("expires_at", _Big),
        sa.Column("revoked_at", _Big),
        sa.Column("used_at", _Big),
    )
