"""Odd tables that strangers bring: weights of 0, numbers without size, names that collide."""

import numpy as np
import pyarrow as pa
import pytest

import supersede
from supersede import errors
from supersede.metrics import cells
from supersede.review import (
    MaxChurn,
    MaxFlipCost,
    MaxNFR,
    MaxScoreShift,
    MaxSliceNFR,
    MinGain,
    MinMetric,
    MustNotBreak,
    NoSliceWorse,
)
from supersede.review.sources import _is_log

SLICES = [MaxNFR(0.05), MaxSliceNFR(0.1), NoSliceWorse(0.1)]


@pytest.fixture
def odd():
    rng = np.random.default_rng(1)
    n = 400
    y = rng.integers(0, 2, n)
    a, b = (np.where(rng.random(n) < 0.1, 1 - y, y) for _ in range(2))
    return {
        "id": np.arange(n), "y": y, "a": a, "b": b, "g": rng.integers(0, 4, n),
        "w": rng.random(n),
    }  # fmt: skip


def findings(rows, checks, **arguments):
    review = supersede.compare(rows, old="a", new="b", label="y", checks=checks, **arguments)
    review.to_html()
    return {f.check: f for f in review.candidate.findings}


def test_a_slice_without_weight_cannot_be_judged(odd):
    odd["w"] = np.where(odd["g"] == 0, 0.0, odd["w"])
    found = findings(odd, SLICES, weight="w", groups=["g"])
    (empty,) = [s for s in found["max_slice_nfr"].slices if s.slice == "g = 0"]
    assert (empty.verdict, np.isnan(empty.estimate)) == (None, True)
    assert "Too small to judge: 1" in found["max_slice_nfr"].reason
    odd["w"] = np.zeros(400)
    odd["w"][5] = 1.0
    assert findings(odd, SLICES, weight="w", groups=["g"])["max_slice_nfr"].verdict == "undecided"


@pytest.mark.parametrize(
    "check", [MaxSliceNFR(0.05), NoSliceWorse(0.05), MinMetric("accuracy", 0.1, groups="g")]
)
def test_slices_that_are_all_too_small_show_nothing(odd, check):
    rows = {"a": np.ones(400), "b": np.ones(400), "g": np.arange(400) // 20}
    models = {name: supersede.table.Right(name) for name in "ab"}
    review = supersede.compare(rows, old="a", new="b", models=models, groups=["g"], checks=[check])
    (finding,) = review.candidate.findings
    assert (review.verdict, finding.more_labels) == ("undecided", None)
    assert "enough items to judge" in finding.reason
    assert finding.steps


def test_groups_alone_are_a_table(odd):
    from supersede.audit import coverage

    assert len(coverage({"g": odd["g"], "h": odd["g"] // 2}, groups=["g", "h"]).to_frame())


def test_models_are_names(odd):
    with pytest.raises(errors.ArgumentError, match="expected names of columns"):
        supersede.read(odd, models=[["a", "b"]])


@pytest.mark.parametrize("use", ["weight", "cost"])
@pytest.mark.parametrize("value", [1e-300, 1e200, float("inf"), -1.0])
def test_amounts_whose_powers_are_no_numbers_are_refused(odd, use, value):
    odd["w"][7] = value
    with pytest.raises(errors.TableError, match="1e-50 to 1e\\+50"):
        findings(odd, [MaxNFR(0.1)], **{use: "w"})


@pytest.mark.parametrize("use", ["weight", "cost"])
def test_amounts_that_are_text_are_refused(odd, use):
    odd["w"] = [str(w) for w in odd["w"]]
    with pytest.raises(errors.ColumnTypeError, match="cast it"):
        findings(odd, [MaxNFR(0.1)], **{use: "w"})


def test_the_unit_of_weights_does_not_matter(odd):
    known = findings(odd, SLICES, weight="w", groups=["g"])
    for scale in (1e-40, 1e40):
        other = findings({**odd, "w": odd["w"] * scale}, SLICES, weight="w", groups=["g"])
        for check, finding in known.items():
            assert other[check].verdict == finding.verdict
            ends = (finding.low, finding.high)
            assert (other[check].low, other[check].high) == pytest.approx(ends, abs=1e-9)


@pytest.mark.parametrize("few", [200_000, 20])
def test_zero_and_minus_zero_are_one_slice_wherever_they_are_counted(odd, monkeypatch, few):
    monkeypatch.setattr(cells, "_FEW", few)
    said = np.array([0.0, -0.0, 1.0, 2.0])[odd["g"]]
    found = findings({**odd, "g": said}, [MaxSliceNFR(0.1)], groups=["g"])["max_slice_nfr"]
    sizes = {s.values["g"]: s.n for s in found.slices if "g" in s.values}
    assert sizes == {
        0.0: (odd["g"] < 2).sum(),
        1.0: (odd["g"] == 2).sum(),
        2.0: (odd["g"] == 3).sum(),
    }


def test_a_group_called_true_class_is_not_the_label(odd):
    odd["true class"] = odd.pop("g")
    found = findings(odd, [MaxSliceNFR(0.1)], groups=["true class"])["max_slice_nfr"]
    names = [s.slice for s in found.slices]
    assert len(set(names)) == len(names) == 6
    assert "true class (column) = 0" in names


def test_only_undecided_findings_have_steps(odd):
    checks = [
        MaxNFR(0.01),
        MaxNFR(0.5),
        MinGain(-0.5),
        MaxChurn(0.9),
        MaxFlipCost(0.9),
        MaxNFR(0.08),
    ]
    review = supersede.compare(odd, old="a", new="b", label="y", cost="w", checks=checks)
    said = {(f.check, f.limit): (f.verdict, bool(f.steps)) for f in review.candidate.findings}
    assert {verdict for verdict, _ in said.values()} == {"pass", "fail", "undecided"}
    assert all((verdict == "undecided") is steps for verdict, steps in said.values())


def test_labels_are_chosen_from_slices_that_are_known_before_labelling(odd):
    review = supersede.compare(
        odd, old="a", new="b", label="y", groups=["g"], checks=[MaxSliceNFR(0.1)]
    )
    (step,) = [step for step in review.candidate.next_steps if step.startswith("Label")]
    assert "chosen from g = 0, g = 1, g = 2 and 1 more slice, or" in step


def test_rows_that_occur_twice_change_the_fingerprint(odd):
    rows = pa.table({name: odd[name] for name in ("y", "a", "b")})

    def stamp(*parts):
        return supersede.read(pa.concat_tables(parts), models=["a", "b"]).fingerprint

    pair = rows.slice(0, 1)
    assert len({stamp(rows), stamp(rows, pair), stamp(rows, pair, pair), stamp(rows, rows)}) == 4
    assert stamp(rows, pair, pair) == stamp(pair, rows, pair)


@pytest.mark.parametrize(
    "uses", [{}, {"weight": "w"}, {"cluster": "c"}, {"weight": "w", "cluster": "c"}]
)
def test_score_shift_and_lists_are_the_same_wherever_they_are_counted(odd, monkeypatch, uses):
    rng = np.random.default_rng(2)
    odd |= {"a_score": rng.random(400).round(2), "b_score": rng.random(400).round(2) ** 2}
    odd |= {"c": np.arange(400) // 7}
    checks = [MaxScoreShift(0.1), MustNotBreak(items=[0, 1, 2, 3, 1000, *range(50, 300)])]
    here = findings(odd, checks, item="id", **uses)
    monkeypatch.setattr(cells, "_FEW", 10)
    there = findings(odd, checks, item="id", **uses)
    for check, finding in here.items():
        assert there[check].reason == finding.reason
        ends = (finding.estimate, finding.low, finding.high)
        assert (there[check].estimate, there[check].low, there[check].high) == pytest.approx(ends)
    broken = np.flatnonzero((odd["a"] == odd["y"]) & (odd["b"] != odd["y"]))
    listed = [i for i in broken if i < 4 or 50 <= i < 300]
    assert here["must_not_break"].estimate == len(listed)
    assert f": {', '.join(map(str, listed[:5]))}, …" in here["must_not_break"].reason


def test_what_may_be_a_log(tmp_path):
    for name, is_log in (("run.eval", True), ("junit.xml", True), ("wide.CSV", False)):
        (tmp_path / name).touch()
        assert _is_log(tmp_path / name) == is_log
    assert not _is_log(tmp_path / "missing.eval")
    assert not _is_log({"a": [1]})
