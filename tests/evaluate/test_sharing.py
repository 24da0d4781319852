"""What a plan's labels share, and what other methods would take."""

import numpy as np
import pytest

import supersede
from supersede.evaluate import (
    labels_by_method,
    load_plan,
    plan,
    precision,
    shared_labels,
    write_plan,
)
from supersede.evaluate.costs import costs
from tests.evaluate.cases import ensemble

CASE = ensemble()
ALL = [precision(m) for m in CASE.models]


@pytest.mark.parametrize("method", ["allocated", "coordinated", "independent", "parent_child"])
def test_shared_labels_are_those_of_both_estimands(method):
    made = plan(CASE.table(), ALL, method=method, parent="m0", seed=2)
    found = shared_labels(made)
    rows = [r for r in made.items.to_pylist() if not r["reserve"]]
    if method == "allocated":  # a label tells of every model that calls its item positive
        sets = [{r["item"] for r in rows if CASE.columns[m][r["item"]]} for m in CASE.models]
    else:
        ids = made.items["item"].to_pylist()
        sets = [{ids[i] for i in s.rows[: s.take]} for s in made.samples]
    assert found.labels.tolist() == [[len(a & b) for b in sets] for a in sets]
    assert found.each == pytest.approx(sum(map(len, sets)) / len(rows))


def test_methods_are_compared_for_the_same_margins():
    found = {
        method: plan(CASE.table(), ALL, method=method, parent="m0", seed=2)
        for method in ("allocated", "coordinated", "independent", "parent_child")
    }
    beside = labels_by_method(found["parent_child"])
    assert list(beside.values()) == sorted(beside.values())
    assert beside["parent_child"] == found["parent_child"].size
    assert beside["allocated"] == found["allocated"].size
    assert beside["independent"] == found["parent_child"].independent
    assert beside["coordinated"] == pytest.approx(found["coordinated"].size, rel=0.1)


def test_a_plan_read_back_has_the_same_picture(tmp_path):
    made = plan(CASE.table(), ALL)
    write_plan(made, tmp_path / "plan.csv")
    page = load_plan(tmp_path / "plan.csv")._repr_html_()
    assert page == made._repr_html_()
    assert "coordinated random samples" in page
    assert "serve two estimands" in page


def test_the_page_says_what_drives_the_cost_and_its_map_is_not_cut(browser, tmp_path):
    rare = {**CASE.columns, "rare": np.where(np.arange(len(CASE.truth)) % 200 == 0, "yes", "no")}
    table = supersede.read(rare, models=CASE.models, labelled=False)
    asked = [*(precision(m) for m in CASE.models[:2]), precision("m0").within(rare="yes")]
    found = {cost.name: cost for cost in costs(plan(table, asked, margin=0.05))}
    assert found["precision(m0) | rare=yes"].saved > 0
    assert "nearly all of its" in found["precision(m0) | rare=yes"].why
    wide = ensemble(models=6)
    many = plan(wide.table(), [precision(m).within(sex=s) for m in wide.models for s in "fm"])
    many.save(tmp_path / "plan.html")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((tmp_path / "plan.html").as_uri())
    cut = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length"
    assert page.evaluate(cut) == 0
    assert page.get_by_role("heading", name="What drives the cost").count() == 1
    page.close()
