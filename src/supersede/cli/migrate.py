"""``supersede migrate``: from one embedding model to the next while the index serves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from supersede.cli.common import Quiet, outputs
from supersede.cli.progress import Progress

if TYPE_CHECKING:
    from supersede.embeddings.migration.migration import Migration

__all__ = ["migrate"]

VECTORS = (".npz", ".parquet")  # endings of files of vectors


def migrate(
    action: Literal["plan", "run", "status", "cutover", "rollback"],
    folder: Path,
    *,
    old_index: str | None = None,
    new_index: str | None = None,
    embedder: str | None = None,
    old_embedder: str | None = None,
    stamp: str | None = None,
    items: Path | None = None,
    content: str = "text",
    price_per_embedding: float | None = None,
    price_per_token: float | None = None,
    cap: float | None = None,
    rate: float | None = None,
    order: Path | None = None,
    batch: int = 256,
    limit: int | None = None,
    retry: Annotated[bool, Parameter(negative="")] = False,
    out: Path | None = None,
    json: Path | None = None,
    quiet: Quiet = False,
) -> int:
    """Plan a migration and price it, run its backfill, look at it, cut over, or roll back.

    The plan names the indexes and the new model; the other actions need the folder only. Indexes are
    lancedb:FOLDER/TABLE, faiss:FILE or postgresql://…#TABLE. A run that was killed is simply run again.

    Exit codes: 0 done, 1 the cutover is refused, 2 a usage or data error, 3 stopped by the spend cap.

    Example: supersede migrate plan move --old-index lancedb:db/minilm --new-index lancedb:db/mpnet --embedder mine:mpnet --items docs.parquet

    Args:
        action: What to do.
        folder: Folder of the migration and its journal.
        old_index: The index in service.
        new_index: The index to fill; it is created.
        embedder: The new model as module:name with stamp, dimensions and embed(contents), or a file of
            vectors with ids (.npz, .parquet; then give --stamp).
        old_embedder: The old model, in the same forms; repeats live writes that a crash cut off.
        stamp: Stamp of the model whose vectors a file holds.
        items: Parquet file of contents; not needed with a file of vectors.
        content: Its column of contents; ids are in the column "id".
        price_per_embedding: Price of one embedding.
        price_per_token: In its place: price of one token of text.
        cap: Most that may be spent; with run, a new cap.
        rate: Most embeddings per second.
        order: Text file of ids, one per line, in the order to embed; isolated ones first without it.
        batch: Items per embedding call.
        limit: Most items in this run.
        retry: With run, try items again that could not be embedded.
        out: Write the page here, as HTML in one file.
        json: Write the result here, as JSON.
        quiet: Do not show progress.
    """
    from supersede.errors import MigrationError, SpendCapError

    written = outputs(out=out, json=json)
    told: Any
    if action == "plan":
        facts = {
            "old_address": _anywhere(old_index), "new_address": _anywhere(new_index), "embedder": _anywhere(embedder),
            "old_embedder": _anywhere(old_embedder), "stamp": stamp,
            "items": None if items is None else str(items.resolve()), "content": content,
        }  # fmt: skip
        told = _plan(folder, facts, order, price_per_embedding=price_per_embedding,
                     price_per_token=price_per_token, cap=cap, rate=rate)  # fmt: skip
        code = 0
    else:
        migration = _open(folder)
        code = 0
        try:
            if action == "run":
                told, code = _run(migration, cap, batch, limit, retry=retry, quiet=quiet)
            elif action == "status":
                told = migration.status()
            else:
                told = migration.cutover() if action == "cutover" else migration.rollback()
        except SpendCapError as error:
            print(error)
            return 3
        except MigrationError as error:
            if action != "cutover":
                raise
            print(error)
            return 1
        finally:
            migration.close()
    written.write(told)
    print(told)
    return code


def _anywhere(named: str | None) -> str | None:
    """An address or file as it is found from any folder."""
    if named is None:
        return None
    kind, _, rest = named.partition(":")
    if kind in {"faiss", "lancedb"} and rest:
        return f"{kind}:{Path(rest).resolve()}"
    return str(Path(named).resolve()) if named.endswith(VECTORS) else named


def _plan(folder: Path, facts: dict[str, Any], order: Path | None, **prices: Any) -> Any:
    from supersede.embeddings.indexes.opening import open_index
    from supersede.embeddings.migration.plan import plan_migration
    from supersede.errors import ArgumentError, SourceError

    lacking = [
        f"--{n.replace('_address', '-index')}"
        for n in ("old_address", "new_address", "embedder")
        if not facts[n]
    ]
    if lacking:
        msg = f"a plan needs {', '.join(lacking)}"
        raise ArgumentError(msg)
    embedder, items = _model(facts["embedder"], facts)
    listed = None
    if order is not None:
        try:
            lines = order.read_text(encoding="utf-8").splitlines()
            listed = [line.strip() for line in lines if line.strip()]
        except OSError as error:
            msg = f"cannot read {order}: {error}"
            raise SourceError(msg) from error
    old = open_index(facts["old_address"])
    new = open_index(facts["new_address"], stamp=embedder.stamp, dimensions=embedder.dimensions)
    return plan_migration(folder, old, new, embedder, items, order=listed, facts=facts, **prices)


def _model(named: str, facts: dict[str, Any], stamp: str | None = None) -> tuple[Any, Any]:
    """The embedder, and where contents come from."""
    from supersede.embeddings.migration.sources import FromFile, ItemsFile, load_embedder
    from supersede.errors import ArgumentError

    if named.endswith(VECTORS):
        stamp = stamp or facts["stamp"]
        if stamp is None:
            msg = f"which model made the vectors of {named}? say so with --stamp"
            raise ArgumentError(msg)
        made = FromFile(named, stamp)
        return made, made
    if facts["items"] is None:
        msg = "an embedder needs contents: --items FILE.parquet --content COLUMN"
        raise ArgumentError(msg)
    return load_embedder(named), ItemsFile(facts["items"], facts["content"])


def _open(folder: Path) -> "Migration":
    from supersede.embeddings.indexes.opening import open_index
    from supersede.embeddings.migration.journal import Journal
    from supersede.embeddings.migration.migration import Migration
    from supersede.errors import MigrationError

    journal = Journal(folder / "migration.db")
    names = ("old_address", "new_address", "embedder", "old_embedder", "stamp", "items", "content")
    facts = {name: journal.fact(name) for name in names}
    old_stamp = journal.fact("old")
    journal.end()
    if not (facts["old_address"] and facts["new_address"] and facts["embedder"]):
        msg = f"{folder} was planned from Python, without addresses; open it there: Migration({str(folder)!r}, …)"
        raise MigrationError(msg)
    embedder, items = _model(facts["embedder"], facts)
    before = None
    if facts["old_embedder"]:
        before, _ = _model(facts["old_embedder"], facts, stamp=old_stamp)
    return Migration(
        folder, open_index(facts["old_address"]), open_index(facts["new_address"]), embedder, items,
        old_embedder=before,
    )  # fmt: skip


def _run(
    migration: "Migration",
    cap: float | None,
    batch: int,
    limit: int | None,
    *,
    retry: bool,
    quiet: bool,
) -> tuple[Any, int]:

    if cap is not None:
        migration.allow(cap)
    if retry:
        migration.journal.retry_failed()
    with Progress(quiet=quiet) as say:
        told = migration.run(batch=batch, limit=limit, progress=say)
    return told, 0
