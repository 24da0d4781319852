"""Intervals of plans hold the truth as often as they say, at the size in SUPERSEDE_SIMULATIONS."""

import numpy as np
import pytest
from benchmarks.evaluate import _population, _precisions, _table
from benchmarks.evaluate_article import CASES, simulate
from benchmarks.evaluate_models import together
from benchmarks.evaluate_replicate import replicate, two_phase
from benchmarks.forests import Ensemble

from supersede.evaluate import plan


def ensemble(rate: float, items: int = 3000) -> Ensemble:
    rng = np.random.default_rng(4)
    latent = rng.normal(size=items)
    cut = np.quantile(latent, 1 - rate)
    votes = [(latent + rng.normal(0, 0.4, items) > cut).astype(int) for _ in range(6)]
    return Ensemble(np.stack(votes), (latent + rng.normal(0, 0.3, items) > cut).astype(int))


def tolerance(simulations: int) -> float:
    return 3.5 * (0.05 * 0.95 / simulations) ** 0.5


@pytest.mark.parametrize("rate", [0.25, 0.03])
def test_allocated_plans(rate, simulations):
    people = ensemble(rate)
    made = plan(_table(people), _precisions(people), margin=0.08)
    found = replicate(made, _population(made, people), simulations)
    assert found.coverage.mean() > 0.945 - tolerance(simulations) / 2
    assert found.coverage.min() > 0.945 - tolerance(simulations)
    assert np.abs(found.bias_in_errors).max() < 4


def test_two_phases(simulations):
    people = ensemble(0.25)
    asked = _precisions(people)
    made = plan(_table(people), asked)
    population = _population(made, people)
    found = two_phase(population, asked, made.belief, 0.12, 0.05, made, simulations // 2)
    assert found.labels.mean() < made.size
    assert found.coverage.mean() > 0.945 - tolerance(simulations // 2) / 2


def test_six_metrics_of_two_models_at_once(simulations):
    found, _ = together(simulations)
    assert found.labels[0] <= 3200
    assert found.coverage.min() > 0.945 - tolerance(simulations)


@pytest.mark.parametrize("case", [CASES[0], CASES[4]], ids=lambda c: c.name)
def test_the_articles_estimates_are_unbiased_and_resampling_covers_too_little(case, simulations):
    shuffled = simulate(case, "reshuffle", 10 * simulations)
    assert abs(shuffled.bias) < 4 * shuffled.error
    assert shuffled.variance_ratio < 1.1
    assert shuffled.coverage > 0.95 - tolerance(simulations)
    resampled = simulate(CASES[1], "resample", simulations)
    assert resampled.coverage < 0.88
    assert 1.8 < resampled.variance_ratio < 2.6
