"""Other people's estimators, and the forms in which an old model is at hand."""

import joblib
import numpy as np
import pandas as pd
import pytest
import xgboost
from lightgbm import LGBMClassifier, early_stopping
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    GroupKFold,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from xgboost import XGBClassifier

from supersede.errors import ArgumentError, SourceError
from supersede.train.flips import OldModel, PositiveCongruentClassifier
from supersede.train.flips.deployed import deployed
from supersede.train.flips.remembered import remember_on

BOOSTING = LGBMClassifier(n_estimators=12, num_leaves=7, n_jobs=1, verbose=-1)


@pytest.fixture(scope="module")
def rare():
    """Two noisy classes, one in ten rows of the second: old, 1200 training and 2000 test rows."""
    X, y = make_classification(
        3500, 6, n_informative=4, weights=[0.9], flip_y=0.05, class_sep=0.7, random_state=3
    )
    old = clone(BOOSTING).fit(X[:300], y[:300])
    return old, (X[300:1500], y[300:1500]), (X[1500:], y[1500:])


ESTIMATORS = [
    LGBMClassifier(n_estimators=12, num_leaves=7, n_jobs=1, verbose=-1, class_weight="balanced"),
    LGBMClassifier(n_estimators=12, num_leaves=7, n_jobs=1, verbose=-1, is_unbalance=True),
    XGBClassifier(n_estimators=12, max_depth=3, n_jobs=1, scale_pos_weight=4),
    make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced")),
    HistGradientBoostingClassifier(max_iter=30, early_stopping=True, random_state=0),
    RandomForestClassifier(8, class_weight="balanced", random_state=0),
]


def named(estimator):
    return type(getattr(estimator, "steps", [("", estimator)])[-1][1]).__name__


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=named)
@pytest.mark.parametrize("mode", ["weights", "soft"])
def test_a_vanishing_strength_is_the_estimator_alone(rare, estimator, mode):
    old, train, (test, _) = rare
    near = PositiveCongruentClassifier(estimator, old, mode=mode, strength=1e-9).fit(*train)
    alone = clone(estimator).fit(*train)
    assert np.abs(near.predict_proba(test) - alone.predict_proba(test)).mean() < 2e-3
    assert (near.predict(test) == alone.predict(test)).mean() > 0.995


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=named)
def test_class_weights_are_kept_with_soft_targets(rare, estimator):
    old, train, (test, truth) = rare
    alone = recall_score(truth, clone(estimator).fit(*train).predict(test))
    soft = PositiveCongruentClassifier(estimator, old, mode="soft", strength=0.5, focus=1.0)
    soft.fit(*train)
    assert recall_score(truth, soft.predict(test)) > alone - 0.2
    assert estimator.get_params().keys() <= soft.model_.get_params().keys()
    if "class_weight" in estimator.get_params():
        assert soft.model_.class_weight == estimator.class_weight


@pytest.mark.parametrize("estimator", ESTIMATORS[:4], ids=named)
def test_soft_targets_with_class_weights_draw_towards_the_old_model(rare, estimator):
    _, (X, y), (test, truth) = rare
    old = clone(estimator).fit(X[:300], y[:300])
    right = old.predict(test) == truth
    soft = PositiveCongruentClassifier(estimator, old, mode="soft", strength=2.0, focus=0.0)
    soft.fit(X[300:], y[300:], seen_by_old=False)
    alone = clone(estimator).fit(X[300:], y[300:])
    flips, usual = ((right & (m.predict(test) != truth)).mean() for m in (soft, alone))
    assert flips < usual


def test_preprocessing_is_fitted_on_the_rows_as_they_are(rare):
    old, (X, y), _ = rare
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    soft = PositiveCongruentClassifier(pipe, old, mode="soft", strength=4.0, focus=0.0).fit(X, y)
    assert soft.model_[0].mean_ == pytest.approx(X.mean(axis=0))
    assert soft.model_[0].n_samples_seen_ == len(X)


def test_arguments_of_fit_reach_the_estimator(rare):
    old, (X, y), test = rare
    stopping = PositiveCongruentClassifier(BOOSTING, old, mode="soft", strengths=(1.0,), cv=2)
    stopping.set_params(estimator__n_estimators=200)
    stopping.fit(X, y, eval_X=test[0], eval_y=test[1], callbacks=[early_stopping(2, verbose=False)])
    assert stopping.model_.best_iteration_ < 100
    by_xgboost = XGBClassifier(n_estimators=200, max_depth=2, early_stopping_rounds=2, n_jobs=1)
    soft = PositiveCongruentClassifier(by_xgboost, old, mode="soft", strength=1.0)
    soft.fit(X, y, eval_set=[test], verbose=False)
    assert soft.model_.best_iteration < 150
    frame = pd.DataFrame(X).assign(kind=np.arange(len(X)) % 3)
    plain = PositiveCongruentClassifier(BOOSTING, mode="soft", strength=1.0)
    plain.fit(frame, y, old_output=old.predict_proba(X), categorical_feature=["kind"])
    assert len(plain.feature_importances_) == 7
    by_histograms = HistGradientBoostingClassifier(early_stopping=True, random_state=0, max_iter=20)
    near = PositiveCongruentClassifier(by_histograms, old, mode="soft", strength=1e-9)
    near.fit(X, y, X_val=test[0], y_val=test[1])
    alone = clone(by_histograms).fit(X, y, X_val=test[0], y_val=test[1])
    assert near.predict_proba(X) == pytest.approx(alone.predict_proba(X))
    pipe = make_pipeline(StandardScaler(), BOOSTING)
    piped = PositiveCongruentClassifier(pipe, old, mode="soft", strength=1.0)
    piped.fit(X, y, lgbmclassifier__init_score=np.zeros(len(X)))
    assert piped.n_features_in_ == 6


def test_monotone_constraints_hold_with_soft_targets(rare):
    old, (X, y), (test, _) = rare
    for estimator in (
        LGBMClassifier(
            n_estimators=12, n_jobs=1, verbose=-1, monotone_constraints=[1, 0, 0, 0, 0, 0]
        ),
        XGBClassifier(n_estimators=12, n_jobs=1, monotone_constraints=(1, 0, 0, 0, 0, 0)),
        HistGradientBoostingClassifier(max_iter=12, monotonic_cst=[1, 0, 0, 0, 0, 0]),
    ):
        soft = PositiveCongruentClassifier(estimator, old, mode="soft", strength=1.0).fit(X, y)
        row = np.repeat(test[:40], 30, axis=0)
        row[:, 0] = np.tile(np.linspace(-3, 3, 30), 40)
        path = soft.predict_proba(row)[:, 1].reshape(40, 30)
        assert (np.diff(path, axis=1) >= -1e-9).all()


def test_groups_stay_together(rare):
    old, (X, y), _ = rare
    grouped = PositiveCongruentClassifier(
        BOOSTING, old, mode="weights", strengths=(1.0,), cv=GroupKFold(3)
    )
    assert grouped.fit(X, y, groups=np.arange(len(y)) // 40).front_.items == len(y)
    with pytest.raises(ValueError, match="groups"):
        grouped.fit(X, y)


def test_an_estimator_that_sets_rows_aside_takes_weights_only(rare):
    old, train, _ = rare
    stopping = GradientBoostingClassifier(n_estimators=20, n_iter_no_change=3, max_depth=2)
    auto = PositiveCongruentClassifier(stopping, old, strengths=(1.0,)).fit(*train)
    assert {p.treatment for p in auto.front_.points} == {"none", "weights"}
    with pytest.raises(ArgumentError, match=r"n_iter_no_change of Grad.* sets training rows aside"):
        PositiveCongruentClassifier(stopping, old, mode="soft", strength=1.0).fit(*train)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (CalibratedClassifierCV(LogisticRegression(), cv=2), "cv of Calibrated"),
        (OneVsRestClassifier(GradientBoostingClassifier(n_iter_no_change=3)), "n_iter_no_change"),
        (
            OneVsRestClassifier(HistGradientBoostingClassifier(early_stopping=True)),
            "early_stopping",
        ),
        (RandomForestClassifier(4, class_weight="balanced_subsample"), "balanced_subsample"),
        (OneVsRestClassifier(LogisticRegression(class_weight="balanced")), "drawn within OneVs"),
    ],
)
def test_copies_of_a_row_stay_out_of_what_happens_within(rare, estimator, words):
    old, (X, y), _ = rare
    with pytest.raises(ArgumentError, match=words):
        PositiveCongruentClassifier(estimator, old, mode="soft", strength=1.0).fit(X, y)


def test_weights_reach_the_last_step_wherever_it_is(rare):
    old, (X, y), (test, _) = rare
    plain = LogisticRegression()
    wanted = PositiveCongruentClassifier(plain, old, mode="weights", strength=1.0).fit(X, y)
    for inside in (
        make_pipeline("passthrough", make_pipeline("passthrough", plain)),
        GridSearchCV(make_pipeline("passthrough", plain), {"logisticregression__C": [1.0]}, cv=2),
        VotingClassifier([("one", plain)], voting="soft"),
    ):
        same = PositiveCongruentClassifier(inside, old, mode="weights", strength=1.0).fit(X, y)
        assert same.predict_proba(test) == pytest.approx(wanted.predict_proba(test), abs=1e-6)
    for without in (FixedThresholdClassifier(plain), TunedThresholdClassifierCV(plain, cv=2)):
        with pytest.raises(ArgumentError, match="does not accept sample_weight"):
            PositiveCongruentClassifier(without, old, mode="weights", strength=1.0).fit(X, y)


def test_an_old_model_in_every_form(rare, tmp_path):
    old, (X, y), (test, _) = rare
    other = XGBClassifier(n_estimators=8, max_depth=2, n_jobs=1).fit(X[:200], y[:200])
    old.booster_.save_model(tmp_path / "old.txt")
    other.save_model(tmp_path / "old.json")
    forms = {
        "function": (lambda rows: old.predict_proba(rows), old),
        "answers": (lambda rows: old.predict(rows), old),
        "old model": (OldModel(old.predict_proba, "probabilities", (0, 1)), old),
        "booster": (old.booster_, old),
        "file": (tmp_path / "old.txt", old),
        "text": (str(tmp_path / "old.txt"), old),
        "xgboost": (other.get_booster(), other),
        "json": (tmp_path / "old.json", other),
    }
    for name, (form, same) in forms.items():
        mode = "weights" if name == "answers" else "soft"
        by_form, by_model = (
            PositiveCongruentClassifier(BOOSTING, o, mode=mode, strength=1.0)
            .fit(X, y, seen_by_old=False)
            .predict_proba(test)
            for o in (form, same)
        )
        assert by_form == pytest.approx(by_model, abs=2e-3), name
    blend = PositiveCongruentClassifier(BOOSTING, tmp_path / "old.txt", mode="blend", strength=1.0)
    assert blend.fit(X, y).predict_proba(test).shape == (len(test), 2)


def test_an_old_model_reads_its_own_columns_by_name(rare):
    _, (X, y), (test, _) = rare
    names = list("abcdef")
    old_rows, rows = (pd.DataFrame(values, columns=names)[list("fbd")] for values in (X, test))
    wide = pd.DataFrame(X, columns=names)
    for old in (
        clone(BOOSTING).fit(old_rows, y),
        XGBClassifier(n_estimators=4, n_jobs=1).fit(old_rows, y),
        LogisticRegression().fit(old_rows, y),
    ):
        forms = [old, *([old.booster_] if hasattr(old, "booster_") else [])]
        forms += [old.get_booster()] if hasattr(old, "get_booster") else []
        for form in forms:
            given, _ = deployed(form).answers(pd.DataFrame(test, columns=names))
            assert given == pytest.approx(old.predict_proba(rows), abs=1e-6)
            with pytest.raises(ArgumentError, match="reads the columns f"):
                deployed(form).answers(wide.drop(columns="f"))
    unnamed = clone(BOOSTING).fit(X, y)
    for form in (unnamed, unnamed.booster_):
        assert deployed(form).answers(wide)[0] == pytest.approx(unnamed.predict_proba(X))
    with pytest.raises(ArgumentError, match="reads 6 columns, the rows have 3"):
        deployed(clone(BOOSTING).fit(X, y).booster_).answers(test[:, :3])


def test_the_classes_of_old_outputs_are_not_guessed(rare):
    old, (X, y), _ = rare
    new = PositiveCongruentClassifier(BOOSTING, mode="soft", strength=1.0)
    said = old.predict_proba(X)
    wanted = new.fit(X, y, old_output=said).predict_proba(X)
    turned = pd.DataFrame(said[:, ::-1], columns=[1, 0])
    assert new.fit(X, y, old_output=turned).predict_proba(X) == pytest.approx(wanted)
    for output, names, words in (
        (np.where(old.predict(X) == 1, 1, -1), None, "old answer -1 is not a class of y"),
        (said, [-1, 1], "old answer -1 is not a class of y"),
        (said, [0, 0], "each class of the old model once"),
    ):
        with pytest.raises(ArgumentError, match=words):
            new.fit(X, y, old_output=output, old_classes=names)
    gone = np.where(np.arange(len(y)) % 2, old.predict(X), 7)
    assert new.fit(X, y, old_output=gone, old_classes=[0, 1, 7]).treatment_.strength == 1


def test_what_is_no_old_model_is_named(rare, tmp_path):
    old, train, _ = rare
    joblib.dump(old, tmp_path / "old.joblib")
    (tmp_path / "old.json").write_text("{}")
    regression = xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(*train), 2)
    for wrong, error, words in (
        (LogisticRegression(), ArgumentError, "is not fitted"),
        (3, ArgumentError, "old is int; expected a fitted classifier"),
        (tmp_path / "none.txt", SourceError, "there is no file"),
        (tmp_path / "old.joblib", SourceError, "load it yourself"),
        (tmp_path / "old.json", SourceError, "cannot read the model"),
        (regression, ArgumentError, "reg:squarederror"),
    ):
        with pytest.raises(error, match=words):
            PositiveCongruentClassifier(BOOSTING, wrong, mode="weights", strength=1.0).fit(*train)
    fixed = PositiveCongruentClassifier(BOOSTING, old.booster_, mode="weights", strength=1.0)
    with pytest.raises(ArgumentError, match="pass shared='skip'"):
        fixed.fit(*train, seen_by_old=np.arange(len(train[1])) < 300)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: 100 * p, "in percent"),
        (lambda p: np.log(p / p[:, ::-1]), "softmax"),
        (lambda p: p[:, 1], "one number per item"),
        (lambda p: np.where(np.arange(len(p)) == 5, 1.0, p[:, 1]), "one number per item"),
        (lambda p: p[:, 1:], "one column"),
        (lambda p: p * 2, "sum to 2 to 2"),
        (lambda p: np.where(p > 0.9, np.nan, p), "not finite"),
    ],
)
def test_old_output_in_another_form_is_refused(rare, change, words):
    old, (X, y), _ = rare
    new = PositiveCongruentClassifier(BOOSTING, mode="soft", strength=1.0)
    with pytest.raises(ArgumentError, match=words):
        new.fit(X, y, old_output=change(old.predict_proba(X)))


def test_catboost_is_an_estimator_and_an_old_model(rare, tmp_path):
    catboost = pytest.importorskip("catboost")
    old, train, (test, _) = rare
    settings = {
        "iterations": 20,
        "depth": 3,
        "verbose": 0,
        "thread_count": 1,
        "allow_writing_files": False,
    }
    estimator = catboost.CatBoostClassifier(
        auto_class_weights="Balanced", random_seed=0, **settings
    )
    near = PositiveCongruentClassifier(estimator, old, mode="soft", strength=1e-9).fit(*train)
    alone = clone(estimator).fit(*train)
    assert near.predict_proba(test) == pytest.approx(alone.predict_proba(test))
    alone.save_model(tmp_path / "old.cbm")
    again = PositiveCongruentClassifier(estimator, tmp_path / "old.cbm", mode="soft", strength=1.0)
    assert again.fit(*train, seen_by_old=False).predict(test).shape == (len(test),)


def test_a_threshold_decides_for_old_and_new(rare):
    old, train, (test, _) = rare
    new = PositiveCongruentClassifier(
        BOOSTING, old, threshold=0.2, strengths=(1.0,), mode=("weights", "blend")
    ).fit(*train)
    assert new.predict(test).tolist() == (new.predict_proba(test)[:, 1] >= 0.2).astype(int).tolist()
    argmax = PositiveCongruentClassifier(BOOSTING, old, strengths=(1.0,), mode="weights").fit(
        *train
    )
    assert new.front_.untreated.error != argmax.front_.untreated.error
    with pytest.raises(ArgumentError, match="threshold=2"):
        PositiveCongruentClassifier(BOOSTING, old, threshold=2, mode="weights", strength=1).fit(
            *train
        )


def test_the_old_models_own_threshold_counts(rare):
    _, (X, y), _ = rare
    old = FixedThresholdClassifier(clone(BOOSTING), threshold=0.15).fit(X[:300], y[:300])
    seen = np.arange(len(y)) < 300
    rows = X[300:], y[300:]
    right = remember_on(deployed(old), *rows, np.unique(y)).right
    assert right.tolist() == (old.predict(rows[0]) == rows[1]).tolist()
    assert right.mean() != (old.predict_proba(rows[0]).argmax(axis=1) == rows[1]).mean()
    new = PositiveCongruentClassifier(BOOSTING, old, mode="weights", strengths=(1.0,))
    assert new.fit(X, y, seen_by_old=seen).front_.untreated.nfr > 0


class Forgetful(PositiveCongruentClassifier):
    """One whose old model answers every row with the first class."""

    def fit(self, X, y, sample_weight=None):
        labels = None if y is None else np.asarray(y).reshape(-1)
        old = (
            labels
            if labels is None or not len(labels)
            else np.repeat(np.unique(labels)[:1], len(labels))
        )
        return super().fit(X, y, sample_weight, old_output=old, seen_by_old=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["weights", "soft"])
def test_scikit_learns_own_checks_pass(mode):
    found = check_estimator(Forgetful(LogisticRegression(), mode=mode, strength=1.0), on_fail=None)
    assert [c["check_name"] for c in found if c["status"] == "failed"] == []
    assert sum(c["status"] == "passed" for c in found) > 45
