import json

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from supersede.embeddings import Head, compatibility, fit_procrustes
from supersede.embeddings.vectors import unit
from supersede.errors import ArgumentError, TooFewLabelsError, VectorError
from tests.embeddings.made import world


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    old = (x - x.mean(0)) @ rng.normal(size=(64, 8))
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    better = np.hstack([old[:, :4], (x - x.mean(0)) @ rng.normal(size=(64, 4))])
    return old, old @ turn, better, y


def _digits(old, new, y, **how):
    q, g = slice(0, 500), slice(500, None)
    return compatibility(
        old[q], new[q], old[g], new[g], query_labels=y[q], gallery_labels=y[g], **how
    )


def test_the_same_model_loses_nothing_and_is_not_called_better(digits):
    old, _, _, y = digits
    found = _digits(old, old, y)
    assert found.searches.lost.value == found.searches.found.value == 0
    assert found.criterion == "undecided"
    assert found.differences["map"].low < 0 < found.differences["map"].high


def test_a_turned_space_fails_across_and_not_by_itself(digits):
    old, turned, _, y = digits
    found = _digits(old, turned, y, measure="map", far=0.01)
    assert found.criterion == "not met"
    assert found.test("self").map.value == pytest.approx(found.test("old").map.value)
    assert found.reindexed.lost.value == 0
    assert found.searches.lost.value > 0.3
    assert found.centroids.change.high < 0
    assert found.threshold.old.far.value <= 0.01
    assert found.threshold.refitted.far.value <= 0.01


def test_a_bridge_undoes_the_turn(digits):
    old, turned, _, y = digits
    bridge = fit_procrustes(turned[500:], old[500:])
    found = _digits(old, turned, y, bridge=bridge)
    assert found.test("cross").map.value == pytest.approx(found.test("old").map.value, abs=1e-4)
    assert "bridge" in found.notes[-1]


def test_lost_searches_by_class_and_group_add_up(digits):
    old, _, better, y = digits
    found = _digits(old, better, y, groups={"half": np.arange(500) % 2}, names=np.arange(500))
    searches = found.searches
    for by in ("class", "half"):
        parts = [part for part in searches.slices if part.by == by]
        assert sum(part.n for part in parts) == searches.n == 500
        lost = sum(part.lost.value * part.n for part in parts) / 500
        assert lost == pytest.approx(searches.lost.value)
    assert searches.both + searches.neither == 500 - round(
        500 * (searches.lost.value + searches.found.value)
    )
    worst = searches.worst
    assert [s.new_rank - s.old_rank for s in worst] == sorted(
        (s.new_rank - s.old_rank for s in worst), reverse=True
    )


def test_an_old_head_is_judged(digits):
    old, turned, _, y = digits
    fitted = LogisticRegression(max_iter=2000).fit(unit(old[500:]), y[500:])
    head = Head(fitted.coef_, fitted.intercept_, fitted.classes_)
    found = _digits(old, turned, y, head=head)
    right = (fitted.predict(unit(old[:500])) == y[:500]).mean()
    assert found.head.old.value == pytest.approx(right)
    assert found.head.change.high < 0
    with pytest.raises(ArgumentError, match="one row per class"):
        _digits(old, turned, y, head=Head(fitted.coef_[:, :5], None, fitted.classes_))


def test_classes_missing_on_either_side(digits):
    old, _, better, y = digits
    gallery = np.flatnonzero(y[500:] != 3) + 500
    found = compatibility(
        old[:500], better[:500], old[gallery], better[gallery],
        query_labels=y[:500], gallery_labels=y[gallery],
    )  # fmt: skip
    assert found.skipped == (y[:500] == 3).sum()
    assert found.centroids.unknown == found.skipped
    assert "are left out" in str(found)


def test_the_paragon_sets_the_scale_of_the_gain():
    made = world()
    turn = fit_procrustes(made.gallery_new, made.gallery_old)
    crossing = turn.apply(made.queries_new)
    found = compatibility(
        made.queries_old, crossing, made.gallery_old, pairs=made.answers,
        paragon=(made.queries_new, made.gallery_new), measure="mrr",
    )  # fmt: skip
    assert found.criterion == "met"
    assert found.gain["mrr"].value == pytest.approx(1, abs=0.02)
    assert found.test("self") is None


def test_one_query_decides_nothing():
    made = world(n=1)
    found = compatibility(made.queries_old, made.queries_old, made.gallery_old, pairs=made.answers)
    assert found.criterion == "undecided"
    assert found.searches.lost.high > 0.5


def test_bad_input_is_refused_and_says_how_to_mend_it():
    made = world(d_new=10)
    with pytest.raises(VectorError, match="bridge="):
        compatibility(made.queries_old, made.queries_new, made.gallery_old, pairs=made.answers)
    without = compatibility(
        made.queries_old,
        made.queries_new,
        made.gallery_old,
        made.gallery_new,
        pairs=made.answers,
        cross=False,
    )
    assert without.criterion is None
    assert "full re-index" in without.headline
    with pytest.raises(VectorError, match="same items"):
        compatibility(
            made.queries_old,
            made.queries_new[1:],
            made.gallery_old,
            pairs=made.answers,
            cross=False,
        )
    with pytest.raises(ArgumentError, match="measure='recall@3'"):
        compatibility(
            made.queries_old,
            made.queries_old,
            made.gallery_old,
            pairs=made.answers,
            measure="recall@3",
        )
    with pytest.raises(TooFewLabelsError, match="needs 1,000,000,000 wrong pairs"):
        compatibility(
            made.queries_old, made.queries_old, made.gallery_old, pairs=made.answers, far=1e-8
        )


def test_the_result_is_written_in_every_form(tmp_path, digits):
    old, _, better, y = digits
    found = _digits(old, better, y, far=0.01)
    assert json.loads(found.to_json())["criterion"] == found.criterion
    assert found.to_frame().num_rows == 3 * 4
    page = found.save(tmp_path / "c.html").read_text()
    assert "<svg" in page
    with pytest.raises(ArgumentError, match="must end in"):
        found.save(tmp_path / "c.pdf")


def test_missing_labels_are_refused_whatever_they_are_written_as(digits):
    old, _, better, y = digits
    import pandas as pd

    for absent in (None, float("nan"), pd.NA):
        labels = np.array([str(v) for v in y[:500]], object)
        labels[3] = absent
        with pytest.raises(ArgumentError, match="1 labels are missing, first in row 3"):
            compatibility(
                old[:500], better[:500], old[500:], query_labels=labels, gallery_labels=y[500:]
            )


def test_labels_too_large_for_a_float_stay_apart():
    from supersede.embeddings.relevance import relevance_of

    found = relevance_of(
        1, 2, query_labels=np.array([2**60 + 1], np.uint64), gallery_labels=[2**60, 2**60 + 1]
    )
    assert found.counts().tolist() == [1]
    assert found.rows(0, 1).tolist() == [[False, True]]


def test_clusters_that_are_missing_are_refused(digits):
    old, _, better, y = digits
    clusters = np.array(["x", None] * 250, object)
    with pytest.raises(ArgumentError, match="250 of 500 queries have none"):
        _digits(old, better, y, clusters=clusters)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"ks": 5}, "ks=5"),
        ({"ks": "10"}, "ks='10'"),
        ({"ks": (True,)}, "ks="),
        ({"own": np.full(500, 1.7)}, "own must name a row"),
        ({"own": np.full(500, -5)}, "own must name a row"),
        ({"paragon": (np.eye(2),)}, "two sets of vectors"),
        ({"bridge": object()}, "without a method apply"),
        ({"bridge": fit_procrustes(np.eye(8), np.eye(8)), "metric": "euclidean"}, "length one"),
        ({"head": Head(np.full((10, 8), np.nan), None, range(10))}, "finite"),
        ({"head": Head(np.ones((10, 8)), np.ones(2), range(10))}, "bias has shape"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(digits, how, said):
    old, _, better, y = digits
    with pytest.raises(ArgumentError, match=said):
        _digits(old, better, y, **how)


def test_a_head_of_text_knows_classes_that_are_numbers(digits):
    old, _, better, y = digits
    head = Head(np.eye(10, 8), None, [str(v) for v in range(10)])
    assert _digits(old, better, y, head=head).head.unknown == 0


def test_queries_that_are_gallery_items_and_files_given_twice_are_noted(digits):
    old, _, better, y = digits
    found = compatibility(old, better, old, old, query_labels=y, gallery_labels=y)
    said = " ".join(found.notes)
    assert f"{len(old)} of {len(old)} queries have an exact copy" in said
    assert "gallery_old and gallery_new are the same vectors" in said
    alone = compatibility(
        old, better, old, better, query_labels=y, gallery_labels=y, own=np.arange(len(y))
    )
    assert not alone.notes
