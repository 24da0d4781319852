"""The version of the schema, by Alembic: one line of migrations, applied in one transaction."""

from functools import cache
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from supersede.errors import DatabaseError

__all__ = [
    "OtherVersionError", "check_still_ours", "check_version", "head", "migrate", "same_rows",
]  # fmt: skip

_HERE = Path(__file__).parent
_VERSION = text("SELECT version_num FROM alembic_version")


class OtherVersionError(DatabaseError):
    """The database has the schema of another version of this program, which must stop."""


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_HERE), version_locations=[str(_HERE / "versions")])


@cache
def head() -> str:
    """The version of the schema that this program needs."""
    found = _scripts().get_current_head()
    assert found is not None  # noqa: S101  # there is a first version
    return found


@cache
def same_rows() -> frozenset[str]:
    """The versions whose rows are this version's: migrations since added only indexes or triggers."""
    found = set()
    for script in _scripts().walk_revisions():  # the newest first
        found.add(script.revision)
        if not getattr(script.module, "SAME_ROWS", False):
            break
    return frozenset(found)


def migrate(connection: Connection, to: str = "head") -> None:
    """Apply the missing migrations.

    Raises:
        OtherVersionError: The schema is newer than the program.
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
        OtherVersionError: The versions differ.
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
        raise OtherVersionError(msg)


def check_still_ours(db: Session) -> None:
    """Refuse a schema that another version has migrated while this program was running.

    Raises:
        OtherVersionError: It has.
    """
    found = db.connection().execute(_VERSION).scalar_one_or_none()
    if found != head():
        msg = (
            f"the database now has schema {found or 'none'}, and this program needs {head()}: another"
            " version of supersede has migrated it. Stop this one, and let that version do the work"
        )
        raise OtherVersionError(msg)


def _check_known(scripts: ScriptDirectory, current: str | None) -> None:
    if current is not None and current not in {s.revision for s in scripts.walk_revisions()}:
        msg = (
            f"the database has schema {current}, which a newer version of supersede wrote; install"
            " that version, or restore a backup"
        )
        raise OtherVersionError(msg)
