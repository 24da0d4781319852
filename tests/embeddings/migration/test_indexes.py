import numpy as np
import pytest

from supersede.embeddings.indexes.opening import open_index
from supersede.embeddings.report.ranking import nearest
from supersede.errors import ArgumentError, IndexAccessError, ItemError, StampError, VectorError


@pytest.fixture(params=["lancedb", "faiss", "pgvector"])
def address(request, tmp_path):
    if request.param == "pgvector":
        return f"{request.getfixturevalue('vector_postgres')}#t{abs(hash(str(tmp_path)))}"
    return f"faiss:{tmp_path}/a.log" if request.param == "faiss" else f"lancedb:{tmp_path}/db/a"


@pytest.fixture
def vectors():
    return np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)


def test_search_is_exact_and_survives_reopening(address, vectors):
    index = open_index(address, stamp="m1", dimensions=6)
    assert index.search(vectors[:2], 3).ids == ((), ())
    names = [f"it's {i}" for i in range(60)]
    index.write(names, vectors, np.arange(60), stamp="m1")
    rows, score = nearest(vectors[:5] + 0.1, vectors, 4)
    for opened in (index, open_index(address)):
        found = opened.search(vectors[:5] + 0.1, 4)
        assert [[names[r] for r in row] for row in rows] == [list(ids) for ids in found.ids]
        np.testing.assert_allclose(np.stack(found.scores), score, atol=1e-5)
        assert opened.stamp == "m1"


def test_older_versions_change_nothing_and_deletion_is_remembered(address, vectors):
    index = open_index(address, stamp="m1", dimensions=6)
    index.write(["a", "b"], vectors[:2], [5, 5], stamp="m1")
    index.write(["a", "b", "c"], vectors[2:5], [4, 6, 1], stamp="m1")
    stored = index.read(["a", "b", "c", "d"])
    assert dict(zip(stored.ids, stored.versions.tolist(), strict=True)) == {"a": 5, "b": 6, "c": 1}
    index.remove(["b"], [7])
    index.write(["b"], vectors[:1], [6], stamp="m1")
    assert index.ids() == ["a", "c"]
    assert "b" not in index.search(vectors[:1], 9).ids[0]
    held = open_index(address).contents()
    assert (held.rows, held.distinct, held.deleted, held.stamps) == (3, 3, 1, {"m1": 3})
    index.write(["b"], vectors[:1], [8], stamp="m1")
    assert index.ids() == ["a", "b", "c"]


def test_wrong_stamps_and_broken_batches_are_refused(address, vectors):
    index = open_index(address, stamp="m1", dimensions=6)
    with pytest.raises(StampError, match="'m2' and the index is of 'm1'"):
        index.write(["a"], vectors[:1], [1], stamp="m2")
    with pytest.raises(VectorError, match="5 dimensions"):
        index.write(["a"], vectors[:1, :5], [1], stamp="m1")
    with pytest.raises(VectorError, match="NaN"):
        index.write(["a"], vectors[:1] * np.nan, [1], stamp="m1")
    with pytest.raises(ItemError, match="repeat"):
        index.write(["a", "a"], vectors[:2], [1, 2], stamp="m1")
    with pytest.raises(ItemError, match=r"one of each|one whole number"):
        index.write(["a"], vectors[:2], [1, 2], stamp="m1")
    with pytest.raises(ItemError, match="one whole number"):
        index.write(["a"], vectors[:1], [1.5], stamp="m1")
    with pytest.raises(ItemError, match="is one text"):
        index.write("ab", vectors[:2], [1, 2], stamp="m1")
    for ids, versions in ((["a", "a"], [1, 2]), (["a", "b"], [1])):
        with pytest.raises(ItemError):
            index.remove(ids, versions)
    with pytest.raises(VectorError, match="queries of 5 dimensions"):
        index.search(vectors[:1, :5], 3)
    with pytest.raises(ArgumentError, match="k=0"):
        index.search(vectors[:1], 0)
    with pytest.raises(VectorError, match="of 6 dimensions, not of 9"):
        open_index(address, stamp="m1", dimensions=9)
    with pytest.raises(StampError, match="not of 'm2'"):
        open_index(address, stamp="m2", dimensions=6)
    assert index.contents().rows == 0


def test_addresses(tmp_path):
    with pytest.raises(ArgumentError, match="expected lancedb:"):
        open_index("chroma:db")
    for address in (f"lancedb:{tmp_path}/db/none", f"faiss:{tmp_path}/none"):
        with pytest.raises(IndexAccessError, match=r"no folder|creates one"):
            open_index(address)
    with pytest.raises(IndexAccessError, match="is the server up"):
        open_index("postgresql://127.0.0.1:1/none#t")
    (tmp_path / "other").write_bytes(b"something else\n")
    with pytest.raises(IndexAccessError, match="not a log of vectors"):
        open_index(f"faiss:{tmp_path}/other")


def test_a_log_that_was_cut_short_loses_the_last_record_only(tmp_path, vectors):
    address = f"faiss:{tmp_path}/a.log"
    index = open_index(address, stamp="m1", dimensions=6)
    index.write(["a"], vectors[:1], [1], stamp="m1")
    index.write(["b"], vectors[1:2], [2], stamp="m1")
    whole = (tmp_path / "a.log").read_bytes()
    (tmp_path / "a.log").write_bytes(whole[:-5])
    again = open_index(address)
    assert again.ids() == ["a"]
    again.write(["b"], vectors[1:2], [2], stamp="m1")
    assert (tmp_path / "a.log").read_bytes() == whole


def test_approximate_indexes_find_nearly_all(tmp_path, vector_postgres):
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, 16))
    vectors = np.vstack([c + 0.3 * rng.normal(size=(25, 16)) for c in centres])
    rows, _ = nearest(vectors[::50], vectors, 10)
    for address in (f"lancedb:{tmp_path}/db/big", f"{vector_postgres}#big"):
        index = open_index(address, stamp="m", dimensions=16)
        index.write([str(i) for i in range(1000)], vectors, np.zeros(1000), stamp="m")
        index.build()
        found = index.search(vectors[::50], 10)
        same = [len({*map(int, f)} & {*r.tolist()}) for f, r in zip(found.ids, rows, strict=True)]
        assert np.mean(same) > 8


def test_nothing_is_made_where_nothing_is_to_be_made(tmp_path):
    with pytest.raises(IndexAccessError, match="no folder"):
        open_index(f"lancedb:{tmp_path}/none/t")
    assert not (tmp_path / "none").exists()
    with pytest.raises(IndexAccessError, match="name a file"):
        open_index(f"faiss:{tmp_path}")
    with pytest.raises(IndexAccessError, match="make it first"):
        open_index(f"faiss:{tmp_path}/no/such", stamp="m1", dimensions=3)


def test_a_table_of_somebody_else_is_left_alone(vector_postgres):
    import psycopg

    with psycopg.connect(vector_postgres, autocommit=True) as link:
        link.execute("CREATE TABLE theirs (id int)")
    with pytest.raises(IndexAccessError, match="did not make"):
        open_index(f"{vector_postgres}#theirs", stamp="m1", dimensions=6)


def test_an_hnsw_index_returns_as_many_as_asked_for(vector_postgres):
    rng = np.random.default_rng(0)
    index = open_index(f"{vector_postgres}#many", stamp="m1", dimensions=6)
    index.write([str(i) for i in range(300)], rng.normal(size=(300, 6)), np.zeros(300), stamp="m1")
    index.build()
    index._run("SET enable_seqscan = off")
    assert len(index.search(rng.normal(size=(1, 6)), 90).ids[0]) == 90
    index._run("SET hnsw.ef_search = 200")  # a deployment's own setting is not lowered
    index.search(rng.normal(size=(1, 6)), 3)
    assert index._run("SHOW hnsw.ef_search").fetchone() == ("200",)
