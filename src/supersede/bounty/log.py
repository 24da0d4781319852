"""An append-only log: one JSON object per line, each with the hash of the previous one.

Altering a line, swapping lines, or dropping one from the middle breaks the chain there, and reading
reports the position. A log whose last lines are missing is refused if the mark beside it
(`log_mark.py`) says that there were more. Anyone who can write to the folder can cut both, and only
someone who kept a later `BountyLog.head`, such as the `entry` of a receipt, can detect that. An
incomplete last line was never acknowledged to anyone; it is removed before the next one is added.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from supersede.bounty.log_mark import Mark, mark_of, read_mark
from supersede.errors import ArgumentError, LogError, ReportError

__all__ = [
    "START",
    "BountyLog",
    "FileLog",
    "canonical",
    "chained",
    "digest_of",
    "follows",
    "keep_files",
]

START = "0" * 64  # the hash before the first entry


def canonical(record: Any) -> str:
    """The canonical JSON of plain data: keys sorted, no spaces.

    Raises:
        ArgumentError: It contains values that JSON cannot represent, such as NaN or a lone
            surrogate.

    Example:
        >>> canonical({"b": 1, "a": [True, None]})
        '{"a":[true,null],"b":1}'
    """
    try:
        written = json.dumps(
            record, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        written.encode()
    except (TypeError, ValueError) as error:
        msg = f"cannot be written as JSON: {error}"
        raise ArgumentError(msg) from error
    return written


def digest_of(record: Any) -> str:
    """SHA-256 of plain data as `canonical` writes it, in hexadecimal."""
    return hashlib.sha256(canonical(record).encode()).hexdigest()


class BountyLog(Protocol):
    """Where a bounty keeps its entries: a file (`FileLog`), or for example a database.

    An implementation must hold that

    - entries are only ever added, each with the hash of the one before, as `chained` makes them;
    - only one writer is inside `writing` at a time, over all processes, and sees the entries of all
      writers before it;
    - what is appended inside `writing` is kept as a whole if the block ends, and not at all if it
      raises.
    """

    @property
    def head(self) -> str:
        """The hash of the last entry, by which later changes or truncation can be detected."""

    def since(self, count: int, /) -> Sequence[dict[str, Any]]:
        """All entries but the first `count`."""

    def writing(self) -> AbstractContextManager[Any]:
        """A transaction; it cannot be nested."""

    def append(
        self, entry: Mapping[str, Any], /, files: Mapping[str, bytes] | None = None
    ) -> dict[str, Any]:
        """Add an entry, and files that it names by their SHA-256; inside `writing`.

        Returns:
            The entry with ``previous`` and ``hash``.
        """

    def file(self, name: str, /) -> bytes:
        """A file by its SHA-256; empty if there is none."""


def chained(entry: Mapping[str, Any], previous: str) -> dict[str, Any]:
    """An entry with the hash of the one before and its own, as it will be read back.

    Raises:
        ArgumentError: It would not be read back as it is.

    Example:
        >>> sorted(chained({"event": "opened"}, START))
        ['event', 'hash', 'previous']
    """
    made: dict[str, Any] = {**entry, "previous": previous}
    made["hash"] = digest_of(made)
    line = canonical(made)
    made = json.loads(line)  # lists for tuples: what is kept is what will be read
    if canonical(made) != line:
        msg = "an entry has keys that are not texts; JSON reads them as texts, in another order"
        raise ArgumentError(msg)
    return made


def follows(entry: Any, previous: str) -> bool:
    """Whether something that was read is an unaltered entry that follows the one with this hash."""
    try:
        body = {key: value for key, value in entry.items() if key != "hash"}
        return bool(entry["hash"] == digest_of(body) and entry["previous"] == previous)
    except (ArgumentError, AttributeError, KeyError, TypeError):
        return False


class FileLog:
    """A log in a file, or in memory where there is no path.

    Several processes can write to one file; each sees the entries of the others in `writing`.
    The files that entries name are kept in the folder ``models`` beside it.

    Args:
        path: The file; created with the first entry.

    Raises:
        LogError: The file was altered, or entries are missing at its end.

    Example:
        >>> log = FileLog()
        >>> entry = log.append({"event": "opened"})
        >>> entry.get("hash") == log.head
        True
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._entries: list[dict[str, Any]] = []
        self._files: dict[str, bytes] = {}
        self._size = 0  # bytes of the file that were read or written
        self._pending: list[bytes] | None = None
        self._mark: Mark | None = None
        if path is not None:
            with _typed(path):
                self._mark, there = read_mark(path), path.exists()
            if there:
                self._read_on(path)
            if self._mark is not None:
                self._mark.check(path, self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._entries)

    @property
    def head(self) -> str:
        """The hash of the last entry, by which later changes or truncation can be detected."""
        return str(self._entries[-1]["hash"]) if self._entries else START

    def since(self, count: int, /) -> Sequence[dict[str, Any]]:
        """All entries but the first `count`."""
        return self._entries[count:]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction: its entries are on the disk when it ends, or none of them.

        Raises:
            LogError: The file was altered or cut off.
            ReportError: The file cannot be written.
        """
        if self._pending is not None:
            msg = "this log is being written to; a transaction cannot be nested"
            raise LogError(msg)
        with self._opened() as file:
            known = len(self._entries)
            self._pending = []
            try:
                yield
                if file is not None:
                    self._write(file, b"".join(self._pending))
            except BaseException:
                del self._entries[known:]
                raise
            finally:
                self._pending = None

    def append(
        self, entry: Mapping[str, Any], /, files: Mapping[str, bytes] | None = None
    ) -> dict[str, Any]:
        """Add an entry; a transaction of its own if none is open.

        Raises:
            ArgumentError: The entry would not be read back as it is.
            LogError: The file was altered or cut off.
            ReportError: The file cannot be written.
        """
        if self._pending is None:
            with self.writing():
                return self.append(entry, files)
        made = chained(entry, self.head)
        if self.path is None:
            self._files |= files or {}
        else:  # before the entry that names them; a file that no entry names does no harm
            keep_files(self.path.parent / "models", files or {})
        self._pending.append(canonical(made).encode() + b"\n")
        self._entries.append(made)
        return made

    def file(self, name: str, /) -> bytes:
        """A file by its SHA-256; empty if there is none."""
        if self.path is None:
            return self._files.get(name, b"")
        path = self.path.parent / "models" / f"{name}.onnx"
        return path.read_bytes() if path.exists() else b""

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes] | None]:
        """The file, locked, with the entries of other processes read."""
        if self.path is None:
            yield None
            return
        with ExitStack() as held:
            with _typed(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                file = held.enter_context(self.path.open("ab"))
                held.enter_context(_locked(file.fileno()))
                self._read_on(self.path)
            yield file

    def _write(self, file: IO[bytes], lines: bytes) -> None:
        path = Path(file.name)
        mark = mark_of(self._entries) if self._entries else None
        with _typed(path):
            try:
                if lines:
                    file.truncate(self._size)  # an incomplete last line
                    file.write(lines)
                    file.flush()
                    os.fsync(file.fileno())
                if mark is not None and mark != self._mark:
                    mark.write(path)
            except (OSError, ReportError):
                file.truncate(self._size)
                raise
        self._size, self._mark = self._size + len(lines), mark

    def _read_on(self, path: Path) -> None:
        """Read the complete lines that follow those read so far."""
        if path.stat().st_size < self._size:
            msg = f"{path}: lines at the end are missing; the log was cut off"
            raise LogError(msg)
        with path.open("rb") as file:
            file.seek(self._size)
            whole = file.read()
        end = whole.rfind(b"\n") + 1
        found: list[dict[str, Any]] = []
        for line in whole[:end].splitlines():
            head = found[-1]["hash"] if found else self.head
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            if not follows(entry, head) or canonical(entry).encode() != line:
                number = len(self._entries) + len(found) + 1
                msg = f"{path}, line {number}: the chain of hashes is broken; the log was altered"
                raise LogError(msg)
            found.append(entry)
        self._entries += found
        self._size += end


def keep_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the ONNX files that do not exist yet.

    Raises:
        ReportError: The folder cannot be written to.
    """
    with _typed(folder):
        for name, content in files.items():
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{name}.onnx"
            if not path.exists():
                scratch = path.with_suffix(".part")
                scratch.write_bytes(content)
                scratch.replace(path)


@contextmanager
def _typed(path: Path) -> Iterator[None]:
    """Turn an error of the system into a `ReportError`."""
    try:
        yield
    except (LogError, ReportError):
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or error
        msg = f"cannot write {path}: {why}; nothing was recorded"
        raise ReportError(msg) from error


@contextmanager
def _locked(handle: int) -> Iterator[None]:
    """Lock out other processes, if the system supports it."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover  # Windows
        yield
        return
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
