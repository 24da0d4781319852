"""What every request and every job works with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from supersede.web.database import Database
from supersede.web.files import Files
from supersede.web.ledger.signing import Signer
from supersede.web.settings import Settings

__all__ = ["Site", "open_site", "utc_now"]


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Site:
    """One installation, as a process sees it.

    Attributes:
        settings: Its settings.
        database: Its database.
        files: The uploaded files.
        signer: Signs receipts and heads of the ledger.
        now: The clock.
    """

    settings: Settings
    database: Database
    files: Files
    signer: Signer
    now: Callable[[], datetime] = field(default=utc_now)


def open_site(settings: Settings, *, migrate: bool = False) -> Site:
    """Open an installation.

    Args:
        settings: Its settings.
        migrate: Bring the schema to this version; otherwise another version is refused.

    Raises:
        DatabaseError: The database cannot be reached, or is of another version.
        ReportError: The data folder cannot be written.
    """
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.database_url)
    if migrate:
        database.migrate()
    else:
        database.check_version()
    return Site(
        settings, database, Files(settings.data / "files"), Signer.of(settings.data / "keys")
    )
