"""A migration that is open: backfill, live writes, searches, cutover and rollback.

Until the cutover the old index serves, helped by the new one where a calibration says how; every live
write goes to both indexes, before and after the cutover, so that a rollback loses nothing.
"""

import fcntl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from supersede.embeddings.indexes.index import Neighbours, VectorIndex, named
from supersede.embeddings.migration.drift import Drift, drift, seen
from supersede.embeddings.migration.in_the_way import against_cutover, written_past
from supersede.embeddings.migration.journal import Journal, Progress
from supersede.embeddings.migration.plan import check_prices, embed_each
from supersede.embeddings.migration.serving import ScoreCalibration
from supersede.embeddings.migration.sources import Embedder, Items
from supersede.errors import (
    ArgumentError,
    ItemError,
    MigrationError,
    StampError,
    VectorError,
)

__all__ = ["Migration"]

WRITTEN = 1e-5  # largest difference of a unit vector's entries after it was written and read


class Migration:
    """An open migration. One process runs the backfill; others may write and search beside it.

    Args:
        folder: Where `plan_migration` put the journal.
        old: The old index.
        new: The new index.
        embedder: The new model.
        items: The contents.
        old_embedder: The old model; needed for live writes and for searches by content.

    Raises:
        MigrationError: No migration was planned here.
        StampError: An index or embedder is of another model than was planned.
    """

    def __init__(
        self,
        folder: str | Path,
        old: VectorIndex,
        new: VectorIndex,
        embedder: Embedder,
        items: Items,
        *,
        old_embedder: Embedder | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.journal = Journal(self.folder / "migration.db")
        self.old, self.new = old, new
        self.embedder, self.old_embedder, self.items = embedder, old_embedder, items
        self._threads = RLock()
        planned = (self.journal.fact("old"), self.journal.fact("new"))
        found = {
            "old index": (old.stamp, planned[0]),
            "new index": (new.stamp, planned[1]),
            "embedder": (embedder.stamp, planned[1]),
            "old embedder": (old_embedder.stamp if old_embedder else planned[0], planned[0]),
        }
        for what, (stamp, expected) in found.items():
            if stamp != expected:
                msg = f"the {what} is of {stamp!r}; the migration was planned for {expected!r}"
                raise StampError(msg)
        kept = self.folder / "calibration.json"
        self.calibration = ScoreCalibration.from_json(kept.read_text()) if kept.exists() else None

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time, over threads and processes; the system frees it from the dead."""
        with self._threads, (self.folder / "writing.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # --- backfill -------------------------------------------------------------------------------

    def run(
        self,
        *,
        batch: int = 256,
        limit: int | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> Progress:
        """Embed what is open, in order, until all is done, a limit or the spend cap is reached.

        Then what was written to the old index past the migration is looked for, and embedded too.

        Args:
            batch: Items per embedding call and write.
            limit: Most items in this run.
            progress: Function that is called with a line of text after each batch.

        Returns:
            How far it is; phase ``"complete"`` if nothing is open.

        Raises:
            SpendCapError: The next batch would exceed the cap. What is done stays done.
            MigrationError: The migration is cut over or rolled back, another run is under way, or
                the new index did not keep what was written.
            ArgumentError: The batch must be a whole number of at least 1, and the limit one of at least 0.
        """
        for name, value, least in (("batch", batch, 1), ("limit", limit, 0)):
            if value is not None and not (isinstance(value, int) and value >= least):
                msg = f"{name}={value!r}; it must be a whole number, {least} or more"
                raise ArgumentError(msg)
        with self._alone():
            return self._run(batch, limit, progress)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One backfill at a time: two would embed, and pay for, the same items."""
        with (self.folder / "running.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                msg = f"the backfill of {self.folder} is being run already, by another process or thread; wait for it or stop it"
                raise MigrationError(msg) from error
            yield

    def _run(
        self, batch: int, limit: int | None, progress: Callable[[str], None] | None
    ) -> Progress:
        phase = self.journal.phase()
        if phase not in {"planned", "running", "complete"}:
            msg = f"the migration is {phase}; plan a new one in another folder to embed again"
            raise MigrationError(msg)
        self.recover()
        if phase == "planned":
            self.journal.phase("running")
        price, rate = self.journal.fact("price"), self.journal.fact("rate")
        began, made, left = time.monotonic(), 0, limit
        while left is None or left > 0:
            ids = self.journal.following(batch if left is None else min(batch, left))
            if not ids and self._catch_up():
                continue
            if not ids:
                break
            self._batch(ids, price)
            made += len(ids)
            left = None if left is None else left - len(ids)
            if rate is not None:
                time.sleep(max(0.0, began + made / rate - time.monotonic()))
            if progress is not None:
                now = self.journal.progress()
                progress(f"{now.done:,} done, {now.open:,} open")
        if not self.journal.following(1) and self.journal.phase() == "running":
            self.journal.phase("complete")
        return self.journal.progress()

    def allow(self, cap: float) -> None:
        """Set another spend cap, for all that the migration spends.

        Raises:
            ArgumentError: It is negative or not finite.
        """
        check_prices(None, None, None, cap)
        self.journal.remember(cap=cap)

    def _batch(self, ids: list[str], price: float) -> None:
        # versions first, contents after: a content may be newer than its version, never older
        stored = self.old.read(ids)
        before = seen(stored)
        version = {item: number for item, (number, _) in before.items()}
        contents = self.items.fetch(ids)
        live = {item: c for item, c in zip(ids, contents, strict=True) if item in version}
        self.journal.pay(len(live), price * len(live), capped=True)
        good, failed = embed_each(self.embedder, live)
        names = list(good)
        if names:
            vectors = np.stack([good[name] for name in names])
            versions = [version[name] for name in names]
            with self._writing():
                self.new.write(names, vectors, versions, stamp=self.embedder.stamp)
            self._read_back(names, vectors, versions)
        states: dict[str, tuple[str, str | None]] = dict.fromkeys(ids, ("gone", None))
        states.update({item: ("failed", why) for item, why in failed.items()})
        states.update(dict.fromkeys(names, ("done", None)))
        self.journal.close(states, {name: before[name] for name in names})

    def drift(self) -> Drift:
        """What changed in the old index past the migration."""
        found = drift(self.old, self.new, self.journal)
        if not found.items:
            return found
        with self._writing():  # live writes meanwhile look like it: look again without them
            return drift(self.old, self.new, self.journal, found.items)

    def _catch_up(self) -> bool:
        """Open what changed past the migration; returns whether there is anything."""
        found = drift(self.old, self.new, self.journal)
        if not found.items:
            return False
        with self._writing():
            found = drift(self.old, self.new, self.journal, found.items)
            if found.removed:
                stored = self.new.read(found.removed)
                self.new.remove(stored.ids, stored.versions)
                self.journal.drop(found.removed)
            again = [*found.added, *found.changed]
            self.journal.reopen(again)
        if again and self.journal.phase() == "complete":
            self.journal.phase("running")
        return bool(again)

    def _read_back(self, names: list[str], vectors: Any, versions: Sequence[int]) -> None:
        stored = self.new.read(names)
        place = {item: row for row, item in enumerate(stored.ids)}
        for name, vector, version in zip(names, vectors, versions, strict=True):
            row = place.get(name)
            newer = row is not None and stored.versions[row] > version  # a live write was faster
            same = (
                row is not None
                and not newer
                and stored.stamps[row] == self.new.stamp
                and np.abs(stored.vectors[row] - vector / np.linalg.norm(vector)).max() <= WRITTEN
            )
            if not (newer or same):
                msg = f"the new index did not keep what was written for item {name!r}; nothing is marked as done"
                raise MigrationError(msg)

    # --- live writes ----------------------------------------------------------------------------

    def put(self, ids: Sequence[str], contents: Sequence[Any]) -> None:
        """Write new or changed items to both indexes; returns when both have them.

        Write the content to its own store first: after a crash it is fetched from there.

        Raises:
            MigrationError: There is no old embedder.
            ItemError: Ids repeat, or contents are not one per id.
            VectorError: An item cannot be embedded by one of the models; nothing is written.
        """
        names, _ = named(ids)
        if len(contents) != len(names) or isinstance(contents, str | bytes):
            msg = f"{len(names)} ids for {len(contents)} contents; expected one content per id"
            raise ItemError(msg)
        if not names:
            return
        vectors = self._both(names, contents)
        with self._writing():
            versions = self.journal.intend(names, "write")
            self._put(names, vectors, versions)

    def _both(self, names: list[str], contents: Sequence[Any]) -> tuple[Any, Any]:
        if self.old_embedder is None:
            msg = "live writes need the old model too: Migration(…, old_embedder=…)"
            raise MigrationError(msg)
        made = []
        for embedder in (self.old_embedder, self.embedder):
            good, failed = embed_each(embedder, dict(zip(names, contents, strict=True)))
            if failed:
                item, why = next(iter(failed.items()))
                msg = f"{embedder.stamp!r} cannot embed {item!r}: {why}; nothing was written"
                raise VectorError(msg)
            made.append(np.stack([good[name] for name in names]))
        self.journal.pay(len(names), self.journal.fact("price") * len(names))
        return made[0], made[1]

    def _put(self, names: list[str], vectors: tuple[Any, Any], versions: Sequence[int]) -> None:
        self.old.write(names, vectors[0], versions, stamp=self.old.stamp)
        self.new.write(names, vectors[1], versions, stamp=self.new.stamp)
        self.journal.settle(names, versions, "write")

    def delete(self, ids: Sequence[str]) -> None:
        """Delete items from both indexes.

        Raises:
            ItemError: Ids repeat.
        """
        names, _ = named(ids)
        with self._writing():
            versions = self.journal.intend(names, "delete")
            self._delete(names, versions)

    def _delete(self, names: list[str], versions: Sequence[int]) -> None:
        self.old.remove(names, versions)
        self.new.remove(names, versions)
        self.journal.settle(names, versions, "delete")

    def recover(self) -> int:
        """Repeat live writes that a crash cut off; returns how many.

        Raises:
            MigrationError: There are some, and no old embedder to repeat them with.
        """
        with self._writing():
            cut = self.journal.intents()
            for item, version, kind in cut:
                content = self.items.fetch([item])[0] if kind == "write" else None
                if content is None:
                    self._delete([item], [version])
                else:
                    self._put([item], self._both([item], [content]), [version])
        return len(cut)

    # --- searches -------------------------------------------------------------------------------

    def calibrate(self, calibration: ScoreCalibration) -> None:
        """Serve the mixed gallery from now on, by what `calibrate` learnt from pairs."""
        scratch = self.folder / "calibration.part"
        scratch.write_text(calibration.to_json())
        scratch.replace(self.folder / "calibration.json")
        self.calibration = calibration

    def search(self, queries_old: Any, queries_new: Any = None, k: int = 10) -> Neighbours:
        """Search what is to be served now.

        Args:
            queries_old: Queries embedded by the old model; None after the cutover.
            queries_new: The same queries embedded by the new model; used in the mixed phase and
                after the cutover.
            k: Length of the result list.

        Raises:
            VectorError: The queries of the model in service are missing.
        """
        phase = self.journal.phase()
        cut = phase == "cut over"
        needed, which = (queries_new, "new") if cut else (queries_old, "old")
        if needed is None:
            msg = f"the {which} index serves now: embed the queries with the {which} model"
            raise VectorError(msg)
        if cut:
            return self.new.search(queries_new, k)
        learnt = self.calibration
        if learnt is None or queries_new is None or phase not in {"running", "complete"}:
            return self.old.search(queries_old, k)
        depth = max(k, learnt.depth)
        first, second = self.old.search(queries_old, depth), self.new.search(queries_new, depth)
        return learnt.merge(first, second, self.journal.migrated, k)

    # --- cutover --------------------------------------------------------------------------------

    def status(self) -> Progress:
        """How far it is."""
        return self.journal.progress()

    def check(self) -> list[str]:
        """What stands against the cutover, in sentences; empty if nothing does."""
        return [*against_cutover(self.old, self.new, self.journal), *self._drifted()]

    def _drifted(self) -> list[str]:
        changed = self.drift().changed
        if not changed:
            return []
        return [
            f"{len(changed):,} items changed in the old index after they were embedded, such as"
            f" {changed[0]!r}; run the backfill, which embeds them again, and write through `put`"
        ]

    def cutover(self) -> Progress:
        """Serve from the new index from now on.

        Raises:
            MigrationError: Something stands against it; everything stays as it is.
        """
        if self.journal.phase() == "cut over":
            return self.journal.progress()
        self.recover()
        drifted = self._drifted()  # reads all vectors: not while live writes wait
        with self._writing():  # no live write between the check and the cutover
            against = [*against_cutover(self.old, self.new, self.journal), *drifted]
            if against:
                msg = "no cutover: " + "; ".join(against)
                raise MigrationError(msg)
            self.journal.phase("cut over")
        return self.journal.progress()

    def rollback(self) -> Progress:
        """Serve from the old index again; it has had every live write through `put` and `delete`.

        What other programs wrote to the new index alone is not in the old one: the notes count it.
        """
        self.recover()
        cut = self.journal.phase() == "cut over"
        self.journal.phase("rolled back")
        return replace(
            self.journal.progress(), notes=written_past(self.old, self.new) if cut else ()
        )

    def close(self) -> None:
        """Close the journal."""
        self.journal.end()
