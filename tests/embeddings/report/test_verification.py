import numpy as np
import pytest

from supersede.embeddings.relevance import relevance_of
from supersede.embeddings.report.verification import accepted_at, threshold_at


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
@pytest.mark.parametrize("ties", [False, True])
def test_rates_against_plain_counts(metric, ties):
    rng = np.random.default_rng(1)
    q, g = rng.normal(size=(30, 5)) + 0.5, rng.normal(size=(70, 5)) + 0.5
    if ties:
        q, g = np.round(q) + 3, np.round(g) + 3
    a, b = rng.integers(0, 4, 30), rng.integers(0, 4, 70)
    relevance = relevance_of(30, 70, query_labels=a, gallery_labels=b)
    score = {
        "cosine": (q / np.linalg.norm(q, axis=1)[:, None]) @ (g / np.linalg.norm(g, axis=1)[:, None]).T,
        "dot": q @ g.T,
        "euclidean": -0.5 * np.square(q[:, None] - g[None]).sum(2),
    }[metric]  # fmt: skip
    right = a[:, None] == b[None]
    wrong = np.sort(score[~right])[::-1]
    allowed = int(0.2 * len(wrong))
    expected = wrong[allowed]
    at = threshold_at(q, g, relevance, 0.2, metric=metric)
    assert at == pytest.approx(expected, abs=1e-4)
    found = accepted_at(at, q, g, relevance, metric=metric)
    beyond = score > expected + 2e-6 * np.abs(score).max()
    assert found.tar.value == pytest.approx(beyond[right].mean())
    assert found.far.value == pytest.approx(beyond[~right].mean())
    assert found.far.value <= 0.2
