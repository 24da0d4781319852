"""Plans: what they choose, what they promise, and what they refuse."""

import numpy as np
import pytest

import supersede
from supersede.errors import (
    ArgumentError,
    ColumnTypeError,
    ItemError,
    MissingColumnError,
    MissingPredictionError,
    TooFewLabelsError,
)
from supersede.evaluate import accuracy, estimate, plan, precision, recall
from tests.evaluate.cases import ensemble

CASE = ensemble()
ALL = [precision(m) for m in CASE.models]


def chosen(made) -> set:
    return {r["item"] for r in made.items.to_pylist() if not r["reserve"]}


def sample(made, k) -> set:
    """The items of estimand k's own sample."""
    ids = made.items["item"].to_pylist()
    return {ids[r] for r in made.samples[k].rows[: made.samples[k].take]}


@pytest.mark.parametrize("method", ["allocated", "coordinated", "independent", "parent_child"])
def test_rows_and_columns_in_another_order_give_the_same_items(method):
    turned = np.random.default_rng(1).permutation(len(CASE.truth))
    names = list(CASE.columns)[::-1]
    other = supersede.read(
        {name: CASE.columns[name][turned] for name in names},
        item="item", models=CASE.models[::-1], labelled=False,
    )  # fmt: skip
    a = plan(CASE.table(), ALL, method=method, parent="m0", seed=5)
    b = plan(other, ALL, method=method, parent="m0", seed=5)
    assert a.items.equals(b.items)
    assert a.design == b.design


def test_another_seed_gives_other_items():
    a, b = (plan(CASE.table(), ALL, seed=s) for s in (1, 2))
    assert chosen(a) != chosen(b)


def test_coordinated_samples_are_the_smallest_numbers_of_each_model():
    made = plan(CASE.table(), ALL, method="coordinated", seed=3)
    from supersede.evaluate.numbers import number

    for k, model in enumerate(CASE.models):
        positive = np.flatnonzero(CASE.columns[model] == 1)
        ranked = sorted(positive.tolist(), key=lambda i: number("3", i))
        assert sample(made, k) == set(ranked[: made.samples[k].take])


def test_a_new_model_drops_no_item_of_coordinated_samples():
    before = plan(CASE.table(), ALL[:2], method="coordinated", seed=3)
    after = plan(CASE.table(), ALL, method="coordinated", seed=3)
    assert chosen(before) <= chosen(after)


def test_a_tighter_margin_drops_no_item_of_coordinated_samples():
    wide = plan(CASE.table(), ALL, method="coordinated", margin=0.08, seed=3)
    tight = plan(CASE.table(), ALL, method="coordinated", margin=0.04, seed=3)
    assert chosen(wide) < chosen(tight)


def test_another_day_drops_no_item_that_is_still_among_the_smallest():
    """New items may displace some from the sample; nobody is displaced by chance."""
    day = {k: v[:2000] for k, v in CASE.columns.items()}
    first = supersede.read(day, item="item", models=CASE.models, labelled=False)
    before = plan(first, ALL[:1], method="coordinated", margin=0.05, seed=3)
    after = plan(CASE.table(), ALL[:1], method="coordinated", margin=0.01, seed=3)
    assert chosen(before) <= chosen(after)


def test_allocated_never_needs_more_labels_than_coordinated():
    for margin in (0.02, 0.05, 0.1, 0.3):
        for seed in range(3):
            table = ensemble(seed=seed, items=800).table()
            few = plan(table, ALL, margin=margin)
            many = plan(table, ALL, margin=margin, method="coordinated")
            assert few.size <= many.size * 1.02  # the coordinated size itself is random
    assert plan(CASE.table(), ALL).size < 0.75 * plan(CASE.table(), ALL, method="coordinated").size


def test_inclusion_probabilities_add_up_to_the_size():
    made = plan(CASE.table(), ALL)
    total = sum(s.take for s in made.samples)
    assert total == made.size
    for g, s in enumerate(made.samples):
        assert made.patterns.count[made.stratum == g].sum() == s.of


def test_a_budget_is_kept_and_used():
    for method in ("allocated", "coordinated", "independent"):
        made = plan(CASE.table(), ALL, budget=300, method=method)
        assert 230 <= made.size <= 315
    with pytest.raises(ArgumentError, match="not 'parent_child'"):
        plan(CASE.table(), ALL, budget=300, method="parent_child", parent="m0")
    with pytest.raises(TooFewLabelsError, match="budget=1 labels cannot support"):
        plan(CASE.table(), ALL, budget=1)


def test_margin_0_labels_everything_that_matters_and_has_no_width():
    small = ensemble(items=200)
    for method in ("allocated", "coordinated"):
        made = plan(small.table(), precision("m0"), margin=0, method=method)
        found = estimate(made, small.label(made))["precision(m0)"]
        assert made.size == small.columns["m0"].sum()
        assert found.half_width < 1e-9
        positives = small.columns["m0"] == 1
        assert found.value == pytest.approx(small.truth[positives].mean())


def test_margin_1_needs_next_to_nothing():
    assert plan(CASE.table(), precision("m0"), margin=1, method="coordinated").size == 1


def test_a_sample_larger_than_the_set_takes_all():
    small = ensemble(items=60)
    made = plan(small.table(), precision("m0"), margin=0.001, method="coordinated")
    assert made.size == small.columns["m0"].sum()


@pytest.mark.parametrize("margin", [-0.1, 1.5])
def test_margins_outside_0_to_1_are_refused(margin):
    with pytest.raises(ArgumentError, match="half the interval width"):
        plan(CASE.table(), ALL, margin=margin)


def test_arguments_outside_what_they_may_be_are_refused():
    table = CASE.table()
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        plan(table, ALL, confidence=95)
    with pytest.raises(ArgumentError, match="must be one of 'allocated'"):
        plan(table, ALL, method="magic")
    with pytest.raises(ArgumentError, match="is named twice"):
        plan(table, [precision("m0"), precision("m0")])
    with pytest.raises(ArgumentError, match="no estimands"):
        plan(table, [])
    with pytest.raises(MissingColumnError, match="no column 'm9' for a model"):
        plan(table, precision("m9"))
    with pytest.raises(MissingColumnError, match="no column 'age' for a condition"):
        plan(table, precision("m0").within(age=3))
    with pytest.raises(ArgumentError, match="number of labels, 1 or more"):
        plan(table, ALL, budget=0)


def test_a_table_without_ids_is_refused():
    bare = supersede.read({"a": [0, 1, 1]}, models=["a"], labelled=False)
    with pytest.raises(ArgumentError, match="no item ids"):
        plan(bare, precision("a"))


def test_ids_that_engines_write_differently_are_refused():
    table = supersede.read({"item": [0.5, 1.5, 2.5], "a": [0, 1, 1]}, models=["a"], labelled=False)
    with pytest.raises(ColumnTypeError, match="cast them to whole numbers or text"):
        plan(table, precision("a"))


def test_ids_that_occur_twice_are_found_even_if_reading_did_not_look():
    columns = {"key": [1, 2, 2, 3], "a": [1, 1, 1, 1]}
    table = supersede.read(columns, models=["a"], labelled=False)
    with pytest.raises(ItemError, match="item id 2 occurs twice"):
        plan(table, precision("a"), margin=0, item="key")


def test_no_positives_leave_the_other_models_alone():
    columns = {**CASE.columns, "never": np.zeros(len(CASE.truth), np.int64)}
    table = supersede.read(columns, item="item", models=["never", "m0"], labelled=False)
    made = plan(table, [precision("never"), precision("m0")])
    assert any("never" in note for note in made.notes)
    found = estimate(made, CASE.label(made))
    assert found["precision(m0)"].value is not None
    with pytest.raises(TooFewLabelsError, match="undefined: it counts no items"):
        found["precision(never)"]
    with pytest.raises(TooFewLabelsError, match="no label affects"):
        plan(table, precision("never"))


def test_a_copy_of_a_model_costs_nothing():
    columns = {**CASE.columns, "copy": CASE.columns["m0"]}
    table = supersede.read(columns, item="item", models=["m0", "copy"], labelled=False)
    alone = plan(table, precision("m0"), method="coordinated")
    both = plan(table, [precision("m0"), precision("copy")], method="coordinated")
    assert both.size == alone.size
    difference = plan(table, [precision("m0"), accuracy("m0") - accuracy("copy")])
    found = estimate(difference, CASE.label(difference))
    assert found["accuracy(m0) - accuracy(copy)"].note == "known without labels"
    assert found["accuracy(m0) - accuracy(copy)"].value == 0


def test_abstentions_count_as_wrong_where_asked_and_are_refused_otherwise():
    columns = dict(CASE.columns)
    columns["m0"] = columns["m0"].astype(float)
    columns["m0"][:300] = np.nan
    with pytest.raises(MissingPredictionError, match="has no prediction for 300"):
        supersede.read(columns, item="item", models=["m0"], labelled=False)
    table = supersede.read(columns, item="item", models=["m0"], labelled=False, missing="wrong")
    made = plan(table, accuracy("m0"), margin=0)
    found = estimate(made, CASE.label(made))["accuracy(m0)"]
    right = columns["m0"] == CASE.truth
    assert found.value == pytest.approx(right.mean())


def test_recall_of_a_rare_class_says_that_it_is_unaffordable():
    rng = np.random.default_rng(0)
    n = 100_000
    columns = {"item": np.arange(n), "a": (rng.random(n) < 1e-4).astype(int)}
    columns["b"] = np.where(rng.random(n) < 5e-5, 1 - columns["a"], columns["a"])
    table = supersede.read(columns, item="item", models=["a", "b"], labelled=False)
    made = plan(table, recall("a"), method="coordinated")
    assert any("unaffordable" in note and "Scores" in note for note in made.notes)


def test_tiny_strata_are_taken_whole():
    columns = dict(CASE.columns)
    columns["m1"] = columns["m0"].copy()
    columns["m1"][np.flatnonzero(columns["m0"] == 0)[:9]] = 1
    table = supersede.read(columns, item="item", models=["m0", "m1"], labelled=False)
    made = plan(table, precision("m1") - precision("m0"), margin=0.002)
    assert made.size <= 9 + columns["m0"].sum()
    found = estimate(made, CASE.label(made))
    assert found.each[0].half_width <= 0.01


def test_two_ids_with_one_number_keep_both(monkeypatch):
    """MD5 does not collide by accident; if it did, the id would decide."""
    import ibis

    from supersede.evaluate import draw

    monkeypatch.setattr(draw, "numbers", lambda rows, item, key: ibis.literal("0" * 32))
    table = supersede.read({"item": [3, 1, 2], "a": [1, 1, 1]}, models=["a"], labelled=False)
    made = plan(table, precision("a"), margin=0, method="coordinated")
    assert made.items["item"].to_pylist() == [1, 2, 3]


def test_ids_whose_numbers_collide_are_told_apart_by_themselves(monkeypatch):
    from supersede.evaluate import draw

    whole = draw.numbers
    monkeypatch.setattr(draw, "numbers", lambda *given: whole(*given).left(2))  # 256 numbers only
    turned = np.random.default_rng(1).permutation(len(CASE.truth))
    mixed = {name: values[turned] for name, values in CASE.columns.items()}
    other = supersede.read(mixed, item="item", models=CASE.models, labelled=False)
    a, b = (plan(t, ALL, method="coordinated", seed=5) for t in (CASE.table(), other))
    assert len({r["number"] for r in a.items.to_pylist()}) < len(a.items)
    assert a.items.equals(b.items)
    assert [len(sample(a, k)) for k in range(len(ALL))] == [s.take for s in a.samples]
