import cvxpy
import numpy as np
import pytest
import torch
from tests.train.linear.cases import digits
from torch import nn
from torch.nn import functional

import supersede
from supersede.errors import ArgumentError, ConvergenceError
from supersede.train.linear import LQF
from supersede.train.linear.jacobian import rows


@pytest.fixture(scope="module")
def updated():
    """A network trained on 100 digits, and its fit to 60 more."""
    X, y = digits(300)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.LeakyReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(64, 10)
        ).double()  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(120):
        optimizer.zero_grad()
        functional.cross_entropy(net(X[:100]), torch.tensor(y[:100])).backward()
        optimizer.step()
    return LQF(net.eval()).fit(X[100:160], y[100:160])


@pytest.mark.parametrize("on", ["right", "all"])
def test_it_is_the_convex_programs_solution(updated, on):
    kept = updated.keep_right(strength=1.0, on=on, tolerance=1e-9)
    J = rows(updated.linear, updated.items.inputs).reshape(600, -1).numpy()
    penalty = updated.penalty.value
    r = updated.items.targets - updated.base
    limits = np.linalg.norm(r, axis=1) / 2
    change = cvxpy.Variable(J.shape[1])
    z = J @ change
    held = np.flatnonzero(kept.held)
    within = [cvxpy.norm(z[i * 10 : i * 10 + 10]) <= limits[i] for i in held]
    loss = 0.5 * cvxpy.sum_squares(z - r.reshape(-1)) + 0.5 * penalty * cvxpy.sum_squares(change)
    problem = cvxpy.Problem(cvxpy.Minimize(loss), within)
    problem.solve(solver="CLARABEL")
    assert kept.objective == pytest.approx(problem.value, rel=1e-6)
    duals = np.array([float(np.squeeze(c.dual_value)) for c in within]) / limits[held]
    assert kept.multipliers[held] == pytest.approx(duals, abs=1e-3 * duals.max())
    assert kept.gap <= 1e-9


def test_held_items_stay_within_their_limits(updated):
    for strength in (0.5, 4.0):
        kept = updated.keep_right(strength=strength)
        moved = np.linalg.norm(kept.outputs(digits(300)[0][100:160]) - updated.base, axis=1)
        limits = np.linalg.norm(updated.items.targets - updated.base, axis=1) / (1 + strength)
        assert (moved <= limits * (1 + 1e-9))[kept.held].all()
        assert (kept.multipliers[~kept.held] == 0).all()
        assert kept.held.sum() == (updated.base.argmax(1) == updated.items.labels).sum()


def test_no_strength_is_the_unconstrained_fit(updated):
    kept = updated.keep_right(strength=0)
    X = digits(300)[0][160:200]
    assert np.allclose(kept.outputs(X), updated.outputs(X), atol=1e-9)
    assert not kept.held.any()


def test_a_multiplier_is_what_relaxing_its_limit_gains(updated):
    """Raising ½ρ² of one item by ε lowers the best objective by ε times the multiplier."""
    from supersede.train.linear import flip_constraint

    r = updated.items.targets - updated.base
    held = updated.base.argmax(1) == updated.items.labels
    limits = np.linalg.norm(r, axis=1) / 2

    def best(limits):
        return flip_constraint._solve(
            updated.spectrum, r, held, limits, updated.penalty.value, 1e-12, 100_000
        )

    u, _, objective, _, _ = best(limits)
    size = np.linalg.norm(u, axis=1) / limits
    dear = int(size.argmax())
    wider = limits.copy()
    step = 1e-3 * 0.5 * limits[dear] ** 2
    wider[dear] = np.sqrt(limits[dear] ** 2 + 2 * step)
    assert (objective - best(wider)[2]) / step == pytest.approx(size[dear], rel=0.02)


def test_the_front_chooses_on_validation_and_a_review_judges(updated):
    X, y = digits(700)
    front = updated.keeping_front(X[160:400], y[160:400], strengths=(0.5, 2.0))
    assert len(front.front.points) == 5
    assert front.front.chosen.nfr <= front.front.untreated.nfr
    assert front.front.chosen.error <= front.front.untreated.error + 0.001
    assert front.chosen.strength == front.front.chosen.strength
    review = supersede.compare(front.chosen.rows(X[400:], y[400:]), old="old", new=["kept", "plain"], label="y")  # fmt: skip
    flips = {c.name: c.evidence.whole for c in review.candidates}
    assert set(flips) == {"kept", "plain"}
    assert "negative flips" in str(front)
    assert "<iframe" in front._repr_html_()


def test_dearest_items_come_first(updated):
    kept = updated.keep_right(strength=2.0)
    frame = kept.to_frame().to_pydict()
    assert frame["multiplier"] == sorted(frame["multiplier"], reverse=True)
    assert set(frame["id"]) <= set(updated.items.ids[kept.held].tolist())
    assert "duality gap" in str(kept)
    assert kept.to_dict()["held"] == int(kept.held.sum())


def test_what_cannot_be_held_is_refused(updated):
    X, y = digits(20)
    for bad in ({"strength": -1}, {"strength": float("nan")}, {"on": "wrong"}):
        with pytest.raises(ArgumentError):
            updated.keep_right(**bad)
    iterated = LQF(updated.linear.network, solver="cg", regularization=1.0).fit(X, y)
    with pytest.raises(ArgumentError, match="closed form"):
        iterated.keep_right()
    numbers = LQF(updated.linear.network).fit(X, np.eye(10)[y])
    with pytest.raises(ArgumentError, match="numbers"):
        numbers.keep_right()
    from supersede.train.linear.flip_constraint import keep_right

    with pytest.raises(ConvergenceError, match="duality gap"):
        keep_right(updated, strength=1.0, tolerance=1e-14, most=1)
