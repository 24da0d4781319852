import pytest
from scipy.stats import loguniform, norm, randint, uniform
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import ShuffleSplit, TimeSeriesSplit

from supersede.integrations.sklearn import StoppingSearchCV, space_of
from supersede.search.stopping import Categorical, Float, Int


def test_it_stops_and_refits():
    search = StoppingSearchCV(Ridge(), {"alpha": loguniform(1e-3, 1e3)}, random_state=0)
    search.fit(*load_diabetes(return_X_y=True))
    assert search.decision_.stop
    assert 20 <= len(search.cv_results_["params"]) < 200
    assert search.best_score_ == pytest.approx(search.history_.best.value)
    assert search.predict(load_diabetes().data).shape == (442,)


@pytest.mark.parametrize("cv", [ShuffleSplit(4, test_size=0.3, random_state=0), TimeSeriesSplit(4)])
def test_the_error_uses_the_true_splits(cv):
    search = StoppingSearchCV(
        Ridge(), {"alpha": loguniform(1e-3, 1e3)}, n_iter=25, cv=cv, random_state=0
    )
    search.fit(*load_diabetes(return_X_y=True))
    assert search.decision_.error > 0


def test_candidates_that_fail_are_counted_and_survived():
    x, y = load_breast_cancer(return_X_y=True)
    search = StoppingSearchCV(
        LogisticRegression(solver="liblinear"),
        {"C": [-1.0, 0.01, 0.1, 1.0]},
        n_iter=4,
        random_state=0,
    )
    search.fit(x[:100], y[:100])
    assert len(search.cv_results_["params"]) == 3
    assert "1 of 4 trials failed" in search.decision_.reason


def test_a_search_of_failures_alone_says_so():
    search = StoppingSearchCV(Ridge(), {"alpha": [-1.0, "x"]}, n_iter=2, random_state=0)
    with pytest.raises(ValueError, match="fits failed"):
        search.fit(*load_diabetes(return_X_y=True))


def test_several_spaces_are_one():
    spaces = [{"alpha": loguniform(1e-3, 1e3)}, {"alpha": [1e-4, 0.1, 1.0], "solver": ["svd"]}]
    assert space_of(spaces).parameters == {
        "alpha": Float(1e-4, 1e3, log=True),
        "solver": Categorical(("svd",)),
    }
    search = StoppingSearchCV(Ridge(), spaces, n_iter=22, random_state=0)
    assert len(search.fit(*load_diabetes(return_X_y=True)).history_.trials) >= 20


def test_distributions_become_ranges():
    space = space_of(
        {
            "log": loguniform(1e-4, 1.0),
            "even": uniform(2, 3),
            "whole": randint(1, 6),
            "choice": ["a", None],
            "listed": [1, 5, 9],
            "free": norm(0, 1),
        }
    ).parameters
    assert space["log"] == Float(1e-4, 1.0, log=True)
    assert space["even"] == Float(2, 5)
    assert space["whole"] == Int(1, 5)
    assert space["choice"] == Categorical(("a", None))
    assert space["listed"] == Int(1, 9)
    assert space["free"].high == pytest.approx(3.09, abs=0.01)
