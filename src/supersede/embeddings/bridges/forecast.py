"""What each path of an update would keep, lose and cost, forecast before anybody migrates.

Recall and lost searches come from held-out queries searched in the whole old gallery, smoothed over
their ranks and carried to all pairs along the learning curve. Paths that embed the gallery again are searched among the sampled documents and carried
to the whole gallery's size (`supersede.embeddings.bridges.gallery_size`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.embeddings.bridges.fit_paths import Held, PairedSample, held_out
from supersede.embeddings.bridges.gallery_size import recall_in, smoothed_recall
from supersede.embeddings.bridges.learning_curve import Gain, grown, to_come
from supersede.embeddings.bridges.path import Path
from supersede.embeddings.bridges.prices import Prices
from supersede.embeddings.bridges.reasons import reasons
from supersede.embeddings.report.paired import PairedEstimate, mean, mean_difference
from supersede.errors import ArgumentError
from supersede.look.json_values import json_object
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Forecast", "Forecasts", "Recommendation", "forecast_paths"]


@dataclass(frozen=True)
class Forecast:
    """What one path would do.

    Attributes:
        name: The path.
        recall: Share of searches that find among the first k.
        lost: Share of searches that find today and no longer would.
        found: Share that do not find today and then would; NaN values where only bounds are known.
        against_old_head: Recall less that of the old model with a head of its own, on the same
            queries: what the new model adds beyond fitting to the domain.
        path: The fitted path.
        extrapolated: Whether the gallery's new vectors had to be extrapolated from a sample.
    """

    name: str
    recall: PairedEstimate
    lost: PairedEstimate
    found: PairedEstimate
    against_old_head: PairedEstimate
    path: Path = field(repr=False)
    extrapolated: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "name": self.name,
            "variant": self.path.variant,
            "recall": self.recall.to_dict(),
            "lost": self.lost.to_dict(),
            "found": self.found.to_dict(),
            "against_old_head": self.against_old_head.to_dict(),
            "query_models": sorted(self.path.query_models),
            "embeds_gallery": self.path.embeds_gallery,
            "rewrites_gallery": self.path.rewrites_gallery,
            "extrapolated": self.extrapolated,
        }


@dataclass(frozen=True)
class Recommendation:
    """The path with the largest net value, and how the others compare.

    Attributes:
        name: The recommended path.
        reasons: Why, in sentences.
        costs: What each path costs over the period.
        values: Net value of each path: what it finds more than staying does, times its worth, less
            what it costs more than staying.
        close: Paths whose net value may be larger, at the forecast's confidence.
    """

    name: str
    reasons: tuple[str, ...]
    costs: dict[str, float]
    values: dict[str, float]
    close: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists."""
        return {
            "name": self.name,
            "reasons": list(self.reasons),
            "costs": self.costs,
            "values": self.values,
            "close": list(self.close),
        }


@dataclass(frozen=True)
class Forecasts(ResultMixin, named="the forecast"):
    """All paths, forecast from the same pairs.

    Attributes:
        paths: One forecast per path, staying first.
        k: Length of the result list.
        pairs: Number of pairs.
        gallery: Number of gallery items.
        confidence: Of the intervals.
        prices: What things cost; None where no price was given.
    """

    paths: tuple[Forecast, ...]
    k: int
    pairs: int
    gallery: int
    confidence: float
    prices: Prices | None = None

    def __getitem__(self, name: str) -> Forecast:
        for path in self.paths:
            if path.name == name:
                return path
        msg = f"no path {name!r}; there are: {', '.join(path.name for path in self.paths)}"
        raise ArgumentError(msg)

    @property
    def recommendation(self) -> Recommendation | None:
        """The path to take, given prices; None without them."""
        return None if self.prices is None else self.recommend(self.prices)

    def recommend(self, prices: Prices) -> Recommendation:
        """The path with the largest net value over the period.

        Args:
            prices: What things cost and what a found search is worth.
        """
        stay = self["stay"]
        costs = {f.name: prices.of(f.path, self.gallery) for f in self.paths}
        worth = prices.queries * prices.per_found_search

        def net(value: float, name: str) -> float:
            return worth * (value - stay.recall.value) - (costs[name] - costs["stay"])

        values = {f.name: net(f.recall.value, f.name) for f in self.paths}
        # ties go to the path named first: the one that changes less
        best = max(self.paths, key=lambda f: values[f.name])
        close = []
        for other in self.paths:
            half = _half(best.recall) ** 2 + _half(other.recall) ** 2
            if other is not best and values[other.name] + worth * half**0.5 >= values[best.name]:
                close.append(other.name)
        return Recommendation(
            best.name, reasons(self, best, costs, values), costs, values, tuple(close)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists."""
        advice = self.recommendation
        return json_object(
            {
                "k": self.k,
                "pairs": self.pairs,
                "gallery": self.gallery,
                "confidence": self.confidence,
                "paths": [path.to_dict() for path in self.paths],
                "recommendation": None if advice is None else advice.to_dict(),
            }
        )

    def to_frame(self) -> "pa.Table":
        """One row per path."""
        return frame_of(
            {
                "path": f.name,
                "recall": f.recall.value,
                "recall_low": f.recall.low,
                "recall_high": f.recall.high,
                "lost": f.lost.value,
                "lost_low": f.lost.low,
                "lost_high": f.lost.high,
                "embeds_gallery": f.path.embeds_gallery,
            }
            for f in self.paths
        )

    def __str__(self) -> str:
        from supersede.embeddings.bridges.pages import text

        return text(self)

    def to_html(self) -> str:
        """A page: each path's recall, lost searches and price, and the recommended one."""
        from supersede.embeddings.bridges.pages import page

        return page(self)


def forecast_paths(
    sample: PairedSample,
    *,
    k: int = 10,
    prices: Prices | None = None,
    folds: int | None = None,
    network: bool = False,
    others: Mapping[str, tuple[Any, Any]] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Forecasts:
    """Forecast what every path of an update would keep, lose and cost.

    Args:
        sample: Pairs of queries and answering documents embedded by both models, and the gallery.
        k: A search succeeds if its answer is among the first k.
        prices: What things cost; then a path is recommended.
        folds: Folds of the cross-validation; more for fewer pairs if None.
        network: Whether a residual network is among the bridges; it needs torch.
        others: Further candidates, such as a compatible model: the sample's queries and the whole
            gallery (None: the old one).
        confidence: Of the intervals.
        seed: Of folds and fits.
        progress: Called with a line before each path.

    Returns:
        The forecasts. Each holds its path fitted to all pairs, ready to be used.

    Raises:
        VectorError: Vectors are broken, or counts and dimensions do not fit.
        TooFewLabelsError: There are too few pairs.
        ArgumentError: k, the confidence or the number of folds is out of range, or another candidate
            has a path's name.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> g = rng.normal(size=(400, 12)); rows = rng.permutation(400)[:150]
        >>> asked = g[rows] + rng.normal(size=(150, 12)) * 0.6
        >>> turn = np.linalg.qr(rng.normal(size=(12, 12)))[0]
        >>> found = forecast_paths(PairedSample(asked, asked @ turn, g[rows] @ turn, rows, g), k=1)
        >>> abs(found["bridge"].recall.value - found["stay"].recall.value) < 0.05
        True

    Assumes: pairs are a random draw of the searches to come, their documents of the gallery.
    """
    if not (isinstance(k, int | np.integer) and 0 < k < len(sample.gallery_old)):
        msg = f"k={k!r}; it must be a whole number from 1 to {len(sample.gallery_old) - 1}, fewer than the gallery's items"
        raise ArgumentError(msg)
    if not 0 < confidence < 1:
        msg = f"confidence={confidence!r} must be between 0 and 1, such as 0.95"
        raise ArgumentError(msg)
    held = held_out(
        sample, folds=folds, network=network, others=others, seed=seed, progress=progress
    )
    return forecast_held(held, sample, k=k, prices=prices, confidence=confidence, seed=seed)


def forecast_held(
    held: Sequence[Held],
    sample: PairedSample,
    *,
    k: int = 10,
    prices: Prices | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    draws: int = 50,
) -> Forecasts:
    """Forecasts from ranks that cross-validation has found; arguments as for `forecast_paths`.

    `held` has one entry per path, staying first; `draws` is the number of bootstrap draws behind an
    extrapolated interval.
    """
    old, head = held[0], next(h for h in held if h.name == "old head")
    return Forecasts(
        paths=tuple(_forecast(h, old, head, sample, k, confidence, seed, draws) for h in held),
        k=k,
        pairs=len(sample),
        gallery=len(sample.gallery_old),
        confidence=confidence,
        prices=prices,
    )


def _forecast(
    held: Held,
    old: Held,
    head: Held,
    sample: PairedSample,
    k: int,
    confidence: float,
    seed: int,
    draws: int,
) -> Forecast:
    before = (old.first <= k).astype(float)
    fitted = (head.first <= k).astype(float)
    everyone = np.ones(len(before))
    gallery = len(sample.gallery_old)
    had = before == 1
    share = float(before.mean())

    if not held.in_sample:
        after = (held.first <= k).astype(float)
        recall = smoothed_recall(gallery, held.first - 1, k, confidence=confidence)
        lost = mean(before * (1 - after), confidence=confidence)
        found = mean((1 - before) * after, confidence=confidence)
        if lost.value > 0:
            kept = smoothed_recall(gallery, held.first[had] - 1, k, confidence=confidence)
            lost = _within(lost, share * (1 - kept.value))
        against = mean_difference(fitted, after, confidence=confidence)
        more, of_head = (to_come(h.first, h.fewer, k, everyone) for h in (held, head))
        kept_more = to_come(held.first, held.fewer, k, before)
        found_more = to_come(held.first, held.fewer, k, 1 - before)
        apart = Gain(more.value - of_head.value, float(np.hypot(more.error, of_head.error)))
        return Forecast(
            held.name,
            grown(recall, more, confidence=confidence),
            grown(lost, kept_more, sign=-1, confidence=confidence),
            grown(found, found_more, confidence=confidence),
            against if held is head else grown(against, apart, least=-1.0, confidence=confidence),
            held.path,
        )
    documents = len(np.unique(sample.answers))

    def carried(rows: Any) -> PairedEstimate:
        return recall_in(
            gallery,
            held.first[rows] - 1,
            documents,
            k,
            confidence=confidence,
            seed=seed,
            draws=draws,
        )

    recall = carried(slice(None))
    lost, found = (
        PairedEstimate(0.0, 0.0, 1.0, len(before)),
        PairedEstimate(0.0, 0.0, 1.0, len(before)),
    )
    if had.any():
        kept = carried(had)
        lost = PairedEstimate(
            share * (1 - kept.value), share * (1 - kept.high), share * (1 - kept.low), kept.n
        )
    if not had.all():
        newly = carried(~had)
        rest = 1 - share
        found = PairedEstimate(rest * newly.value, rest * newly.low, rest * newly.high, newly.n)
    base = mean(fitted, confidence=confidence)
    half = (_half(recall) ** 2 + _half(base) ** 2) ** 0.5
    gain = recall.value - base.value
    return Forecast(
        held.name,
        recall,
        lost,
        found,
        PairedEstimate(gain, gain - half, gain + half, recall.n),
        held.path,
        extrapolated=True,
    )


def _within(counted: PairedEstimate, value: float) -> PairedEstimate:
    """The smoothed value with the interval of the count."""
    return replace(counted, value=min(max(value, counted.low), counted.high))


def _half(value: PairedEstimate) -> float:
    return (value.high - value.low) / 2
