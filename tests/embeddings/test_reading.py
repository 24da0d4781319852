import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from supersede.embeddings import VectorSet, matched, read_vectors
from supersede.embeddings.indexes.opening import open_index
from supersede.errors import (
    ArgumentError,
    IndexAccessError,
    ItemError,
    MissingColumnError,
    SourceError,
    StampError,
    VectorError,
)


def test_npz_of_int8_with_scales(tmp_path):
    q = np.array([[10, -20], [3, 4]], np.int8)
    np.savez(tmp_path / "v.npz", q=q, scale=np.array([0.5, 2.0]), id=np.array(["a", "b"]))
    found = read_vectors(tmp_path / "v.npz")
    np.testing.assert_allclose(found.values, [[5, -10], [6, 8]])
    assert found.ids.tolist() == ["a", "b"]


def test_parquet_with_columns(tmp_path):
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(6.0)), 2)
    pq.write_table(
        pa.table({"id": [3, 1, 2], "v": vectors, "kind": list("xyz")}), tmp_path / "v.parquet"
    )
    found = read_vectors(tmp_path / "v.parquet")
    assert found.values.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert found.column("kind", "classes").tolist() == list("xyz")
    with pytest.raises(MissingColumnError, match="did you mean 'kind'"):
        found.column("kinds", "classes")


def test_bad_files_are_refused(tmp_path):
    with pytest.raises(SourceError, match="cannot read vectors"):
        read_vectors(tmp_path / "none.npy")
    (tmp_path / "half.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(SourceError):
        read_vectors(tmp_path / "half.npy")
    (tmp_path / "v.parquet").write_bytes(b"PAR1")
    with pytest.raises(SourceError):
        read_vectors(tmp_path / "v.parquet")
    with pytest.raises(ArgumentError, match="may end in"):
        read_vectors(tmp_path / "v.csv")
    np.savez(tmp_path / "two.npz", a=np.eye(2), b=np.eye(2))
    with pytest.raises(ArgumentError, match="--vector"):
        read_vectors(tmp_path / "two.npz")
    np.savez(tmp_path / "twice.npz", a=np.eye(2), id=np.array([1, 1]))
    with pytest.raises(ItemError, match="ids repeat"):
        read_vectors(tmp_path / "twice.npz")
    ragged = pa.table({"v": pa.array([[1.0, 2.0], None, [1.0]])})
    pq.write_table(ragged, tmp_path / "ragged.parquet")
    with pytest.raises(VectorError, match="row 1 has 1 values and row 0 2"):
        read_vectors(tmp_path / "ragged.parquet", vector="v")


@pytest.mark.parametrize("kind", ["faiss:{}/old.log", "lancedb:{}/db/old"])
def test_an_index_is_read_by_its_address(kind, tmp_path):
    address = kind.format(tmp_path)
    with pytest.raises(IndexAccessError):
        read_vectors(address)
    index = open_index(address, stamp="old-1", dimensions=2)
    with pytest.raises(VectorError, match="holds no vectors"):
        read_vectors(address)
    index.write(["b", "a", "c"], [[0, 2], [1, 0], [1, 1]], [0, 0, 0], stamp="old-1")
    index.remove(["c"], [1])
    del index
    found = read_vectors(address)
    order = np.argsort(found.ids)
    assert found.ids[order].tolist() == ["a", "b"]
    np.testing.assert_allclose(found.values[order], [[1, 0], [0, 1]], atol=1e-6)
    assert found.column("stamp", "stamps").tolist() == ["old-1", "old-1"]


def test_an_index_of_two_models_is_refused(monkeypatch, tmp_path):
    address = f"faiss:{tmp_path}/old.log"
    index = open_index(address, stamp="old-1", dimensions=2)
    index.write(["a"], [[0, 2]], [0], stamp="old-1")
    counts = type(index.contents())(2, 2, 0, {"old-1": 1, "new-1": 1})
    monkeypatch.setattr(type(index), "contents", lambda _: counts)
    with pytest.raises(StampError, match=r"'new-1': 1, 'old-1': 1"):
        read_vectors(address)


def test_rows_without_a_vector_are_left_out(tmp_path):
    table = {"v": pa.array([None, [1.0, 2.0], None, [3.0, 4.0], None])}
    pq.write_table(pa.table(table), tmp_path / "v.parquet")
    found = read_vectors(tmp_path / "v.parquet")
    assert found.values.tolist() == [[1, 2], [3, 4]]
    assert (found.ids.tolist(), found.numbered) == ([1, 3], 5)
    pq.write_table(pa.table(table | {"id": list("abcde")}), tmp_path / "v.parquet")
    found = read_vectors(tmp_path / "v.parquet")
    assert (found.ids.tolist(), found.numbered) == (["b", "d"], None)
    pq.write_table(
        pa.table({"v": pa.array([None], pa.list_(pa.float32()))}), tmp_path / "v.parquet"
    )
    with pytest.raises(VectorError, match="holds no vectors"):
        read_vectors(tmp_path / "v.parquet")


def test_columns_keep_what_they_hold(tmp_path):
    table = {
        "v": pa.array([[1.0, 2.0], [3.0, 4.0]]),
        "words": pa.array([["x"], ["y", "z"]]),
        "whole": pa.array([7, None]),
    }
    pq.write_table(pa.table(table), tmp_path / "v.parquet")
    found = read_vectors(tmp_path / "v.parquet")
    assert found.columns["words"].tolist() == [["x"], ["y", "z"]]
    assert found.columns["whole"].tolist() == [7, None]
    pq.write_table(pa.table(table | {"id": [None, "b"]}), tmp_path / "v.parquet")
    with pytest.raises(ItemError, match="1 vectors have no id, first in row 0"):
        read_vectors(tmp_path / "v.parquet")
    np.save(tmp_path / "one.npy", np.float32(3))
    with pytest.raises(VectorError, match="holds one number"):
        read_vectors(tmp_path / "one.npy")


def _set(values, ids=None, **columns):
    named = {name: np.asarray(column) for name, column in columns.items()}
    n = len(values)
    if ids is None:
        return VectorSet(np.asarray(values), np.arange(n), named, n)
    return VectorSet(np.asarray(values), np.asarray(ids), named)


def test_rows_are_matched_by_id_or_where_nothing_speaks_against_it():
    plain, turned = np.eye(3), np.eye(3)[::-1]
    a, b = matched(_set(plain, ["a", "b", "c"]), _set(turned, ["c", "b", "a"]))
    np.testing.assert_array_equal(a.values, b.values)
    assert matched(_set(plain, [0, 1, 2]), _set(turned))[1].values is turned
    assert matched(_set(plain), _set(turned), common=True)[1].values is turned
    with pytest.raises(ItemError, match="3 old and 2 new rows without ids"):
        matched(_set(plain), _set(plain[:2]), common=True)
    with pytest.raises(ItemError, match="the new vectors have no ids"):
        matched(_set(plain, [1, 0, 2]), _set(turned))
    with pytest.raises(ItemError, match="--item key"):
        matched(_set(plain, key=[1, 2, 3]), _set(turned, key=[3, 2, 1]))
    held = VectorSet(plain[:2], np.array([0, 2]), {}, 3)  # the model did not embed row 1
    a, b = matched(_set(plain), held, common=True)
    assert a.ids.tolist() == b.ids.tolist() == [0, 2]


def test_a_column_of_stamps_names_one_model():
    assert _set(np.eye(2), stamp=["a", "a"]).stamp == "a"
    assert _set(np.eye(2)).stamp is None
    assert _set(np.eye(30), stamp=[f"2026-01-{i}" for i in range(30)]).stamp is None
    with pytest.raises(StampError, match="several models"):
        _ = _set(np.eye(2), stamp=["a", "b"]).stamp


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_npz_is_refused(tmp_path, damage):
    path = tmp_path / "v.npz"
    np.savez(path, vectors=np.ones((50, 8)), id=np.arange(50))
    held = bytearray(path.read_bytes())
    if damage == "cut":
        del held[len(held) // 2 :]
    else:
        held[400] ^= 255
    path.write_bytes(held)
    with pytest.raises(SourceError, match="cannot read vectors"):
        read_vectors(path)


@pytest.mark.parametrize(
    "columns",
    [
        {"id": ["a", "b"], "v": [[[1.0, 2.0]], [[3.0, 4.0]]]},
        {"id": ["a", "b"], "v": [{"e": [1.0]}, {"e": [2.0]}]},
        {"d0": [1.0, 2.0], "d1": [3.0, 4.0]},
    ],
)
def test_a_table_without_a_column_of_lists_of_numbers_says_so(tmp_path, columns):
    pq.write_table(pa.table(columns), tmp_path / "v.parquet")
    with pytest.raises(ArgumentError, match="is a column of lists of numbers"):
        read_vectors(tmp_path / "v.parquet")


def test_own_columns_of_the_reader_are_not_shown(tmp_path):
    pq.write_table(pa.table({"v": [[1.0], [2.0]]}), tmp_path / "v.parquet")
    with pytest.raises(MissingColumnError) as told:
        read_vectors(tmp_path / "v.parquet", item="row number in the file")
    assert "rows of the file" not in str(told.value)


def test_stamps_on_some_vectors_only_are_refused():
    half = VectorSet(np.eye(2), np.arange(2), {"stamp": np.array(["m1", None], object)})
    with pytest.raises(StampError, match="1 of 2 vectors have no value"):
        _ = half.stamp
