"""The meta-estimator: it wins flips at equal error, and refuses what would mislead."""

import pickle
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.train.flips import (
    PositiveCongruentClassifier,
    Treatment,
    choose,
    measure,
    search_distillation,
)
from supersede.train.flips.soft_targets import fit_soft

BOOSTING = LGBMClassifier(n_estimators=15, num_leaves=7, n_jobs=1, verbose=-1)


@pytest.fixture(scope="module")
def data():
    """Three noisy classes: 400 rows for the old model, 1500 for the new, 4000 for tests."""
    X, y = make_classification(
        5900, 8, n_informative=5, n_classes=3, flip_y=0.2, class_sep=0.8, random_state=1
    )
    old = clone(BOOSTING).fit(X[:400], y[:400])
    return old, (X[400:1900], y[400:1900]), (X[1900:], y[1900:])


def flips(old, new, X, y):
    return float(np.mean((old.predict(X) == y) & (new.predict(X) != y)))


@pytest.mark.parametrize("mode", ["weights", "soft", "blend"])
def test_each_mode_lowers_negative_flips(data, mode):
    old, train, test = data
    plain = clone(BOOSTING).fit(*train)
    new = PositiveCongruentClassifier(BOOSTING, old, mode=mode, strength=2.0).fit(*train)
    assert flips(old, new, *test) < 0.85 * flips(old, plain, *test)
    assert new.score(*test) > plain.score(*test) - 0.04
    assert new.predict_proba(test[0]).sum(axis=1) == pytest.approx(1)
    assert new.front_ is None
    again = pickle.loads(pickle.dumps(new))
    assert (again.predict(test[0]) == new.predict(test[0])).all()


def test_auto_takes_the_fewest_flips_within_the_tolerance(data):
    old, train, test = data
    new = PositiveCongruentClassifier(
        BOOSTING, old, tolerance=0.005, confidence=None, strengths=(1.0, 2.0)
    ).fit(*train)
    front = new.front_
    allowed = [p for p in front.points if p.error <= front.untreated.error + 0.005]
    assert front.chosen.nfr == min(p.nfr for p in allowed) < front.untreated.nfr
    assert {p.treatment for p in front.points} == {
        "none", "weights", "soft (plain)", "soft (focal)",
    }  # fmt: skip
    assert new.treatment_.strength == front.chosen.strength
    assert flips(old, new, *test) < flips(old, clone(BOOSTING).fit(*train), *test)


def test_a_tolerance_has_to_be_shown():
    y, items = np.ones(1500, int), np.arange(1500)
    untreated = (items >= 300).astype(int)
    settings = {"y_true": y, "old_right": items < 900, "untreated": untreated}
    points = [measure(y_pred=untreated, treatment="none", strength=0, **settings)]
    for strength, changed in (
        (0.5, 30),
        (1.0, 60),
    ):  # as many right answers lost as won, and three more
        said = np.where(items < changed, 1, np.where((items >= 1497 - changed), 0, untreated))
        points.append(
            measure(y_pred=said, treatment="weights", strength=strength, inflation=2.5, **settings)
        )
    one = points[1]
    assert one.rise == pytest.approx(3 / 1500)
    assert one.rise_error == pytest.approx(np.sqrt(2.5 * (63 + 1 - 1500 * one.rise**2)) / 1500)
    strict = choose(points, tolerance=0.005, items=1500, confidence=0.9)
    assert strict.chosen is strict.untreated
    assert "no strength is shown" in str(strict)
    assert strict.provable == pytest.approx(one.rise + NormalDist().inv_cdf(0.9) * one.rise_error)
    loose = choose(points, tolerance=strict.provable, items=1500, confidence=0.9)
    assert loose.chosen is one
    assert choose(points, tolerance=0.005, items=1500).chosen.strength in (0.5, 1.0)


def test_points_that_were_not_compared_cannot_be_shown():
    points = [
        measure([0, 1], [0, 1], [1, 1], treatment=t, strength=s) for t, s in (("none", 0), ("w", 1))
    ]
    assert choose(points, tolerance=0.1, items=2).chosen.strength == 0
    with pytest.raises(ArgumentError, match="untreated="):
        choose(points, tolerance=0.1, items=2, confidence=0.9)
    with pytest.raises(ArgumentError, match="confidence=1"):
        choose(points, tolerance=0.1, items=2, confidence=1)
    same = measure([0, 1], [0, 1], [1, 1], treatment="w", strength=1, untreated=[0, 1])
    assert same.rise == 0
    assert same.rise_error > 0.1  # two equal answers are no certainty


def test_the_search_tries_both_kinds_of_distillation():
    y = np.arange(400) % 2
    tried = []

    def predict_at(strength, focus):
        tried.append((strength, focus))
        return np.where(np.arange(400) < 40 - 20 * strength * focus, 1 - y, y)

    front = search_distillation(predict_at, y, np.ones(400), strengths=[1.0], tolerance=0.05)
    assert tried == [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]
    assert front.chosen.treatment == "focal distillation"


def test_validation_rows_replace_folds(data):
    old, train, test = data
    new = PositiveCongruentClassifier(BOOSTING, old, mode=["soft", "blend"], focus=0.5)
    new.fit(*train, validation=test)
    assert new.front_.items == len(test[1])
    assert {p.treatment for p in new.front_.points} == {"none", "soft (focus 0.5)", "blend"}
    by_time = PositiveCongruentClassifier(
        BOOSTING, old, mode="weights", cv=PredefinedSplit(np.repeat([-1, 0], [1000, 500]))
    )
    assert by_time.fit(*train).front_.items == 500


def test_strength_zero_is_the_plain_estimator(data):
    old, (X, y), test = data
    for mode in ("weights", "soft", "blend"):
        zero = PositiveCongruentClassifier(BOOSTING, old, mode=mode, strength=0).fit(X, y)
        assert np.array_equal(
            zero.predict_proba(test[0]), clone(BOOSTING).fit(X, y).predict_proba(test[0])
        )


def test_an_old_model_that_is_the_new_one_has_no_flips_to_save(data):
    _, train, _ = data
    old = clone(BOOSTING).fit(*train)
    with pytest.raises(ArgumentError, match="seems to have been trained on these rows"):
        PositiveCongruentClassifier(BOOSTING, old).fit(*train)


def test_shared_rows_are_refused_or_answered_out_of_sample(data):
    _, (X, y), _ = data
    old = DecisionTreeClassifier(random_state=0).fit(X[:500], y[:500])
    new = PositiveCongruentClassifier(BOOSTING, old, mode="weights", strength=1.0)
    with pytest.raises(ArgumentError, match="seen_by_old"):  # right on all
        new.fit(X[:500], y[:500])
    searching = PositiveCongruentClassifier(BOOSTING, old, mode="weights")
    with pytest.raises(
        ArgumentError, match="a new model, out of sample, on"
    ):  # better than any new one
        searching.fit(X[:800], y[:800])
    seen = np.arange(1500) < 500
    by_copies = searching.fit(X, y, seen_by_old=seen).front_
    assert by_copies.items == 1500
    skipping = PositiveCongruentClassifier(BOOSTING, old, mode="weights", shared="skip")
    assert skipping.fit(X, y, seen_by_old=seen).front_.items == 1000
    with pytest.raises(TooFewLabelsError, match="every validation row"):
        skipping.fit(X[:500], y[:500], seen_by_old=seen[:500])
    with pytest.raises(ArgumentError, match="too few to refit copies"):
        new.fit(X, y, seen_by_old=np.arange(1500) < 5)
    with pytest.raises(ArgumentError, match="one boolean for each"):
        new.fit(X, y, seen_by_old=[0, 1])
    new.fit(X[:500], y[:500], seen_by_old=False)  # said to be new to it: believed


def test_outputs_alone_are_enough(data):
    old, (X, y), (test, _) = data
    live = PositiveCongruentClassifier(BOOSTING, old, mode="soft", strength=1.0).fit(X, y)
    kept = PositiveCongruentClassifier(BOOSTING, mode="soft", strength=1.0)
    kept.fit(X, y, old_output=old.predict_proba(X))
    assert np.array_equal(live.predict_proba(test), kept.predict_proba(test))
    kept.fit(X, y, old_output=old.predict(X))  # classes alone
    with pytest.raises(ArgumentError, match="pass shared='skip'"):
        kept.fit(X, y, old_output=old.predict(X), seen_by_old=np.arange(1500) < 500)
    with pytest.raises(ArgumentError, match="has 10 rows and y has 1500"):
        kept.fit(X, y, old_output=old.predict(X)[:10])
    with pytest.raises(ArgumentError, match="is not finite"):
        kept.fit(X, y, old_output=np.full((1500, 3), np.nan))
    with pytest.raises(ArgumentError, match="for 3 classes"):
        kept.fit(X, y, old_output=np.full((1500, 2), 0.5))
    with pytest.raises(ArgumentError, match="no old model"):
        kept.fit(X, y)
    with pytest.raises(ArgumentError, match="needs the old model for prediction"):
        PositiveCongruentClassifier(BOOSTING, mode="blend").fit(X, y, old_output=old.predict(X))


def test_classes_that_come_and_go(data):
    _, (X, y), (test, truth) = data
    names = np.array(["b", "c", "d"])
    kept = y != 1
    old = clone(BOOSTING).fit(X[kept], np.array(["b", "x", "d"])[y[kept]])
    old_of_all = clone(BOOSTING).fit(X, np.array(["a", "b", "d"])[y])  # "a" is no more
    for mode in ("weights", "soft", "blend"):
        for model in (old, old_of_all):
            new = PositiveCongruentClassifier(BOOSTING, model, mode=mode, strength=1.0)
            new.fit(X, names[y], seen_by_old=False)
            assert new.classes_.tolist() == ["b", "c", "d"]
            found = new.predict_proba(test)
            assert np.isfinite(found).all()
            assert found.sum(axis=1) == pytest.approx(1)
            assert (new.predict(test) == names[truth]).mean() > 0.4


def test_several_old_models_at_once(data):
    old, (X, y), test = data
    other = HistGradientBoostingClassifier(max_iter=10).fit(X[:300], y[:300])
    train = (X[300:], y[300:])
    plain = clone(BOOSTING).fit(*train)
    for mode in ("weights", "soft", "blend"):
        new = PositiveCongruentClassifier(BOOSTING, [old, other], mode=mode, strength=3.0)
        new.fit(*train)
        saved = [flips(o, plain, *test) - flips(o, new, *test) for o in (old, other)]
        assert sum(saved) > 0


def test_costly_mistakes_do_not_come_back(data):
    old, (X, y), _ = data
    right = np.flatnonzero(old.predict(X) == y)
    critical = right[clone(BOOSTING).fit(X, y).predict(X)[right] != y[right]][:20]
    cost = np.ones(len(y))
    cost[critical] = 100
    new = PositiveCongruentClassifier(BOOSTING, old, mode="weights", strength=1.0)
    assert (new.fit(X, y, flip_cost=cost).predict(X)[critical] == y[critical]).mean() > 0.9
    assert (new.fit(X, y).predict(X)[critical] == y[critical]).mean() < 0.9
    auto = PositiveCongruentClassifier(BOOSTING, old, mode="weights").fit(X, y, flip_cost=cost)
    assert auto.front_.untreated.flip_cost > auto.front_.untreated.nfr
    with pytest.raises(ArgumentError, match="flip_cost"):
        new.fit(X, y, flip_cost=-cost)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "booster",
    [BOOSTING, XGBClassifier(n_estimators=15, max_depth=3, n_jobs=1)],
    ids=["lightgbm", "xgboost"],
)
def test_a_target_that_is_the_same_everywhere_is_met(data, booster, classes):
    _, (X, y), (test, _) = data
    target = np.array([0.7, 0.3, 0.1][:classes])
    labels = np.minimum(y, classes - 1)
    flat = fit_soft(clone(booster), X, labels, np.tile(target, (len(y), 1)), np.arange(classes))
    expected = np.tile(target / target.sum(), (2, 1))
    assert flat.predict_proba(test[:2]) == pytest.approx(expected, abs=0.02)
    assert flat.get_params().keys() == clone(booster).get_params().keys()
    assert len(flat.feature_importances_) == X.shape[1]


def test_frames_pipelines_weights_and_names(data):
    _, (X, y), (test, _) = data
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    old = clone(pipe).fit(frame[:300], y[:300])
    weight = np.random.default_rng(0).random(len(y) - 300)
    for mode in ("weights", "soft", "blend"):
        new = PositiveCongruentClassifier(pipe, old, mode=mode, strengths=(1.0,))
        new.fit(frame[300:], y[300:], weight)
        assert len(new.predict(pd.DataFrame(test, columns=list("abcdefgh")))) == len(test)
    copied = clone(new)
    assert copied.old is old  # the old model stays fitted
    assert not hasattr(copied, "model_")


def test_what_cannot_be_asked(data):
    old, (X, y), _ = data
    with pytest.raises(ArgumentError, match="needs one mode"):
        PositiveCongruentClassifier(BOOSTING, old, strength=1.0).fit(X, y)
    with pytest.raises(ArgumentError, match="'weights', 'soft', 'blend'"):
        PositiveCongruentClassifier(BOOSTING, old, mode="hard").fit(X, y)
    with pytest.raises(ArgumentError, match="tolerance"):
        PositiveCongruentClassifier(BOOSTING, old, tolerance=-1, strengths=[1]).fit(X, y)
    with pytest.raises(ArgumentError, match="does not accept sample_weight"):
        PositiveCongruentClassifier(KNeighborsClassifier(), old).fit(X, y)
    with pytest.raises(ArgumentError, match="strength=nan"):
        Treatment("weights", float("nan"))
    with pytest.raises(ArgumentError, match="focus=2"):
        Treatment("soft", 1.0, 2)
    with pytest.raises(TooFewLabelsError, match="too few for 3 folds"):
        PositiveCongruentClassifier(BOOSTING, old).fit(X[:4], y[:4])
    with pytest.raises(ValueError, match="Unknown label type"):
        PositiveCongruentClassifier(BOOSTING, old).fit(X, y + 0.5)


def test_an_old_model_that_is_right_nowhere_changes_nothing(data):
    _, (X, y), (test, _) = data
    never = (y + 1) % 3
    plain = clone(BOOSTING).fit(X, y).predict_proba(test)
    for mode, focus in (("weights", 1.0), ("soft", 1.0)):
        new = PositiveCongruentClassifier(BOOSTING, mode=mode, strength=4.0, focus=focus)
        new.fit(X, y, old_output=never)
        assert np.abs(new.predict_proba(test) - plain).mean() < 0.01
    searched = PositiveCongruentClassifier(BOOSTING, mode="weights").fit(X, y, old_output=never)
    assert searched.front_.chosen is searched.front_.untreated
    assert searched.front_.untreated.nfr == 0


def test_labels_of_classes_that_are_no_more_teach_nothing(data):
    old, (X, y), (test, truth) = data
    said = old.predict(X).astype(object)
    said[said == 2] = "gone"
    for mode in ("weights", "soft"):
        new = PositiveCongruentClassifier(BOOSTING, mode=mode, strength=2.0)
        with pytest.raises(ArgumentError, match="old answer 'gone' is not a class of y"):
            new.fit(X, y, old_output=said)
        new.fit(X, y, old_output=said, old_classes=[0, 1, 2, "gone"])
        assert new.classes_.tolist() == [0, 1, 2]
        assert new.score(test, truth) > 0.5


def test_half_precision_outputs_are_taken(data):
    old, (X, y), (test, _) = data
    each = [
        PositiveCongruentClassifier(BOOSTING, mode="soft", strength=1.0)
        .fit(X, y, old_output=old.predict_proba(X).astype(dtype))
        .predict_proba(test)
        for dtype in (np.float16, np.float64)
    ]
    assert np.abs(each[0] - each[1]).mean() < 0.02


def test_a_front_is_shown(data):
    old, train, _ = data
    front = PositiveCongruentClassifier(BOOSTING, old, mode="weights").fit(*train).front_
    page = front.to_html()
    assert '<circle class="ring"' in page
    assert "untreated" in page
    assert "<desc>" in page
    assert front._repr_html_().startswith("<iframe")
    assert front.to_dict()["chosen"]["treatment"] in {"none", "weights"}
    assert set(front.efficient) <= set(front.points)


def test_old_answers_of_another_type_are_refused():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = (X[:, 0] > 0).astype(int)
    model = PositiveCongruentClassifier(LogisticRegression(), mode="weights", strength=1.0)
    with pytest.raises(ArgumentError, match="none of the old answers, such as '1'"):
        model.fit(X, y, old_output=y[::-1].astype(str)[::-1])


def test_strengths_must_be_there():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = (X[:, 0] > 0).astype(int)
    old = LogisticRegression(C=1e-3).fit(X[:20], y[:20])
    for strengths in ((), (-1.0,)):
        with pytest.raises(ArgumentError, match="strengths="):
            PositiveCongruentClassifier(LogisticRegression(), old, strengths=strengths).fit(X, y)
