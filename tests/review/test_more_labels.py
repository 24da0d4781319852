"""How many labels a mean still needs, and what slices are expected to become."""

import numpy as np
import pytest

import supersede
from supersede.review import MaxFlipCost, MaxSliceNFR
from supersede.review.alike import no_fall_above, no_share_above, shrunk


def costly(rng, n):
    """Of 100 items two break, at a cost between 0 and 1."""
    fate = rng.random(n) < 0.02
    return {"y": np.ones(n, int), "a": np.ones(n, int), "b": 1 - fate, "c": rng.random(n)}


def cost(rows, limit):
    review = supersede.compare(
        rows, old="a", new="b", label="y", cost="c", checks=[MaxFlipCost(limit)]
    )
    return review.candidate.findings[0]


def test_labels_that_a_mean_cost_needs_decide_about_as_often_as_promised():
    rng = np.random.default_rng(0)
    first = costly(rng, 400)
    finding = cost(first, 0.025)
    assert finding.verdict == "undecided"
    decided = []
    for _ in range(40):
        place = rng.integers(0, 400, finding.more_labels)  # the rates are those observed
        rows = {name: np.concatenate([values, values[place]]) for name, values in first.items()}
        decided.append(cost(rows, 0.025).verdict != "undecided")
    assert 0.6 <= np.mean(decided) <= 0.98


@pytest.mark.parametrize(("lost", "fails"), [(4, False), (8, True)])
def test_slices_are_expected_to_lie_between_their_own_rate_and_that_of_all(lost, fails):
    flips = np.zeros((10, 100), int)
    flips[9, :lost] = 1
    market = np.repeat(np.arange(10), 100)
    rows = {"y": np.ones(1000, int), "a": np.ones(1000, int), "b": 1 - flips.ravel(), "m": market}
    review = supersede.compare(
        rows, old="a", new="b", label="y", groups=["m"], checks=[MaxSliceNFR(0.035)]
    )
    finding = review.candidate.findings[0]
    assert finding.verdict == "undecided"
    # a market of 4 % is expected at 3.3 %, so all ten must be shown to keep the limit; one of 8 % fails it
    expected = shrunk(flips.sum(1).astype(float), np.full(10, 100.0))[9]
    assert (expected > 0.035) == fails
    assert (finding.more_labels_random == 10 * finding.more_labels) == fails


def test_a_slice_that_could_be_far_worse_is_not_shown_by_its_like():
    size = np.full(50, 1e5)
    assert no_share_above(np.zeros(50), size, 0.02, 0.95)
    size[49] = 10
    assert not no_share_above(np.zeros(50), size, 0.02, 0.95)


@pytest.mark.parametrize(("spread", "centred"), [(0.0, 0.0), (0.02, 0.03)])
def test_falls_are_integrated_over_both_parameters(spread, centred):
    """The grid against draws from the same posterior distribution, by importance sampling."""
    rng = np.random.default_rng(3)
    error, fall = np.full(12, 0.02), 0.05
    gain = centred + rng.normal(size=12) * np.hypot(0.02, spread)
    tau = fall * np.abs(rng.standard_cauchy(200_000))
    tau = tau[(tau > 0.03 * fall) & (tau < 4 * fall)]
    total = np.hypot(tau[:, None], error)
    precision = (1 / total**2).sum(1)
    centre = (gain / total**2).sum(1) / precision
    mean = centre + rng.normal(size=len(tau)) / np.sqrt(precision)
    fit = -0.5 * (((gain - centre[:, None]) / total) ** 2).sum(1)
    weight = np.exp(fit - np.log(total).sum(1) - 0.5 * np.log(precision))
    own = tau[:, None] ** 2 / total**2
    true = mean[:, None] + own * (gain - mean[:, None]) + rng.normal(size=own.shape) * np.sqrt(own) * error  # fmt: skip
    share = weight @ (true >= -fall).all(1) / weight.sum()
    for level, shown in ((share - 0.03, True), (min(share + 0.03, 0.9999), False)):
        assert no_fall_above(gain, error, fall, 2 * level - 1) == shown
