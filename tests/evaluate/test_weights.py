"""Weights of the table: in the estimand, in the choice of items, and the same in the review."""

import numpy as np
import pytest

import supersede
from supersede.errors import ArgumentError
from supersede.evaluate import (
    accuracy,
    estimate,
    f1,
    follow,
    load_plan,
    negative_flips,
    plan,
    precision,
    recall,
    write_plan,
)
from supersede.evaluate.weights import weight_edges

ITEMS = 1500


def _data(seed: int = 0):
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=ITEMS)
    data = {"y": (latent + rng.normal(0, 0.4, ITEMS) > 0.8).astype(int)}
    data |= {m: (latent + rng.normal(0, 0.5, ITEMS) > 0.8).astype(int) for m in "ab"}
    data["w"] = rng.lognormal(0, 1, ITEMS) * np.where(latent > 0.8, 2.0, 0.5)
    return data | {"item": np.arange(ITEMS)}


DATA = _data()
ASKED = [
    accuracy("a"), precision("a"), recall("b"), f1("b"), accuracy("b") - accuracy("a"),
    negative_flips("a", "b"),
]  # fmt: skip


def _table(**uses: str):
    answers = {name: values for name, values in DATA.items() if name != "y"}
    return supersede.read(answers, models=["a", "b"], labelled=False, **uses)


def _truths(w: np.ndarray) -> list[float]:
    a, b, y = (DATA[name] for name in "aby")
    right, wrong = (a == y).astype(float), (b == y).astype(float)
    return [
        np.average(right, weights=w), np.average(y[a == 1], weights=w[a == 1]),
        np.average(b[y == 1], weights=w[y == 1]), 2 * (w * b * y).sum() / ((w * b).sum() + (w * y).sum()),
        np.average(wrong - right, weights=w), np.average(right * (1 - wrong), weights=w),
    ]  # fmt: skip


def _labels(made):
    ids = made.items["item"].to_numpy()
    return {"item": ids, "label": DATA["y"][ids]}


def test_all_labels_give_the_weighted_figures_exactly():
    made = plan(_table(weight="w"), ASKED, margin=0)
    found = estimate(made, _labels(made))
    assert [e.value for e in found] == pytest.approx(_truths(DATA["w"]), abs=1e-12)
    assert all(e.half_width == pytest.approx(0, abs=1e-9) for e in found)


def test_the_review_of_the_same_labels_gives_the_same_figures():
    made = plan(_table(weight="w"), ASKED, margin=0)
    found = estimate(made, _labels(made))
    table = supersede.read(DATA, models=["a", "b"], label="y", weight="w")
    overall = supersede.compare(table, old="a", new="b").to_dict()["candidates"][0]["overall"]
    assert found["accuracy(b) - accuracy(a)"].value == pytest.approx(overall["gain"])
    assert found["negative_flip_rate(a, b)"].value == pytest.approx(overall["nfr"])


def test_equal_weights_change_nothing():
    equal = {**DATA, "w": np.full(ITEMS, 3.0)}
    del equal["y"]
    table = supersede.read(equal, models=["a", "b"], labelled=False, weight="w")
    for method in ("allocated", "coordinated"):
        weighed = plan(table, ASKED[:2], margin=0.1, method=method)
        counted = plan(_table(), ASKED[:2], margin=0.1, method=method)
        assert weighed.items["item"].equals(counted.items["item"])
        pairs = zip(
            estimate(weighed, _labels(weighed)), estimate(counted, _labels(counted)), strict=True
        )
        for one, other in pairs:
            assert one.how == other.how
            assert one.low == pytest.approx(other.low)
            assert one.value == pytest.approx(other.value)


@pytest.mark.parametrize("method", ["allocated", "coordinated", "independent"])
def test_estimates_are_near_the_weighted_figures(method):
    made = plan(_table(weight="w"), ASKED[:3], margin=0.08, method=method, seed=2)
    found = estimate(made, _labels(made))
    unweighted = _truths(np.ones(ITEMS))
    assert max(abs(e.value - t) for e, t in zip(found, unweighted, strict=False)) > 0.04
    for e, true in zip(found, _truths(DATA["w"]), strict=False):
        assert e.value == pytest.approx(true, abs=0.11)
        assert e.how == "difference"


def test_heavy_items_are_more_likely_to_be_chosen():
    made = plan(_table(weight="w"), accuracy("a"), margin=0.08)
    weight, chance = (made.items[name].to_numpy() for name in ("weight", "inclusion"))
    assert chance[weight > 2].mean() > 2 * chance[weight < 0.5].mean()
    assert (
        made.size
        < 0.8 * plan(_table(weight="w"), accuracy("a"), margin=0.08, method="coordinated").size
    )


def test_files_keep_the_weights_and_an_altered_one_is_refused(tmp_path):
    made = plan(_table(weight="w"), ASKED, margin=0.1)
    write_plan(made, tmp_path / "plan.csv")
    back = load_plan(tmp_path / "plan.csv")
    assert back.design == made.design
    assert estimate(back, _labels(made)).each == estimate(made, _labels(made)).each
    arrays = dict(np.load(tmp_path / "plan.csv.design"))
    arrays["item_weight"] = arrays["item_weight"] * np.linspace(1, 2, len(arrays["item_weight"]))
    with (tmp_path / "plan.csv.design").open("wb") as file:
        np.savez_compressed(file, **arrays)
    with pytest.raises(supersede.errors.SourceError, match="altered"):
        load_plan(tmp_path / "plan.csv")


def test_following_a_weighted_plan_and_its_pages():
    made = plan(_table(weight="w"), ASKED[:2], margin=0.1)
    seen = follow(made, _labels(made))
    assert seen.last is not None
    for result in (made, seen, seen.last):
        assert "<svg" in result.to_html()


def test_a_second_phase_learns_from_a_weighted_pilot():
    pilot = plan(_table(weight="w"), ASKED[:2], margin=0.15)
    second = plan(_table(weight="w"), ASKED[:2], margin=0.07, after=estimate(pilot, _labels(pilot)))
    missing = set(pilot.items["item"].to_pylist()) - set(second.items["item"].to_pylist())
    assert len(missing) < 0.1 * pilot.size
    assert all(e.low <= t <= e.high for e, t in zip(estimate(second, _labels(second)), _truths(DATA["w"]), strict=False))  # fmt: skip


@pytest.mark.parametrize(
    ("weights", "edges"),
    [
        ([1.0, 1.0, 2.5, 2.5], (2.5,)),
        ([3, 3, 3, 3], ()),
        (list(np.geomspace(1, 100, 40)), (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)),
        ([0.0, *np.geomspace(1.5, 9, 40)], (1.5, 2.0, 4.0, 8.0)),
    ],
)
def test_bins_of_weights(weights, edges):
    rows = {
        "item": range(len(weights)),
        "a": [0, 1] * (len(weights) // 2) + [0] * (len(weights) % 2),
    }
    table = supersede.read(rows | {"w": weights}, models=["a"], labelled=False, weight="w")
    assert weight_edges(table) == pytest.approx(edges)


def test_very_unequal_weights_have_few_bins_and_weightless_items_are_never_asked_for():
    rng = np.random.default_rng(1)
    rows = {"item": range(600), "a": rng.integers(0, 2, 600), "w": rng.lognormal(0, 12, 600)}
    rows["w"][:100] = 0
    table = supersede.read(rows, models=["a"], labelled=False, weight="w")
    assert len(weight_edges(table)) <= 12
    made = plan(table, accuracy("a"), margin=0.1)
    assert min(made.items["item"].to_pylist()) >= 100


def test_the_articles_method_refuses_weights():
    with pytest.raises(ArgumentError, match=r"weight='w'.*method='allocated'"):
        plan(_table(weight="w"), precision("a"), method="parent_child", parent="a")
