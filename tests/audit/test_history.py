"""Audits over time: what the next version does to each group."""

import numpy as np
import pytest

import supersede
from supersede import errors
from supersede.audit import append_audit, audit_groups, audit_losses, load_history, regressions
from supersede.review import NoGroupRegresses


def losses(rate_a, rate_b, n=4000, seed=0):
    rng = np.random.default_rng(seed)
    group = np.where(np.arange(n) % 2, "a", "b")
    lost = rng.random(n) < np.where(group == "a", rate_a, rate_b)
    return audit_losses(lost, {"g": group}, name="error rate")


def verdicts(found):
    return {regression.group: regression.verdict for regression in found}


def test_a_group_that_gets_worse_fails():
    found = regressions(losses(0.1, 0.1), losses(0.1, 0.3, seed=1), tolerance=0.05)
    assert verdicts(found) == {"g = b": "fail", "all items": "fail", "g = a": "pass"}
    assert found[0].group == "g = b"
    assert found[0].change == pytest.approx(0.2, abs=0.04)


def test_no_change_within_a_tolerance_passes_and_a_narrow_one_is_undecided():
    before, after = losses(0.1, 0.1), losses(0.1, 0.1, seed=1)
    assert set(verdicts(regressions(before, after, tolerance=0.05)).values()) == {"pass"}
    assert "undecided" in verdicts(regressions(before, after, tolerance=0.001)).values()


def test_small_new_and_lost_groups_hold_nothing_up():
    before = audit_losses([0] * 100 + [0] * 5, {"g": ["a"] * 100 + ["c"] * 5}, name="error rate")
    after = audit_losses([0] * 100 + [1] * 5, {"g": ["a"] * 100 + ["d"] * 5}, name="error rate")
    found = verdicts(regressions(before, after, tolerance=0.2))
    assert found["g = c"] is None
    assert found["g = d"] is None
    with pytest.raises(errors.ArgumentError, match="cannot be compared"):
        regressions(before, audit_losses([0.1, 0.2], {"g": [1, 2]}, name="other"))


def test_a_group_that_was_judged_and_is_gone_or_nearly_so_is_undecided(frame):
    before = audit_losses([0, 1] * 100, {"g": ["a"] * 100 + ["c"] * 100}, name="error rate")
    gone = audit_losses([0, 1] * 100, {"g": ["a"] * 200}, name="error rate")
    few = audit_losses([0, 1] * 100, {"g": ["a"] * 195 + ["c"] * 5}, name="error rate")
    for after in (gone, few):
        assert verdicts(regressions(before, after, tolerance=0.3))["g = c"] == "undecided"
    rows = frame(2000)
    first = audit_groups(rows, "a", groups=["sex"])
    women = audit_groups(rows[rows.sex == "f"], "b", groups=["sex"])
    review = supersede.compare(
        rows, old="a", new="b", checks=[NoGroupRegresses(women, first, tolerance=0.2)]
    )
    finding = review.candidate.findings[0]
    assert finding.verdict == "undecided"
    assert "No longer in the audit: sex = m." in finding.reason


def test_history_is_kept_a_line_a_version(tmp_path):
    path = tmp_path / "audits.jsonl"
    append_audit(path, "1", losses(0.1, 0.1))
    append_audit(path, "2", losses(0.1, 0.2))
    assert [entry.version for entry in load_history(path)] == ["1", "2"]
    with pytest.raises(errors.ArgumentError, match="already"):
        append_audit(path, "2", losses(0.1, 0.2))
    path.write_text("nonsense\n")
    with pytest.raises(errors.ArgumentError, match="cannot read the history"):
        load_history(path)


def test_review_holds_the_audit_against_the_version_before(frame, tmp_path):
    rows = frame(4000, nfr=0.01, pfr=0.05)
    hit = (rows.site == "south") & (rows.index % 3 == 0)
    rows.loc[hit, "b"] = 1 - rows.loc[hit, "y"]
    table = supersede.read(rows, models=["a", "b"])
    splits = {"groups": ["sex", "site"], "cross": [("sex", "site")]}
    before = audit_groups(table, "a", **splits)
    history = append_audit(tmp_path / "audits.jsonl", "1", before)
    after = audit_groups(table, "b", old="a", **splits)
    check = NoGroupRegresses(after, history, tolerance=0.02)
    review = supersede.compare(table, old="a", new="b", checks=[check])
    (finding,) = review.candidate.findings
    assert review.verdict == "fail"
    assert "site = south" in finding.reason
    assert {s.slice for s in finding.slices if s.verdict == "fail"} >= {"site = south"}
    page = review.to_html()
    assert 'class="map"' in page
    assert "error rate of b by group" in page
    assert "figures" not in finding.to_dict()
    assert "map" not in review.to_json()
    assert supersede.compare(
        table, old="a", new="b", checks=[NoGroupRegresses(after, before, tolerance=0.9)]
    ).verdict == "pass"  # fmt: skip
    with pytest.raises(errors.ArgumentError, match="audit is of"):
        supersede.compare(table, old="b", new="a", checks=[check])
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(errors.ArgumentError, match="empty"):
        supersede.compare(
            table, old="a", new="b", checks=[NoGroupRegresses(after, tmp_path / "empty.jsonl")]
        )
