"""Statistical errors against formulas, libraries and simulation."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from supersede.errors import ArgumentError
from supersede.search.stopping import (
    Float,
    History,
    ParameterSpace,
    ReportedError,
    Trial,
    auc_error,
    blocked,
    bootstrap_error,
    corrected_error,
    variance_factor,
)
from supersede.search.stopping.regret_bound import published_error

SPACE = ParameterSpace({"x": Float(0, 1)})


@pytest.mark.parametrize(
    ("options", "factor"),
    [
        ({}, 1 / 10 + 1 / 9),
        ({"folds_per_repeat": 5}, 1 / 10 + 1 / 4),
        ({"test_sizes": [20] * 10, "train_sizes": [80] * 10}, 1 / 10 + 1 / 4),
        ({"test_sizes": [10] * 9 + [30], "train_sizes": [110] * 9 + [90]}, None),
    ],
)
def test_the_factor_follows_the_true_sizes(options, factor):
    found = variance_factor(10, **options)
    if factor is None:
        weights = np.array([10] * 9 + [30]) / 120
        factor = (weights**2).sum() + np.mean([10 / 110] * 9 + [30 / 90])
    assert found == pytest.approx(factor)


def test_wrong_sizes_are_refused():
    with pytest.raises(ArgumentError, match="expected 3 positive numbers"):
        variance_factor(3, test_sizes=[1, 2], train_sizes=[1, 2, 3])
    with pytest.raises(ArgumentError, match="at least 2"):
        variance_factor(3, folds_per_repeat=1)


def test_the_published_error_divides_by_k():
    folds = [0.1, 0.2, 0.4, 0.3]
    history = History(SPACE, [Trial({"x": 0.5}, 0.25, folds=folds)])
    assert published_error(history) == pytest.approx(math.sqrt(1 / 4 + 1 / 3) * np.std(folds))
    assert corrected_error(folds) == pytest.approx(math.sqrt(1 / 4 + 1 / 3) * np.std(folds, ddof=1))


def test_shuffled_splits_of_a_mean_have_the_corrected_error():
    rng = np.random.default_rng(0)
    means, told = [], []
    for _ in range(400):
        data = rng.normal(size=100)
        scores = []
        for _ in range(10):
            shuffled = rng.permutation(data)
            scores.append(np.mean((shuffled[:20] - shuffled[20:].mean()) ** 2))
        means.append(np.mean(scores))
        told.append(
            corrected_error(
                scores, variance_factor(10, test_sizes=[20] * 10, train_sizes=[80] * 10)
            )
        )
    assert np.mean(told) == pytest.approx(np.std(means), rel=0.25)


def test_dependent_scores_have_a_larger_error():
    rng = np.random.default_rng(1)
    walk = np.cumsum(rng.normal(size=40)) * 0.1
    assert blocked(walk) > np.std(walk, ddof=1) / math.sqrt(40)
    steady = rng.normal(size=40)
    assert blocked(steady) == pytest.approx(np.std(steady, ddof=1) / math.sqrt(40), rel=0.35)


def test_blocks_widen_the_bootstrap_of_a_series():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=2000)
    series = np.convolve(noise, np.ones(20) / 20, "valid")
    assert bootstrap_error(series, block=50) > 2 * bootstrap_error(series)


def test_the_bootstrap_of_the_mean_draws_to_its_limit():
    losses = np.random.default_rng(3).exponential(size=300)
    drawn = bootstrap_error(losses, lambda sample: float(sample.mean()), resamples=2000)
    assert drawn == pytest.approx(bootstrap_error(losses), rel=0.06)


def test_holdout_errors_are_those_of_new_validation_sets():
    x, y = load_breast_cancer(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    fit_x, x, fit_y, y = train_test_split(x, y, train_size=60, random_state=0)
    model = LogisticRegression(C=0.01).fit(fit_x, fit_y)
    wrong, score = (model.predict(x) != y).astype(float), model.decision_function(x)
    rng = np.random.default_rng(0)
    rates, told, areas, told_areas = [], [], [], []
    for _ in range(200):
        drawn = rng.choice(len(y), 150)
        rates.append(wrong[drawn].mean())
        told.append(bootstrap_error(wrong[drawn]))
        areas.append(roc_auc_score(y[drawn], score[drawn]))
        told_areas.append(auc_error(y[drawn], score[drawn]))
    assert np.mean(told) == pytest.approx(np.std(rates), rel=0.25)
    assert np.mean(told_areas) == pytest.approx(np.std(areas), rel=0.25)


def test_pairing_removes_what_folds_have_in_common():
    rng = np.random.default_rng(4)
    common = rng.normal(size=10)
    trials = [
        Trial({"x": i / 9}, 1 + 0.01 * i, folds=common + 0.01 * i + 0.01 * rng.normal(size=10))
        for i in range(9)
    ]
    history = History(SPACE, trials)
    alone, paired = ReportedError(pool=5)(history), ReportedError(pool=5, paired=True)(history)
    assert paired.value < 0.05 * alone.value
    assert paired.source.startswith("paired")


def test_pooling_averages_variances():
    trials = [Trial({"x": 0.1}, 1, standard_error=3.0), Trial({"x": 0.2}, 2, standard_error=4.0)]
    assert ReportedError(pool=2)(History(SPACE, trials)).value == pytest.approx(math.sqrt(12.5))
    assert ReportedError(pool=1)(History(SPACE, trials)).value == 3.0


def test_item_losses_and_maximisation():
    trials = [Trial({"x": 0.1 * i}, 0.1 * i, losses=[0.0, 1.0] * 50) for i in range(5)]
    found = ReportedError()(History(SPACE, trials, maximize=True))
    assert found.value == pytest.approx(np.std([0.0, 1.0] * 50, ddof=1) / 10)
    assert ReportedError()(History(SPACE, [Trial({"x": 0.1}, 1.0)])) is None


def test_sizes_that_do_not_fit_a_trial_do_not_raise():
    error = ReportedError(test_sizes=[10] * 5, train_sizes=[40] * 5)
    trial = Trial({"x": 0.5}, 1.0, folds=[1.0, 1.1, 0.9])
    assert error(History(SPACE, [trial])).value > 0
