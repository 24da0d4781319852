import numpy as np
import pytest

from supersede.embeddings.vectors import aligned, checked, comparable, unit
from supersede.errors import ArgumentError, ItemError, VectorError


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[1.0, np.nan]], "row 0 has values that are NaN"),
        ([[1.0, 0.0], [0.0, 0.0]], "row 1 is all zeros"),
        ([1.0, 2.0], "expected \\(n, d\\)"),
        ([[1.0, 2.0], [3.0]], "cannot be read|holds object"),
        ([["a", "b"]], "expected floats or int8"),
        (np.empty((0, 4)), "nothing in it"),
        (np.empty((4, 0)), "nothing in it"),
        (np.ones((2, 2), "V2"), "how bfloat16 is kept"),
        (np.ma.masked_array(np.ones((2, 2)), np.eye(2)), "masked array"),
    ],
)
def test_broken_vectors_are_refused(values, said):
    with pytest.raises(VectorError, match=said):
        checked(values, "queries_old")


def test_int8_needs_the_cosine():
    assert checked(np.ones((2, 3), np.int8), "q").dtype == np.int8
    with pytest.raises(VectorError, match="without a scale"):
        checked(np.ones((2, 3), np.int8), "q", metric="dot")


def test_vectors_that_score_nothing_with_everything_are_refused():
    with pytest.raises(VectorError, match="row 1 is all zeros"):
        checked([[1.0, 0.0], [0.0, 0.0]], "queries_old", metric="dot")
    assert len(checked([[1.0, 0.0], [0.0, 0.0]], "queries_old", metric="euclidean")) == 2


def test_tensors_that_numpy_cannot_read_name_the_remedy():
    torch = pytest.importorskip("torch")
    for tensor in (torch.ones(2, 2, requires_grad=True), torch.ones(2, 2).bfloat16()):
        with pytest.raises(VectorError, match="detach"):
            checked(tensor, "queries_new")


def test_an_unknown_metric_is_refused():
    with pytest.raises(ArgumentError, match="metric='hamming'"):
        checked(np.ones((2, 3)), "q", metric="hamming")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8])
@pytest.mark.parametrize("size", [1.0, 30.0])
def test_unit_vectors_of_every_precision(dtype, size):
    made = unit((np.array([[3.0, 4.0], [0.0, -1.0]]) * size).astype(dtype))
    np.testing.assert_allclose(made, [[0.6, 0.8], [0, -1]], atol=0.03 if dtype == np.int8 else 1e-3)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_lengths_beyond_the_squares_of_float32(size):
    np.testing.assert_allclose(unit(np.array([[3.0, 4.0]]) * size), [[0.6, 0.8]], rtol=1e-5)


def test_different_dimensions_are_refused_with_a_remedy():
    with pytest.raises(VectorError, match="bridge="):
        comparable(np.ones((2, 3)), np.ones((2, 4)), "queries", "gallery")


def test_items_are_matched_by_id():
    old, new = aligned(["a", "b", "c"], ["c", "a", "b"])
    assert old.tolist() == [0, 1, 2]
    assert new.tolist() == [1, 2, 0]


def test_ids_that_repeat_or_do_not_match_are_refused():
    with pytest.raises(ItemError, match="'a' occurs twice among the new"):
        aligned(["a", "b"], ["a", "a"])
    with pytest.raises(ItemError, match="1 items have an old vector only and 1 a new one only"):
        aligned(["a", "b"], ["a", "c"])
    with pytest.raises(ItemError, match="no id is common"):
        aligned(["a"], ["b"], common=True)
    assert aligned(["a", "b"], ["a", "c"], common=True)[0].tolist() == [0]


def test_codes_and_lengths_beyond_float32_are_refused():
    with pytest.raises(VectorError, match="packed bits"):
        checked(np.ones((2, 3), np.uint8), "queries_old")
    with pytest.raises(VectorError, match="beyond float32"):
        checked(np.full((2, 3), 1e300), "queries_old")
    assert checked(np.full((2, 3), 1e30), "queries_old").shape == (2, 3)
    with pytest.raises(VectorError, match="row 1 has the length"):
        checked([[1.0, 0.0], [1e30, 0.0]], "queries_old", metric="dot")
