"""Before a run: what is promised is what the review's own intervals decide."""

import json

import numpy as np
import pandas as pd
import pytest

import supersede
from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.evaluate import Power, detectable
from supersede.metrics.intervals import paired_difference
from supersede.review import MaxNFR, MinGain


@pytest.fixture(scope="module")
def runs():
    rng = np.random.default_rng(0)
    n = 2000
    y = rng.integers(0, 3, n)
    rows = {m: np.where(rng.random(n) < 0.9, y, (y + 1) % 3) for m in "ab"}
    return pd.DataFrame({"y": y, **rows, "g": rng.choice(["x", "z"], n, p=[0.9, 0.1])})


def test_power_is_the_sum_over_all_outcomes():
    """Every pair of lost and gained answers among 20 items, one by one."""
    from scipy.stats import multinomial

    n, lost, gained = 20, 0.15, 0.05
    total = {"fails": 0.0, "passes": 0.0}
    for b in range(n + 1):
        for c in range(n + 1 - b):
            chance = multinomial.pmf([b, c, n - b - c], n, [lost, gained, 1 - lost - gained])
            low, high = paired_difference(b / n, c / n, n, 0.95)
            total["fails"] += chance * float(high < 0)
            total["passes"] += chance * float(low >= -0.2)
    assert Power("min_gain", 0.0, 0.2).fails(n, 0.1) == pytest.approx(total["fails"], abs=1e-8)
    assert Power("min_gain", -0.2, 0.2).passes(n, 0.1) == pytest.approx(total["passes"], abs=1e-8)


def test_a_review_decides_as_promised(simulations):
    """Half of a run's promise, checked by real reviews; the benchmark does it at full size."""
    trials, n = min(simulations // 16, 60), 400
    size = Power("min_gain", 0.0, 0.1)
    regression = size.regression_shown(n, 0.8)
    rng = np.random.default_rng(1)
    failed = 0
    for _ in range(trials):
        fate = rng.choice(3, n, p=[0.9, (0.1 + regression) / 2, (0.1 - regression) / 2])
        rows = {"y": [1] * n, "a": np.where(fate == 2, 0, 1), "b": np.where(fate == 1, 0, 1)}
        review = supersede.compare(rows, old="a", new="b", label="y", checks=[MinGain(0.0)])
        failed += review.candidate.findings[0].verdict == "fail"
    assert failed / trials == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / trials))


def test_more_items_show_less_and_more_power_needs_more():
    sizes = detectable(disagreement=0.1, regression=0.02, items=500)
    whole = sizes.whole
    assert whole.shows[0.8] < whole.shows[0.9]
    assert whole.needs[0.8] < whole.needs[0.9]
    power = sizes.power(whole)
    assert power.fails(whole.needs[0.8], 0.02) >= 0.8 > power.fails(whole.needs[0.8] - 40, 0.02)
    assert power.fails(500, whole.shows[0.9]) >= 0.9
    shown = [power.regression_shown(n, 0.8) for n in (100, 400, 1600, 6400)]
    assert shown == sorted(shown, reverse=True)
    # McNemar's textbook size is close: (z_a sqrt(d) + z_b sqrt(d - r²))² / r²
    textbook = (1.96 * np.sqrt(0.1) + 0.8416 * np.sqrt(0.1 - 0.02**2)) ** 2 / 0.02**2
    assert whole.needs[0.8] == pytest.approx(textbook, rel=0.02)


def test_negative_flips_against_their_limit():
    sizes = detectable(disagreement=0.1, regression=0.01, check="max_nfr", limit=0.01)
    needed = sizes.whole.needs[0.8]
    rng = np.random.default_rng(2)
    from supersede.metrics.intervals import wilson

    lost = rng.binomial(needed, 0.02, 4000)
    low, _ = wilson(lost / needed, np.full(4000, needed), 0.95)
    assert np.mean(low > 0.01) == pytest.approx(0.8, abs=0.02)
    assert not sizes.whole.to_pass


def test_disagreement_is_counted_in_earlier_runs(runs):
    sizes = detectable(runs, old="a", new="b", label="y", regression=0.02, groups=["g"])
    whole, x, z = sizes.rows
    lost = ((runs.a == runs.y) & (runs.b != runs.y)).mean()
    gained = ((runs.a != runs.y) & (runs.b == runs.y)).mean()
    assert whole.disagreement == pytest.approx(lost + gained, abs=1e-3)
    assert whole.low < whole.disagreement < whole.high
    assert whole.at_most[0.8] > whole.needs[0.8]
    assert (x.group, z.group) == ("g = x", "g = z")
    assert z.in_all(0.8) == pytest.approx(z.needs[0.8] / z.share, abs=1)
    assert z.in_all(0.8) > whole.needs[0.8]
    again = detectable(runs, old="a", new="b", label="y")
    assert again.whole.items == 2000
    textbook = (1.96 + 0.8416) * np.sqrt(whole.disagreement / 2000)
    assert again.whole.shows[0.8] == pytest.approx(textbook, rel=0.03)


def test_repeated_items_in_clusters_count_once(runs):
    five = pd.concat([runs.assign(u=range(len(runs)))] * 5, ignore_index=True)
    once = detectable(runs, old="a", new="b", label="y", regression=0.02)
    clustered = detectable(five, old="a", new="b", label="y", regression=0.02, cluster="u")
    assert clustered.whole.design_effect == pytest.approx(5, rel=0.1)
    assert clustered.whole.needs[0.8] == pytest.approx(5 * once.whole.needs[0.8], rel=0.1)


def test_forms(tmp_path, runs):
    sizes = detectable(runs, old="a", new="b", label="y", regression=0.02, groups=["g"])
    assert "a regression of 2" in str(sizes)
    assert json.loads(sizes.to_json())["rows"][0]["needs"]["0.8"] == sizes.whole.needs[0.8]
    assert sizes.to_frame().num_rows == 6
    page = sizes.save(tmp_path / "sizes.html").read_text()
    assert "<svg" in page
    assert "g = z" in page
    assert "iframe" in sizes._repr_html_()
    sizes.save(tmp_path / "sizes.json")
    with pytest.raises(ArgumentError, match=r"\.html"):
        sizes.save(tmp_path / "sizes.txt")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "earlier pair of runs"),
        ({"disagreement": 0.1}, "name the question"),
        ({"disagreement": 10, "items": 5}, "disagreement=10"),
        ({"disagreement": 0.1, "items": 0}, "items=0"),
        ({"disagreement": 0.1, "regression": 2.0}, "regression=2"),
        ({"disagreement": 0.1, "regression": 0.02, "power": [80]}, "power"),
        ({"disagreement": 0.1, "regression": 0.02, "limit": 0.01}, "limit=0.01"),
        ({"disagreement": 0.1, "regression": 0.02, "check": "max_nfr"}, "limit=0"),
        ({"disagreement": 0.1, "regression": 0.02, "groups": ["g"]}, "groups need the runs"),
        ({"disagreement": 0.1, "regression": 0.02, "design_effect": 0.5}, "design_effect"),
    ],
)
def test_refusals(arguments, says):
    with pytest.raises(ArgumentError, match=says):
        detectable(**arguments)


def test_runs_that_say_too_little(runs):
    with pytest.raises(TooFewLabelsError, match="20 items"):
        detectable(runs[:20], old="a", new="b", label="y", regression=0.02)
    with pytest.raises(ArgumentError, match="two models"):
        detectable(runs, old="a", regression=0.02)
    # no disagreement seen is not none at all
    same = detectable(runs.assign(b=runs.a), old="a", new="b", label="y", regression=0.02)
    assert same.whole.needs[0.8] > 50
    assert same.whole.high > 0


def test_the_limit_of_the_review_is_the_limit_here():
    """A model as good as the old one passes the tolerated loss on the items promised."""
    size = Power("min_gain", -0.05, 0.1)
    needed = size.items_to_pass(0.05, 0.9)
    assert size.passes(needed, 0.05) >= 0.9
    rng = np.random.default_rng(3)
    fate = rng.choice(3, needed, p=[0.9, 0.05, 0.05])
    rows = {"y": [1] * needed, "a": np.where(fate == 2, 0, 1), "b": np.where(fate == 1, 0, 1)}
    review = supersede.compare(
        rows, old="a", new="b", label="y", checks=[MinGain(-0.05), MaxNFR(0.2)]
    )
    assert review.verdict == "pass"
