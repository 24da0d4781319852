"""Uncertainty, prediction sets, the learning curve, and pages."""

import json

import numpy as np
import pytest
import torch
from tests.train.linear.cases import cnn, digits
from torch import nn

from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.train.linear import LQF


@pytest.fixture(scope="module")
def fitted():
    X, y = digits(60)
    return LQF(cnn()).fit(X, y)


def test_uncertainty_is_the_gaussian_posterior(fitted):
    X, _ = digits(3, start=200)
    found = fitted.uncertainty(X)
    from supersede.train.linear.jacobian import rows

    J = rows(fitted.linear, fitted.items.inputs).reshape(600, -1).numpy()
    new = rows(fitted.linear, fitted.items.inputs.__class__((X,), {})).numpy()
    r = (fitted.items.targets - fitted.base).reshape(-1)
    penalty = fitted.penalty.value
    total = J @ J.T + penalty * np.eye(600)
    variance = penalty * (r @ np.linalg.solve(total, r)) / 600
    assert found.noise == pytest.approx(variance**0.5, rel=1e-6)
    for i in range(3):
        cross = new[i] @ J.T
        left = new[i] @ new[i].T - cross @ np.linalg.solve(total, cross.T)
        assert np.allclose(found.std[i] ** 2, variance / penalty * np.diag(left), rtol=1e-5)
    low, high = found.interval()
    wide_low, wide_high = found.interval(of="target")
    assert (wide_low < low).all()
    assert (high < wide_high).all()
    assert found.to_frame().num_rows == 30
    for bad in ({"confidence": 1.0}, {"confidence": 0.0}):
        with pytest.raises(ArgumentError, match="confidence"):
            fitted.uncertainty(X, **bad)
    with pytest.raises(ArgumentError, match="'mean' or 'target'"):
        found.interval(of="x")


def test_intervals_cover_under_the_model():
    """Targets drawn from the prior and noise: intervals of the public call must cover them."""
    network = nn.Sequential(nn.Linear(3, 12), nn.Tanh(), nn.Linear(12, 1)).double().eval()
    rng = np.random.default_rng(0)
    covered, total = 0, 0
    from supersede.train.linear.items import inputs
    from supersede.train.linear.jacobian import rows
    from supersede.train.linear.linearized import Linearized

    linear = Linearized(network)
    for _ in range(40):
        X, new = torch.tensor(rng.normal(size=(60, 3))), torch.tensor(rng.normal(size=(5, 3)))
        J = rows(linear, inputs(torch.cat([X, new]), linear.like))[:, 0].numpy()
        truth = network(torch.cat([X, new])).detach().numpy()[:, 0] + J @ rng.normal(
            size=J.shape[1]
        )
        y = truth[:60] + 0.5 * rng.normal(size=60)
        fit = LQF(network, regularization=0.25).fit(
            X, y[:, None]
        )  # noise 0.5 over prior 1, squared
        low, high = fit.uncertainty(new, confidence=0.9).interval()
        covered += int(((low[:, 0] <= truth[60:]) & (truth[60:] <= high[:, 0])).sum())
        total += 5
    assert 0.84 < covered / total < 0.96  # three standard errors around 0.9


def test_prediction_sets_cover():
    X, y = digits(1700)
    rng = np.random.default_rng(1)
    hits, sizes = [], []
    for _ in range(8):
        order = rng.permutation(1700)
        few, new = order[:50], order[50:80]
        fit = LQF(cnn(width=2), parameters="head").fit(X[few], y[few])
        sets = fit.prediction_sets(X[new], confidence=0.8)
        hits.append(sets.member[np.arange(30), y[new]].mean())
        sizes.append(sets.sizes.mean())
    assert np.mean(hits) > 0.8 - 3 * np.std(hits) / 8**0.5 - 0.02
    assert 1 <= np.mean(sizes) < 6
    assert sets.guaranteed == pytest.approx(0.6)
    assert len(sets.to_dict()["sets"]) == 30
    assert "classes on average" in str(sets)


def test_prediction_sets_are_those_of_as_many_refits():
    X, y = digits(12)
    y = y % 3
    fit = LQF(cnn(outputs=3), regularization=0.5).fit(X, y)
    x = digits(1, start=50)[0]
    scores, right = [], []
    for row in range(12):
        kept = np.delete(np.arange(12), row)
        other = LQF(cnn(outputs=3), regularization=0.5).fit(X[kept], y[kept])

        def score(out):
            return np.array([np.delete(out, c).max() - out[c] for c in range(3)])

        right.append(score(other.outputs(X[row : row + 1])[0])[y[row]])
        scores.append(score(other.outputs(x)[0]))
    better = (np.array(right)[:, None] < np.array(scores)).sum(0)
    sets = fit.prediction_sets(x, confidence=0.7)
    assert np.array_equal(sets.member[0], better < np.ceil(0.7 * 13))


def test_too_few_items_rule_no_class_out(fitted):
    with pytest.raises(TooFewLabelsError, match="99 items"):
        fitted.prediction_sets(digits(1)[0], confidence=0.99)
    fitted.prediction_sets(digits(1)[0], confidence=60 / 61 - 1e-9)
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        fitted.prediction_sets(digits(1)[0], confidence=90)


def test_learning_curve_is_leave_one_out_of_parts(fitted):
    curve = fitted.learning_curve(points=3, orders=2)
    assert curve.sizes == (20, 40, 60)
    assert curve.errors[0][2] == curve.errors[1][2] == pytest.approx(fitted.leave_one_out().error)
    assert "<svg" in curve.to_html()
    assert json.loads(curve.to_json())["sizes"] == [20, 40, 60]
    assert curve.to_frame().num_rows == 6
    with pytest.raises(ArgumentError, match="too few for 40 points"):
        fitted.learning_curve(points=40)
    X, y = digits(20)
    iterated = LQF(cnn(width=2), solver="cg", regularization=1.0).fit(X, y)
    with pytest.raises(ArgumentError, match="solver='kernel'"):
        iterated.learning_curve()


def test_influence_page(fitted, tmp_path, browser):
    X, _y = digits(60)
    x, _ = digits(1, start=300)
    found = fitted.influence(x, shown=list(X[:, 0].numpy()), input_shown=x[0, 0].numpy())
    path = found.save(tmp_path / "who.html")
    for width in (390, 1280):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(i => i.naturalWidth === 8)")
        assert page.get_by_role("row").count() > 3
        page.close()
    texts = fitted.influence(x, shown=[f"<b>{i}</b>" for i in range(60)]).to_html()
    assert "&lt;b&gt;" in texts
    assert "<b>1" not in texts
    with pytest.raises(ArgumentError, match="cannot show an array of shape"):
        fitted.influence(x, shown=[np.zeros((2, 2, 2, 2))] * 60).to_html()


def test_certificate_page(fitted, tmp_path, browser):
    path = fitted.forget([1, 2, 3]).save(tmp_path / "certificate.html")
    for width in (390, 1280):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()


def test_every_answer_is_a_page_and_json(fitted, tmp_path):
    X, _ = digits(3, start=200)
    answers = [
        fitted.leave_one_out(), fitted.uncertainty(X), fitted.prediction_sets(X, confidence=0.8),
        fitted.keep_right(strength=1.0), fitted.influence(X[:1]), fitted.forget([0]),
        fitted.learning_curve(points=2, orders=2),
    ]  # fmt: skip
    for answer in answers:
        page = answer.to_html()
        assert page.startswith("<!doctype html>")
        assert "<h1>" in page
        assert answer.save(tmp_path / "a.html").read_text() == page
        assert json.loads(answer.save(tmp_path / "a.json").read_text())
        assert answer.to_frame().num_rows > 0
        assert "<iframe" in answer._repr_html_()
        assert len(str(answer)) < 300
        with pytest.raises(ArgumentError, match="must end in"):
            answer.save(tmp_path / "a.docx")
    worst = fitted.leave_one_out().to_frame().to_pydict()["squared_error"]
    assert worst == sorted(worst, reverse=True)


def test_a_fit_shows_how_it_was_made(fitted):
    assert "Leave-one-out error by regularization" in fitted.to_html()
    X, y = digits(20)
    given = LQF(cnn(width=2), regularization=1.0).fit(X, y)
    assert "<svg" in given.to_html()
    iterated = LQF(cnn(width=2), solver="cg", regularization=1.0).fit(X, y)
    assert "Gradient left after each step" in iterated.to_html()
