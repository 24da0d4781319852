"""Uploaded files, by the hash of their content: their own names never become paths."""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from supersede.errors import NotFoundError, ReportError, SizeError
from supersede.web.database import StoredFile

__all__ = ["Files", "Kept", "register"]

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Kept:
    """A file on disk."""

    hash: str
    size: int


@dataclass(frozen=True)
class Files:
    r"""The files in a folder.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     files = Files(Path(folder))
        ...     kept = files.keep([b"age,y\n", b"30,1\n"], most=100)
        ...     files.read(kept.hash)
        b'age,y\n30,1\n'
    """

    folder: Path

    def keep(self, parts: Iterable[bytes], most: int) -> Kept:
        """Write a file; when this returns, it is on the disk and was read back.

        Args:
            parts: Its content, in parts.
            most: Largest size, in bytes.

        Raises:
            SizeError: It is larger; nothing is kept.
            ReportError: It cannot be written, for example because the disk is full.
        """
        digest, size = hashlib.sha256(), 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, scratch = tempfile.mkstemp(dir=self.folder, prefix=".upload-")
        except OSError as error:
            raise _unwritable(error) from error
        try:
            with os.fdopen(handle, "wb") as file:
                for part in parts:
                    size += len(part)
                    if size > most:
                        msg = f"the file is larger than {most / 1e6:g} MB"
                        raise SizeError(msg)
                    digest.update(part)
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            with Path(scratch).open("rb") as file:
                if hashlib.file_digest(file, "sha256").digest() != digest.digest():
                    msg = "the disk returned other bytes than were written"
                    raise ReportError(msg)
            target = self._path(digest.hexdigest())
            target.parent.mkdir(exist_ok=True, mode=0o700)
            Path(scratch).replace(target)
        except OSError as error:
            if isinstance(error, ReportError):
                raise
            raise _unwritable(error) from error
        finally:
            Path(scratch).unlink(missing_ok=True)
        return Kept(digest.hexdigest(), size)

    def path(self, hash: str) -> Path:
        """Where a file lies.

        Raises:
            NotFoundError: There is no such file.
        """
        found = self._path(hash)
        if not found.is_file():
            msg = f"the file {hash[:12]} is gone from the data folder; restore it from a backup"
            raise NotFoundError(msg)
        return found

    def read(self, hash: str) -> bytes:
        """The content of a file.

        Raises:
            NotFoundError: There is no such file, or its bytes were changed.
        """
        content = self.path(hash).read_bytes()
        if hashlib.sha256(content).hexdigest() != hash:
            raise _changed(hash)
        return content

    def checked(self, hash: str) -> Path:
        """Where a file lies, once all of its bytes were compared with its hash.

        Raises:
            NotFoundError: There is no such file, or its bytes were changed.
        """
        found = self.path(hash)
        with found.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != hash:
                raise _changed(hash)
        return found

    def _path(self, hash: str) -> Path:
        if not _HASH.fullmatch(hash):
            msg = "files are named by the 64 hexadecimal digits of their hash"
            raise NotFoundError(msg)
        return self.folder / hash[:2] / hash


def register(db: Session, kept: Kept, name: str, user_id: int | None, at: datetime) -> None:
    """Record a kept file; the same content twice is one file."""
    if db.get(StoredFile, kept.hash) is None:
        db.add(StoredFile(hash=kept.hash, size=kept.size, name=name, added_by=user_id, added=at))
        db.flush()


def _changed(hash: str) -> NotFoundError:
    return NotFoundError(
        f"the file {hash[:12]} in the data folder was changed; restore it from a backup"
    )


def _unwritable(error: OSError) -> ReportError:
    return ReportError(
        f"cannot write to the data folder: {error.strerror}; nothing was kept. Make room and try"
        " again"
    )
