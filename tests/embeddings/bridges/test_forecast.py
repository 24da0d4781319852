import json

import numpy as np
import pytest

from supersede.embeddings import PairedSample, Prices, forecast_paths
from supersede.embeddings.bridges.fit_paths import _ranks
from supersede.embeddings.bridges.gallery_size import recall_in
from supersede.errors import ArgumentError, TooFewLabelsError, VectorError
from tests.embeddings.made import world


def _both(seed):
    """Pairs to fit, and queries that nothing was fitted to."""
    made = world(n=900, gallery=2000, d_old=10, d_new=16, held_noise=0.6, seed=seed)
    fit, rest = slice(0, 300), slice(300, None)
    sample = PairedSample(
        made.queries_old[fit], made.queries_new[fit], made.gallery_new[made.answers[fit]],
        made.answers[fit], made.gallery_old,
    )  # fmt: skip
    return made, sample, rest


@pytest.fixture(scope="module")
def both():
    return _both(0)


@pytest.fixture(scope="module")
def found(both):
    return forecast_paths(both[1], k=10, folds=4)


def test_every_path_is_forecast_as_fresh_queries_then_show(found):
    near = []
    for seed in range(3):
        made, sample, rest = _both(seed)
        forecasts = found if seed == 0 else forecast_paths(sample, k=10, folds=4)
        assert len(forecasts.paths) == 10
        stay = None
        for forecast in forecasts.paths:
            first = _ranks(
                forecast.path.queries(made.queries_old[rest], made.queries_new[rest]),
                forecast.path.gallery(made.gallery_old, made.gallery_new), made.answers[rest],
            )  # fmt: skip
            hit = first <= 10
            stay = hit if stay is None else stay
            # the interval of the forecast and the error of 600 test queries
            near.append(forecast.recall.low - 0.04 <= hit.mean() <= forecast.recall.high + 0.04)
            near.append(
                forecast.lost.low - 0.02 <= (stay & ~hit).mean() <= forecast.lost.high + 0.02
            )
    assert np.mean(near) >= 0.9


def test_the_price_decides(found):
    cheap = Prices(1e-6, 1e-6, 1e-6, 1.0, 1000)
    assert found.recommend(cheap).name.startswith("re-index")
    dear = Prices(1e3, 1e-6, 1e-6, 1.0, 1000)
    advice = found.recommend(dear)
    assert not found[advice.name].path.embeds_gallery
    assert advice.costs["re-index"] == pytest.approx(2000 * 1e3 + 1000 * 1e-6)
    assert advice.values["stay"] == 0
    no_worth = found.recommend(Prices(1.0, 0.1, 0.2, 0.0, 1000))
    assert no_worth.name in {"stay", "old head"}
    with pytest.raises(ArgumentError, match="per_embedding=-1"):
        Prices(-1, 0, 0, 0, 0)


def test_a_compatible_model_is_one_more_path(both):
    made, sample, _ = both
    others = {"compatible": (made.gallery_old[sample.answers], None)}
    found = forecast_paths(sample, k=1, folds=2, others=others)
    assert found["compatible"].recall.value == 1


def test_forms(found, tmp_path):
    assert json.loads(found.to_json())["pairs"] == 300
    assert found.to_frame().num_rows == 10
    assert "<svg" in found.save(tmp_path / "f.html").read_text()
    assert "stay" in str(found)
    with pytest.raises(ArgumentError, match="no path 'nope'"):
        found["nope"]


def test_bad_pairs_are_refused():
    made = world(n=40)
    with pytest.raises(TooFewLabelsError, match="at least 50"):
        PairedSample(
            made.queries_old,
            made.queries_new,
            made.gallery_new[made.answers],
            made.answers,
            made.gallery_old,
        )
    made = world()
    with pytest.raises(VectorError, match="a pair needs one of each"):
        PairedSample(
            made.queries_old,
            made.queries_new[1:],
            made.gallery_new[made.answers],
            made.answers,
            made.gallery_old,
        )
    with pytest.raises(ArgumentError, match="rows of the gallery"):
        PairedSample(
            made.queries_old,
            made.queries_new,
            made.gallery_new[made.answers],
            made.answers + 900,
            made.gallery_old,
        )


def test_recall_is_carried_to_the_gallerys_size():
    rng = np.random.default_rng(1)
    errors = []
    for _ in range(8):
        share = np.exp(rng.normal(-7, 2.5, 800)).clip(0, 1)
        truth = (rng.binomial(19_999, share) < 10).mean()
        errors.append(recall_in(20_000, rng.binomial(999, share), 1000, 10, draws=2).value - truth)
    assert abs(np.mean(errors)) < 0.02
    with pytest.raises(TooFewLabelsError, match="at least 100"):
        recall_in(20_000, np.zeros(20, int), 20, 10)
    with pytest.raises(ArgumentError, match="cannot have"):
        recall_in(100, np.zeros(200, int), 200, 10)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"k": 0}, "k=0"),
        ({"k": float("nan")}, "k=nan"),
        ({"k": 900}, "from 1 to 899"),
        ({"confidence": 1.5}, "confidence=1.5"),
    ],
)
def test_a_forecast_of_nothing_is_refused(how, said):
    made = world()
    new = made.gallery_new[made.answers]
    sample = PairedSample(made.queries_old, made.queries_new, new, made.answers, made.gallery_old)
    with pytest.raises(ArgumentError, match=said):
        forecast_paths(sample, **how)


@pytest.mark.parametrize(
    "how", [{"gallery": -1}, {"training": {"x": float("nan")}}, {"per_embedding": "1"}]
)
def test_a_price_is_a_number(how):
    given = {"per_embedding": 1, "per_old_query": 0, "per_new_query": 0, "per_found_search": 0, "queries": 0}  # fmt: skip
    with pytest.raises(ArgumentError, match="finite number"):
        Prices(**(given | how))
