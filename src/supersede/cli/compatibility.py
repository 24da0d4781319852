"""``supersede compatibility``: may a new embedding model search what the old one indexed?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from supersede.cli.common import Quiet, Share, Strings, outputs
from supersede.cli.progress import Progress

if TYPE_CHECKING:
    from supersede.embeddings import VectorSet

__all__ = ["compatibility"]


def compatibility(
    queries_old: Path,
    queries_new: Path,
    gallery_old: str,
    gallery_new: str | None = None,
    *,
    label: str | None = None,
    relevant: str | None = None,
    group: Strings = None,
    cluster: str | None = None,
    item: str | None = None,
    vector: str | None = None,
    bridge: Path | None = None,
    cross_test: bool = True,
    same_items: Annotated[bool, Parameter(negative="")] = False,
    common: Annotated[bool, Parameter(negative="")] = False,
    criterion: str = "recall@1",
    k: tuple[int, ...] = (1, 10),
    far: float | None = None,
    distance: Literal["cosine", "dot", "euclidean"] = "cosine",
    confidence: Share = 0.95,
    out: Path | None = None,
    json: Path | None = None,
    quiet: Quiet = False,
) -> int:
    """Compare new queries with the old gallery: old, cross and self test, and lost searches.

    Vectors come from .npy, .npz or .parquet files and are matched by id where files have ids. A gallery may
    be an index: lancedb:FOLDER/TABLE, faiss:FILE or postgresql://…#TABLE. What a right answer is, --label
    (classes on both sides) or --relevant (ids of gallery items) says.

    Exit codes: 0 the compatibility criterion is met, 1 it is not met, 3 undecided or not judged, 2 a usage
    or data error.

    Example: supersede compatibility q_old.parquet q_new.parquet g_old.parquet g_new.parquet --label class

    Args:
        queries_old: Queries embedded by the old model.
        queries_new: The same queries embedded by the new model.
        gallery_old: Gallery embedded by the old model, a file or an index.
        gallery_new: Gallery embedded by the new model, for the self test.
        label: Column of labels. Here: of classes in the old queries' and the old gallery's files.
        relevant: Column of the old queries' file with the id of the gallery item that answers, or
            with a list of ids.
        group: Column whose values are groups; repeat it for several. Here: of the old queries' file.
        cluster: Column of clusters of items that are not independent. Here: of the old queries'
            file, such as a person or session.
        item: Column of item ids. [default: id, otherwise row numbers]
        vector: Column of vectors, where there are several.
        bridge: A map of new queries into the old space, saved with save_map.
        cross_test: Run the cross test; --no-cross-test where dimensions differ.
        same_items: Queries are gallery items: an item never answers itself.
        common: Leave out items that only one of the models embedded.
        criterion: What the verdict rests on: recall@1, …, mrr or map.
        k: Lengths of result lists.
        far: Judge the old verification threshold at this false accept rate.
        distance: How two vectors are compared.
        confidence: Two-sided confidence of every interval, such as 95% or 0.95.
        out: Write the page here, as HTML in one file.
        json: Write the result here, as JSON.
        quiet: Do not show progress.
    """
    from dataclasses import replace

    import numpy as np

    from supersede.embeddings import compatibility as compare
    from supersede.embeddings import load_map, read_vectors
    from supersede.embeddings.relevance import text_of
    from supersede.errors import ArgumentError, ItemError, StampError

    written = outputs(out=out, json=json)
    if (label is None) == (relevant is None):
        msg = "say what a right answer is: --label COLUMN (classes) or --relevant COLUMN (gallery ids)"
        raise ArgumentError(msg)
    with Progress(quiet=quiet) as progress:
        progress("reading the vectors")
        old, new = _matched(queries_old, queries_new, vector, item, "queries", common=common)
        if gallery_new is None:
            held = read_vectors(gallery_old, vector=vector, item=item)
            renewed = None
        else:
            held, renewed = _matched(
                gallery_old, gallery_new, vector, item, "gallery", common=common
            )
        _one_model(old, held, "old")
        if renewed is not None:
            _one_model(new, renewed, "new")
        if old.stamp is not None and old.stamp in {
            new.stamp,
            None if renewed is None else renewed.stamp,
        }:
            msg = (
                f"old and new vectors carry the same stamp {old.stamp!r}; give those of two models"
            )
            raise StampError(msg)
        rows = {text_of(name): row for row, name in enumerate(held.ids.tolist())}
        right: dict[str, Any] = {}
        notes: list[str] = []
        if label is not None:
            right["query_labels"] = old.column(label, "the queries' classes")
            right["gallery_labels"] = held.column(label, "the gallery's classes")
        else:
            right["pairs"], notes = _answers(old.column(relevant or "", "the answers"), rows)
        own = None
        if same_items:
            own = np.array([rows.get(text_of(name), -1) for name in old.ids.tolist()])
            if (own < 0).all():
                msg = (
                    f"--same-items: no query is in the gallery; query ids look like {str(old.ids[0])!r}, ids in the"
                    f" gallery like {str(held.ids[0])!r}"
                )
                raise ItemError(msg)
        else:
            _no_query_inside(old, held, rows)
        progress("searching the galleries")
        found = compare(
            old.values, new.values, held.values, None if renewed is None else renewed.values,
            **right, own=own,
            bridge=None if bridge is None else load_map(bridge), cross=cross_test,
            groups={name: old.column(name, "the groups") for name in group or ()},
            clusters=None if cluster is None else old.column(cluster, "the clusters"),
            names=old.ids, ks=k, measure=criterion, far=far, metric=distance, confidence=confidence,
        )  # fmt: skip
        found = replace(found, notes=(*found.notes, *notes))
    written.write(found)
    print(found)
    return {"met": 0, "not met": 1, "undecided": 3, None: 3}[found.criterion]


def _matched(
    old: str | Path,
    new: str | Path,
    vector: str | None,
    item: str | None,
    what: str,
    *,
    common: bool,
) -> tuple["VectorSet", "VectorSet"]:
    """Both files' vectors of the same items in the same order."""
    from supersede.embeddings import matched, read_vectors

    first, second = (read_vectors(path, vector=vector, item=item) for path in (old, new))
    return matched(first, second, what=what, common=common)


def _no_query_inside(queries: "VectorSet", gallery: "VectorSet", rows: dict[str, int]) -> None:
    """Refuse queries that are gallery items, by id and vector: each would find itself."""
    import numpy as np

    from supersede.embeddings.relevance import text_of
    from supersede.errors import ItemError

    if queries.numbered is not None or gallery.numbered is not None:
        return
    names = map(text_of, queries.ids.tolist())
    pairs = [(at, rows[name]) for at, name in enumerate(names) if name in rows]
    same = sum(np.array_equal(queries.values[a], gallery.values[b]) for a, b in pairs)
    if same:
        msg = (
            f"{same:,} of {len(queries.ids):,} queries are gallery items, by id and by vector, so that each finds"
            " itself; leave an item out of its own results with --same-items"
        )
        raise ItemError(msg)


def _one_model(queries: "VectorSet", gallery: "VectorSet", side: str) -> None:
    """Refuse queries and a gallery whose stamps name different models."""
    from supersede.errors import StampError

    asked, held = queries.stamp, gallery.stamp
    if asked is not None and held is not None and asked != held:
        msg = f"the {side} queries are of {asked!r} and the {side} gallery of {held!r}; give both of one model"
        raise StampError(msg)


def _answers(named: Any, rows: dict[str, int]) -> tuple[Any, list[str]]:
    """Rows of queries and of the gallery items that answer them, and what was left out."""
    import numpy as np

    from supersede.embeddings.relevance import text_of

    pairs: set[tuple[int, int]] = set()
    unknown: list[str] = []
    for query, answer in enumerate(named.tolist()):
        several = answer if isinstance(answer, list | tuple) else [answer]
        names = [text_of(one) for one in several if one is not None and one == one]
        pairs.update((query, rows[name]) for name in names if name in rows)
        unknown += [name for name in names if name not in rows]
    notes = []
    if unknown:
        notes.append(
            f"{len(unknown):,} answers are not in the gallery, such as {unknown[0]!r}, and are left out."
        )
    return np.array(sorted(pairs), np.intp).reshape(-1, 2), notes
