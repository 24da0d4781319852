"""Sample sizes and exact intervals, against scipy and by exact enumeration."""

import numpy as np
import pytest
from scipy.stats import hypergeom

from supersede.errors import ArgumentError
from supersede.evaluate.hypergeometric import exact_interval, sample_size, sequence_interval


def test_published_sample_sizes():
    """Cochran's formula with the values of the article's setting."""
    assert [sample_size(n, 0.05, 0.95) for n in (100, 4000, 20_000, 10**8)] == [80, 351, 377, 385]
    assert [sample_size(n, 0.02, 0.95) for n in (1000, 10**9)] == [707, 2401]
    assert sample_size(10**9, 0.05, 0.99) == 664


@pytest.mark.parametrize(("items", "n"), [(30, 7), (60, 20), (100, 50), (200, 30), (400, 148)])
def test_exact_intervals_cover_whatever_the_share(items, n):
    """Exact enumeration: every number of positives, every sample."""
    intervals = [exact_interval(x, n, items, 0.95) for x in range(n + 1)]
    ends = np.array(intervals)
    for m in range(items + 1):
        x = np.arange(n + 1)
        held = (ends[:, 0] - 1e-12 <= m / items) & (m / items <= ends[:, 1] + 1e-12)
        assert hypergeom.pmf(x, items, m, n)[held].sum() >= 0.95 - 1e-9


def test_the_exact_interval_inverts_the_tails():
    low, high = exact_interval(12, 40, 500, 0.95)
    m = round(low * 500)
    assert hypergeom.sf(11, 500, m, 40) > 0.025 >= hypergeom.sf(11, 500, m - 1, 40)
    m = round(high * 500)
    assert hypergeom.cdf(12, 500, m, 40) > 0.025 >= hypergeom.cdf(12, 500, m + 1, 40)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 0.9])
def test_sequences_cover_at_all_times_at_once(share):
    rng = np.random.default_rng(5)
    items, reps, misses = 120, 300, 0
    truth = np.zeros(items, int)
    truth[: round(share * items)] = 1
    known = {}
    for _ in range(reps):
        hits = np.cumsum(rng.permutation(truth))
        for n in range(1, items + 1):
            key = (int(hits[n - 1]), n)
            if key not in known:
                low, high = sequence_interval(*key, items, 0.95)
                known[key] = low - 1e-12 <= truth.mean() <= high + 1e-12
            if not known[key]:
                misses += 1
                break
    assert misses <= 0.05 * reps


def test_margins_and_confidences_outside_their_range_are_refused():
    with pytest.raises(ArgumentError, match="half the interval width"):
        sample_size(10, -0.1, 0.95)
    with pytest.raises(ArgumentError, match=r"for example 0\.95"):
        sample_size(10, 0.1, 95)
