"""Plans for an undecided review: margins are about the population, as the review's intervals are."""

import numpy as np
import pandas as pd
import pytest

import supersede
from supersede.evaluate import open_questions, plan
from supersede.review.checks import MinGain
from supersede.review.slice_checks import NoSliceWorse

CHECKS = [MinGain(0.0), NoSliceWorse(0.03)]


def made(small: int, items: int = 3000, seed: int = 0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, items)
    a = np.where(rng.random(items) < 0.85, y, 1 - y)
    b = np.where(rng.random(items) < 0.93, y, 1 - y)
    ward = np.where(np.arange(items) < small, "small", "large")
    return pd.DataFrame({"id": np.arange(items), "a": a, "b": b, "ward": ward}), y


def result(estimate: float, limit: float):
    """What a review says of a slice that is undecided."""
    one = {"slice": "ward = small", "values": {"ward": "small"}, "estimate": estimate, "verdict": "undecided"}  # fmt: skip
    finding = {"check": "no_slice_worse", "verdict": "undecided", "estimate": estimate, "limit": limit, "slices": [one]}  # fmt: skip
    return {"old": "a", "candidates": [{"name": "b", "findings": [finding]}]}


@pytest.mark.parametrize("method", ["allocated", "coordinated", "independent"])
def test_the_interval_of_the_second_review_keeps_the_margin(method):
    rows, y = made(small=600)
    review = result(0.05, -0.03)  # a distance of .08 makes a margin of .056
    asked = open_questions(review)
    margin = asked[1].margin
    assert margin == pytest.approx(0.7 * 0.08)
    narrow = plan(rows, asked, item="id", method=method)
    design = plan(rows, item="id", for_review=review, method=method)
    assert design.size > 1.2 * narrow.size
    assert max(e.expected for e in design.expectations) <= 0.1 + 1e-9
    assert design.expectations[1].expected <= margin + 1e-9
    if method == "independent":
        return  # a review takes one sample
    wanted = design.items.filter(np.logical_not(design.items["reserve"].to_numpy()))
    ids = wanted["item"].to_pylist()
    again = supersede.compare(
        rows, old="a", new="b", item="id", groups=["ward"], checks=CHECKS, labels=design,
        returned={"item": ids, "label": y[ids].tolist()},
    )  # fmt: skip
    found = next(f for f in again.candidate.findings if f.check == "no_slice_worse")
    small = next(s for s in found.slices if s.values == {"ward": "small"})
    assert 0.7 * margin < (small.high - small.low) / 2 < 1.25 * margin


def test_a_group_with_too_few_items_is_named_before_labels_are_bought():
    rows, _ = made(small=80)
    design = plan(rows, item="id", for_review=result(0.02, -0.03))
    (note,) = [n for n in design.notes if "ward=small" in n]
    assert "even if all are labelled" in note
    assert "times as many such items" in note
    enough = plan(made(small=600)[0], item="id", for_review=result(0.05, -0.03))
    assert not any("even if all are labelled" in n for n in enough.notes)


def test_all_labels_leave_what_the_review_finds_with_all_labels():
    rows, y = made(small=300)
    design = plan(rows, item="id", for_review=result(0.02, -0.03))
    problem_half = design.expectations[1].expected
    review = supersede.compare(
        rows.assign(y=y), old="a", new="b", label="y", item="id", groups=["ward"], checks=CHECKS
    )
    found = next(f for f in review.candidate.findings if f.check == "no_slice_worse")
    small = next(s for s in found.slices if s.values == {"ward": "small"})
    assert problem_half == pytest.approx((small.high - small.low) / 2, rel=0.2)
