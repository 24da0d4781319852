"""What is done and what is meant to be done, in a SQLite file that survives a kill.

An item is *done* only after its vector was written and read back. A live write first states its
intent, with a version larger than all before; after both indexes have it, the intent is settled. What
a crash leaves between the two is therefore known, and repeated.
"""

import json
import sqlite3
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.errors import MigrationError, SpendCapError
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Journal", "Progress"]

PARAMETERS = 500  # ids in one statement: SQLite limits them

SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE items (id TEXT PRIMARY KEY, place INTEGER NOT NULL, state TEXT NOT NULL, why TEXT,
                    version INTEGER, checksum INTEGER);
CREATE INDEX open_items ON items (place) WHERE state = 'open';
CREATE TABLE intents (id TEXT PRIMARY KEY, version INTEGER NOT NULL, kind TEXT NOT NULL);
CREATE TABLE events (at INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Progress(ResultMixin, named="the progress of a migration", height="20rem"):
    """How far a migration is.

    Attributes:
        phase: ``"planned"``, ``"running"``, ``"complete"``, ``"cut over"`` or ``"rolled back"``.
        done: Items whose new vector is in place.
        open: Items still to do.
        failed: Items that could not be embedded, with the reason; the first 1,000.
        failures: Number of all that could not be embedded.
        gone: Items that were deleted before they were reached.
        intents: Live writes that a crash cut off; they are repeated when the migration is opened.
        embeddings: Embeddings paid for so far, repeats after crashes included.
        spent: Their price.
        notes: What the last step leaves to be known, in sentences.
    """

    phase: str
    done: int
    open: int
    failed: dict[str, str]
    failures: int
    gone: int
    intents: int
    embeddings: int
    spent: float
    notes: tuple[str, ...] = ()

    def to_frame(self) -> "pa.Table":
        """One row: counts and price, without the reasons of failures."""
        return frame_of(
            [{name: v for name, v in self.to_dict().items() if name not in {"failed", "notes"}}]
        )

    def to_html(self) -> str:
        """A page with the counts, and what could not be embedded."""
        from supersede.embeddings.migration.pages import progress_page

        return progress_page(self)

    def __str__(self) -> str:
        total = self.done + self.open + self.failures + self.gone
        lines = [
            f"{self.phase}: {self.done:,} of {total:,} items done, {self.open:,} open, {self.failures:,}"
            f" failed, {self.gone:,} deleted meanwhile",
            f"{self.embeddings:,} embeddings paid for, {self.spent:,.2f} spent",
        ]
        lines += [f"failed: {item}: {why}" for item, why in list(self.failed.items())[:10]]
        lines += self.notes
        return "\n".join(lines)


class Journal:
    """The journal of one migration.

    Args:
        path: Its file.
        create: Whether to make a new one; without it the file must exist.

    Raises:
        MigrationError: The file is missing, exists already, is not a journal, or holds half a plan.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if path.exists() == create:
            msg = (
                f"{path} exists already: a migration was planned here; choose another folder"
                if create
                else f"no migration at {path.parent}; plan one first: supersede migrate plan {path.parent} …"
            )
            raise MigrationError(msg)
        self._lock = threading.RLock()
        self._base = sqlite3.connect(
            path, timeout=60, isolation_level=None, check_same_thread=False
        )
        weakref.finalize(self, self._base.close)
        try:
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            if create:
                self._base.executescript(SCHEMA)
            whole = create or self.fact("phase") is not None
        except sqlite3.DatabaseError as error:
            msg = f"{path} is not the journal of a migration: {error}"
            raise MigrationError(msg) from error
        if not whole:
            msg = f"the plan in {path.parent} was cut off before it was whole; delete the folder and plan again"
            raise MigrationError(msg)

    def _write(self, *statements: tuple[str, Sequence[Any]]) -> None:
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                for text, values in statements:
                    self._base.execute(text, values)
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")

    def _rows(self, text: str, *values: Any) -> list[Any]:
        with self._lock, closing(self._base.execute(text, values)) as cursor:
            return cursor.fetchall()

    def fact(self, name: str, default: Any = None) -> Any:
        """One remembered value."""
        found = self._rows("SELECT value FROM facts WHERE name = ?", name)
        return json.loads(found[0][0]) if found else default

    def remember(self, **facts: Any) -> None:
        """Remember values, all or none."""
        self._write(
            *[
                ("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))
                for name, value in facts.items()
            ]
        )

    def enter(self, ids: Sequence[str]) -> None:
        """Enter items in the order in which they are to be done."""
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            self._base.executemany(
                "INSERT INTO items (id, place, state) VALUES (?, ?, 'open')",
                ((name, i) for i, name in enumerate(ids)),
            )
            self._base.execute("COMMIT")

    def phase(self, phase: str | None = None) -> str:
        """The phase, set first where one is given."""
        if phase is not None:
            now = (json.dumps(phase),)
            self._write(
                ("INSERT OR REPLACE INTO facts VALUES ('phase', ?)", now),
                ("INSERT INTO events (what) VALUES (?)", (f"phase {phase}",)),
            )
        return str(self.fact("phase", "planned"))

    def following(self, count: int) -> list[str]:
        """The next open items."""
        rows = self._rows("SELECT id FROM items WHERE state = 'open' ORDER BY place LIMIT ?", count)
        return [row[0] for row in rows]

    def close(
        self,
        states: dict[str, tuple[str, str | None]],
        seen: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        """Set items' states: ``"done"``, ``"failed"`` with a reason, or ``"gone"``.

        Args:
            states: State and reason of each item.
            seen: Version and checksum of the old vector that each was embedded beside.
        """
        known = seen or {}
        self._write(
            *[
                # a live write may have done an item meanwhile: only open ones change
                (
                    "UPDATE items SET state = ?, why = ?, version = ?, checksum = ?"
                    " WHERE id = ? AND state = 'open'",
                    (state, why, *known.get(item, (None, None)), item),
                )
                for item, (state, why) in states.items()
            ]
        )

    def known(self, ids: Sequence[str]) -> dict[str, tuple[str, tuple[int, int | None] | None]]:
        """State of each item, and version and checksum of its old vector when it was done."""
        found: dict[str, tuple[str, tuple[int, int | None] | None]] = {}
        for start in range(0, len(ids), PARAMETERS):
            part = ids[start : start + PARAMETERS]
            marks = ",".join("?" * len(part))
            text = f"SELECT id, state, version, checksum FROM items WHERE id IN ({marks})"  # noqa: S608  # marks only
            for item, state, version, checksum in self._rows(text, *part):
                found[item] = (state, None if version is None else (version, checksum))
        return found

    def reopen(self, ids: Sequence[str]) -> None:
        """Items to be embedded again, or for the first time, after all others."""
        self._write(
            *[
                (
                    "INSERT INTO items (id, place, state) VALUES"
                    " (?, (SELECT coalesce(max(place), -1) + 1 FROM items), 'open')"
                    " ON CONFLICT (id) DO UPDATE SET state = 'open', why = NULL",
                    (item,),
                )
                for item in ids
            ]
        )

    def drop(self, ids: Sequence[str]) -> None:
        """Items that are no longer there."""
        self._write(*[("UPDATE items SET state = 'gone' WHERE id = ?", (item,)) for item in ids])

    def with_state(self, state: str) -> set[str]:
        """All items of one state."""
        return {row[0] for row in self._rows("SELECT id FROM items WHERE state = ?", state)}

    def retry_failed(self) -> int:
        """Open failed items again; returns how many."""
        failed = len(self._rows("SELECT 1 FROM items WHERE state = 'failed'"))
        self._write(("UPDATE items SET state = 'open', why = NULL WHERE state = 'failed'", ()))
        return failed

    def pay(self, embeddings: int, cost: float, *, capped: bool = False) -> None:
        """Add to what was spent; before the embeddings are made, so that a crash cannot hide them.

        Args:
            embeddings: Their number.
            cost: Their price.
            capped: Whether the spend cap applies, as it does to a backfill and not to live writes.

        Raises:
            SpendCapError: It would exceed the cap; nothing is added.
        """
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")  # before reading: two processes may pay at a time
            try:
                cap, spent = self.fact("cap") if capped else None, self.fact("spent", 0.0)
                if cap is not None and spent + cost > cap * (1 + 1e-12):
                    msg = (
                        f"{spent:g} of the cap of {cap:g} are spent and the next {embeddings} embeddings cost"
                        f" {cost:g}; raise it to continue: supersede migrate run FOLDER --cap …"
                    )
                    raise SpendCapError(msg)
                now = {"embeddings": self.fact("embeddings", 0) + embeddings, "spent": spent + cost}
                self._base.executemany(
                    "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                    [(name, json.dumps(value)) for name, value in now.items()],
                )
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")

    def intend(self, ids: Sequence[str], kind: str) -> list[int]:
        """State the intent to write or delete items; their versions, larger than all before."""
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            at = int(self.fact("version", 0))
            versions = list(range(at + 1, at + 1 + len(ids)))
            self._base.execute(
                "INSERT OR REPLACE INTO facts VALUES ('version', ?)", (json.dumps(at + len(ids)),)
            )
            self._base.executemany(
                "INSERT OR REPLACE INTO intents VALUES (?, ?, ?)",
                [(item, version, kind) for item, version in zip(ids, versions, strict=True)],
            )
            self._base.execute("COMMIT")
        return versions

    def settle(self, ids: Sequence[str], versions: Sequence[int], kind: str) -> None:
        """Both indexes have the write: its items need no backfill."""
        state = "done" if kind == "write" else "gone"
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            self._base.executemany(
                "DELETE FROM intents WHERE id = ? AND version = ?",
                list(zip(ids, versions, strict=True)),
            )
            self._base.executemany(
                "INSERT INTO items (id, place, state, version) VALUES (?, -1, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " state = excluded.state, why = NULL, version = excluded.version, checksum = NULL",
                [(item, state, version) for item, version in zip(ids, versions, strict=True)],
            )
            self._base.execute("COMMIT")

    def intents(self) -> list[tuple[str, int, str]]:
        """Live writes that are not settled: id, version, kind."""
        return [
            tuple(row)
            for row in self._rows("SELECT id, version, kind FROM intents ORDER BY version")
        ]

    def migrated(self, ids: Sequence[str]) -> set[str]:
        """Which of these items are done."""
        return {item for item, (state, _) in self.known(ids).items() if state == "done"}

    def progress(self) -> Progress:
        """How far it is."""
        counts = dict(self._rows("SELECT state, count(*) FROM items GROUP BY state"))
        failed = dict(
            self._rows("SELECT id, why FROM items WHERE state = 'failed' ORDER BY place LIMIT 1000")
        )
        return Progress(
            self.phase(), counts.get("done", 0), counts.get("open", 0), failed, counts.get("failed", 0),
            counts.get("gone", 0),
            len(self.intents()), int(self.fact("embeddings", 0)), float(self.fact("spent", 0.0)),
        )  # fmt: skip

    def end(self) -> None:
        """Close the file."""
        self._base.close()
