"""Clusters of the table: in the variance of every estimate, with few clusters too."""

import numpy as np
import pytest

import supersede
from supersede.errors import ArgumentError
from supersede.evaluate import accuracy, estimate, load_plan, plan, precision, write_plan
from supersede.evaluate.clusters import ultimate


def _data(clusters: int = 40, alike: float = 1.0, seed: int = 0):
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(clusters), rng.integers(5, 40, clusters))
    latent = rng.normal(size=len(site)) + rng.normal(0, alike, clusters)[site]
    hard = rng.normal(0, alike, clusters)[site]
    data = {"y": (latent + hard + rng.normal(0, 0.5, len(site)) > 0.5).astype(int)}
    data |= {m: (latent + rng.normal(0, 0.6, len(site)) > 0.5).astype(int) for m in "ab"}
    return data | {"item": np.arange(len(site)), "site": site}


DATA = _data()


def _table(data=DATA, **uses: str):
    answers = {name: values for name, values in data.items() if name != "y"}
    return supersede.read(answers, models=["a", "b"], labelled=False, **uses)


def _labels(made, data=DATA):
    ids = made.items["item"].to_numpy()
    return {"item": ids, "label": data["y"][ids]}


def test_all_labels_leave_the_variance_between_clusters():
    made = plan(_table(cluster="site"), accuracy("a"), margin=0)
    found = estimate(made, _labels(made)).each[0]
    right = DATA["a"] == DATA["y"]
    residual = np.bincount(DATA["site"], right - right.mean()) / len(right)
    error = (40 / 39 * (residual**2).sum()) ** 0.5
    assert found.value == pytest.approx(right.mean())
    assert found.half_width > 1.96 * error
    assert found.half_width < 2.6 * error


def test_labels_that_all_agree_are_no_certainty():
    right = {**DATA, "y": DATA["a"]}
    made = plan(_table(right, cluster="site"), accuracy("a"), margin=0)
    found = estimate(made, _labels(made, right)).each[0]
    assert found.value == 1
    assert found.low < 0.97


def test_few_clusters_give_wide_intervals():
    few = _data(clusters=3)
    made = plan(_table(few, cluster="site"), accuracy("a"), margin=0.1)
    assert any("no number of labels" in note for note in made.notes)
    assert estimate(made, _labels(made, few)).each[0].half_width > 0.2


def test_one_cluster_is_refused_and_a_group_within_one_too():
    one = {**DATA, "site": np.zeros(len(DATA["site"]), int)}
    with pytest.raises(ArgumentError, match="all items are of one cluster"):
        plan(_table(one, cluster="site"), accuracy("a"))
    group = {**DATA, "first": np.where(DATA["site"] == 0, "yes", "no")}
    asked = [accuracy("a"), accuracy("a").within(first="yes")]
    made = plan(_table(group, cluster="site"), asked, margin=0.1)
    found = estimate(made, _labels(made))
    assert found.each[0].value is not None
    assert "one cluster" in found.each[1].note


def test_agreement_in_these_clusters_is_no_certainty_of_others():
    same = {**DATA, "b": DATA["a"]}
    asked = [accuracy("a"), accuracy("b") - accuracy("a")]
    made = plan(_table(same, cluster="site"), asked, margin=0.1)
    found = estimate(made, _labels(made, same)).each[1]
    assert found.value is None
    assert "in these clusters" in found.note


def test_items_without_a_cluster_are_refused():
    site = [None if at < 3 else str(s) for at, s in enumerate(DATA["site"])]
    table = supersede.read(
        {"item": DATA["item"], "a": DATA["a"], "site": site}, models=["a"], cluster="site", labelled=False
    )  # fmt: skip
    with pytest.raises(ArgumentError, match="3 items have no cluster"):
        plan(table, accuracy("a"))


def test_clusters_with_weights_survive_files(tmp_path):
    data = DATA | {"w": np.random.default_rng(3).lognormal(0, 0.5, len(DATA["site"]))}
    made = plan(
        _table(data, cluster="site", weight="w"), [accuracy("a"), precision("b")], margin=0.1
    )
    write_plan(made, tmp_path / "plan.csv")
    back = load_plan(tmp_path / "plan.csv")
    assert back.design == made.design
    assert estimate(back, _labels(made)).each == estimate(made, _labels(made)).each
    assert "cluster" in back.items.column_names


def test_methods_with_clusters():
    for method in ("coordinated", "independent"):
        made = plan(_table(cluster="site"), accuracy("a"), margin=0.1, method=method)
        free = plan(_table(), accuracy("a"), margin=0.1, method=method)
        clustered, independent = (estimate(m, _labels(m)).each[0] for m in (made, free))
        assert clustered.how == "difference"
        assert clustered.half_width > 1.1 * independent.half_width
    with pytest.raises(ArgumentError, match="cluster='site'"):
        plan(_table(cluster="site"), precision("a"), method="parent_child", parent="a")


def test_degrees_of_freedom_of_ultimate_clusters():
    variance, freedom = ultimate(np.array([1.0, -1.0, 1.0, -1.0]))
    assert variance == pytest.approx(4 * 4 / 3)
    assert freedom == 3
    assert ultimate(np.array([1.0, -1.0, 0.0, 0.0]))[1] == 2
