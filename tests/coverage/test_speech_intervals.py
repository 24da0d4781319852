"""Coverage of the intervals of word error rates and interactions, through the public call."""

import numpy as np

from supersede.audit.speech import interactions


def drawn(rng, *, ratio, speakers=20, utterances=6, words=8):
    """Speakers who differ, under two conditions; the condition hurts one group more by a ratio."""
    n = 2 * speakers * 2 * utterances
    who = np.repeat(np.arange(2 * speakers), 2 * utterances)
    group = np.where(who < speakers, "a", "b").astype(object)
    condition = np.tile(np.repeat(["quiet", "street"], utterances), 2 * speakers).astype(object)
    level = 0.08 * rng.gamma(4, 1 / 4, 2 * speakers)[who]  # speakers' own rates
    sway = rng.lognormal(-0.02, 0.2, 2 * speakers)[who]  # and how noise affects them
    rate = level * np.where(condition == "street", 2.0 * sway, 1.0)
    rate = rate * np.where((condition == "street") & (group == "a"), ratio, 1.0)
    spoken = rng.integers(words // 2, 2 * words, n)
    errors = rng.binomial(spoken, np.minimum(rate, 0.95))
    return errors.astype(float), spoken.astype(float), group, condition, who.astype(object)


def interaction(rng, **planted):
    base = {"group": "b", "condition": "quiet"}
    (found,) = interactions(*drawn(rng, **planted), baseline=base, seed=int(rng.integers(1 << 30)))
    return found


def test_the_interaction_is_covered_and_a_planted_one_is_found(simulations):
    rng = np.random.default_rng(0)
    runs = simulations // 2
    found = [interaction(rng, ratio=1.0) for _ in range(runs)]
    covered = np.mean([f.low <= 1 <= f.high for f in found])
    assert covered >= 0.93 - 2 * np.sqrt(0.93 * 0.07 / runs)
