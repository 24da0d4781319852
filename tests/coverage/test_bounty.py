"""Bounties hold what they promise: errors of acceptances, power, and what attacks do to each policy."""

import numpy as np
import pytest

from supersede.bounty import Betting, Certified, Checker, DecisionList, Logged, Naive, Sample
from supersede.bounty.artefacts import parse
from supersede.bounty.policies import SliceEvidence, Transcript, margin

DELTA = 0.05


def nobody_can_gain(rng, n):
    """Labels are coins: no answer is better than any other."""
    said = rng.integers(0, 2, n)
    columns = {"x": rng.random(n), "said": said, "contrary": 1 - said}
    return Sample("holdout", columns, rng.integers(0, 2, n))


def attacked(policy, rng, submissions, n=2000):
    """A checker after many random groups of a fifth of the rows."""
    model = DecisionList(Logged("said"))
    checker = Checker(model, [nobody_can_gain(rng, n)], policy=policy, capacity=submissions)
    for _ in range(submissions):
        low = rng.random() * 0.8
        checker.judge(parse(f"x >= {low:.6f} and x < {low + 0.2:.6f}"), Logged("contrary"))
    return checker


@pytest.mark.slow
@pytest.mark.parametrize("policy", [Certified(DELTA), Betting(DELTA)])
def test_rounds_without_any_gain_accept_nothing(policy, simulations):
    rng = np.random.default_rng(0)
    rounds = max(10, min(200, simulations) // 4)
    wrong = sum(len(attacked(policy, rng, 40).model) > 0 for _ in range(rounds))
    assert wrong <= DELTA * rounds


def test_the_naive_policy_fits_the_holdout():
    checker = attacked(Naive(), np.random.default_rng(1), 200)
    first, last = checker.errors()["all"]
    assert last < first - 0.02
    assert len(checker.model) > 3


@pytest.mark.parametrize("policy", [Certified(DELTA), Betting(DELTA)])
def test_a_gain_of_twice_the_margin_is_seen(policy):
    rng, n, share = np.random.default_rng(2), 10_000, 0.1
    transcript = Transcript(since=50)
    level = transcript.length + np.log(2 / DELTA)
    gain = 2 * margin(share * 0.6, n, level)
    up, down = 0.3 + gain / share / 2, 0.3 - gain / share / 2
    passed = 0
    for _ in range(200):
        gains = rng.choice(
            [1.0, -1.0, 0.0], n, p=[up * share, down * share, 1 - share * (up + down)]
        )
        passed += policy.accepts(SliceEvidence(gains, 1.0, transcript))
    assert passed >= 190


@pytest.mark.parametrize("policy", [Certified(DELTA), Betting(DELTA)])
def test_one_question_is_answered_wrongly_at_most_as_often_as_promised(policy):
    # rare rows with large gains and many with small losses: means of such samples mislead
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(2000):
        gains = np.where(rng.random(300) < 0.02, 0.98, -0.02)
        wrong += policy.accepts(SliceEvidence(gains, 1.0, Transcript()))
    assert wrong <= DELTA * 2000


def test_betting_sees_what_the_inequality_cannot_in_small_groups():
    rng = np.random.default_rng(4)
    gains = np.where(np.arange(20_000) < 100, rng.choice([1.0, -1.0], 20_000, p=[0.8, 0.2]), 0.0)
    evidence = SliceEvidence(gains, 1.0, Transcript(since=20))
    assert Betting(DELTA).accepts(evidence)
    assert not Certified(DELTA).accepts(evidence)
