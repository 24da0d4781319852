"""A judge saves labels as far as it is right, and never moves an estimate by being wrong."""

import numpy as np
import pytest

import supersede
from supersede.errors import ArgumentError, MissingColumnError
from supersede.evaluate import (
    accuracy,
    estimate,
    for_each_group,
    load_plan,
    negative_flips,
    plan,
    precision,
    recall,
    win_rate,
    write_plan,
)
from supersede.table import Right

ITEMS = 6000
MODELS = ["old", "new"]


def rows(right: float = 0.9, seed: int = 0) -> dict[str, np.ndarray]:
    """Two models, and a judge that is right so often."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, ITEMS)

    def guess(share):
        return np.where(rng.random(ITEMS) < share, truth, 1 - truth)

    return {
        "id": np.arange(ITEMS), "truth": truth, "old": guess(0.85), "new": guess(0.9),
        "judge": guess(right), "site": np.where(rng.random(ITEMS) < 0.3, "a", "b"),
    }  # fmt: skip


def table(columns, **more):
    shown = {name: values for name, values in columns.items() if name != "truth"}
    return supersede.read(shown | more, item="id", models=MODELS, labelled=False)


def labelled(made, truth):
    ids = [r["item"] for r in made.items.to_pylist() if not r["reserve"]]
    return {"item": ids, "label": [truth[i].item() for i in ids]}


ASKED = [accuracy("new"), accuracy("new") - accuracy("old"), negative_flips("old", "new")]


@pytest.mark.parametrize("right", [0.95, 0.5, 0.1])
def test_with_all_labels_estimates_are_the_truth_whatever_the_judge_says(right):
    columns = rows(right)
    asked = [*ASKED, precision("new"), recall("old")]
    found = estimate(
        made := plan(table(columns), asked, margin=0, judge="judge"),
        labelled(made, columns["truth"]),
    )
    y, old, new = columns["truth"], columns["old"], columns["new"]
    truth = [
        (new == y).mean(), (new == y).mean() - (old == y).mean(),
        ((old == y) & (new != y)).mean(), y[new == 1].mean(), (old[y == 1] == 1).mean(),
    ]  # fmt: skip
    assert [e.value for e in found] == pytest.approx(truth)
    assert all(e.half_width < 1e-9 for e in found)


def test_a_good_judge_saves_labels_and_its_quality_is_reported():
    columns = rows(0.9)
    asked = [*ASKED, *for_each_group(accuracy("new"), table(columns), "site")]
    without = plan(table(columns), asked, margin=0.03)
    made = plan(table(columns), asked, margin=0.03, judge="judge")
    assert made.size < 0.85 * without.size
    found = estimate(made, labelled(made, columns["truth"]))
    right = columns["judge"] == columns["truth"]
    assert [(j.judge, j.group, j.used) for j in found.judges] == [
        ("judge", "", True), ("judge", "site=a", True), ("judge", "site=b", True),
    ]  # fmt: skip
    for quality, inside in zip(found.judges, (None, "a", "b"), strict=True):
        true = right[columns["site"] == inside].mean() if inside else right.mean()
        assert quality.low <= true <= quality.high
        assert quality.high - quality.low < 0.2
    assert f"judge judge: right on {found.judges[0].value:.3f}" in str(found)
    assert found.to_dict()["judges"][0]["used"] is True


def test_the_same_labels_say_more_when_a_judge_is_right():
    good, coin = ({**rows(0.9), "judge": rows(right, seed=3)["judge"]} for right in (0.9, 0.5))
    good["judge"] = rows(0.95)["judge"]
    widths = []
    for columns in (good, coin):
        made = plan(table(columns), ASKED, budget=300, judge="judge")
        found = estimate(made, labelled(made, columns["truth"]))
        widths.append(found["accuracy(new)"].half_width)
    assert widths[0] < 0.75 * widths[1]


def test_a_judge_that_is_wrong_more_often_than_right_is_dropped_and_said_so():
    columns = rows(0.15)
    made = plan(table(columns), ASKED, budget=400, judge="judge")
    found = estimate(made, labelled(made, columns["truth"]))
    assert not found.judges[0].used
    assert "dropped, as the labels do not agree" in str(found)
    assert abs(found["accuracy(new)"].value - 0.9) < 0.04


def test_intervals_cover_with_a_judge_of_any_quality(simulations):
    for right in (0.5, 0.95):
        covered = []
        for seed in range(max(20, simulations // 10)):
            columns = rows(right, seed)
            made = plan(table(columns), ASKED, budget=150, judge="judge", seed=seed)
            found = estimate(made, labelled(made, columns["truth"]))
            y, old, new = columns["truth"], columns["old"], columns["new"]
            truth = [
                (new == y).mean(), (new == y).mean() - (old == y).mean(),
                ((old == y) & (new != y)).mean(),
            ]  # fmt: skip
            covered += [e.low <= t <= e.high for e, t in zip(found, truth, strict=True)]
        assert np.mean(covered) > 0.87, right


def test_a_score_an_abstention_and_a_third_class_are_opinions_too():
    columns = rows()
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.7, ITEMS)
    score = 1 / (1 + np.exp(-(3 * (columns["truth"] - 0.5) + noise)))
    scored = plan(table(columns, llm=score), ASKED, margin=0.03, judge="llm")
    silent = columns["judge"].astype(float)
    silent[rng.random(ITEMS) < 0.5] = np.nan
    half = plan(table(columns, llm=silent), ASKED, margin=0.03, judge="llm")
    whole = plan(table(columns), ASKED, margin=0.03, judge="judge")
    none = plan(table(columns), ASKED, margin=0.03)
    assert scored.size < none.size
    assert whole.size < half.size < none.size
    found = estimate(half, labelled(half, columns["truth"]))
    heard = ~np.isnan(silent)
    right = (silent == columns["truth"])[heard].mean()
    assert found.judges[0].low <= right <= found.judges[0].high

    names = np.array(["cat", "dog", "eel"])
    truth = rng.integers(0, 3, ITEMS)
    said = {
        m: names[np.where(rng.random(ITEMS) < 0.8, truth, rng.integers(0, 3, ITEMS))]
        for m in (*MODELS, "judge")
    }
    animals = {"id": np.arange(ITEMS), "site": columns["site"], **said}
    for asked in ([accuracy("new")], [precision("new", positive="dog")]):
        made = plan(table(animals), asked, margin=0.04, judge="judge")
        assert made.size < plan(table(animals), asked, margin=0.04).size
        found = estimate(made, labelled(made, names[truth]))
        y, new = names[truth], said["new"]
        true = (
            (new == y).mean()
            if asked[0].name == "accuracy(new)"
            else (y == "dog")[new == "dog"].mean()
        )
        assert abs(found.each[0].value - true) < 1.5 * found.each[0].half_width


def test_how_often_people_prefer_an_answer():
    rng = np.random.default_rng(2)
    names = np.array(["new", "old", "tie"])
    people = rng.choice(3, ITEMS, p=[0.5, 0.3, 0.2])
    other = rng.integers(0, 3, ITEMS)
    columns = {
        "id": np.arange(ITEMS),
        "llm": names[np.where(rng.random(ITEMS) < 0.8, people, other)],
    }
    asked = win_rate("new", tie="tie")
    made = plan(columns, asked, margin=0.03, judge="llm", item="id")
    assert made.size < 0.8 * made.expectations[0].alone
    found = estimate(made, labelled(made, names[people]))[asked]
    true = (people == 0).mean() + (people == 2).mean() / 2
    assert found.low <= true <= found.high
    read = supersede.read(columns, item="id", models=["llm"], labelled=False)
    alone = plan(read, asked, margin=0.05, classes=list(names))
    assert 200 < alone.size < 450  # a random sample: nothing is known of the items


def test_a_pilot_teaches_how_far_to_trust_the_judge(tmp_path):
    columns = rows(0.97)
    pilot = plan(table(columns), ASKED, margin=0.08, judge="judge", seed=4)
    seen = estimate(pilot, labelled(pilot, columns["truth"]))
    second = plan(table(columns), ASKED, margin=0.02, judge="judge", seed=4, after=seen)
    first = plan(table(columns), ASKED, margin=0.02, judge="judge", seed=4)
    assert second.size < 0.8 * first.size
    write_plan(second, tmp_path / "plan.csv")
    again = load_plan(tmp_path / "plan.csv")
    assert again.calibration == second.calibration
    labels = labelled(second, columns["truth"])
    assert estimate(again, labels).each == estimate(second, labels).each


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            lambda n: np.array(["good", "bad"] * (n // 2)),
            "says 'bad', 'good', and labels can be 0, 1",
        ),
        (lambda n: np.linspace(0, 100, n), "probability of class 1"),
        (lambda n: np.full(n, np.nan), "has no opinion"),
        (lambda n: np.arange(n), "says 2, 3"),
    ],
)
def test_what_is_no_opinion_about_the_label_is_refused(column, message):
    with pytest.raises(ArgumentError, match=message):
        plan(table(rows(), llm=column(ITEMS)), ASKED, judge="llm")


def test_judges_that_cannot_serve_are_refused():
    known = table(rows())
    with pytest.raises(MissingColumnError, match="no column 'nope' for a judge"):
        plan(known, ASKED, judge="nope")
    with pytest.raises(ArgumentError, match="judge 'new' is a model"):
        plan(known, ASKED, judge="new")
    with pytest.raises(ArgumentError, match="named twice"):
        plan(known, ASKED, judge=["judge", "judge"])
    with pytest.raises(ArgumentError, match="makes no use of a judge"):
        plan(known, ASKED, judge="judge", method="coordinated")
    graded = supersede.read(
        rows(), item="id", models={"old": Right("old"), "new": Right("new")}, labelled=False
    )
    with pytest.raises(ArgumentError, match="grades are a judge's opinions already"):
        plan(graded, ASKED, judge="judge")
