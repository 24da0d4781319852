"""What holds for every sample, table and budget."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from supersede.evaluate.allocate import allocate
from supersede.evaluate.hypergeometric import exact_interval, sample_size, sequence_interval
from supersede.evaluate.numbers import limit, number


@given(st.integers(1, 10**9), st.floats(0.001, 1))
def test_sample_sizes_never_exceed_the_set_and_fall_with_the_margin(items, margin):
    n = sample_size(items, margin, 0.95)
    assert 1 <= n <= items
    assert sample_size(items, min(1, margin * 1.5), 0.95) <= n


@given(st.integers(1, 400).flatmap(lambda N: st.tuples(st.just(N), st.integers(1, N))), st.data())
@settings(deadline=None, max_examples=60)
def test_intervals_hold_the_sample_share_and_sequences_are_wider(sizes, data):
    items, n = sizes
    x = data.draw(st.integers(0, n))
    low, high = exact_interval(x, n, items, 0.95)
    wide_low, wide_high = sequence_interval(x, n, items, 0.95)
    assert x / items - 1e-9 <= low <= high <= 1 - (n - x) / items + 1e-9
    assert low - 1 / items - 1e-9 <= x / n <= high + 1 / items + 1e-9
    assert wide_low <= x / n + 1 / items
    assert x / n - 1 / items <= wide_high
    mirrored = exact_interval(n - x, n, items, 0.95)
    assert abs(mirrored[0] - (1 - high)) < 1e-9


@given(st.lists(st.integers(), min_size=2, max_size=50, unique=True), st.text(max_size=5))
def test_numbers_are_permanent_and_compare_as_text(items, key):
    numbers = [number(key, i) for i in items]
    assert numbers == [number(key, i) for i in items]
    assert all(
        (n < limit(0.3)) == (int(n, 16) / 16**32 < int(limit(0.3), 16) / 16**13) for n in numbers
    )


@given(st.integers(0, 10**6), st.floats(1.01, 3))
@settings(deadline=None, max_examples=40)
def test_looser_targets_never_need_more_labels(seed, factor):
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 40, 25).astype(float)
    variance = rng.random((3, 25)) * (rng.random((3, 25)) < 0.6) / count.sum() ** 2
    budget = np.full(3, 1e-3)
    tight, loose = (allocate(count, variance, budget * f).labels for f in (1.0, factor))
    assert loose <= tight * 1.0005
