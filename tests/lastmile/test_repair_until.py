"""Repair until it passes, on planted gaps: two that can be repaired, and three honest ends."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from supersede.bounty import Passport, Sample
from supersede.errors import AnswerError, ArgumentError
from supersede.lastmile.loop import (
    Constrained,
    GapTarget,
    Patched,
    Reweighted,
    Targeted,
    evaluate_gap,
    repair_until,
)
from supersede.lastmile.loop.risk import planned_risks


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
    assert run.to_dict()["rounds"][-1]["watched"][0]["group"] == "sex = f"
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


def test_reserved_rows_never_judge():
    first, second = fresh(2)
    with pytest.raises(ArgumentError, match="not fresh"):  # before anything is trained or judged
        repair_until(FIRST, TRAIN, [first, second], TARGET, [Targeted(fit, second)])


@pytest.mark.parametrize(
    "guard",
    [{"protected": ["Sex"]}, {"protected": "sex"}, {"allow": ["Race"]}, {"allow": "sex"}],
)
def test_a_protected_column_that_does_not_exist_is_refused(guard):
    with pytest.raises(ArgumentError, match="expected a list of"):
        repair_until(FIRST, TRAIN, fresh(1), TARGET, [Reweighted(fit)], **guard)


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
    # the constraint gives and takes: it brings groups together by making men's errors more frequent
    target = replace(TARGET, worsening=0.1)
    for repair in repairs:
        run = repair_until(FIRST, TRAIN, fresh(2, n=4000), target, [repair], rounds=1)
        before, after = (r.evaluation.gap for r in run.rounds)
        assert after < before


def judged(answers, rows, target=TARGET, first=None):
    return evaluate_gap(answers, rows.labels if first is None else first, rows, target)


def test_answers_that_are_no_labels_do_not_pass():
    """All groups err alike on names of classes or scores: the gap would be 0."""
    rows = people(2000, 5)
    assert judged(rows.labels.astype(bool), rows).verdict == "pass"
    for answers in (rows.labels.astype(str), rows.labels * 0.9 + 0.05, np.full(len(rows), None)):
        with pytest.raises(AnswerError, match="are not labels"):
            judged(answers, rows)
    with pytest.raises(ArgumentError, match="one answer per row"):
        judged(rows.labels[:-1], rows)
    with pytest.raises(ArgumentError, match="no label is the positive one"):
        judged(rows.labels, rows, GapTarget("sex", positive="yes"))


def test_a_gap_that_closes_because_men_get_worse_is_no_pass():
    rows = people(40_000, 5)
    woman = rows.columns["sex"].texts() == "f"
    rng = np.random.default_rng(0)
    lost = rng.random(len(rows)) < 0.3
    first, levelled = (np.where(who & lost, 0, rows.labels) for who in (woman, woman | ~woman))
    before = judged(first, rows, GapTarget("sex", accuracy_loss=0.5), first)
    after = judged(levelled, rows, GapTarget("sex", accuracy_loss=0.5), first)
    assert before.verdict == "fail"
    assert after.high < 0.03
    assert after.verdict == "fail"
    assert after.worse == ("sex = m",)
    assert judged(levelled, rows, GapTarget("sex", accuracy_loss=0.5, worsening=0.4), first).verdict == "pass"  # fmt: skip


def test_weights_count():
    rows = people(4000, 5)
    woman = rows.columns["sex"].texts() == "f"
    answers = np.where(woman & (np.arange(4000) % 2 == 0), 0, rows.labels)
    weight = np.where(woman & (answers != rows.labels), 1e-6, 1.0)
    weighted = Sample("weighted", rows.columns, rows.labels, weight)
    assert judged(answers, rows).gap > 0.4
    assert judged(answers, weighted).gap < 0.001


def test_rows_that_judged_join_the_training_rows_and_an_undecided_model_is_judged_again():
    sizes = []

    def counting(columns, labels, weight):
        sizes.append(len(labels))
        return fit(columns, labels, weight)

    samples = [people(n, 200 + i) for i, n in enumerate((2000, 3000, 60_000))]
    run = repair_until(FIRST, TRAIN, samples, TARGET, [Reweighted(counting)])
    assert set(sizes) == {4500 + 1000}
    assert [r.look for r in run.rounds] == [1, 1, 2]
    assert run.rounds[1].evaluation.verdict == "undecided"
    assert run.rounds[1].repair == run.rounds[2].repair
    assert "look 2" in str(run)
    assert [r.evaluation.rows for r in run.rounds] == [2000, 3000, 63_000]  # both judge the second
    risks = [(1 - r.evaluation.confidence) / 2 for r in run.rounds]  # of one side
    first = planned_risks(0.05, [2000, 3000, 60_000], promising=False, last=False)
    assert risks[0] == pytest.approx(first[0])
    assert sum(first) == pytest.approx(0.005)
    # no repair is left: the second model gets the rest, most of it for its look at all rows
    assert risks[1:] == pytest.approx([0.045 * (3 / 63) ** 2, 0.045 * (1 - (3 / 63) ** 2)])


def test_risks_of_all_tests_that_can_occur_add_up_to_the_risk_of_the_run():
    sizes, left, spent = [500, 1000, 2000, 4000], 0.05, 0.0
    for number, promising in enumerate((False, True, True, True)):
        plan = planned_risks(left, sizes[number:], promising=promising, last=number == 3)
        assert len(plan) == 4 - number
        left -= sum(plan)
        spent += sum(plan)
    assert spent == pytest.approx(0.05)
    assert left == pytest.approx(0.0)


def test_rows_still_judge_a_model_that_no_repair_improves():
    samples = [people(n, 300 + i) for i, n in enumerate((2000, 3000, 4000))]
    same = Patched(lambda model: model, "as it is")
    run = repair_until(FIRST, TRAIN, samples, replace(TARGET, gap=0.16), [same])
    assert [r.look for r in run.rounds] == [1, 2, 3][: len(run.rounds)]
    assert [r.evaluation.rows for r in run.rounds] == [2000, 5000, 9000][: len(run.rounds)]
    assert len(run.rounds) > 1


def test_a_lift_for_all_groups_makes_none_of_them_worse():
    rows = people(30_000, 11)
    made = dict(Reweighted(fit, (2.0,), lifts=(1.0, 1.5)).candidates(FIRST, TRAIN, TARGET, frozenset()))  # fmt: skip
    (_, alone), (name, lifted) = made.items()
    assert name == "reweighting, × 2, all groups × 1.5"
    men = rows.columns["sex"].texts() == "m"
    rates = [np.mean(model(rows.columns)[men & (rows.labels == 1)] == 0) for model in (FIRST, alone, lifted)]  # fmt: skip
    assert rates[2] < rates[0]
    assert rates[2] < rates[1]


def test_mistakes_are_refused():
    with pytest.raises(ArgumentError, match="at least one"):
        repair_until(FIRST, TRAIN, [], TARGET, [Reweighted(fit)])
    with pytest.raises(ArgumentError, match="choose="):
        repair_until(FIRST, TRAIN, fresh(1), TARGET, [Reweighted(fit)], choose=1)
    with pytest.raises(ArgumentError, match="expected shares"):
        GapTarget("sex", gap=3)
    with pytest.raises(ArgumentError, match=r"protected=.*'gender'"):
        repair_until(FIRST, TRAIN, fresh(1), GapTarget("gender"), [Reweighted(fit)])
    with pytest.raises(ArgumentError, match="tuple of columns"):
        GapTarget("sex", watch="race")
    with pytest.raises(ArgumentError, match="finite factors"):
        Reweighted(fit, (-1.0,))
