import json

import numpy as np
import pytest
import torch
from tests.train.linear.cases import cnn, digits
from torch import nn

from supersede.errors import (
    ArgumentError,
    ConvergenceError,
    ItemError,
    LinearizationError,
    TooFewLabelsError,
)
from supersede.train.linear import LQF, LowRank
from supersede.train.linear.jacobian import rows


@pytest.fixture(scope="module")
def fitted():
    X, y = digits(40)
    return LQF(cnn()).fit(X, y)


def refit(fit, rows, *, network=None, **settings):
    X, y = digits(40)
    rows = np.asarray(rows)
    return LQF(network or cnn(), **settings).fit(X[rows], y[rows], ids=rows)


def strengths(fit):
    """What leave-one-out chose, as settings."""
    return {"regularization": fit.penalty.value, "body_weight": fit.balance.weight}


def apart(one, other) -> float:
    return float((one.change - other.change).norm() / other.change.norm())


def test_it_minimises_the_penalised_squares():
    X, y = digits(20)
    network = cnn(width=2)
    fit = LQF(network, regularization=0.3).fit(X, y)
    J = rows(fit.linear, fit.items.inputs).reshape(200, -1)
    r = (15 * torch.eye(10).double()[torch.tensor(y)] - network(X).detach()).reshape(-1)
    exact = torch.linalg.solve(J.T @ J + 0.3 * torch.eye(J.shape[1]).double(), J.T @ r)
    assert torch.allclose(fit.change, exact, rtol=1e-9, atol=1e-9)
    assert np.allclose(
        fit.outputs(X),
        fit.items.targets - fit.residual,
        atol=1e-8 * np.abs(fit.items.targets).max(),
    )


def test_closed_forms_and_iterations_agree():
    X, y = digits(60)
    network = cnn(width=2)
    settings = {"regularization": 0.5, "tolerance": 1e-10}
    kernel = LQF(network, solver="kernel", **settings).fit(X, y)
    for solver in ("features", "cg"):
        said = []
        other = LQF(network, solver=solver, **settings).fit(X, y, progress=said.append)
        assert apart(other, kernel) < 1e-8
        assert np.abs(other.residual - kernel.residual).max() < 1e-6
        assert said
    assert other.steps[-1].gradient < 1e-10
    tight = LQF(network, solver="kernel", regularization=0.5, memory=1e5).fit(X, y)
    assert tight.jacobian is None  # in groups of columns
    assert apart(tight, kernel) < 1e-9


def test_stochastic_gradients_come_near_without_a_rate():
    X, y = digits(120)
    network = cnn(width=2)
    exact = LQF(network, regularization=20.0).fit(X, y)
    near = LQF(network, regularization=20.0, solver="sgd", epochs=30, batch=32).fit(X, y)
    assert near.steps[-1].gradient < 0.1
    assert np.mean(near.predict(X) == exact.predict(X)) > 0.9
    again = LQF(network, regularization=20.0, solver="sgd", epochs=30, batch=32).fit(X, y)
    assert torch.equal(near.change, again.change)


@pytest.mark.parametrize(
    ("dtype", "slack"), [(torch.float64, 1e-8), (torch.float32, 1e-4)], ids=["float64", "float32"]
)
def test_leave_one_out_is_as_many_refits(dtype, slack):
    X, y = digits(14, dtype=dtype)
    fit = LQF(cnn(dtype=dtype)).fit(X, y)
    alone = fit.leave_one_out()
    for row in range(14):
        kept = np.delete(np.arange(14), row)
        other = LQF(cnn(dtype=dtype), **strengths(fit)).fit(X[kept], y[kept])
        gap = np.abs(other.outputs(X[row : row + 1])[0] - alone.outputs[row]).max()
        assert gap < slack * np.abs(alone.outputs[row]).max()
    some = fit.leave_one_out([3, 5])
    assert np.array_equal(some.outputs, alone.outputs[[3, 5]])
    assert alone.to_frame().num_rows == 14
    assert json.loads(alone.to_json())["items"] == 14
    assert "leave-one-out over 14" in str(alone)


def test_leave_one_out_of_features_and_of_iterations():
    X, y = digits(40)
    network = cnn(width=2)
    exact = LQF(network, regularization=0.5, solver="kernel").fit(X, y).leave_one_out([0, 7])
    for solver in ("features", "cg"):
        fit = LQF(network, regularization=0.5, solver=solver, tolerance=1e-10).fit(X, y)
        assert np.abs(fit.leave_one_out([0, 7]).outputs - exact.outputs).max() < 1e-6


def test_the_penalty_is_chosen_by_leave_one_out(fitted):
    assert fitted.penalty.chosen_by == "leave-one-out"
    best = int(np.argmin(fitted.penalty.errors))
    assert fitted.penalty.value == fitted.penalty.tried[best]
    one_each = LQF(cnn()).fit(digits(10)[0], np.arange(10))
    assert one_each.penalty.chosen_by == one_each.balance.chosen_by == "default"


def test_the_weight_of_the_body_is_chosen_with_it(fitted):
    assert fitted.balance.chosen_by == "leave-one-out"
    best = int(np.argmin(fitted.balance.errors))
    assert fitted.balance.weight == fitted.balance.tried[best]
    assert fitted.leave_one_out().squared_error == pytest.approx(fitted.balance.errors[best])
    assert fitted.balance.tried[0] == 0.0
    assert fitted.balance.tried[-1] == 1.0
    assert f"weight {fitted.balance.weight:.3g} of the layers before the last" in str(fitted)
    assert json.loads(fitted.to_json())["body_weight"] == fitted.balance.weight
    X, y = digits(40)
    again = LQF(cnn(), body_weight=fitted.balance.weight).fit(X, y)
    assert apart(again, fitted) < 1e-8
    given = LQF(cnn(), regularization=0.3).fit(X, y).balance
    assert (given.weight, given.chosen_by) == (1.0, "default")


def test_without_the_body_it_is_the_linear_probe():
    X, y = digits(40)
    none = LQF(cnn(), body_weight=0).fit(X, y)
    probe = LQF(cnn(), parameters="head").fit(X, y)
    assert np.abs(none.outputs(X) - probe.outputs(X)).max() < 1e-6
    assert not torch.cat(
        [v.flatten() for k, v in none.linear.change.items() if k[:3] != "10/"]
    ).any()
    assert none.forget([3]).fit.balance.weight == 0
    assert none.merge(X).error < 1e-10
    for bad in (-1, float("nan"), "gcv", True, None):
        with pytest.raises(ArgumentError, match="body_weight"):
            LQF(cnn(), body_weight=bad)


@pytest.mark.parametrize("weight", [0.0, 0.2, 7.0])
def test_solvers_agree_on_weighted_parts(weight):
    X, y = digits(30)
    settings = {"regularization": 0.5, "tolerance": 1e-10, "body_weight": weight}
    network, new = cnn(width=2), digits(6, start=200)[0]
    kernel = LQF(network, solver="kernel", **settings).fit(X, y)
    J = rows(kernel.linear, kernel.items.inputs).reshape(300, -1)
    r = torch.tensor((kernel.items.targets - kernel.base).reshape(-1))
    exact = torch.linalg.solve(J.T @ J + 0.5 * torch.eye(J.shape[1]).double(), J.T @ r)
    assert torch.allclose(kernel.change, exact, rtol=1e-8, atol=1e-8)
    memory = {"memory": 1e5}  # in groups of columns
    for other in (
        LQF(network, solver="features", **settings).fit(X, y),
        LQF(network, solver="cg", **settings).fit(X, y),
        LQF(network, solver="kernel", **settings, **memory).fit(X, y),
    ):
        assert np.abs(other.outputs(new) - kernel.outputs(new)).max() < 1e-6
        assert np.allclose(other.uncertainty(new[:1]).std, kernel.uncertainty(new[:1]).std)
        taught = other.influence(new[:1]).taught
        assert np.allclose(taught, kernel.influence(new[:1]).taught, atol=1e-6)
    gone = kernel.forget([3]).fit
    left = np.delete(np.arange(30), 3)
    refitted = LQF(network, **settings).fit(X[left], y[left])
    assert apart(gone, refitted) < 1e-8
    back = gone.add(X[3:4], y[3:4], ids=[30])
    assert np.abs(back.outputs(new) - kernel.outputs(new)).max() < 1e-6


@pytest.mark.parametrize(
    ("dtype", "slack"), [(torch.float64, 1e-8), (torch.float32, 1e-4)], ids=["float64", "float32"]
)
def test_forgetting_is_refitting(dtype, slack):
    X, y = digits(40, dtype=dtype)
    fit = LQF(cnn(dtype=dtype)).fit(X, y)
    gone = [2, 17, 31]
    forgotten = fit.forget(gone)
    kept = np.setdiff1d(np.arange(40), gone)
    other = LQF(cnn(dtype=dtype)).fit(X[kept], y[kept], ids=kept)
    assert apart(forgotten.fit, other) < slack
    assert forgotten.penalty == pytest.approx(other.penalty.value, rel=1e-6)
    assert forgotten.distance < (1e-7 if dtype == torch.float64 else 1e-2)
    assert apart(forgotten.fit, other) <= forgotten.distance + 1e-9
    assert not set(gone) & set(forgotten.fit.items.ids.tolist())
    assert len(forgotten.fit.jacobian) == 37 * 10
    assert forgotten.fingerprint != forgotten.fingerprint_before
    assert json.loads(forgotten.to_json())["forgotten"] == gone
    page = forgotten.to_html()
    assert "3 items are forgotten" in page
    assert forgotten.remaining_fingerprint in page
    assert "pretrained" in page


def test_the_distance_of_a_certificate_sees_a_wrong_change(fitted, monkeypatch):
    from supersede.train.linear import forgetting

    def careless(*args, **kwargs):
        made = forgetting_solve(*args, **kwargs)
        with torch.no_grad():
            next(iter(made.linear.change.values())).mul_(1.5)
        return made

    forgetting_solve = forgetting.solve
    monkeypatch.setattr(forgetting, "solve", careless)
    with pytest.raises(ConvergenceError, match="only shown to be within"):
        fitted.forget([1])


def test_forgetting_with_iterations_goes_on_from_the_change():
    X, y = digits(40)
    network = cnn(width=2)
    fit = LQF(network, regularization=0.5, solver="cg", tolerance=1e-10).fit(X, y)
    forgotten = fit.forget([1, 2])
    exact = LQF(network, regularization=0.5, solver="kernel").fit(X, y).forget([1, 2])
    assert apart(forgotten.fit, exact.fit) < 1e-8
    assert forgotten.distance < 1e-6


def test_adding_is_refitting_and_undoes_forgetting(fitted):
    X, y = digits(40)
    gone = [0, 39]
    back = fitted.forget(gone).fit.add(X[gone], y[gone], ids=gone)
    assert apart(back, fitted) < 1e-8
    more_X, more_y = digits(5, start=100)
    grown = fitted.add(more_X, more_y)
    whole = LQF(cnn()).fit(torch.cat([X, more_X]), np.concatenate([y, more_y]))
    assert apart(grown, whole) < 1e-8
    assert grown.items.ids[-1] == 44
    with pytest.raises(ItemError, match="id 3 occurs twice"):
        fitted.add(X[:1], y[:1], ids=[3])
    with pytest.raises(ArgumentError, match="out of range"):
        fitted.add(X[:1], [10])
    for shape in ((1, 1, 12, 12), (1, 3, 8, 8)):
        with pytest.raises(ArgumentError, match="rows of shape"):
            fitted.add(torch.ones(shape), [1])
        for ask in (fitted.outputs, fitted.base_outputs, fitted.influence, fitted.uncertainty):
            with pytest.raises(LinearizationError, match="layer '"):
                ask(torch.ones(shape))


def test_influence_adds_up_and_foresees_removal(fitted):
    X, _y = digits(40)
    x = digits(1, start=300)[0]
    found = fitted.influence(x)
    assert found.taught.sum() == pytest.approx(found.after - found.before, rel=1e-8)
    for row in found.strongest(2).tolist():
        kept = np.delete(np.arange(40), row)
        other = refit(fitted, kept, **strengths(fitted))
        gap = found.after - other.outputs(x)[0, found.output]
        assert found.without[row] == pytest.approx(gap, rel=1e-6, abs=1e-9)
    frame = found.to_frame().to_pydict()
    assert abs(frame["taught"][0]) == np.abs(found.taught).max()
    for bad, words in [
        ({"X": X[:2]}, "one input"), ({"X": x, "output": 10}, "outputs 0 to 9"),
        ({"X": x, "shown": ["a"]}, "one for each"), ({"X": x, "output": True}, "output=True"),
    ]:  # fmt: skip
        with pytest.raises(ArgumentError, match=words):
            fitted.influence(**bad)


def test_duplicates_share_what_they_taught():
    X, y = digits(20)
    twice = torch.cat([X, X[:1]])
    fit = LQF(cnn(), regularization=1e-3).fit(twice, np.append(y, y[0]))
    found = fit.influence(X[:1], output=int(y[0]))
    assert found.taught[0] == pytest.approx(found.taught[20], rel=1e-6)
    assert abs(found.without[0]) < 0.05 * abs(found.taught[0])


def test_targets_may_be_numbers():
    X, y = digits(30)
    targets = np.stack([y / 10, 1 - y / 10], axis=1)
    fit = LQF(cnn(outputs=2)).fit(X, targets)
    assert fit.items.labels is None
    assert np.isnan(fit.leave_one_out().error)
    assert fit.leave_one_out().squared_error < targets.var()
    with pytest.raises(ArgumentError, match="numbers"):
        fit.prediction_sets(X[:1])


def test_low_rank_and_head(fitted):
    X, y = digits(40)
    for choice, size in ((LowRank(2), 0), ("head", 10 * 32 + 10)):
        fit = LQF(cnn(), parameters=choice).fit(X, y)
        assert not size or fit.linear.size == size
        assert np.mean(fit.predict(X) == y) > 0.8
    merged = fit.merge(X)  # the head alone is linear, so merging loses nothing
    assert merged.error < 1e-9 * merged.change
    assert merged.disagreement == 0
    assert len(str(fit)) > 40
    assert fit.to_dict()["items"] == 40


@pytest.mark.parametrize(
    ("X", "y", "settings", "error", "words"),
    [
        (slice(0, 3), [0, 1, 10], {}, ArgumentError, "out of range.*row 2.*0 to 9"),
        (slice(0, 3), [0, -1, 2], {}, ArgumentError, "out of range"),
        (slice(0, 3), [0, 1], {}, ArgumentError, "expected 3 integers"),
        (slice(0, 3), ["a", "b", "c"], {}, ArgumentError, "LQFClassifier"),
        (slice(0, 3), [[0.0, 1.0]] * 3, {}, ArgumentError, r"\(3, 10\)"),
        (slice(0, 0), [], {}, ArgumentError, "at least one"),
        (slice(0, 3), [0, 1, 2], {"ids": [1, 1, 2]}, ItemError, "id 1 occurs twice"),
        (slice(0, 3), [0, 1, 2], {"ids": [1, 2]}, ItemError, "expected 3"),
    ],
)
def test_items_that_do_not_fit_are_refused(X, y, settings, error, words):
    with pytest.raises(error, match=words):
        LQF(cnn()).fit(digits(3)[0][X], y, **settings)


@pytest.mark.parametrize(
    "settings",
    [{"regularization": 0.0}, {"regularization": -1}, {"regularization": float("nan")},
     {"regularization": "gcv"}, {"regularization": None}, {"regularization": True}, {"scale": 0},
     {"scale": "15"}, {"solver": "adam"}, {"limit": 0}, {"memory": 0}, {"tolerance": float("nan")},
     {"max_steps": 0}, {"epochs": 0}, {"batch": 2.5}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ArgumentError):
        LQF(cnn(), **settings).fit(*digits(5))


def test_broken_rows_are_named():
    X, y = digits(5)
    X[3, 0, 2, 2] = float("nan")
    with pytest.raises(ArgumentError, match="not finite, such as row 3"):
        LQF(cnn()).fit(X, y)


def test_outputs_that_depend_on_nothing_are_refused():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Tanh(), nn.Linear(3, 10)).eval()
    with torch.no_grad():
        network[3].weight.zero_()
    with pytest.raises(LinearizationError, match=r"do not depend.*all zero"):
        LQF(network.double(), parameters="1.*").fit(*digits(5))


def test_one_item_more_classes_than_items_and_duplicates():
    X, y = digits(3)
    one = LQF(cnn()).fit(X[:1], y[:1])
    assert one.predict(X[:1]) == y[:1]
    assert np.allclose(one.leave_one_out().outputs, one.base)  # without it: the network
    with pytest.raises(TooFewLabelsError, match="nothing would be left"):
        one.forget([0])
    three = LQF(cnn()).fit(X, y)
    assert np.array_equal(three.predict(X), y)
    repeated = LQF(cnn()).fit(X[[0] * 6 + [1] * 6], y[[0] * 6 + [1] * 6])
    assert np.array_equal(repeated.predict(X[:2]), y[:2])
    opposed = LQF(cnn(), regularization=1e-6).fit(X[[0, 0]], [0, 1])
    assert opposed.outputs(X[:1])[0, :2] == pytest.approx([7.5, 7.5], rel=1e-3)
    with pytest.raises(ItemError, match=r"not among the 3 items.*99"):
        three.forget([99])
    with pytest.raises(ItemError, match="named twice"):
        three.forget([1, 1])
    for none in ([], np.array([True, False, False])):
        with pytest.raises(ItemError, match=r"expected ids.*items\.ids\[mask\]"):
            three.forget(none)
    for solver in ("cg", "sgd", "features"):
        alone = LQF(cnn(width=1), solver=solver, epochs=200).fit(X[:1], y[:1])
        assert alone.penalty.chosen_by == "default"


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.array([["a"], ["b"]]), "expected numbers.*tokenizer"), ([[1.0], [1.0, 2.0]], "pad rows"),
        (np.array([[None], [1]]), "type object"), (torch.ones(2, 1).to_sparse(), "to_dense"),
    ],
)  # fmt: skip
def test_inputs_that_are_no_numbers_are_refused(X, words):
    with pytest.raises(ArgumentError, match=words):
        LQF(nn.Linear(1, 2).eval()).fit(X, [0, 1])


def test_inputs_of_other_precision_are_brought_to_the_networks():
    X, y = digits(8)
    network = cnn(dtype=torch.float32)
    wide = LQF(network).fit(X.numpy(), y)
    assert wide.outputs(X).shape == (8, 10)
    assert apart(LQF(network).fit(X.float(), y), wide) < 1e-6


def test_too_few_steps_are_an_error():
    with pytest.raises(ConvergenceError, match="max_steps"):
        LQF(cnn(), solver="cg", regularization=1e-6, tolerance=1e-12, max_steps=3).fit(*digits(200))
