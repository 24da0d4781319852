"""An append-only log: one JSON object per line, each with the hash of the previous one.

Altering a line, swapping lines, or dropping one from the middle breaks the chain there, and reading
reports the position. Dropping the last lines does not: anyone who can write to the file can
truncate it, and only someone who kept a later `Log.head`, such as the `entry` of a receipt, can
detect that. An incomplete last line was never acknowledged to anyone; it is removed before the next
one is added.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from supersede.errors import ArgumentError, LogError, ReportError

__all__ = ["Log", "canonical", "digest_of"]

_START = "0" * 64


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


class Log:
    """An append-only log in a file, or in memory where there is no path.

    Args:
        path: The file; created with the first entry.

    Raises:
        LogError: The file was altered.

    Example:
        >>> log = Log()
        >>> entry = log.append({"event": "opened"})
        >>> entry.get("hash") == log.head
        True
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._entries: list[dict[str, Any]] = []
        self._size = 0
        if path is not None and path.exists():
            self._read(path)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._entries)

    @property
    def head(self) -> str:
        """The hash of the last entry, by which later changes or truncation can be detected."""
        return str(self._entries[-1]["hash"]) if self._entries else _START

    def append(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Add an entry; it is on the disk when this returns.

        Returns:
            The entry with ``previous`` and ``hash``.

        Raises:
            ArgumentError: The entry would not be read back as it is.
            LogError: Another process has written to the file in the meantime.
            ReportError: The file cannot be written.
        """
        chained: dict[str, Any] = {**entry, "previous": self.head}
        chained["hash"] = digest_of(chained)
        line = canonical(chained)
        chained = json.loads(line)  # lists for tuples: what is kept is what will be read
        if canonical(chained) != line:
            msg = "an entry has keys that are not texts; JSON reads them as texts, in another order"
            raise ArgumentError(msg)
        if self.path is not None:
            self._write(self.path, line.encode() + b"\n")
        self._entries.append(chained)
        return chained

    def _write(self, path: Path, line: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file, _locked(file.fileno()):
                if os.fstat(file.fileno()).st_size < self._size or _grown(path, self._size):
                    msg = (
                        f"{path} was changed by another process in the meantime; open the bounty"
                        " again"
                    )
                    raise LogError(msg)
                file.truncate(self._size)  # an incomplete last line
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except LogError:
            raise
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            why = getattr(error, "strerror", None) or error
            msg = f"cannot write {path}: {why}; nothing was recorded"
            raise ReportError(msg) from error
        self._size += len(line)

    def _read(self, path: Path) -> None:
        whole = path.read_bytes()
        end = whole.rfind(b"\n") + 1
        for number, line in enumerate(whole[:end].splitlines(), start=1):
            try:
                entry = json.loads(line)
                claimed = entry["hash"]
                body = {key: value for key, value in entry.items() if key != "hash"}
                intact = claimed == digest_of(body) and entry["previous"] == self.head
                intact = intact and canonical(entry).encode() == line
            except (ValueError, KeyError, TypeError):
                intact = False
            if not intact:
                msg = f"{path}, line {number}: the chain of hashes is broken; the log was altered"
                raise LogError(msg)
            self._entries.append(entry)
        self._size = end


def _grown(path: Path, size: int) -> bool:
    """Whether complete lines were added after the part that was read."""
    with path.open("rb") as file:
        file.seek(size)
        return b"\n" in file.read()


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
