import numpy as np
import pytest

from supersede.embeddings import PairedSample
from supersede.embeddings.bridges.fit_paths import held_out
from supersede.embeddings.bridges.forecast import forecast_held
from supersede.embeddings.bridges.gallery_size import smoothed_recall
from supersede.embeddings.bridges.learning_curve import Fewer, Gain, grown, growth_of, to_come
from supersede.embeddings.report.paired import PairedEstimate
from tests.embeddings.made import world


@pytest.mark.parametrize("folds", range(3, 12))
def test_a_curve_that_saturates_with_one_over_n_is_carried_to_all_pairs(folds):
    n = 1000
    m, half = n * (folds - 1) / folds, n * ((folds - 1) // 2) / folds
    curve = lambda pairs: 0.8 - 20 / pairs  # noqa: E731
    carried = curve(m) + growth_of(folds) * (curve(m) - curve(half))
    assert carried == pytest.approx(curve(n))


def test_what_falls_is_noise_and_no_spread_is_no_certainty():
    first, rows, all_ = np.array([1, 1, 20, 20]), np.arange(4), np.ones(4)
    better = Fewer(rows, np.array([1, 1, 1, 20]), 0.5)
    assert to_come(first, better, 10, all_).value == 0
    same = to_come(first, Fewer(rows, first, 0.5), 10, all_)
    assert (same.value, same.error > 0) == (0, True)
    assert to_come(first, None, 10, all_) == Gain()


def test_an_estimate_that_is_moved_stays_a_share_within_its_interval():
    value = PairedEstimate(0.99, 0.97, 0.995, 100)
    more = grown(value, Gain(0.05, 0.01))
    assert (more.value, more.high) == (1.0, 1.0)
    assert 0.97 < more.low < 1.0
    less = grown(PairedEstimate(0.01, 0.0, 0.03, 100), Gain(0.05, 0.01), sign=-1)
    assert (less.value, less.low) == (0.0, 0.0)
    wider = grown(PairedEstimate(0.5, 0.4, 0.6, 100), Gain(0.0, 0.05))
    assert wider.value == 0.5
    assert wider.high - wider.low > 0.2
    assert grown(value, Gain()) is value


def test_forecasts_of_few_folds_are_carried_to_all_pairs():
    made = world(n=150, gallery=900, d_old=24, d_new=24, new_noise=1.2, held_noise=0.5)
    sample = PairedSample(
        made.queries_old, made.queries_new, made.gallery_new[made.answers], made.answers,
        made.gallery_old,
    )  # fmt: skip
    held = held_out(sample, folds=3)
    found = forecast_held(held, sample, draws=2)
    for h in held:
        if h.in_sample or h.name == "stay":
            assert h.fewer is None
            continue
        assert sorted(h.fewer.rows.tolist()) == list(range(150))
        assert h.fewer.growth == pytest.approx(1 / 3)
        plain = smoothed_recall(900, h.first - 1, 10)
        gained = (h.first <= 10).mean() - (h.fewer.first <= 10).mean()
        carried = min(plain.value + max(gained, 0) / 3, 1)
        assert found[h.name].recall.value == pytest.approx(carried)
        assert found[h.name].recall.low <= carried <= found[h.name].recall.high
    assert any(found[h.name].recall.value > (h.first <= 10).mean() for h in held[1:])
    assert all(h.fewer is None for h in held_out(sample, folds=12)[:2])
