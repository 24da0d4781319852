import pytest

import supersede
from supersede import errors
from supersede.audit import Attribute, group_estimands
from supersede.evaluate import estimate, plan


def test_one_plan_answers_for_every_group_and_gap(frame):
    rows = frame(3000)
    table = supersede.read(rows.drop(columns="y"), models=["a", "b"], labelled=False)
    asked = group_estimands(table, "b", ["sex", "site"])
    assert len(asked) == 1 + 2 * (2 + 3)
    chosen = plan(table, asked, budget=600)
    assert chosen.size <= 600
    truth = dict(zip(rows.id, rows.y, strict=True))
    rows_asked = chosen.items.to_pylist()
    items = [row["item"] for row in rows_asked if not row["reserve"]]
    labels = {"item": items, "label": [truth[item] for item in items]}
    found = estimate(chosen, labels)
    right = rows.b == rows.y
    inside = 0
    for value in ("north", "south", "west"):
        gap = found[f"accuracy(b) | site={value} - accuracy(b)"]
        inside += gap.low <= right[rows.site == value].mean() - right.mean() <= gap.high
    assert inside >= 2


def test_inferred_groups_are_no_estimands(frame):
    table = supersede.read(frame(100), models=["a"])
    with pytest.raises(errors.InferredAttributeError):
        group_estimands(table, "a", [Attribute("sex", inferred=True)])
    assert (
        len(group_estimands(table, "a", [Attribute("sex", inferred=True)], allow_inferred=True))
        == 5
    )
    with pytest.raises(errors.MissingColumnError):
        group_estimands(table, "a", ["gender"])
