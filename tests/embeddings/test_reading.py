import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from supersede.embeddings import read_vectors
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
    ragged = pa.table({"v": pa.array([[1.0, 2.0], [1.0], None])})
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
