import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from supersede.embeddings.relevance import relevance_of
from supersede.embeddings.report import ranking
from supersede.embeddings.report.ranking import nearest, rank
from supersede.errors import ArgumentError, ItemError, TooFewLabelsError


@pytest.fixture
def labelled():
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(40, 6)),
        rng.normal(size=(90, 6)),
        rng.integers(0, 5, 40),
        rng.integers(0, 5, 90),
    )


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_precision_and_ranks_against_plain_loops(labelled, metric):
    q, g, a, b = labelled
    found = rank(q, g, relevance_of(40, 90, query_labels=a, gallery_labels=b), metric=metric)
    for i in range(40):
        score = {
            "cosine": g @ q[i] / np.linalg.norm(g, axis=1) / np.linalg.norm(q[i]),
            "dot": g @ q[i],
            "euclidean": -np.linalg.norm(g - q[i], axis=1),
        }[metric]
        right = b == a[i]
        assert found.precision[i] == pytest.approx(average_precision_score(right, score))
        assert found.first[i] == 1 + (score[~right] > score[right].max()).sum()


def test_blocks_change_nothing(labelled, monkeypatch):
    q, g, a, b = labelled
    relevance = relevance_of(40, 90, query_labels=a, gallery_labels=b)
    whole = rank(q, g, relevance)
    monkeypatch.setattr(ranking, "AT_ONCE", 100)
    parts = rank(q, g, relevance)
    assert (whole.first == parts.first).all()
    np.testing.assert_allclose(whole.precision, parts.precision)


@pytest.mark.parametrize("metric", ["dot", "euclidean"])
def test_one_long_vector_makes_no_ties_of_the_others(labelled, metric):
    q, g, a, b = labelled
    far = np.vstack([g, np.full((1, 6), 1e6)])
    plain = rank(q, g, relevance_of(40, 90, query_labels=a, gallery_labels=b), metric=metric)
    relevance = relevance_of(40, 91, query_labels=a, gallery_labels=[*b, 99])
    with_it = rank(q, far, relevance, metric=metric)
    ahead = (q.sum(1) > 0) if metric == "dot" else np.zeros(40, bool)
    np.testing.assert_array_equal(with_it.first, plain.first + ahead)
    long = q.copy()
    long[0] *= 1e6
    again = rank(long, g, relevance_of(40, 90, query_labels=a, gallery_labels=b), metric=metric)
    np.testing.assert_array_equal(again.first[1:], plain.first[1:])


def test_distances_keep_their_digits_far_from_the_origin(labelled):
    q, g, a, b = labelled
    relevance = relevance_of(40, 90, query_labels=a, gallery_labels=b)
    near = rank(q, g, relevance, metric="euclidean")
    far = rank(q + 3000, g + 3000, relevance, metric="euclidean")
    assert (near.first != far.first).mean() < 0.05


def test_a_model_that_says_the_same_of_everything_finds_nothing():
    same = np.ones((50, 4))
    found = rank(same, same, relevance_of(50, 50, pairs=np.arange(50)))
    assert (found.first == 50).all()
    by_class = relevance_of(
        50, 50, query_labels=np.arange(50) % 2, gallery_labels=np.arange(50) % 2
    )
    assert (rank(same, same, by_class).first == 26).all()


def test_an_item_never_answers_itself():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)), np.arange(30) % 3
    own = np.arange(30)
    relevance = relevance_of(30, 30, query_labels=y, gallery_labels=y, own=own)
    found = rank(x, x, relevance, own=own)
    without = np.array(
        [
            average_precision_score(
                np.delete(y == y[i], i), np.delete(x @ x[i] / np.linalg.norm(x, axis=1), i)
            )
            for i in range(30)
        ]
    )
    np.testing.assert_allclose(found.precision, without)


def test_classes_of_one_image_and_unknown_classes_have_nothing_to_find():
    labels = np.array([0, 0, 1])
    own = np.arange(3)
    relevance = relevance_of(3, 3, query_labels=labels, gallery_labels=labels, own=own)
    found = rank(np.eye(3) + 0.1, np.eye(3) + 0.1, relevance, own=own)
    assert found.asked.tolist() == [True, True, False]
    assert np.isnan(found.found(1)[2])


def test_what_is_no_answer_is_refused():
    with pytest.raises(ArgumentError, match="give either"):
        relevance_of(2, 2)
    with pytest.raises(ItemError, match="gallery row 5"):
        relevance_of(2, 2, pairs=np.array([0, 5]))
    with pytest.raises(ItemError, match="repeated"):
        relevance_of(2, 2, pairs=np.array([[0, 1], [0, 1]]))
    with pytest.raises(TooFewLabelsError, match="no query has"):
        relevance_of(2, 2, query_labels=[1, 2], gallery_labels=[3, 4])
    with pytest.raises(ArgumentError, match="are missing"):
        relevance_of(2, 2, query_labels=[1.0, np.nan], gallery_labels=[1.0, 2.0])
    with pytest.raises(ArgumentError, match="one label for each of 2"):
        relevance_of(2, 2, query_labels=[1], gallery_labels=[1, 2])


def test_labels_written_as_numbers_and_as_text_are_the_same():
    assert relevance_of(1, 2, query_labels=["1"], gallery_labels=[1, 2]).counts().tolist() == [1]


def test_nearest_is_exact():
    rng = np.random.default_rng(0)
    q, g = rng.normal(size=(7, 5)), rng.normal(size=(60, 5))
    rows, score = nearest(q, g, 9, metric="dot")
    assert (rows == np.argsort(-(q @ g.T), axis=1)[:, :9]).all()
    np.testing.assert_allclose(score, np.take_along_axis(q @ g.T, rows, 1), rtol=1e-4)
