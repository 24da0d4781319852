"""What stands against a cutover, and what a rollback does not bring back, in sentences."""

from supersede.embeddings.indexes.index import VectorIndex
from supersede.embeddings.migration.journal import Journal

__all__ = ["against_cutover", "written_past"]


def against_cutover(old: VectorIndex, new: VectorIndex, journal: Journal) -> list[str]:
    """What stands against a cutover by count, in sentences: all but vectors that changed."""
    progress = journal.progress()
    found = []
    if progress.open:
        found.append(f"{progress.open:,} items are not embedded yet; run the backfill")
    if progress.failures:
        item, why = next(iter(progress.failed.items()))
        found.append(
            f"{progress.failures:,} items could not be embedded, such as {item!r}: {why}; fix them, then"
            " supersede migrate run FOLDER --retry"
        )
    if progress.intents:
        found.append(
            f"{progress.intents:,} live writes were cut off; run the backfill, which repeats them"
        )
    before, after = set(old.ids()), set(new.ids())
    lacking, extra = before - after - journal.with_state("failed"), after - before
    if lacking and not progress.open:
        found.append(
            f"{len(lacking):,} items are in the old index only, such as {min(lacking)!r}; run the"
            " backfill, which embeds them"
        )
    if extra:
        found.append(
            f"{len(extra):,} items are in the new index only, such as {min(extra)!r}; run the backfill,"
            " which removes them"
        )
    for name, index in (("old", old), ("new", new)):
        held = index.contents()
        if held.rows != held.distinct:
            found.append(f"{held.rows - held.distinct:,} rows of the {name} index are there twice")
        foreign = {s: n for s, n in held.stamps.items() if s != index.stamp}
        if foreign:
            found.append(f"vectors of other models are in the {name} index: {foreign}")
    return found


def written_past(old: VectorIndex, new: VectorIndex) -> tuple[str, ...]:
    """Writes to the new index alone, which a rollback does not bring back."""
    before, after = set(old.ids()), set(new.ids())
    return tuple(
        f"Past the migration, {len(items):,} {where}, such as {min(items)!r}; the rollback does not {what}."
        for items, where, what in (
            (after - before, "written to the new index only", "serve them"),
            (before - after, "deleted from the new index only", "delete them"),
        )
        if items
    )
