import numpy as np
import pytest

from supersede.embeddings.bridges.gallery_size import MIN_SMOOTHED, smoothed_recall

N, K = 6000, 10


def plain(rng, n):
    return rng.binomial(N - 1, np.exp(rng.normal(-7, 2.5, n)).clip(0, 1))


def mixed(rng, n):
    """Two groups of searches apart: no member of the fitted family has this shape."""
    share = np.exp(np.where(rng.random(n) < 0.3, rng.normal(-4, 1, n), rng.normal(-9, 1.5, n)))
    return rng.binomial(N - 1, share.clip(0, 1))


@pytest.mark.parametrize(("drawn", "most"), [(plain, 0.9), (mixed, 2**0.5)])
def test_smoothing_gains_where_it_fits_does_little_harm_where_not_and_always_covers(drawn, most):
    rng = np.random.default_rng(0)
    truth = float((drawn(rng, 400_000) < K).mean())
    counted, smoothed, covered = [], [], 0
    for _ in range(100):
        ahead = drawn(rng, 300)
        found = smoothed_recall(N, ahead, K)
        counted.append(float((ahead < K).mean()) - truth)
        smoothed.append(found.value - truth)
        covered += found.low <= truth <= found.high
    assert np.square(smoothed).mean() ** 0.5 < most * np.square(counted).mean() ** 0.5
    assert covered >= 90


def test_few_queries_and_a_certain_count_are_left_as_they_are():
    ahead = np.array([0, 3, 50, 7] * (MIN_SMOOTHED // 8))
    assert smoothed_recall(N, ahead, K).value == (ahead < K).mean()
    assert smoothed_recall(N, np.zeros(500, int), K).value == 1.0
    assert smoothed_recall(N, np.full(500, 100), K).value == 0.0


def test_a_gallery_as_short_as_the_list_is_counted():
    ahead = np.arange(500) % 8
    assert smoothed_recall(8, ahead, 10).value == 1.0
