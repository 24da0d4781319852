import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from supersede.search.stopping import Float, History, Int, ParameterSpace, Trial
from supersede.search.stopping.gaussian_process import condition, fit, objective, prior_mode
from supersede.search.stopping.surrogate import Memory, Settings, surrogate_of


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.random((60, 4))
    y = np.sin(4 * x[:, 0]) + x[:, 1] ** 2 + 0.05 * rng.normal(size=60)
    return x, np.arange(4), (y - y.mean()) / y.std()


def test_the_gradient_is_that_of_the_value(data):
    x, group, y = data
    theta = prior_mode(4) + 0.3
    _, gradient = objective(theta, x, group, y)
    steps = np.eye(6) * 1e-5
    numeric = [
        (objective(theta + e, x, group, y)[0] - objective(theta - e, x, group, y)[0]) / 2e-5
        for e in steps
    ]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-6)


def test_the_posterior_is_that_of_scikit_learn(data):
    x, group, y = data
    hyper = fit(x, group, y)
    ours = condition(hyper, x, group, y)
    kernel = ConstantKernel(hyper.amplitude) * Matern(np.exp(-hyper.theta[:4] / 2), nu=2.5)
    theirs = GaussianProcessRegressor(kernel, alpha=hyper.noise + 1e-9, optimizer=None)
    theirs.fit(x, y - ours.mean)
    places = np.random.default_rng(1).random((200, 4))
    mean, deviation = theirs.predict(places, return_std=True)
    found, spread = ours.predict(places)
    np.testing.assert_allclose(found, mean + ours.mean, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(spread, deviation, rtol=1e-6)


def test_slopes_are_those_of_the_prediction(data):
    x, group, y = data
    posterior = condition(fit(x, group, y), x, group, y)
    at = np.random.default_rng(2).random((3, 4))
    _, _, by_mean, by_deviation = posterior.slopes(at)
    for j in range(4):
        e = np.eye(4)[j] * 1e-6
        up, down = posterior.predict(at + e), posterior.predict(at - e)
        np.testing.assert_allclose(by_mean[:, j], (up[0] - down[0]) / 2e-6, atol=1e-5)
        np.testing.assert_allclose(by_deviation[:, j], (up[1] - down[1]) / 2e-6, atol=1e-5)


def test_rows_appended_are_rows_from_the_start(data):
    x, group, y = data
    hyper = fit(x, group, y)
    whole = condition(hyper, x, group, y)
    grown = condition(hyper, x, group, y, condition(hyper, x[:50], group, y[:50]).lower)
    np.testing.assert_allclose(grown.lower, whole.lower, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(grown.alpha, whole.alpha, rtol=1e-7)


@pytest.mark.parametrize("d", [2, 5, 10])
def test_no_random_point_is_lower_than_the_lowest(d):
    rng = np.random.default_rng(d)
    x = rng.random((80, d))
    names = [f"x{i}" for i in range(d)]
    trials = [
        Trial(dict(zip(names, row.tolist(), strict=True)), float(((row - 0.3) ** 2).sum()))
        for row in x
    ]
    surrogate = surrogate_of(
        History(ParameterSpace({n: Float(0, 1) for n in names}), tuple(trials))
    )
    lowest, _ = surrogate.lowest(2.0)
    mean, deviation = surrogate.posterior.predict(rng.random((100_000, d)))
    assert lowest <= (mean - 2 * deviation).min() + 1e-3 * (mean.max() - mean.min())


def test_a_small_finite_space_is_searched_exactly():
    space = ParameterSpace({"a": Int(0, 9), "b": Int(0, 9)})
    rng = np.random.default_rng(0)
    trials = [
        Trial({"a": int(a), "b": int(b)}, float((a - 3) ** 2 + b))
        for a, b in rng.integers(0, 10, (30, 2))
    ]
    surrogate = surrogate_of(History(space, tuple(trials)))
    assert len(surrogate.pool) == 100
    assert not surrogate.cube.exhausted


def test_memory_changes_the_time_and_not_the_answer():
    rng = np.random.default_rng(0)
    trials = [Trial({"x": float(v)}, float(np.sin(5 * v))) for v in rng.random(60)]
    history = History(ParameterSpace({"x": Float(0, 1)}), tuple(trials))
    memory = Memory()
    for count in range(4, 61):
        grown = surrogate_of(history.first(count), Settings(), memory)
    fresh = surrogate_of(history)
    np.testing.assert_array_equal(grown.posterior.hyper.theta, fresh.posterior.hyper.theta)
    np.testing.assert_allclose(grown.posterior.alpha, fresh.posterior.alpha, rtol=1e-6)
