"""Numbers printed in papers."""

import pytest

import supersede
from supersede.metrics import count_flips


def test_relative_nfr_of_a_published_row():
    """NFR 0.58 %, accuracies 98.20 % and 98.31 %, relative NFR 34.95 % (positive-congruent training)."""
    n, both, lost, gained = 10_000, 9762, 58, 69
    fates = [(1, 1)] * both + [(1, 0)] * lost + [(0, 1)] * gained
    fates += [(0, 0)] * (n - len(fates))
    rows = {"old": [f[0] for f in fates], "new": [f[1] for f in fates]}
    (flips,) = count_flips(supersede.read(rows, models=["old", "new"]), "old", "new")
    assert flips.old.mean[0] == pytest.approx(0.9820)
    assert flips.new.mean[0] == pytest.approx(0.9831)
    assert flips.relative_nfr[0] == pytest.approx(0.3495, abs=5e-5)
