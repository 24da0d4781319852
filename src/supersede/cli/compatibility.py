"""``supersede compatibility``: may a new embedding model search what the old one indexed?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

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
    answer: str | None = None,
    group: tuple[str, ...] = (),
    cluster: str | None = None,
    item: str | None = None,
    vector: str | None = None,
    bridge: Path | None = None,
    cross: bool = True,
    same_items: Annotated[bool, Parameter(negative="")] = False,
    common: Annotated[bool, Parameter(negative="")] = False,
    measure: str = "recall@1",
    k: tuple[int, ...] = (1, 10),
    far: float | None = None,
    metric: Literal["cosine", "dot", "euclidean"] = "cosine",
    confidence: float = 0.95,
    out: Path | None = None,
    json: Path | None = None,
) -> int:
    """Compare new queries with the old gallery: old, cross and self test, and lost searches.

    Vectors come from .npy, .npz or .parquet files and are matched by id where files have ids. A gallery may
    be an index: lancedb:FOLDER/TABLE, faiss:FILE or postgresql://…#TABLE. What a right answer is, --label (classes on both sides) or --answer (ids of gallery items) says.

    Exit codes: 0 the compatibility criterion is met, 1 it is not met, 3 undecided or not judged, 2 a usage
    or data error.

    Example: supersede compatibility q_old.parquet q_new.parquet g_old.parquet g_new.parquet --label class

    Args:
        queries_old: Queries embedded by the old model.
        queries_new: The same queries embedded by the new model.
        gallery_old: Gallery embedded by the old model, a file or an index.
        gallery_new: Gallery embedded by the new model, for the self test.
        label: Column of classes in the old queries' and the old gallery's files.
        answer: Column of the old queries' file with the id of the gallery item that answers.
        group: Columns of the old queries' file by which lost searches are split.
        cluster: Column of the old queries' file: queries of one person or session.
        item: Column of ids; "id" where there is one, row numbers otherwise.
        vector: Column of vectors, where there are several.
        bridge: A map of new queries into the old space, saved with save_map.
        cross: Run the cross test; --no-cross where dimensions differ.
        same_items: Queries are gallery items: an item never answers itself.
        common: Leave out items that only one of the models embedded.
        measure: What the criterion is judged by: recall@1, …, mrr or map.
        k: Lengths of result lists.
        far: Judge the old verification threshold at this false accept rate.
        metric: How two vectors are compared.
        confidence: Of the intervals.
        out: Write the page there.
        json: Write the result as JSON.
    """
    import numpy as np

    from supersede.embeddings import compatibility as compare
    from supersede.embeddings import load_map, read_vectors
    from supersede.errors import ArgumentError
    from supersede.look.page import write_whole

    if (label is None) == (answer is None):
        msg = (
            "say what a right answer is: --label COLUMN (classes) or --answer COLUMN (gallery ids)"
        )
        raise ArgumentError(msg)
    old, new = _matched(queries_old, queries_new, vector, item, "queries", common=common)
    if gallery_new is None:
        held = read_vectors(gallery_old, vector=vector, item=item)
        renewed = None
    else:
        held, renewed = _matched(gallery_old, gallery_new, vector, item, "gallery", common=common)
    rows = {str(name): row for row, name in enumerate(held.ids)}
    right: dict[str, Any] = {}
    if label is not None:
        right["query_labels"] = old.column(label, "the queries' classes")
        right["gallery_labels"] = held.column(label, "the gallery's classes")
    else:
        wanted = old.column(answer or "", "the answers")
        right["pairs"] = np.array([rows.get(str(name), -1) for name in wanted])
    found = compare(
        old.values, new.values, held.values, None if renewed is None else renewed.values, **right,
        own=np.array([rows.get(str(name), -1) for name in old.ids]) if same_items else None,
        bridge=None if bridge is None else load_map(bridge), cross=cross,
        groups={name: old.column(name, "the groups") for name in group},
        clusters=None if cluster is None else old.column(cluster, "the clusters"),
        names=old.ids, ks=k, measure=measure, far=far, metric=metric, confidence=confidence,
    )  # fmt: skip
    if out is not None:
        write_whole(out, found.to_html())
    if json is not None:
        write_whole(json, found.to_json())
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
    from supersede.embeddings import aligned, read_vectors

    first, second = (read_vectors(path, vector=vector, item=item) for path in (old, new))
    rows, others = aligned(first.ids, second.ids, what=what, common=common)
    whole = len(rows) == len(first.ids) == len(second.ids) and (rows == others).all()
    return (first, second) if whole else (first.take(rows), second.take(others))
