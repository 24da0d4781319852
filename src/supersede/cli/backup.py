"""``supersede backup`` and ``supersede restore``: the web application's data in one archive."""

from pathlib import Path

__all__ = ["backup", "restore"]


def backup(
    out: Path,
    *,
    data: Path | None = None,
    database: str | None = None,
    settings: Path | None = None,
) -> int:
    """Back up the web application: all rows, uploaded files and the signing key, in one archive.

    It can run while the server runs. The archive contains the key: keep it as safe as the server.

    Example: supersede backup backup.zip --data supersede-data

    Args:
        out: The archive to write.
        data: Folder of the installation.
        database: Address of the database.
        settings: A TOML file with settings.
    """
    from supersede.cli.for_web import opened_site

    site = opened_site(settings, data, database)
    from supersede.web.operations.backup import back_up

    found = back_up(site, out)
    print(f"wrote {out}; ledger {found.number}:{found.hash}")
    return 0


def restore(
    archive: Path,
    *,
    data: Path | None = None,
    database: str | None = None,
    settings: Path | None = None,
) -> int:
    """Restore the web application from a backup, into an empty installation on either engine.

    Example: supersede restore backup.zip --data new --database postgresql://user@host/name

    Args:
        archive: The backup.
        data: Folder of the installation: a new one.
        database: Address of the database: a new one.
        settings: A TOML file with settings.
    """
    from supersede.cli.for_web import opened_site

    site = opened_site(settings, data, database, migrate=True)
    from supersede.web.operations.backup import restore as restored

    found = restored(site, archive)
    print(f"restored; ledger {found.number}:{found.hash}")
    return 0
