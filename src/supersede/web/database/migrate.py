"""The version of the schema, by Alembic: one line of migrations, applied in one transaction."""

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from supersede.errors import DatabaseError

__all__ = ["check_version", "head", "migrate"]

_HERE = Path(__file__).parent


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_HERE), version_locations=[str(_HERE / "versions")])


def head() -> str:
    """The version of the schema that this program needs."""
    found = _scripts().get_current_head()
    assert found is not None  # noqa: S101  # there is a first version
    return found


def migrate(connection: Connection, to: str = "head") -> None:
    """Apply the missing migrations.

    Raises:
        DatabaseError: The schema is newer than the program.
    """
    scripts = _scripts()
    current = MigrationContext.configure(connection).get_current_revision()
    _check_known(scripts, current)

    def upgrade(revision: Any, _: Any) -> Any:
        return scripts._upgrade_revs(to, revision)

    with EnvironmentContext(Config(), scripts, fn=upgrade) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()


def check_version(connection: Connection) -> None:
    """Refuse a schema of another version than the program's.

    Raises:
        DatabaseError: The versions differ.
    """
    scripts = _scripts()
    current = MigrationContext.configure(connection).get_current_revision()
    _check_known(scripts, current)
    if current != scripts.get_current_head():
        msg = (
            f"the database has schema {current or 'none'}, and this program needs"
            f" {scripts.get_current_head()}; start supersede serve of this version once, which"
            " migrates it"
        )
        raise DatabaseError(msg)


def _check_known(scripts: ScriptDirectory, current: str | None) -> None:
    if current is not None and current not in {s.revision for s in scripts.walk_revisions()}:
        msg = (
            f"the database has schema {current}, which a newer version of supersede wrote; install"
            " that version, or restore a backup"
        )
        raise DatabaseError(msg)
