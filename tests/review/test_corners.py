"""Few clusters, many slices, labels still needed, and arguments that contradict each other."""

import numpy as np
import pytest

import supersede
from supersede import errors
from supersede.audit import audit_groups, coverage
from supersede.evaluate import accuracy, plan
from supersede.metrics import by_group, calibration, count_flips
from supersede.review import (
    MaxChurn,
    MaxGap,
    MaxNFR,
    MaxScoreShift,
    MaxSliceNFR,
    MinGain,
    MinMetric,
    MustNotBreak,
    NoSliceWorse,
)
from supersede.review.alike import no_share_above


def judged(rows, check, **arguments):
    review = supersede.compare(rows, old="a", new="b", label="y", checks=[check], **arguments)
    return review.candidate.findings[0]


def broken(lost, **columns):
    one = np.ones(len(lost), int)
    return {"y": one, "a": one, "b": 1 - np.asarray(lost), **columns}


def test_twenty_clusters_without_a_flip_are_not_ten_thousand_items():
    rows = broken(np.zeros(10_000, int), annotator=np.arange(10_000) % 20)
    assert judged(rows, MaxNFR(0.005)).verdict == "pass"
    finding = judged(rows, MaxNFR(0.005), cluster="annotator")
    assert (finding.verdict, finding.estimate) == ("undecided", 0)
    assert finding.high == pytest.approx(1 - 0.025 ** (1 / 20))  # exact, for 20 independent items
    assert judged(rows, MaxChurn(0.005), cluster="annotator").verdict == "undecided"


def test_a_slice_within_one_cluster_says_nothing_for_certain():
    document = np.arange(2000) // 100
    rows = broken((document == 0).astype(int), document=document, g=(document == 0).astype(int))
    finding = judged(rows, MaxSliceNFR(0.02), cluster="document", groups=["g"])
    assert finding.verdict == "undecided"
    assert min(s.p_adjusted for s in finding.slices) > 0.01


def test_churn_heeds_weights_and_clusters():
    changed = np.repeat([1, 0], [50, 950])
    rows = broken(changed, w=np.repeat([3.0, 1.0], [50, 950]), user=np.arange(1000) // 50)
    plain, weighted = judged(rows, MaxChurn(0.2)), judged(rows, MaxChurn(0.2), weight="w")
    assert plain.estimate == pytest.approx(0.05)
    assert weighted.estimate == pytest.approx(150 / 1100)
    assert judged(rows, MaxChurn(0.2), cluster="user").high > 2 * plain.high


@pytest.mark.parametrize("outlier", [None, 999.5, -1e12])
def test_the_score_shift_is_scipys_with_and_without_outliers(outlier):
    from scipy.stats import ks_2samp

    first = np.random.default_rng(0).random(5000)
    second = first**4
    if outlier is not None:
        first[0] = second[0] = outlier
    rows = broken(np.zeros(5000, int), a_score=first, b_score=second)
    finding = judged(rows, MaxScoreShift(0.1))
    assert finding.verdict == "fail"
    assert finding.estimate == pytest.approx(ks_2samp(first, second).statistic, abs=1e-12)


def fifty(hits, n):
    lost = np.concatenate([np.repeat([1, 0], [k, n - k]) for k in hits])
    return broken(lost, market=np.repeat(np.arange(len(hits)), n))


def test_fifty_quiet_slices_pass_together_and_each_has_its_own_statement():
    hits = np.random.default_rng(0).binomial(300, 0.005, 50)
    assert hits.max() >= 4  # which no slice could keep by itself
    finding = judged(fifty(hits, 300), MaxSliceNFR(0.02), groups=["market"])
    assert finding.verdict == "pass"
    assert {s.verdict for s in finding.slices} == {"pass", "undecided"}
    assert "would not pass alone" in finding.reason
    assert judged(fifty(hits, 300), NoSliceWorse(0.02), groups=["market"]).verdict == "pass"


def test_fifty_slices_at_the_limit_or_one_far_above_do_not_pass():
    rng = np.random.default_rng(1)
    at_limit = fifty(rng.binomial(300, 0.02, 50), 300)
    assert judged(at_limit, MaxSliceNFR(0.02), groups=["market"]).verdict == "undecided"
    hits = rng.binomial(100, 0.005, 50)
    hits[7] = 8
    finding = judged(fifty(hits, 100), MaxSliceNFR(0.02), groups=["market"])
    assert finding.verdict == "fail"
    assert [s.values for s in finding.slices if s.verdict == "fail"] == [{"market": 7}]


def test_errors_of_the_joint_test(simulations):
    rng, n, k = np.random.default_rng(2), 300, 50
    size = np.full(k, float(n))

    def passes(rates, size=size):
        return np.mean([
            no_share_above(rng.binomial(size.astype(int), rates).astype(float), size, 0.02, 0.95)
            for _ in range(simulations)
        ])  # fmt: skip

    slack = 2 * np.sqrt(0.025 / simulations)
    assert passes(np.full(k, 0.005)) >= 0.8
    assert passes(np.full(k, 0.02)) <= 0.025 + slack
    for items in (100.0, 300.0):
        lone = np.full(k, 0.005)
        lone[0] = 0.06
        assert passes(lone, np.full(k, items)) <= 0.025 + slack


@pytest.mark.parametrize("n", [100, 101, 110, 150])
def test_labels_asked_for_decide_four_times_in_five(n):
    """All right, after one in a hundred wrong."""
    gained = round(n / 100)
    rows = {
        "y": np.ones(n, int),
        "a": np.repeat([0, 1], [gained, n - gained]),
        "b": np.ones(n, int),
    }
    finding = judged(rows, MinGain(0))
    more, trials = finding.more_labels, 300
    fresh = np.random.default_rng(0).binomial(1, gained / n, (trials, more))
    old = np.concatenate([np.tile(rows["a"], (trials, 1)), 1 - fresh], axis=1).ravel()
    then = {"y": np.ones(len(old), int), "a": old, "b": np.ones(len(old), int)}
    then["trial"] = np.repeat(np.arange(trials), n + more)
    (flips,) = count_flips(then, "a", "b", ["trial"], label="y")
    assert 0.7 <= np.mean(flips.gain_interval(0.95)[0] >= 0) <= 0.93


def test_an_estimate_on_its_limit_says_that_no_number_will_do():
    finding = judged(broken(np.repeat([1, 0], [20, 980])), MaxNFR(0.02))
    assert (finding.verdict, finding.more_labels) == ("undecided", None)
    assert "no number of labels will do" in finding.steps[0]


def test_labels_of_slices_that_overlap_are_not_added_up():
    hits = [1] * 6
    once, twice = fifty(hits, 100), fifty(hits, 100)
    twice["country"] = twice["market"]
    check = MaxSliceNFR(0.04)
    alone = judged(once, check, groups=["market"])
    both = judged(twice, check, groups=["market", "country"])
    assert alone.verdict == both.verdict == "undecided"
    assert both.more_labels_random == pytest.approx(alone.more_labels_random, rel=0.2)


def test_chosen_labels_are_fewer_than_random_ones():
    hits = [0] * 30 + [3]
    rows = broken(
        np.concatenate([np.repeat([1, 0], [k, n - k]) for k, n in zip(hits, [1000] * 30 + [40], strict=True)]),
        market=np.repeat(np.arange(31), [1000] * 30 + [40]),
    )  # fmt: skip
    finding = judged(rows, MaxSliceNFR(0.02), groups=["market"])
    assert finding.verdict == "undecided"
    assert finding.more_labels < finding.more_labels_random / 10


def test_a_typo_in_a_list_does_not_ask_for_labels():
    rows = {**broken(np.zeros(50, int)), "id": np.arange(50)}
    review = supersede.compare(
        rows, old="a", new="b", label="y", checks=[MustNotBreak(items=[1, 2, "2O"])]
    )
    assert review.verdict == "undecided"
    steps = " ".join(review.candidate.next_steps)
    assert "2O is not in column 'id'; correct the list" in steps
    assert "Label" not in steps


@pytest.mark.parametrize(
    "argument", [{"weight": "w"}, {"cluster": "g"}, {"cost": "w"}, {"label": "a"}, {"item": "w"},
                 {"missing": "wrong"}, {"same": "folded"}],
)  # fmt: skip
def test_arguments_that_contradict_a_table_are_refused(argument):
    rows = {**broken(np.zeros(30, int)), "w": np.ones(30), "g": np.arange(30), "id": np.arange(30)}
    table = supersede.read(rows, models=["a", "b"])
    with pytest.raises(errors.ArgumentError, match="but the table was read"):
        supersede.compare(table, old="a", new="b", **argument)
    repeated = {name: getattr(table, name) for name in ("label", "item")}
    assert supersede.compare(table, old="a", new="b", **repeated).verdict == "undecided"


def test_functions_of_tables_take_what_read_takes(frame):
    rows = frame(300).assign(a_score=0.5)
    assert audit_groups(rows, "b", old="a", groups="sex").rows
    assert coverage(rows, "site", strength=1).cells
    assert plan(rows.drop(columns="y"), accuracy("a") - accuracy("b")).size
    assert count_flips(rows, "a", "b", ["sex"])[0].n.sum() == 300
    assert by_group(rows, "a", ["sex"])[0].n.sum() == 300
    assert calibration(rows, "a").n.sum() == 300


def test_a_single_name_is_a_list_of_one(frame):
    rows = frame(300)
    review = supersede.compare(rows, old="a", new="b", groups="sex", checks=MinGain(0))
    assert [m.words for m in review.candidate.evidence.margins] == [("true class",), ("sex",)]
    with pytest.raises(errors.ArgumentError, match=r"cross=\[\('sex', 'site'\)\]"):
        supersede.compare(rows, old="a", new="b", cross=["sex", "site"])


@pytest.mark.parametrize("name", ["n", "both", "negative", "positive", "w", "true class", "old",
                                  "new", "__old", "weight", "cluster", "f1", "tp"])  # fmt: skip
def test_groups_may_have_any_name(frame, name):
    rows = frame(200).rename(columns={"sex": name}).assign(heavy=1.5)
    plain = supersede.compare(rows, old="a", new="b", groups=[name])
    weighted = supersede.compare(rows, old="a", new="b", groups=[name], weight="heavy")
    for review in (plain, weighted):
        margin = review.candidate.evidence.margins[1]
        assert sorted(v[name] for v in map(margin.values, range(2))) == ["f", "m"]
        assert review.to_html()


def few_labelled(rng, share=0.1, n=4000, **silent):
    """Five sites of 800 items each, of which few are labelled, and in `silent` ones none."""
    site = np.arange(n) % 5
    known = (rng.random(n) < share) & ~np.isin(site, list(silent.values()))
    one = np.ones(n, int)
    return {"y": [1 if k else None for k in known], "a": one, "b": one, "site": site}


CHECKS = [
    MaxSliceNFR(0.15),
    NoSliceWorse(0.15),
    MaxGap(0.2),
    MinMetric("accuracy", 0.8, groups="site"),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: type(check).__name__)
def test_few_labels_do_not_make_a_slice_small(check):
    # 8 labels of 800 items a site, all of them right: too few to say that it keeps the limit
    rows = few_labelled(np.random.default_rng(0), share=0.01)
    finding = judged(rows, check, groups=["site"], labels="random")
    assert finding.verdict == "undecided"
    assert not any(s.verdict is None for s in finding.slices)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: type(check).__name__)
def test_a_slice_without_any_label_is_named_and_holds_up_the_verdict(check):
    rows = few_labelled(np.random.default_rng(0), share=0.5, one=3)
    finding = judged(rows, check, groups=["site"], labels="random")
    assert finding.verdict == "undecided"
    assert "1 slice has no label, first site = 3 (800 items)" in finding.reason
    assert "label items of site = 3; none is labelled" in finding.steps[0]
    fewer = {name: values[:145] for name, values in rows.items()}  # 29 items of each site
    assert "no label" not in judged(fewer, check, groups=["site"], labels="random").reason


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: type(check).__name__)
def test_slices_that_are_all_too_small_do_not_pass(check):
    rows = broken(np.zeros(100, int), site=np.arange(100) % 5, r=np.full(100, 0.5))
    review = supersede.compare(rows, old="a", new="b", label="y", checks=[check], groups=["site"])
    finding = review.candidate.findings[0]
    only = [s for s in finding.slices if s.slice != "true class = 1"]
    assert all(s.verdict in {None, "pass"} for s in only)  # by itself it may keep the limit
    if isinstance(check, MaxGap | MinMetric):  # these have no slice of classes, which is large
        assert finding.verdict == "undecided"
        assert "items" in finding.steps[0]


def test_few_labels_do_not_make_a_class_small():
    # 20 labels of a class are at its share some 800 items
    y = np.where(np.arange(1600) % 40 == 0, np.arange(1600) // 40 % 2, np.nan)
    rows = {"y": y, "a": np.ones(1600), "b": np.ones(1600)}
    finding = judged(rows, MaxSliceNFR(0.15), labels="random")
    assert [s.verdict for s in finding.slices] == ["undecided", "undecided"]


def test_null_and_the_text_unknown_are_two_slices():
    rows = broken(np.zeros(90, int), g=["unknown"] * 30 + [None] * 30 + ["x"] * 30)
    finding = judged(rows, MaxSliceNFR(0.5), groups=["g"])
    names = {s.slice for s in finding.slices}
    assert len(names) == 4
    assert {s.values.get("g") for s in finding.slices if "g" in s.values} == {None, "unknown", "x"}


def test_columns_whose_values_are_no_slices_are_refused():
    rows = {**broken(np.zeros(3, int)), "tags": [["x"], ["y"], []]}
    with pytest.raises(errors.ColumnTypeError, match="one plain value"):
        supersede.compare(rows, old="a", new="b", label="y", groups=["tags"])
