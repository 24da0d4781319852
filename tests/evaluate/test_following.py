"""Labelling one by one, changes between evaluations, and pictures."""

import xml.etree.ElementTree as ET

import pytest

from supersede.errors import ArgumentError
from supersede.evaluate import (
    accuracy,
    change_between,
    estimate,
    follow,
    plan,
    precision,
    time_picture,
)
from supersede.evaluate.pictures import estimates_picture, following_picture, plan_picture
from tests.evaluate.cases import ensemble

CASE = ensemble(items=5000, rate=0.4)


def first(made, count):
    labels = CASE.label(made)
    return {name: values[:count] for name, values in labels.items()}


def test_labelling_stops_as_soon_as_it_is_decided():
    made = plan(CASE.table(), precision("m0"), margin=0.03, method="coordinated")
    above = follow(made, CASE.label(made), enough=lambda e: e.each[0].low > 0.6)
    assert above.stopped
    assert above.looks[-1].labels < 0.2 * made.size
    assert not follow(made, first(made, 5)).looks
    going = follow(made, first(made, 300))
    assert not going.stopped
    assert len(going.next_items) == made.size - 300
    assert list(going.next_items) == made.items["item"].to_pylist()[300 : made.size]


def test_what_was_seen_at_a_look_does_not_change_later():
    asked = [precision("m0"), accuracy("m1")]
    made = plan(CASE.table(), asked, margin=0.04)
    half = follow(made, first(made, int(0.65 * made.size)))
    whole = follow(made, CASE.label(made))
    assert 0 < len(half.looks) < len(whole.looks)
    for a, b in zip(half.looks, whole.looks, strict=False):
        assert a.estimates.each == b.estimates.each


def test_looks_cost_width():
    made = plan(CASE.table(), accuracy("m0"), margin=0.04)
    last = follow(made, CASE.label(made), enough=lambda _: False).last
    assert last["accuracy(m0)"].half_width > estimate(made, CASE.label(made)).each[0].half_width
    with pytest.raises(ArgumentError, match="look at least once"):
        follow(made, CASE.label(made), looks=0)
    with pytest.raises(ArgumentError, match="no exact sequence"):
        estimate(made, CASE.label(made), anytime=True)


def test_a_decline_is_found_between_two_evaluations():
    made = plan(CASE.table(), accuracy("m0"), margin=0.03, seed=1)
    then = estimate(made, CASE.label(made))
    worse = CASE.label(made)
    worse["label"] = [1 - y if i % 5 == 0 else y for i, y in zip(*worse.values(), strict=True)]
    now = estimate(made, worse)
    (found,) = change_between(then, now)
    assert found.verdict == "fell"
    assert found.low < found.value < found.high < 0
    (same,) = change_between(then, then)
    assert same.verdict == "undecided"
    assert same.to_dict()["value"] == 0


def test_pictures_are_drawn_and_hold_the_numbers():
    made = plan(CASE.table(), [precision("m0"), accuracy("m1")], margin=0.05)
    found = estimate(made, CASE.label(made))
    following = follow(made, CASE.label(made))
    drawn = {
        "precision(m0)": plan_picture(made),
        "precision(m0), as labels": following_picture(following),
        "accuracy(m1)": estimates_picture(found),
        "over time": time_picture([("May", found), ("June", found)], "accuracy(m1)"),
    }
    for words, page in drawn.items():
        assert words in page
        svg = page[page.index("<svg") : page.index("</svg>") + 6]
        ET.fromstring(svg)
        assert "<title>" in svg
        assert "<table>" in page
    assert made._repr_html_().startswith("<iframe")
