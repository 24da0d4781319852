"""Repair until it passes, on planted gaps: two that can be repaired, and three honest ends."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from supersede.bounty import Passport, Sample
from supersede.errors import ArgumentError, MissingColumnError
from supersede.lastmile.loop import (
    Constrained,
    GapTarget,
    Patched,
    Reweighted,
    Targeted,
    repair_until,
)


def people(n, seed, *, noise=0.0):
    """Positives are rarer among women, and their feature is weaker; a proxy is not the sex itself."""
    rng = np.random.default_rng(seed)
    woman = rng.random(n) < 0.4
    y = (rng.random(n) < np.where(woman, 0.3, 0.5)).astype(int)
    strength = np.where(woman, 1.0, 2.0)
    x = y * strength + rng.normal(size=n)
    z = y * 1.5 * woman + rng.normal(size=n) * 0.8
    if noise:
        y = np.where(woman & (rng.random(n) < noise), rng.integers(0, 2, n), y)
    columns = {
        "x": x, "z": z, "proxy": woman + rng.normal(size=n) * 0.5,
        "sex": np.where(woman, "f", "m"), "race": rng.choice(["a", "b"], n),
    }  # fmt: skip
    return Sample(f"rows {seed}", columns, y)


def encode(columns):
    return np.column_stack([columns[c].numbers() for c in ("x", "z", "proxy")])


def fit(columns, labels, weight):
    made = LogisticRegression().fit(encode(columns), labels, sample_weight=weight)
    return lambda given: made.predict(encode(given))


TRAIN = people(6000, 0)
FIRST = fit(TRAIN.columns, TRAIN.labels, np.ones(len(TRAIN)))
TARGET = GapTarget("sex", gap=0.08, accuracy_loss=0.04, watch=("race",))


def fresh(count, n=24_000, **kind):
    return [people(n, 100 + i, **kind) for i in range(count)]


def test_reweighting_passes_on_fresh_rows_without_the_protected_column():
    run = repair_until(FIRST, TRAIN, fresh(4), TARGET, [Reweighted(fit)], synthetic=True)
    assert run.rounds[0].evaluation.verdict == "fail"
    assert run.passed, str(run)
    assert run.rounds[-1].evaluation.high <= 0.08
    assert not run.rounds[-1].evaluation.worse
    assert len(run.rounds[-1].tried) == 5
    assert str(run).startswith("SYNTHETIC")
    assert "reweighting" in run.to_html()
    assert all(run.spent.knows(people(24_000, 100 + i)) for i in range(2))


def test_rows_that_have_judged_are_refused():
    (rows,) = fresh(1)
    with pytest.raises(ArgumentError, match="not fresh"):
        repair_until(FIRST, TRAIN, [rows, rows], TARGET, [Reweighted(fit)])
    with pytest.raises(ArgumentError, match="not fresh"):
        repair_until(
            FIRST, TRAIN, [rows], TARGET, [Reweighted(fit)], spent=Passport().with_sample(rows)
        )
    with pytest.raises(ArgumentError, match="not fresh"):
        repair_until(FIRST, TRAIN, [TRAIN], TARGET, [Reweighted(fit)])


def test_a_model_that_needs_the_protected_column_does_not_get_it():
    def by_sex(columns):
        return (columns["sex"].texts() == "f").astype(int)

    with pytest.raises(KeyError):
        repair_until(FIRST, TRAIN, fresh(2), TARGET, [Patched(lambda _: by_sex)])

    def thresholds(model):
        def predict(columns):
            low = (columns["sex"].texts() == "f") & (columns["x"].numbers() > 0.5)
            return np.where(low, 1, np.asarray(model(columns)))

        return predict

    allowed = repair_until(FIRST, TRAIN, fresh(2), TARGET, [Patched(thresholds)], allow=["sex"])
    assert len(allowed.rounds) == 2
    assert allowed.rounds[1].repair == "patch"


def test_labels_that_are_noise_cannot_be_repaired():
    train = people(6000, 0, noise=1.0)
    first = fit(train.columns, train.labels, np.ones(len(train)))
    run = repair_until(first, train, fresh(4, noise=1.0), GapTarget("sex", accuracy_loss=0.01), [Reweighted(fit)])  # fmt: skip
    assert run.end == "did not pass"
    assert run.needed


def test_too_few_fresh_rows_do_not_pass_and_say_how_many_would_do():
    run = repair_until(FIRST, TRAIN, fresh(3, n=900), TARGET, [Reweighted(fit)])
    assert run.end == "did not pass"
    assert any("fresh rows" in text or "fresh sample" in text for text in run.needed)


def test_targeted_data_and_a_constraint_bring_the_gap_down():
    pytest.importorskip("fairlearn")
    repairs = [
        Targeted(fit, people(8000, 7)),
        Constrained(LogisticRegression(), encode, bounds=(0.02,)),
    ]
    for repair in repairs:
        run = repair_until(FIRST, TRAIN, fresh(2, n=4000), TARGET, [repair], rounds=1)
        before, after = (r.evaluation.gap for r in run.rounds)
        assert after < before


def test_mistakes_are_refused():
    with pytest.raises(ArgumentError, match="at least one"):
        repair_until(FIRST, TRAIN, [], TARGET, [Reweighted(fit)])
    with pytest.raises(ArgumentError, match="expected shares"):
        GapTarget("sex", gap=3)
    with pytest.raises(MissingColumnError):
        repair_until(FIRST, TRAIN, fresh(1), GapTarget("gender"), [Reweighted(fit)])
