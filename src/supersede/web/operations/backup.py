"""Backup and restore: one archive with all rows, files and the key, for either engine.

A backup is one state of the database, so it can be made while the server runs. Restoring checks every
file against its hash and the ledger against the head that the backup names, in one transaction.
"""

import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Date, DateTime, func, insert, select, text
from sqlalchemy import Table as SqlTable
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from supersede.errors import (
    ConflictError,
    DatabaseError,
    InputError,
    ReportError,
    SupersedeError,
)
from supersede.web.database import LedgerHead, StoredFile, Table, User
from supersede.web.database.columns import UtcTime
from supersede.web.database.migrate import head as schema_version
from supersede.web.database.migrate import same_rows
from supersede.web.files import Files
from supersede.web.ledger import Head, head, verify
from supersede.web.site import Site

__all__ = ["back_up", "restore"]

# what reading an archive raises that somebody has altered
_DAMAGED = (
    OSError, AttributeError, LookupError, TypeError, ValueError, RuntimeError, SQLAlchemyError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip
_FORMAT = 1
_ROWS = 500  # at a time


def back_up(site: Site, path: Path) -> Head:
    """Write a backup.

    Args:
        site: The installation.
        path: The archive; it must not exist.

    Returns:
        The head of the ledger in it.

    Raises:
        LedgerError: The ledger was altered.
        NotFoundError: An uploaded file is missing or was changed.
        ReportError: It cannot be written.
    """
    scratch = path.with_name(f".{path.name}.part")
    try:
        if path.exists():
            msg = f"{path} exists; name another file"
            raise ReportError(msg)
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds the key
        with (
            os.fdopen(handle, "wb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
            site.database.read() as db,
        ):
            found = verify(db)
            about = {"format": _FORMAT, "schema": schema_version(), "head": found.to_dict()}
            archive.writestr("backup.json", json.dumps(about))
            for table in Table.metadata.sorted_tables:
                with archive.open(f"tables/{table.name}.jsonl", "w") as lines:
                    for row in db.execute(select(table).execution_options(yield_per=_ROWS)):
                        values = {k: _plain(v) for k, v in row._mapping.items()}
                        lines.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")
            for kept in db.execute(select(StoredFile.hash)).scalars():
                archive.writestr(f"files/{kept}", site.files.read(kept))
            archive.write(site.settings.data / "keys" / "ed25519", "key")
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        if isinstance(error, ReportError | DatabaseError):
            raise
        msg = f"cannot write {path}: {error.strerror}"
        raise ReportError(msg) from error
    return found


def restore(site: Site, path: Path) -> Head:
    """Fill an empty installation from a backup.

    Args:
        site: The installation, on either engine.
        path: The archive.

    Returns:
        The head of the ledger, which is the one that the backup names.

    Raises:
        ConflictError: The installation is not empty.
        InputError: It is not a backup that this version reads, or it was damaged.
        LedgerError: The ledger in it was altered.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read("backup.json"))
            Ed25519PrivateKey.from_private_bytes(archive.read("key"))  # before anything is kept
            if about["format"] != _FORMAT or about["schema"] not in same_rows():
                msg = (
                    f"the backup has schema {about['schema']}, and this program {schema_version()};"
                    " restore it with the version that wrote it, and let supersede serve migrate it"
                )
                raise InputError(msg)
            with site.database.write() as db:
                _check_empty(db)
                for table in Table.metadata.sorted_tables:
                    _fill(db, table, _lines(archive, table))
                _restore_files(db, site.files, archive)
                found = verify(db, Head(**about["head"]))
            _restore_key(site, archive.read("key"))
    except OperationalError:
        raise
    except _DAMAGED as error:
        if isinstance(error, SupersedeError):
            raise
        msg = f"{path} is not a backup: {error}"
        raise InputError(msg) from error
    return found


def _check_empty(db: Session) -> None:
    if db.execute(select(func.count()).select_from(User)).scalar_one() or head(db).number:
        msg = "this installation is not empty; restore into a new database and data folder"
        raise ConflictError(msg)
    db.execute(LedgerHead.__table__.delete())  # type: ignore[attr-defined]  # a table, not a view


def _lines(archive: zipfile.ZipFile, table: SqlTable) -> Iterator[dict[str, Any]]:
    times = {c.name for c in table.columns if isinstance(c.type, DateTime | UtcTime)}
    days = {c.name for c in table.columns if isinstance(c.type, Date)}
    with archive.open(f"tables/{table.name}.jsonl") as lines:
        for line in lines:
            row = json.loads(line)
            for name in times & {key for key, value in row.items() if value is not None}:
                row[name] = datetime.fromisoformat(row[name])
            for name in days & {key for key, value in row.items() if value is not None}:
                row[name] = date.fromisoformat(row[name])
            yield row


def _fill(db: Session, table: SqlTable, rows: Iterator[dict[str, Any]]) -> None:
    held: list[dict[str, Any]] = []
    for row in rows:
        held.append(row)
        if len(held) == _ROWS:
            db.execute(insert(table), held)
            held = []
    if held:
        db.execute(insert(table), held)
    if db.get_bind().dialect.name == "postgresql" and table.autoincrement_column is not None:
        # rows were added with their numbers, which the sequence does not know of
        name = table.name  # ours
        db.execute(
            text(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'),"  # noqa: S608
                f" (SELECT max(id) FROM {name})) WHERE pg_get_serial_sequence('{name}', 'id')"
                f" IS NOT NULL AND EXISTS (SELECT 1 FROM {name})"
            )
        )


def _restore_files(db: Session, files: Files, archive: zipfile.ZipFile) -> None:
    for kept in db.execute(select(StoredFile)).scalars():
        content = archive.read(f"files/{kept.hash}")
        if files.keep([content], most=len(content)).hash != kept.hash:
            msg = f"the file {kept.hash[:12]} in the backup was changed"
            raise InputError(msg)


def _restore_key(site: Site, key: bytes) -> None:
    path = site.settings.data / "keys" / "ed25519"
    scratch = path.with_name(".restored")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key)
    scratch.replace(path)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value
