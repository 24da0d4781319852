"""FAISS in memory with a log of our own on disk; needs the extra `faiss`.

FAISS keeps no ids of text, no stamps and no durable writes, so every batch is first appended to a log
and synchronised to disk; opening replays the log. A record that a crash cut short fails its checksum and is
dropped, together with nothing else: it was never acknowledged.
"""

import json
import os
import struct
import threading
import weakref
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.embeddings.indexes.index import (
    Contents,
    Neighbours,
    Stored,
    asked,
    named,
    ready,
    same_model,
)
from supersede.embeddings.vectors import Floats
from supersede.errors import IndexAccessError, MissingExtraError

__all__ = ["FaissIndex"]

HEAD = struct.Struct("<II")  # length and checksum of a record
MAGIC = b"supersede vectors 1\n"


class FaissIndex:
    """A flat FAISS index over the rows of a log.

    One process writes at a time; readers open the log again to see what is new.

    Args:
        path: The log.
        stamp: The model's stamp; None reads that of an existing log.
        dimensions: Needed to create the log.

    Raises:
        MissingExtraError: faiss is not installed.
        IndexAccessError: The file is missing, or no log of this kind.
        StampError: The log is of another model.
        VectorError: It holds vectors of other dimensions.
    """

    def __init__(
        self, path: str | Path, *, stamp: str | None = None, dimensions: int | None = None
    ) -> None:
        try:
            import faiss
        except ModuleNotFoundError as error:
            raise MissingExtraError.of(
                package="faiss-cpu", extra="faiss", purpose="a FAISS index"
            ) from error
        self._path = Path(path)
        self._turn = threading.RLock()  # threads of this process: one at a time
        self._versions: dict[str, tuple[int, bool]] = {}
        self._number: dict[str, int] = {}
        self._names: list[str] = []
        if self._path.is_dir():
            msg = f"{path} is a folder; name a file in it"
            raise IndexAccessError(msg)
        if not self._path.absolute().parent.is_dir():
            msg = f"there is no folder for {path}; make it first"
            raise IndexAccessError(msg)
        if not self._path.exists():
            if stamp is None or dimensions is None:
                msg = f"no index at {path}; FaissIndex(…, stamp=…, dimensions=…) creates one"
                raise IndexAccessError(msg)
            head = MAGIC + json.dumps({"stamp": stamp, "dimensions": dimensions}).encode() + b"\n"
            scratch = self._path.with_suffix(".part")
            scratch.write_bytes(head)
            scratch.replace(self._path)
        self._log = self._path.open("r+b")
        weakref.finalize(self, self._log.close)
        if self._log.readline() != MAGIC:
            msg = (
                f"{path} is not a log of vectors that supersede wrote. An index of faiss.write_index keeps no ids"
                " of text and no stamp: search it as DeployedFaiss(path, ids, stamp=…), or write its vectors to a"
                " new one with FaissIndex(…, stamp=…, dimensions=…).write(…)"
            )
            raise IndexAccessError(msg)
        kept = json.loads(self._log.readline())
        same_model(f"the log {path}", (kept["stamp"], kept["dimensions"]), stamp, dimensions)
        self.stamp, self.dimensions = str(kept["stamp"]), int(kept["dimensions"])
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(self.dimensions))
        self._replay()

    def _replay(self) -> None:
        good = self._log.tell()
        while True:
            head = self._log.read(HEAD.size)
            if len(head) < HEAD.size:
                break
            length, check = HEAD.unpack(head)
            body = self._log.read(length)
            if len(body) < length or zlib.crc32(body) != check:
                break
            good = self._log.tell()
            first, _, rest = body.partition(b"\n")
            told = json.loads(first)
            vectors = np.frombuffer(rest, "<f4").reshape(-1, self.dimensions)
            self._apply(told["ids"], vectors, told["versions"], deleted=told["deleted"])
        self._log.seek(good)
        self._log.truncate()

    def _append(
        self, names: list[str], made: Floats, versions: list[int], *, deleted: bool
    ) -> None:
        told = json.dumps({"ids": names, "versions": versions, "deleted": deleted}).encode()
        body = told + b"\n" + made.astype("<f4").tobytes()
        with self._turn:
            self._log.write(HEAD.pack(len(body), zlib.crc32(body)) + body)
            self._log.flush()
            os.fsync(self._log.fileno())
            self._apply(names, made, versions, deleted=deleted)

    def _apply(
        self, names: Sequence[str], made: Floats, versions: Sequence[int], *, deleted: bool
    ) -> None:
        rows = [
            row
            for row, (name, version) in enumerate(zip(names, versions, strict=True))
            if self._versions.get(name, (version, False))[0] <= version
        ]
        known = [self._number[names[row]] for row in rows if names[row] in self._number]
        if known:
            self._index.remove_ids(np.asarray(known, np.int64))
        for row in rows:
            self._versions[names[row]] = (int(versions[row]), deleted)
            if names[row] not in self._number:
                self._number[names[row]] = len(self._names)
                self._names.append(names[row])
        if rows and not deleted:
            numbers = np.array([self._number[names[row]] for row in rows], np.int64)
            self._index.add_with_ids(np.ascontiguousarray(made[rows]), numbers)

    def write(self, ids: Sequence[str], vectors: Any, versions: Any, *, stamp: str) -> None:
        """Insert or replace rows whose stored version is not newer."""
        names, made, numbers = ready(self, ids, vectors, versions, stamp)
        self._append(names, made, numbers.tolist(), deleted=False)

    def remove(self, ids: Sequence[str], versions: Any) -> None:
        """Mark items as deleted."""
        names, numbers = named(ids, versions)
        none = np.zeros((0, self.dimensions), np.float32)
        self._append(names, none, numbers.tolist(), deleted=True)

    def search(self, queries: Any, k: int) -> Neighbours:
        """The nearest items of each query by cosine."""
        made = asked(self, queries, k)
        with self._turn:
            score, number = self._index.search(made, k)
        ids = tuple(tuple(self._names[n] for n in row if n >= 0) for row in number)
        return Neighbours(ids, tuple(s[n >= 0] for s, n in zip(score, number, strict=True)))

    def read(self, ids: Sequence[str]) -> Stored:
        """Stored rows."""
        with self._turn:
            names = [str(name) for name in ids if str(name) in self._versions]
            vectors = np.zeros((len(names), self.dimensions), np.float32)
            for row, name in enumerate(names):
                if not self._versions[name][1]:
                    vectors[row] = self._index.reconstruct(self._number[name])
            versions = np.array([self._versions[name][0] for name in names], np.int64)
            deleted: npt.NDArray[np.bool_] = np.array(
                [self._versions[name][1] for name in names], bool
            )
        return Stored(tuple(names), vectors, (self.stamp,) * len(names), versions, deleted)

    def ids(self) -> list[str]:
        """Ids of all items that are not deleted, sorted."""
        with self._turn:
            return sorted(name for name, (_, deleted) in self._versions.items() if not deleted)

    def contents(self) -> Contents:
        """Counts of everything stored."""
        with self._turn:
            deleted = sum(gone for _, gone in self._versions.values())
            rows = int(self._index.ntotal) + deleted
            return Contents(rows, len(self._versions), deleted, {self.stamp: rows} if rows else {})
