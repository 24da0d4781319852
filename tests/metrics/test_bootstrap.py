import numpy as np

from supersede.metrics.bootstrap import cluster_variances


def test_variance_is_the_between_cluster_one():
    rng = np.random.default_rng(0)
    clusters = 200
    size = rng.integers(1, 20, clusters).astype(float)
    hits = rng.binomial(size.astype(int), rng.beta(2, 2, clusters)).astype(float)
    (found,) = cluster_variances(
        np.arange(clusters), np.zeros(clusters, int), size, [hits], draws=4000, seed=1
    )
    mean = hits.sum() / size.sum()
    linear = ((hits - mean * size) ** 2).sum() / size.sum() ** 2
    assert abs(found[0] / linear - 1) < 0.1


def test_slices_are_told_apart_and_seeds_reproduce():
    c, s = np.repeat(np.arange(60), 2), np.tile([0, 1], 60)
    hits = np.where(s == 0, c % 2, 1).astype(float)
    first = cluster_variances(c, s, np.ones(120), [hits], seed=3)[0]
    again = cluster_variances(c, s, np.ones(120), [hits], seed=3)[0]
    assert first[1] == 0 < first[0]
    assert first.tolist() == again.tolist()
