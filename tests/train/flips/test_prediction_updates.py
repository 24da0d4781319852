"""Which predictions to renew, and which to change: worked examples, oracles, and bad input."""

import math

import numpy as np
import pytest

from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.train.flips import ConfusionMatrix, Predictions, evidence_of_probabilities

OLD = ConfusionMatrix(("a", "b"), np.array([[0.8, 0.2], [0.4, 0.6]]))
NEW = ConfusionMatrix(("a", "b"), np.array([[0.9, 0.1], [0.2, 0.8]]))


def test_beliefs_follow_bayes_on_a_worked_example():
    kept = Predictions.first(OLD.evidence(["a"]), prior=[1, 3])
    # P(y = a | "a") = 0.25 · 0.8 / (0.25 · 0.8 + 0.75 · 0.4) = 0.4
    assert kept.belief[0] == pytest.approx([0.4, 0.6])
    after = kept.renewed([0], NEW.evidence(["b"]))
    # 0.4 · 0.1 : 0.6 · 0.8 = 1 : 12
    assert after.belief[0] == pytest.approx([1 / 13, 12 / 13])
    assert after.answers.tolist() == ["b"]
    assert after.doubt[0] == pytest.approx(
        -(math.log(1 / 13) / 13 + 12 / 13 * math.log(12 / 13))
    )  # fmt: skip
    assert kept.answers.tolist() == ["a"]  # nothing is changed in place


def test_confusions_count_and_smooth():
    y, said = ["a", "a", "a", "b"], ["a", "a", "b", "b"]
    assert ConfusionMatrix.of(y, said, smoothing=0).given_label.tolist() == [
        [pytest.approx(2 / 3), pytest.approx(1 / 3)],
        [0, 1],
    ]
    smooth = ConfusionMatrix.of(y, said, classes=["a", "b", "c"])
    assert smooth.given_label[0] == pytest.approx([3 / 6, 2 / 6, 1 / 6])
    assert smooth.given_label[2] == pytest.approx([1 / 3] * 3)


def test_probabilities_divided_by_their_prior_add_up_to_bayes():
    p = np.array([[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]])
    prior = [0.5, 0.25, 0.25]
    kept = Predictions.first(evidence_of_probabilities(p, "abc", prior=prior), prior=prior)
    np.testing.assert_allclose(kept.belief, p, atol=1e-9)
    again = kept.renewed([0, 1], evidence_of_probabilities(p, "abc", prior=prior))
    twice = p**2 / prior
    np.testing.assert_allclose(again.belief, twice / twice.sum(1, keepdims=True), atol=1e-9)


def test_the_rules_of_change():
    first = OLD.evidence(["a"] * 3)
    kept = Predictions.first(first)  # belief a : b = 2 : 1
    said = NEW.evidence(["b"] * 3)  # then 2 · 0.1 : 1 · 0.8 = 1 : 4
    for cost, answer in ((1, "b"), (3.9, "b"), (4.1, "a")):
        assert set(kept.renewed([0, 1, 2], said, flip_cost=cost).answers) == {answer}
    weak = ConfusionMatrix(("a", "b"), np.array([[0.5, 0.5], [0.4, 0.6]])).evidence(["b"] * 3)
    assert set(kept.renewed([0, 1, 2], weak).answers) == {"a"}  # 5 : 3 still
    assert set(kept.renewed([0, 1, 2], weak, rule="replace").answers) == {"b"}
    # from 2 : 1 to 1 : 4 the belief got surer; from 2 : 1 to 2 : 2.4 it did not
    assert set(kept.renewed([0, 1, 2], said, rule="less entropy").answers) == {"b"}
    middling = ConfusionMatrix(("a", "b"), np.array([[0.75, 0.25], [0.4, 0.6]])).evidence(["b"] * 3)
    assert set(kept.renewed([0, 1, 2], middling).answers) == {"b"}
    assert set(kept.renewed([0, 1, 2], middling, rule="less entropy").answers) == {"a"}


def test_gain_is_the_value_of_one_more_answer_by_enumeration():
    rng = np.random.default_rng(0)
    classes = tuple("abcd")
    old, new = (ConfusionMatrix(classes, rng.dirichlet(np.ones(4), 4)) for _ in range(2))
    kept = Predictions.first(old.evidence(list("abcd")), prior=[1, 2, 3, 4])
    gain = []
    for belief in kept.belief:
        expected = 0.0
        for said in range(4):
            joint = belief * new.given_label[:, said]
            expected += joint.sum() * (joint / joint.sum()).max()
        gain.append(expected - belief.max())
    np.testing.assert_allclose(kept._worth("gain", new), gain)
    assert min(gain) >= -1e-12
    taken = kept.worth_renewing(2, by="gain", new=new)
    assert set(taken) == set(np.argsort(gain)[-2:])


def test_doubtful_items_come_first():
    p = np.array([[0.9, 0.05, 0.05], [0.45, 0.45, 0.1], [0.4, 0.3, 0.3], [1, 0, 0]])
    kept = Predictions.first(evidence_of_probabilities(p, "abc", prior=[1, 1, 1]))
    assert kept.worth_renewing(1, by="entropy").tolist() == [2]
    assert kept.worth_renewing(1, by="margin").tolist() == [1]
    for by in ("entropy", "margin", "random"):
        assert kept.worth_renewing(4, by=by).tolist() == [0, 1, 2, 3]
        assert len(kept.worth_renewing(0, by=by)) == 0
    drawn = {tuple(kept.worth_renewing(2, by="random", seed=s)) for s in range(20)}
    assert len(drawn) > 2


def simulated(seed, n=20_000):
    """Ten classes; answers of an old model of 70 % and a new one of 85 %, apart given the label."""
    rng = np.random.default_rng(seed)
    y = rng.integers(10, size=n)

    def answers(share):
        return np.where(rng.random(n) < share, y, rng.integers(10, size=n))

    return y, answers(0.7), answers(0.85)


def test_beliefs_spare_flips_and_money_where_the_assumptions_hold():
    y, old, new = simulated(0, n=60_000)
    known = slice(0, 40_000)
    a, b = ConfusionMatrix.of(y[known], old[known]), ConfusionMatrix.of(y[known], new[known])
    y, old, new = y[40_000:], old[40_000:], new[40_000:]
    kept = Predictions.first(a.evidence(old))
    everything = np.arange(len(y))
    found = {
        rule: kept.renewed(everything, b.evidence(new), rule=rule, flip_cost=4).answers
        for rule in ("replace", "less entropy", "cost ratio")
    }
    flips = {rule: ((old == y) & (said != y)).mean() for rule, said in found.items()}
    assert flips["cost ratio"] < flips["replace"]
    assert flips["less entropy"] <= flips["replace"]
    # beliefs are calibrated: the most probable class is right as often as it is believed to be
    best = kept.renewed(everything, b.evidence(new))
    believed, right = best.belief.max(axis=1), best.belief.argmax(axis=1) == y
    for low, high in ((0.3, 0.7), (0.9, 1)):
        among = (believed >= low) & (believed <= high)
        assert believed[among].mean() == pytest.approx(right[among].mean(), abs=0.02)


def test_a_million_items_are_ranked_in_a_few_arrays():
    rng = np.random.default_rng(0)
    y, old, _ = simulated(1, n=1_000_000)
    a = ConfusionMatrix.of(y[:5000], old[:5000])
    kept = Predictions.first(a.evidence(old))
    items = kept.worth_renewing(100_000, by="gain", new=a)
    assert len(np.unique(items)) == 100_000
    after = kept.renewed(items, a.evidence(rng.integers(10, size=100_000)))
    assert len(after) == 1_000_000


def test_what_cannot_be():
    kept = Predictions.first(OLD.evidence(["a", "b", "b"]))
    with pytest.raises(ArgumentError, match="budget=4"):
        kept.worth_renewing(4, by="entropy")
    with pytest.raises(ArgumentError, match="needs the new model's confusion"):
        kept.worth_renewing(1)
    with pytest.raises(ArgumentError, match="'gain', 'entropy'"):
        kept.worth_renewing(1, by="best")
    with pytest.raises(ArgumentError, match="rule='max'"):
        kept.renewed([0], NEW.evidence(["a"]), rule="max")
    with pytest.raises(ArgumentError, match=r"flip_cost=0\.5"):
        kept.renewed([0], NEW.evidence(["a"]), flip_cost=0.5)
    with pytest.raises(ArgumentError, match="for each of 1 answers"):
        kept.renewed([0, 1], NEW.evidence(["a"]))
    with pytest.raises(ArgumentError, match="there are 3"):
        kept.renewed([7], NEW.evidence(["a"]))
    with pytest.raises(ArgumentError, match="occurs twice"):
        kept.renewed([1, 1], NEW.evidence(["a", "b"]))
    with pytest.raises(ArgumentError, match="'c' is not one of the classes"):
        NEW.evidence(["c"])
    other = ConfusionMatrix(("b", "a"), NEW.given_label)
    with pytest.raises(ArgumentError, match="they must agree"):
        kept.renewed([0], other.evidence(["a"]))
    with pytest.raises(ArgumentError, match="they must agree"):
        kept.worth_renewing(1, new=other)
    with pytest.raises(ArgumentError, match="both must be"):
        ConfusionMatrix.of([1, 2], [1])
    with pytest.raises(ArgumentError, match="smoothing=-1"):
        ConfusionMatrix.of([1], [1], smoothing=-1)
    with pytest.raises(TooFewLabelsError, match="no labelled item of class 2"):
        ConfusionMatrix.of([1], [1], classes=[1, 2], smoothing=0)
    with pytest.raises(ArgumentError, match="prior="):
        Predictions.first(OLD.evidence(["a"]), prior=[0, 1])
    with pytest.raises(ArgumentError, match="finite, 0 or more"):
        evidence_of_probabilities([[np.nan, 1]], "ab", prior=[1, 1])
    with pytest.raises(ArgumentError, match="2 classes"):
        evidence_of_probabilities([[0.5, 0.25, 0.25]], "ab", prior=[1, 1])


def test_rare_classes_are_believed_to_be_rare():
    rng = np.random.default_rng(0)
    y = rng.random(20_000) < 0.05
    old, new = (y ^ (rng.random(20_000) > p) for p in (0.95, 0.97))
    known = slice(0, 4000)
    before, after = (ConfusionMatrix.of(y[known], said[known]) for said in (old, new))
    kept = Predictions.first(before.evidence(old[4000:]))
    errors = [float((kept.answers != y[4000:]).mean())]
    kept = kept.renewed(np.arange(16_000), after.evidence(new[4000:]))
    errors.append(float((kept.answers != y[4000:]).mean()))
    assert errors[1] < 0.01 < errors[0]  # as good as both together can be, and not 3 %


def test_an_answer_that_was_never_seen_is_refused():
    with pytest.raises(ArgumentError, match="never answered 'b'"):
        ConfusionMatrix.of(["a", "b"], ["a", "a"], smoothing=0).evidence(["b"])
