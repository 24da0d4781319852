"""Verdicts: what passes, fails or stays undecided, and what the review says of its data."""

import numpy as np
import pandas as pd
import pytest

import supersede
from supersede import errors
from supersede.review import (
    MaxChurn,
    MaxFlipCost,
    MaxGap,
    MaxNFR,
    MaxScoreShift,
    MaxSliceNFR,
    MinGain,
    MustNotBreak,
    NoSliceWorse,
)


def judged(rows, check, **arguments):
    review = supersede.compare(rows, old="a", new="b", checks=[check], **arguments)
    return review.candidate.findings[0]


def test_limits_far_from_the_estimate_decide_and_near_ones_do_not(frame):
    rows = frame(4000, nfr=0.02, pfr=0.04)
    for check, verdict in [
        (MinGain(0.0), "pass"), (MinGain(0.1), "fail"), (MinGain(0.02), "undecided"),
        (MaxNFR(0.05), "pass"), (MaxNFR(0.005), "fail"), (MaxNFR(0.0205), "undecided"),
        (MaxChurn(0.2), "pass"), (MaxChurn(0.01), "fail"),
    ]:  # fmt: skip
        finding = judged(rows, check)
        assert finding.verdict == verdict, check
        assert (finding.more_labels is not None) == (verdict == "undecided"), check


def test_the_labels_asked_for_would_decide(frame):
    small = judged(frame(1000, nfr=0.02, seed=6), MaxNFR(0.03))
    assert (small.verdict, small.estimate < 0.03) == ("undecided", True)
    n = 1000 + small.more_labels
    share = small.estimate
    rows = frame(n, nfr=share, seed=6)
    lost = int(share * n)  # exactly the estimate, at the size asked for
    rows["y"], rows["a"] = 1, 1
    rows["b"] = np.where(np.arange(n) < lost, 0, 1)
    assert judged(rows, MaxNFR(0.03)).verdict == "pass"


def test_one_broken_slice_fails_although_the_whole_is_fine():
    """40 % flips in one of 50 file types, .3 % overall."""
    n, kinds = 20_000, 50
    rng = np.random.default_rng(0)
    kind = rng.choice(kinds, n, p=[0.0075] + [0.9925 / 49] * 49)
    flip = (kind == 0) & (rng.uniform(size=n) < 0.4)
    rows = pd.DataFrame({"y": 1, "a": 1, "b": np.where(flip, 0, 1), "file type": kind})
    checks = [MaxNFR(0.005), MaxSliceNFR(0.02)]
    review = supersede.compare(rows, old="a", new="b", groups=["file type"], checks=checks)
    whole, slices = review.candidate.findings
    assert (whole.verdict, slices.verdict, review.verdict) == ("pass", "fail", "fail")
    assert [s.slice for s in slices.slices if s.verdict == "fail"] == ["file type = 0"]
    assert slices.slices[0].slice == "file type = 0"
    assert review.exit_code == 1
    assert "file type = 0" in review.candidate.next_steps[0]


def test_many_slices_at_their_limit_do_not_fail_by_chance():
    rng = np.random.default_rng(1)
    n = 50_000
    rows = pd.DataFrame(
        {"y": 1, "a": 1, "b": rng.uniform(size=n) > 0.02, "g": rng.integers(0, 300, n)}
    )
    rows["b"] = rows["b"].astype(int)
    finding = judged(rows, MaxSliceNFR(0.025), groups=["g"])
    assert finding.verdict == "undecided"


def test_small_slices_can_fail_but_do_not_hold_up():
    base = pd.DataFrame({"y": 1, "a": 1, "b": 1, "g": ["big"] * 3000})
    lone = pd.DataFrame({"y": 1, "a": 1, "b": 1, "g": ["lone"]})
    finding = judged(pd.concat([base, lone]), MaxSliceNFR(0.02), groups=["g"])
    assert finding.verdict == "pass"
    assert "Too small to judge: 1" in finding.reason
    bad = pd.DataFrame({"y": 1, "a": 1, "b": [0] * 8 + [1] * 2, "g": ["bad"] * 10})
    assert judged(pd.concat([base, bad]), MaxSliceNFR(0.02), groups=["g"]).verdict == "fail"


def test_a_group_that_gets_worse_fails():
    rng = np.random.default_rng(2)
    n = 6000
    g = np.where(np.arange(n) % 3 == 0, "minority", "majority")
    worse = (g == "minority") & (rng.uniform(size=n) < 0.1)
    rows = pd.DataFrame({"y": 1, "a": 1, "b": np.where(worse, 0, 1), "g": g})
    finding = judged(rows, NoSliceWorse(0.02), groups=["g"])
    assert finding.verdict == "fail"
    assert finding.slices[0].slice == "g = minority"
    assert judged(rows, NoSliceWorse(0.2), groups=["g"]).verdict == "pass"
    gap = judged(rows, MaxGap(0.02), groups=["g"])
    assert gap.verdict == "fail"
    assert gap.estimate == pytest.approx(worse[g == "minority"].mean())


def test_must_not_break_is_a_census(frame):
    rows = frame(500)
    flips = rows[(rows.a == rows.y) & (rows.b != rows.y)].id.tolist()
    safe = rows[rows.b == rows.y].id.tolist()[:20]
    assert judged(rows, MustNotBreak(items=safe)).verdict == "pass"
    finding = judged(rows, MustNotBreak(items=[*safe, flips[0]]))
    assert (finding.verdict, finding.estimate) == ("fail", 1)
    assert f": {flips[0]}." in finding.reason
    absent = judged(rows, MustNotBreak(items=[*safe, 10**6]))
    assert (absent.verdict, absent.more_labels) == ("undecided", None)
    assert f"not in the table: {10**6}" in absent.reason
    assert "correct the list" in absent.steps[0]
    assert judged(rows, MustNotBreak(where=f"id = {flips[0]}")).verdict == "fail"
    assert judged(rows, MustNotBreak(where="id < 0")).verdict == "undecided"
    with pytest.raises(errors.MissingColumnError, match="no column 'nope'"):
        judged(rows, MustNotBreak(where="nope = 1"))


def test_costs_are_weighed():
    rows = pd.DataFrame(
        {"y": 1, "a": 1, "b": [0] * 10 + [1] * 1990, "c": [50.0] * 10 + [1.0] * 1990}
    )
    finding = judged(rows, MaxFlipCost(1.0), cost="c")
    assert finding.estimate == pytest.approx(0.25)
    assert finding.low < 0.25 < finding.high
    assert (finding.verdict, finding.unit) == ("pass", "cost")
    assert judged(rows, MaxFlipCost(0.01), cost="c").verdict == "fail"
    review = supersede.compare(rows, old="a", new="b", checks=[MaxFlipCost(1)], cost="c")
    assert review.candidate.worst[0]["cost"] == 50.0
    with pytest.raises(errors.ArgumentError, match="needs a cost column"):
        judged(rows, MaxFlipCost(1.0))


def test_a_shift_of_scores_is_seen_without_labels():
    rng = np.random.default_rng(3)
    score = rng.uniform(size=20_000)
    rows = {"y": (score > 0.5).astype(int), "a": score, "b": score**1.3}
    finding = judged(rows, MaxScoreShift(0.02))
    assert finding.verdict == "fail"
    assert finding.estimate == pytest.approx(_ks(score, score**1.3), abs=0.002)
    same = {**rows, "b": np.clip(score + rng.normal(0, 0.001, 20_000), 0, 1)}
    assert judged(same, MaxScoreShift(0.05)).verdict == "pass"
    with pytest.raises(errors.ArgumentError, match="has none"):
        judged({"y": [0, 1], "a": [0, 1], "b": [0, 1]}, MaxScoreShift(0.1))


def _ks(first, second):
    from scipy.stats import ks_2samp

    return ks_2samp(first, second).statistic


def test_missing_labels_never_pass_unless_their_choice_is_said(frame):
    rows = frame(4000, nfr=0.005, pfr=0.05)
    rows["y"] = rows["y"].astype(float).where(rows.id < 2000)
    silent = supersede.compare(rows, old="a", new="b", checks=[MaxNFR(0.05)])
    assert silent.candidate.findings[0].verdict == "pass"
    assert silent.verdict == "undecided"
    assert "not said how they were chosen" in silent.candidate.notes[0]
    said = supersede.compare(rows, old="a", new="b", checks=[MaxNFR(0.05)], labels="random")
    assert said.verdict == "pass"
    rows["p"] = 0.5
    planned = supersede.compare(rows, old="a", new="b", checks=[MaxNFR(0.05)], labels="p")
    assert planned.verdict == "pass"
    with pytest.raises(errors.MissingColumnError, match="inclusion probabilities"):
        supersede.compare(rows, old="a", new="b", labels="propensity")
    rows.loc[0, "p"] = 0
    with pytest.raises(errors.TableError, match="1 labelled items have no probability"):
        supersede.compare(rows, old="a", new="b", labels="p")
    rows["y"] = None
    with pytest.raises(errors.SupersedeError):
        supersede.compare(rows, old="a", new="b")


def test_classes_that_one_side_does_not_know_are_reported():
    rows = pd.DataFrame(
        {
            "y": ["cat"] * 50 + ["dog"] * 50 + ["owl"] * 20 + ["yak"] * 5,
            "a": ["cat"] * 50 + ["dog"] * 50 + ["cat"] * 25,
            "b": ["cat"] * 49 + ["dog"] * 51 + ["owl"] * 20 + ["emu"] * 5,
        }
    )
    candidate = supersede.compare(rows, old="a", new="b").candidate
    notes = " ".join(candidate.notes)
    assert "only b predicts: emu, owl" in notes
    assert "neither model ever predicts: yak" in notes
    inside = candidate.evidence.classes.inside
    assert inside.n.tolist() == [100]
    assert inside.nfr.tolist() == [0.01]


def test_a_group_called_class_is_a_group(frame):
    rows = frame(400).rename(columns={"site": "class"})
    margins = supersede.compare(rows, old="a", new="b", groups=["class"]).candidate.evidence.margins
    assert [len(m.flips) for m in margins] == [2, 3]


def test_classes_and_calibration_stand_in_the_report(frame):
    rows = frame(1000).assign(a_score=0.7, b_score=0.8)
    review = supersede.compare(rows, old="a", new="b")
    old, new = review.candidate.evidence.calibration
    assert new.score[~np.isnan(new.score)].tolist() == pytest.approx([0.8])
    page = review.to_html()
    assert "Recall and precision by class" in page
    assert f"{old.error:.3f} → {new.error:.3f}" in page
    rows["b_score"] = 80  # no probability
    assert supersede.compare(rows, old="a", new="b").candidate.evidence.calibration is None


def test_a_label_that_is_a_prediction_is_pointed_out(frame):
    rows = frame(300)
    rows["y"] = rows["b"]
    found = supersede.compare(rows, old="a", new="b")
    assert found.verdict == "undecided"  # although every check passes
    assert "equals the predictions of 'b'" in found.candidate.doubts[0]
    graded = rows.assign(a=(rows["a"] == rows["y"]) * 1, b=1).drop(columns="y")
    assert (
        supersede.compare(graded, old="a", new="b").verdict == "pass"
    )  # the way out that it names


def test_several_candidates_and_the_chosen_one(frame):
    rows = frame(3000)
    rows["c"] = rows["y"].where(rows["id"] > 0, 1 - rows["y"])
    review = supersede.compare(rows, old="a", new=["b", "c"], checks=[MinGain(0.1)], chosen="c")
    assert [c.verdict for c in review.candidates] == ["fail", "pass"]
    assert (review.verdict, review.exit_code) == ("pass", 0)


def test_clusters_enter_the_verdict(frame):
    rows = pd.concat([frame(300, nfr=0.02)] * 30).drop(columns="id")
    rows["user"] = np.tile(np.arange(300), 30)
    assert judged(rows, MaxNFR(0.04)).verdict == "pass"
    assert judged(rows, MaxNFR(0.04), cluster="user").verdict == "undecided"


def test_a_hundred_thousand_slices():
    n = 100_000
    rows = pd.DataFrame({"y": 1, "a": 1, "b": 1, "g": np.arange(n)})
    finding = judged(rows, MaxSliceNFR(0.02), groups=["g"])
    assert finding.slice_count == n + 1
    assert len(finding.slices) == 200
    assert finding.verdict == "pass"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"new": "a"}, "must all be different"),
        ({"new": []}, "no candidate"),
        ({"new": "b", "checks": []}, "would pass anything"),
        ({"new": "b", "chosen": "c"}, "none of the candidates"),
        ({"new": "b", "confidence": 1.0}, "between 0 and 1"),
    ],
)
def test_bad_arguments_are_refused(frame, arguments, words):
    with pytest.raises(errors.ArgumentError, match=words):
        supersede.compare(frame(50), old="a", **arguments)


@pytest.mark.parametrize(
    "make",
    [
        lambda: MaxNFR(0), lambda: MaxNFR(2), lambda: MaxChurn(-1), lambda: MaxSliceNFR(0),
        lambda: NoSliceWorse(-0.1), lambda: MaxGap(0), lambda: MaxScoreShift(0),
        lambda: MaxFlipCost(0), MustNotBreak, lambda: MustNotBreak(items=[]),
    ],
)  # fmt: skip
def test_impossible_limits_are_refused(make):
    with pytest.raises(errors.ArgumentError):
        make()


def test_clusters_may_be_named_by_text():
    rng = np.random.default_rng(0)
    y, old, new = (rng.integers(0, 2, 400) for _ in range(3))
    named = {"y": y, "old": old, "new": new, "user": [f"user {i // 4}" for i in range(400)]}
    numbered = {**named, "user": [i // 4 for i in range(400)]}
    first, second = (
        supersede.compare(
            supersede.read(rows, label="y", models=["old", "new"], cluster="user"),
            old="old",
            new="new",
        )
        for rows in (named, numbered)
    )
    a, b = (r.candidates[0].evidence.whole for r in (first, second))
    assert a.nfr.tolist() == b.nfr.tolist()
    assert a.negative.variance == pytest.approx(b.negative.variance)
