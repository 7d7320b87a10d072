"""The history of the tables, and the way from any version of them to the newest."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from qiskit_modes.exceptions import StoreError
from qiskit_modes.store.schema import VERSION_TABLE, metadata

__all__ = ["migrate", "revisions", "version_of"]


def revisions() -> list[str]:
    """Return the names of all versions of the tables, the oldest first."""
    return [script.revision for script in _history().walk_revisions()][::-1]


def version_of(connection: Connection) -> str | None:
    """Return the version of the tables that are there; None if there are none."""
    options = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def migrate(connection: Connection, to: str = "head") -> None:
    """Bring the tables to a version, within the transaction of the caller.

    Args:
        connection: To the database; nobody else changes its tables meanwhile.
        to: Which version; the newest unless somebody tests.

    Raises:
        StoreError: If the tables are of a newer version, or not of a store at all.
    """
    version = version_of(connection)
    if version is None:
        _refuse_foreign(connection)
    elif version not in revisions():
        raise StoreError(
            f"the store has tables of version {version}, and this qiskit_modes knows "
            f"{', '.join(revisions())}: it was used by a newer one; update qiskit_modes"
        )
    elif version == revisions()[-1]:
        return
    history = _history()
    with EnvironmentContext(
        _config(),
        history,
        fn=lambda revision, _: history._upgrade_revs(to, revision),  # noqa: SLF001 - as its own commands do
    ) as environment:
        environment.configure(
            connection=connection, target_metadata=metadata, version_table=VERSION_TABLE
        )
        environment.run_migrations()


def _refuse_foreign(connection: Connection) -> None:
    ours = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    if ours:
        raise StoreError(
            f"the database has tables {', '.join(ours)} that are not of a store of qiskit_modes; "
            "give the store a database of its own"
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _history() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
