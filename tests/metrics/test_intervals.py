"""Intervals against independent formulae and at their edges."""

import numpy as np
import pytest
from scipy import stats

from supersede.metrics.intervals import (
    holm,
    mcnemar,
    paired_difference,
    student,
    student_tail,
    tail_above,
    wilson,
)


@pytest.mark.parametrize(("k", "n"), [(0, 5), (1, 10), (7, 30), (30, 30), (250, 10_000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_wilson_is_scipys(k, n, confidence):
    theirs = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    low, high = wilson(k / n, n, confidence)
    assert (float(low), float(high)) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_without_data_says_nothing():
    assert [float(end) for end in wilson(np.nan, 0, 0.95)] == [0, 1]


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 8), (3, 3), (2, 10), (40, 25)])
def test_mcnemar_is_the_mid_p_of_the_binomial(b, c):
    n = b + c
    exact = stats.binomtest(min(b, c), n).pvalue if n else 1.0
    expected = min(exact - stats.binom.pmf(min(b, c), n, 0.5), 1.0) if b != c and n else 1.0
    if b == c and n:
        expected = min(1.0, stats.binom.cdf(b, n, 0.5) + stats.binom.cdf(b - 1, n, 0.5))
    assert float(mcnemar(b, c)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("k", "n", "limit"), [(0, 9, 0.1), (3, 9, 0.1), (9, 9, 0.5), (12, 400, 0.02)]
)
def test_tail_is_the_binomials(k, n, limit):
    assert float(tail_above(k / n, n, limit)) == pytest.approx(stats.binom.sf(k - 1, n, limit))


def test_holm_is_scipys_worst_case():
    p = np.array([0.001, 0.02, 0.02, 0.3])
    assert holm(p).tolist() == pytest.approx([0.004, 0.06, 0.06, 0.3])
    assert holm([]).tolist() == []


def test_paired_difference_is_symmetric():
    low, high = paired_difference([0.1], [0.3], [50], 0.95)
    mirrored = paired_difference([0.3], [0.1], [50], 0.95)
    assert (-mirrored[1][0], -mirrored[0][0]) == pytest.approx((low[0], high[0]))


def test_student_is_scipys():
    df = np.array([1.0, 2.5, 30.0, np.inf])
    assert student(0.9, df) == pytest.approx(stats.t.ppf(0.95, df))
    p = np.array([0.001, 0.2, 0.5, 0.03])
    assert student_tail(p, df) == pytest.approx(stats.t.sf(stats.norm.isf(p), df))
