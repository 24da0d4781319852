"""Limits on any metric: verdicts, groups, classes, and what is refused."""

import numpy as np
import pandas as pd
import pytest

import supersede
from supersede.errors import ArgumentError, MissingColumnError
from supersede.review import MaxDrop, MaxMetric, MaxRise, MinMetric
from supersede.table.outcomes import Judge, Losses, Within


def judged(rows, *checks, **arguments):
    review = supersede.compare(rows, old="a", new="b", checks=checks, **arguments)
    found = review.candidate.findings
    return found[0] if len(checks) == 1 else found


@pytest.fixture(scope="module")
def classes():
    """The new model misses a third of the rare class."""
    rng = np.random.default_rng(0)
    n = 4000
    y = rng.choice(["ham", "spam", "rare"], n, p=[0.6, 0.36, 0.04])
    chance = {"a": 0.95, "b": np.where(y == "rare", 0.6, 0.95)}
    other = np.where(y == "ham", "spam", "ham")
    rows = {m: np.where(rng.random(n) < p, y, other) for m, p in chance.items()}
    return pd.DataFrame({"y": y, **rows, "lang": rng.choice(["de", "en"], n)})


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(1)
    n = 1500
    y = rng.integers(0, 2, n)
    rows = {m: 1 / (1 + np.exp(-(k * (2 * y - 1) + rng.normal(size=n)))) for m, k in (("a", 1.2), ("b", 0.6))}  # fmt: skip
    return pd.DataFrame(
        {"y": y, **rows, "g": rng.choice([1, 2], n), "price": rng.exponential(size=n)}
    )


def test_limits_far_from_the_estimate_decide_and_near_ones_do_not(classes):
    asked = [
        (MinMetric("recall", 0.4, of="rare"), "pass"),
        (MinMetric("recall", 0.9, of="rare"), "fail"),
        (MinMetric("recall", 0.6, of="rare"), "undecided"),
        (MaxDrop("recall", 0.02, of="spam"), "pass"),
        (MaxDrop("recall", 0.02, of="rare"), "fail"),
        (MaxDrop("macro_f1", 0.02), "fail"),
        (MaxDrop("macro_f1", 0.5), "pass"),
        (MinMetric("balanced_accuracy", 0.7), "pass"),
        (MaxMetric("false_negative_rate", 0.1, of="rare"), "fail"),
        (MinMetric("specificity", 0.9, of="rare"), "pass"),
    ]
    found = judged(classes, *(check for check, _ in asked))
    for (check, verdict), finding in zip(asked, found, strict=True):
        assert finding.verdict == verdict, check
        assert (finding.more_labels is not None) == (verdict == "undecided"), check
        assert finding.low <= finding.estimate <= finding.high


def test_every_class_and_every_group(classes):
    each = judged(classes, MaxDrop("recall", 0.05, of="*"))
    assert (each.verdict, each.slice_count) == ("fail", 3)
    assert each.slices[0].slice == "class = rare"
    groups, both, one = judged(
        classes,
        MinMetric("recall", 0.9, of="rare", groups="lang"),
        MinMetric("recall", 0.9, of="*", groups="*"),
        MinMetric("accuracy", 0.9, groups=["lang"]),
        groups=["lang"],
    )
    assert [s.verdict for s in groups.slices] == ["fail", "fail"]
    assert both.slice_count == 6
    assert {s.slice for s in both.slices if s.verdict == "fail"} == {
        f"class = rare × lang = {lang}" for lang in ("de", "en")
    }
    assert one.verdict == "pass"


def test_scores(scored):
    auc, drop, loss, rise, brier, by = judged(
        scored,
        MinMetric("auc", 0.6),
        MaxDrop("auc", 0.02),
        MaxMetric("log_loss", 0.3),
        MaxRise("log_loss", 0.05),
        MaxMetric("brier", 0.25),
        MaxDrop("auc", 0.02, groups="g"),
        label="y",
    )
    assert [f.verdict for f in (auc, drop, loss, rise, brier, by)] == [
        "pass", "fail", "fail", "fail", "pass", "fail",
    ]  # fmt: skip
    assert (rise.unit, drop.unit, auc.unit) == ("amount", "points", "share")


def test_amounts(scored):
    table = supersede.read(
        scored, models={m: Losses(m, tolerance=0.5) for m in "ab"}, label=None, labelled=True
    )
    low, high = judged(table, MaxMetric("loss", 0.9), MaxRise("loss", 0.2))
    assert (low.verdict, high.verdict) == ("pass", "pass")
    graded = scored.drop(columns="y")
    table = supersede.read(graded, models={m: Judge(m, threshold=0.5) for m in "ab"})
    assert judged(table, MaxDrop("judge", 0.3)).verdict == "pass"
    numbers = scored.assign(y=scored.y * 1.0)
    table = supersede.read(numbers, models={m: Within(m, 0.5) for m in "ab"}, label="y")
    assert judged(table, MaxRise("absolute_error", 0.01)).verdict == "fail"
    assert judged(scored, MaxMetric("cost", 0.9), label="y", cost="price").verdict == "pass"


def test_no_difference_at_all_is_not_certainty():
    rows = {"y": [1, 0] * 20, "a": [0.9, 0.1] * 20, "b": [0.9, 0.1] * 20}
    checks = [
        MaxDrop("auc", 0.02), MaxDrop("f1", 0.02), MaxRise("brier", 0.001),
        MaxDrop("macro_f1", 0.02), MaxRise("log_loss", 0.01), MinMetric("auc", 0.99),
    ]  # fmt: skip
    assert {finding.verdict for finding in judged(rows, *checks, label="y")} == {"undecided"}
    many = {name: values * 50 for name, values in rows.items()}
    assert {finding.verdict for finding in judged(many, *checks[:2], label="y")} == {"pass"}


def test_a_tail_made_of_one_item_has_no_interval():
    rng = np.random.default_rng(2)
    b = rng.uniform(0.4, 0.9, 300)
    b[0] = 1e-12
    rows = {"y": [1] * 300, "a": rng.uniform(0.4, 0.9, 300), "b": b}
    finding = judged(rows, MaxRise("log_loss", 5), label="y")
    assert (finding.verdict, np.isnan(finding.low)) == ("undecided", True)
    assert "no interval" in finding.reason


def test_a_class_that_no_label_has_leaves_it_open():
    rows = {"y": ["x"] * 100, "a": ["x"] * 100, "b": ["x"] * 90 + ["z"] * 10}
    finding = judged(rows, MinMetric("recall", 0.5, of="z"))
    assert (finding.verdict, np.isnan(finding.estimate)) == ("undecided", True)
    by_group = judged({**rows, "g": [1, 2] * 50}, MinMetric("recall", 0.5, of="z", groups="g"))
    assert by_group.verdict == "undecided"


def test_classes_that_are_numbers(scored):
    for labels, of in (([7, 8], "7"), ([7.0, 8.0], "7"), ([True, False], "true"), (["07", "7"], "07")):  # fmt: skip
        y = [labels[0]] * 60 + [labels[1]] * 40
        rows = {"y": y, "a": y, "b": [labels[0]] * 30 + [labels[1]] * 70}
        assert judged(rows, MinMetric("recall", 0.1, of=of)).estimate == pytest.approx(0.5)
    with pytest.raises(ArgumentError, match=r"no class '07'"):
        judged({"y": [7, 8] * 50, "a": [7, 8] * 50, "b": [7, 8] * 50}, MinMetric("recall", 0.1, of="07"))  # fmt: skip


def test_missing_answers_count_as_wrong():
    rows = pd.DataFrame({"y": ["p", "q"] * 200, "a": ["p", "q"] * 200})
    rows["b"] = np.where(np.arange(400) < 100, None, rows.y)
    asked = ["recall", "specificity", "precision"]
    checks = [MinMetric(metric, 0.5, of="p") for metric in asked] + [MinMetric("macro_recall", 0.5)]
    found = judged(rows, *checks, missing="wrong")
    assert [f.estimate for f in found] == pytest.approx([0.75, 0.75, 1.0, 0.75])
    half = pd.DataFrame({"y": [0, 1] * 50, "a": [0.2, 0.8] * 50, "b": [0.3, None, 0.6, None] * 25})
    with pytest.raises(ArgumentError, match="50 labelled items"):
        judged(half, MinMetric("auc", 0.5), missing="wrong")


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (lambda: MinMetric("log_loss", 0.4), "MaxMetric"),
        (lambda: MaxMetric("recall", 0.4), "MinMetric"),
        (lambda: MaxDrop("brier", 0.1), "MaxRise"),
        (lambda: MinMetric("recall", 80), "share in"),
        (lambda: MaxDrop("f1", -0.1), "share in"),
        (lambda: MaxRise("log_loss", float("nan")), "number"),
        (lambda: MinMetric("recal", 0.8), "did you mean recall"),
        (lambda: MinMetric("accuracy", 0.8, of="x"), "not of one class"),
    ],
)
def test_limits_that_make_no_sense(check, says):
    with pytest.raises(ArgumentError, match=says):
        check()


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (MinMetric("recall", 0.8), "of which class"),
        (MinMetric("recall", 0.8, of="spom"), "did you mean 'spam'"),
        (MinMetric("auc", 0.8), "two classes"),
        (MaxMetric("loss", 0.8), "--loss"),
        (MinMetric("judge", 0.8), "--judge"),
        (MaxMetric("cost", 0.8), "--cost"),
        (MinMetric("auc", 0.8, of="*"), "of every class"),
        (MinMetric("accuracy", 0.8, groups="*"), "--group"),
    ],
)
def test_metrics_that_the_table_cannot_give(classes, check, says):
    with pytest.raises(ArgumentError, match=says):
        judged(classes, check)


def test_a_group_column_that_is_not_there(classes):
    with pytest.raises(MissingColumnError, match="lang"):
        judged(classes, MinMetric("accuracy", 0.8, groups="long"))


def test_scores_that_are_missing_or_no_probabilities():
    rows = {"y": [0, 1] * 50, "a": [0, 1] * 50, "b": [0, 1] * 50}
    with pytest.raises(ArgumentError, match=r"a_score.*Classes"):
        judged(rows, MinMetric("auc", 0.8))
    with_scores = {**rows, "a_score": [-1.0, 4.0] * 50, "b_score": [-2.0, 3.0] * 50}
    assert judged(with_scores, MinMetric("auc", 0.8)).verdict == "pass"
    with pytest.raises(ArgumentError, match="probabilities"):
        judged(with_scores, MaxMetric("log_loss", 0.8))


def test_columns_called_like_ours(classes):
    odd = classes.rename(columns={"lang": "k0"}).assign(w=1.0, g="x", e0=1, s0=2, t=3)
    finding = judged(odd, MaxDrop("recall", 0.05, of="rare", groups="k0"), weight="w", cluster=None)
    assert finding.slice_count == 2
    assert {s.slice for s in finding.slices} == {"k0 = de", "k0 = en"}


def test_the_report_shows_them(classes):
    review = supersede.compare(
        classes, old="a", new="b",
        checks=[MaxDrop("recall", 0.05, of="*"), MinMetric("f1", 0.5, of="spam")],
    )  # fmt: skip
    assert "max_drop recall:*" in review.to_json()
    assert "class = rare" in review.to_html()
    assert "F1 of spam" in review.to_markdown()


def test_a_slice_with_one_class_has_no_area_under_its_curve(scored):
    rows = scored.assign(g=np.where(scored.y == 1, "only ones", scored.g.astype(str)))
    rows.loc[rows.index[:40], "g"] = "both"
    finding = judged(rows, MinMetric("auc", 0.5, groups="g"), label="y", groups=["g"])
    found = {s.slice: (s.verdict, np.isnan(s.estimate)) for s in finding.slices}
    none = dict.fromkeys(("g = only ones", "g = 1", "g = 2"), (None, True))
    assert found == none | {"g = both": ("pass", False)}
    assert finding.reason.endswith("Too small to judge: 3.")


def test_a_class_that_is_not_there_is_named_with_those_that_are(classes):
    with pytest.raises(ArgumentError, match="It has ham, rare, spam"):
        judged(classes, MinMetric("recall", 0.5, of="egg"))
