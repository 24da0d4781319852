import numpy as np
import pytest

from supersede.embeddings.indexes.deployed import DeployedFaiss
from supersede.embeddings.indexes.opening import open_index
from supersede.embeddings.report.through_index import through_index
from supersede.embeddings.vectors import unit
from supersede.errors import ArgumentError, IndexAccessError, ItemError
from tests.embeddings.made import world


def test_an_exact_index_loses_nothing_and_an_approximate_one_is_told(tmp_path):
    made = world(n=100, gallery=600)
    ids = [str(i) for i in range(600)]
    for address in (f"faiss:{tmp_path}/a", f"lancedb:{tmp_path}/db/a"):
        index = open_index(address, stamp="m", dimensions=12)
        index.write(ids, made.gallery_old, np.zeros(600), stamp="m")
        found = through_index(index, made.queries_old, made.gallery_old, ids, made.answers, k=5)
        assert found.change.value == 0
        assert found.agreement == 1
    index.build()
    found = through_index(
        index, made.queries_old, made.gallery_old, ids, [[a] for a in made.answers], k=5
    )
    assert found.agreement > 0.8
    assert found.served.value <= found.exact.value + 0.02
    assert "through the index" in str(found)


def test_an_index_that_changed_is_refused(tmp_path):
    made = world(n=10, gallery=50)
    ids = [str(i) for i in range(50)]
    index = open_index(f"faiss:{tmp_path}/a", stamp="m", dimensions=12)
    index.write(ids[1:], made.gallery_old[1:], np.zeros(49), stamp="m")
    with pytest.raises(IndexAccessError, match="differ in 1 items, such as '0'"):
        through_index(index, made.queries_old, made.gallery_old, ids, made.answers)
    with pytest.raises(ItemError, match="answers for 10 queries"):
        through_index(index, made.queries_old, made.gallery_old, ids, made.answers[1:])


def _built(faiss, kind, vectors, metric):
    d, code = (
        vectors.shape[1],
        {"euclidean": faiss.METRIC_L2}.get(metric, faiss.METRIC_INNER_PRODUCT),
    )
    described = {"flat": "Flat", "ivf": "IVF8,Flat", "hnsw": "HNSW16", "sq8": "SQ8", "map": "IDMap2,Flat",
                 "ivfsq": "IVF4,SQ8"}[kind]  # fmt: skip
    index = faiss.index_factory(d, described, code)
    index.train(vectors)
    if kind in {"ivf", "map"}:  # numbers of its own
        index.add_with_ids(vectors, 7 * np.arange(len(vectors)) + 3)
    else:
        index.add(vectors)
    return index


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw", "sq8", "map", "ivfsq"])
def test_a_faiss_index_that_somebody_else_built(kind, metric, tmp_path):
    faiss = pytest.importorskip("faiss")
    made = world(n=100, gallery=600)
    stretch = np.random.default_rng(1).uniform(1, 2, (600, 1))
    held = unit(made.gallery_old) if metric == "cosine" else made.gallery_old * stretch
    built = _built(faiss, kind, np.ascontiguousarray(held, np.float32), metric)
    faiss.write_index(built, str(tmp_path / "f.index"))
    ids = [f"d{i}" for i in range(600)]
    numbered = {7 * i + 3: name for i, name in enumerate(ids)} if kind in {"ivf", "map"} else ids
    how = {"metric": metric} if metric == "cosine" else {}
    index = DeployedFaiss(tmp_path / "f.index", numbered, stamp="m", **how)
    answers = [ids[a] for a in made.answers]
    found = through_index(index, made.queries_old, held, ids, answers, k=5, metric=metric)
    if kind in {"flat", "map"}:
        assert (found.change.value, found.agreement) == (0, 1)
    assert found.agreement > (0.3 if kind in {"ivf", "ivfsq"} else 0.9)
    scores = index.search(made.queries_old[:3], 5).scores
    assert all((np.diff(s) <= 0).all() for s in scores)


def test_a_faiss_index_is_not_taken_for_another(tmp_path):
    faiss = pytest.importorskip("faiss")
    long = np.full((300, 4), 3.0, np.float32) + np.eye(300, 4, dtype=np.float32)
    built = _built(faiss, "flat", long, "dot")
    with pytest.raises(ArgumentError, match="does not rank by the cosine"):
        DeployedFaiss(built, stamp="m", metric="cosine")
    with pytest.raises(ArgumentError, match="built for dot"):
        DeployedFaiss(built, stamp="m", metric="euclidean")
    with pytest.raises(ItemError, match="3 ids for 300"):
        DeployedFaiss(built, ["a", "b", "c"], stamp="m")
    with pytest.raises(ItemError, match="299 numbers of the index have no id, such as 1"):
        DeployedFaiss(built, {0: "a"}, stamp="m")
    (tmp_path / "x").write_bytes(b"hello")
    for name in ("x", "none"):
        with pytest.raises(IndexAccessError, match="cannot read a FAISS index"):
            DeployedFaiss(tmp_path / name, stamp="m")
    ids = [str(i) for i in range(300)]
    index = DeployedFaiss(built, stamp="m")
    with pytest.raises(ArgumentError, match="compares by 'dot'"):
        through_index(index, long[:5], long, ids, ids[:5])
