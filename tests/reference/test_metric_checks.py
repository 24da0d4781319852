"""Metrics that checks read, held against scikit-learn on random tables."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk

import supersede
from supersede.metrics.cells import counted
from supersede.metrics.comparison import Sample
from supersede.metrics.measures import measure
from supersede.review import MaxDrop, MaxRise, MinMetric
from supersede.search.stopping import auc_error


def compared(rows, metric, of=None, **arguments):
    table = supersede.read(rows, models=["a", "b"], label="y", **arguments)
    ((found,),) = counted(table, measure(metric, of).compare(Sample(table, "a", "b")))
    return found


@pytest.fixture(params=[(0, None), (1, "w")], ids=["plain", "weights"])
def case(request):
    seed, weight = request.param
    rng = np.random.default_rng(seed)
    n = 400
    names = np.array(["cat", "dog", "7", "1.0"])
    y = rng.choice(4, n, p=[0.5, 0.3, 0.18, 0.02])
    rows = {"y": names[y]}
    for model in "ab":
        rows[model] = names[np.where(rng.random(n) < 0.7, y, rng.integers(0, 4, n))]
    frame = pd.DataFrame(rows | {"w": rng.lognormal(0, 1, n)})
    return frame, weight


def weights(frame, weight):
    return None if weight is None else frame[weight]


@pytest.mark.parametrize(
    ("metric", "of"), [("precision", "cat"), ("recall", "7"), ("f1", "1.0"), ("f1", "dog")]
)
def test_rates_of_a_class(case, metric, of):
    frame, weight = case
    found = compared(frame, metric, of, weight=weight)
    for value, model in ((found.old, "a"), (found.new, "b")):
        expected = getattr(sk, f"{metric}_score")(
            frame.y == of, frame[model] == of, sample_weight=weights(frame, weight)
        )
        assert value[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("metric", "theirs"),
    [
        ("macro_precision", lambda y, p, w: sk.precision_score(y, p, average="macro", sample_weight=w)),
        ("macro_recall", lambda y, p, w: sk.recall_score(y, p, average="macro", sample_weight=w)),
        ("macro_f1", lambda y, p, w: sk.f1_score(y, p, average="macro", sample_weight=w)),
        ("balanced_accuracy", lambda y, p, w: sk.balanced_accuracy_score(y, p, sample_weight=w)),
        ("accuracy", lambda y, p, w: sk.accuracy_score(y, p, sample_weight=w)),
    ],
)  # fmt: skip
def test_averages(case, metric, theirs):
    frame, weight = case
    found = compared(frame, metric, weight=weight)
    for value, model in ((found.old, "a"), (found.new, "b")):
        expected = theirs(frame.y, frame[model], weights(frame, weight))
        assert value[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("digits", [1, 12])
@pytest.mark.parametrize(
    ("metric", "theirs"),
    [
        ("auc", sk.roc_auc_score),
        ("log_loss", sk.log_loss),
        ("brier", sk.brier_score_loss),
        ("recall", lambda y, p, **w: sk.recall_score(y, p >= 0.5, **w)),
        ("specificity", lambda y, p, **w: sk.recall_score(1 - y, p < 0.5, **w)),
    ],
)
def test_scores(metric, theirs, weight, digits):
    rng = np.random.default_rng(digits)
    y = rng.integers(0, 2, 300)
    rows = {"y": y, "w": rng.lognormal(0, 1, 300)}
    for model in "ab":
        rows[model] = np.clip(np.round(rng.beta(1 + y, 2 - y), digits), 0.01, 0.99)
    frame = pd.DataFrame(rows)
    found = compared(frame, metric, weight=weight)
    for value, model in ((found.old, "a"), (found.new, "b")):
        expected = theirs(frame.y, frame[model], sample_weight=weights(frame, weight))
        assert value[0] == pytest.approx(expected, abs=1e-9)


def test_areas_have_delongs_variance():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 80)
    frame = pd.DataFrame({"y": y, "a": rng.beta(1 + y, 2 - y), "b": rng.beta(1 + y, 2 - y)})
    found = compared(frame, "auc")
    assert np.sqrt(found.variance[0]) == pytest.approx(auc_error(y, frame.b), rel=1e-12)
    # items that are each a cluster of their own: Obuchowski's variance is close to DeLong's
    frame["u"] = np.arange(80)
    clustered = compared(frame, "auc", cluster="u")
    assert clustered.variance[0] == pytest.approx(found.variance[0], rel=0.05)


def test_a_mean_has_the_textbook_interval_apart_from_its_widening():
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"y": rng.integers(0, 2, 500)})
    frame["a"], frame["b"] = (rng.uniform(0.05, 0.95, 500) for _ in "ab")
    found = compared(frame, "brier")
    difference = (frame.b - frame.y) ** 2 - (frame.a - frame.y) ** 2
    assert found.difference.variance[0] == pytest.approx(difference.var() / 500, rel=1e-9)
    assert found.difference.up[0] == pytest.approx((difference.max() - difference.mean()) / 500)


def test_a_repeated_item_is_no_more_evidence_in_clusters():
    """Every item five times, in a cluster: the interval is that of the items once."""
    rng = np.random.default_rng(7)
    n = 200
    y = rng.integers(0, 3, n)
    once = pd.DataFrame({"y": y})
    for model in "ab":
        once[model] = np.where(rng.random(n) < 0.8, y, rng.integers(0, 3, n))
    once["u"] = np.arange(n)
    five = pd.concat([once] * 5, ignore_index=True)
    checks = [MaxDrop("macro_f1", 0.5), MaxDrop("recall", 0.5, of=1), MinMetric("f1", 0.5, of=2)]
    ends = []
    for rows in (once, five):
        review = supersede.compare(rows, old="a", new="b", label="y", cluster="u", checks=checks)
        ends.append([(f.low, f.high) for f in review.candidate.findings])
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-6)


def test_groups_are_the_same_as_reviews_of_their_own():
    rng = np.random.default_rng(8)
    n = 300
    y = rng.integers(0, 2, n)
    rows = pd.DataFrame({"y": y, "g": rng.choice(["x", "z"], n), "w": rng.lognormal(0, 0.5, n)})
    for model in "ab":
        rows[model] = np.clip(rng.beta(1 + y, 2 - y), 0.01, 0.99)
    asked = [("f1", MaxDrop), ("auc", MaxDrop), ("macro_f1", MaxDrop), ("log_loss", MaxRise)]
    named = {"old": "a", "new": "b", "label": "y", "weight": "w"}
    split = supersede.compare(rows, checks=[c(m, 0.1, groups="g") for m, c in asked], **named)
    for group in ("x", "z"):
        own = supersede.compare(
            rows[rows.g == group], checks=[c(m, 0.1) for m, c in asked], **named
        )
        for whole, alone in zip(split.candidate.findings, own.candidate.findings, strict=True):
            (found,) = (s for s in whole.slices if s.slice == f"g = {group}")
            assert (found.estimate, found.low, found.high) == pytest.approx(
                (alone.estimate, alone.low, alone.high), rel=1e-9
            )
