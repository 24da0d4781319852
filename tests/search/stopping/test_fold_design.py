"""The design of the folds, read off splitters, and the errors that follow from it."""

import numpy as np
import pytest
from sklearn.model_selection import (
    KFold,
    LeaveOneGroupOut,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)

from supersede.errors import ArgumentError, HistoryError
from supersede.search.stopping import (
    Float,
    FoldDesign,
    History,
    ParameterSpace,
    ReportedError,
    Trial,
    blocked,
    corrected_error,
    variance_factor,
)

X, Y = np.zeros((60, 1)), np.arange(60) % 2


def test_splitters_are_read():
    assert FoldDesign.of(KFold(10), X).factor == pytest.approx(1 / 10 + 1 / 9)
    assert FoldDesign.of(StratifiedKFold(5), X, Y).factor == pytest.approx(1 / 5 + 1 / 4)
    repeated = FoldDesign.of(RepeatedKFold(n_splits=2, n_repeats=5), X)
    assert repeated.factor == pytest.approx(variance_factor(10, folds_per_repeat=2))
    shuffled = FoldDesign.of(ShuffleSplit(30, test_size=6), X)
    assert shuffled.factor == pytest.approx(1 / 30 + 6 / 54)
    grouped = FoldDesign.of(LeaveOneGroupOut(), X, Y, groups=np.repeat([0, 1, 2], [10, 20, 30]))
    assert grouped.test_sizes == (10, 20, 30)
    assert not repeated.in_time
    series = FoldDesign.of(TimeSeriesSplit(4), X)
    scores = [0.1, 0.2, 0.15, 0.3]
    assert series.in_time
    assert series.error(scores) == blocked(scores)
    drawn = [np.array([0, 0, 1, 2]), np.array([3, 4, 4, 5])]
    assert FoldDesign.of([(drawn[0], [3, 4]), (drawn[1], [0, 1])]).train_sizes == (3, 3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FoldDesign.of(1), "at least 2 folds"),
        (lambda: FoldDesign.of(KFold(3)), "pass X"),
        (lambda: FoldDesign((1, 2), (1,)), "at least two"),
        (lambda: FoldDesign((1, 2, 3), (1, 1)), "one of each"),
        (lambda: FoldDesign((1, 0), (1, 1)), "positive"),
    ],
)
def test_impossible_designs_are_refused(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()


def test_a_trials_own_design_decides():
    space, folds = ParameterSpace({"x": Float(0, 1)}), [0.1, 0.3, 0.2, 0.25]
    told = Trial(
        {"x": 0.5}, 0.2, folds=folds, design=FoldDesign.of(ShuffleSplit(4, test_size=6), X)
    )
    plain = Trial({"x": 0.5}, 0.2, folds=folds)
    found = ReportedError()(History(space, [told]))
    assert found.value == pytest.approx(corrected_error(folds, 1 / 4 + 6 / 54))
    assert "4 splits" in found.source
    untold = ReportedError()(History(space, [plain]))
    assert "taken as one 4-fold split" in untold.source
    with pytest.raises(HistoryError, match="4 fold scores, and its design 3 splits"):
        Trial({}, 0.2, folds=folds, design=FoldDesign.of(3))
    lost = FoldDesign.of(4).error([0.1, 0.3, np.nan, 0.2])
    assert lost == pytest.approx(corrected_error([0.1, 0.3, 0.2], 1 / 3 + 1 / 3))
    assert np.isnan(FoldDesign.of(2).error([0.1, np.nan]))


def test_the_error_of_repeated_splits_is_near_the_truth():
    """Five times two folds: taken as ten folds, the error would be half of the truth."""
    rng = np.random.default_rng(0)
    means, told, untold = [], [], []
    for _ in range(300):
        rows = rng.normal(size=60)
        scores = []
        for train, test in RepeatedKFold(n_splits=2, n_repeats=5, random_state=0).split(rows):
            scores.append(np.mean((rows[test] - rows[train].mean()) ** 2))
        design = FoldDesign.of(RepeatedKFold(n_splits=2, n_repeats=5, random_state=0), rows)
        means.append(np.mean(scores))
        told.append(design.error(scores))
        untold.append(corrected_error(scores))
    truth = np.std(means, ddof=1)
    assert 1 / 1.5 < np.sqrt(np.mean(np.square(told))) / truth < 1.5
    assert np.sqrt(np.mean(np.square(untold))) / truth < 0.75
