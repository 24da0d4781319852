"""The old verification threshold under new queries: true accepts at a rate of false accepts.

A pair is accepted if its score exceeds the threshold by more than rounding, so pairs that tie are
accepted all or none. The threshold at a false accept rate (FAR) is the smallest score that no more
than that share of the wrong pairs exceeds; the true accept rate (TAR) is the share of right pairs
that exceed it.

Assumes: queries are independent draws or come in clusters; both rates are ratios of sums by query,
their variance linearised (Särndal, Swensson & Wretman 1992, eq. 5.7.10).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.embeddings.relevance import Relevance
from supersede.embeddings.report.paired import PairedEstimate
from supersede.embeddings.report.ranking import AT_ONCE, Gallery
from supersede.embeddings.vectors import Array, Floats, Metric, comparable
from supersede.errors import TooFewLabelsError
from supersede.metrics.intervals import wilson

__all__ = ["Verification", "accepted_at", "threshold_at"]

Rows = npt.NDArray[np.intp]
Wide = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Verification:
    """What one threshold accepts.

    Attributes:
        threshold: The score above which a pair is accepted: a cosine, a dot product, or minus half
            the squared Euclidean distance.
        tar: Share of right pairs that are accepted.
        far: Share of wrong pairs that are accepted.
        right: Number of right pairs.
        wrong: Number of wrong pairs.
    """

    threshold: float
    tar: PairedEstimate
    far: PairedEstimate
    right: int
    wrong: int

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "threshold": self.threshold,
            "tar": self.tar.to_dict(),
            "far": self.far.to_dict(),
            "right": self.right,
            "wrong": self.wrong,
        }


def threshold_at(
    queries: Array,
    gallery: Array,
    relevance: Relevance,
    far: float,
    *,
    metric: Metric = "cosine",
    own: Rows | None = None,
) -> float:
    """The smallest threshold that accepts at most a share `far` of the wrong pairs.

    Raises:
        TooFewLabelsError: There are fewer than 10 / far wrong pairs, too few to set a threshold by.
    """
    right = int(relevance.counts().sum())
    wrong = len(queries) * len(gallery) - right - (0 if own is None else int((own >= 0).sum()))
    if wrong * far < 10:
        msg = (
            f"a threshold at a false accept rate of {far:g} needs {math.ceil(10 / far):,} wrong pairs and there"
            f" are {wrong:,}; choose a larger rate (far=…)"
        )
        raise TooFewLabelsError(msg)
    keep = int(far * wrong * (1 + 1e-12)) + 1  # the first score that must not be accepted
    top = np.empty(0, np.float32)
    for made, _, mask in _pairs(queries, gallery, relevance, metric, own):
        top = np.concatenate([top, made[mask]])
        if len(top) > keep:
            top = np.partition(top, len(top) - keep)[-keep:]
    return float(top.min())


def accepted_at(
    threshold: float,
    queries: Array,
    gallery: Array,
    relevance: Relevance,
    *,
    metric: Metric = "cosine",
    own: Rows | None = None,
    confidence: float = 0.95,
    clusters: npt.NDArray[Any] | None = None,
) -> Verification:
    """True and false accepts at a threshold, with intervals over queries."""
    right_yes, wrong_yes, wrong_n = (np.zeros(len(queries)) for _ in range(3))
    right_n = relevance.counts().astype(float)
    row = 0
    for made, slack, mask in _pairs(queries, gallery, relevance, metric, own):
        rows = slice(row, row + len(made))
        yes = made - slack > np.float32(threshold)
        wrong_yes[rows], wrong_n[rows] = (yes & mask).sum(1), mask.sum(1)
        right_yes[rows] = (yes & relevance.rows(row, row + len(made))).sum(1)
        row += len(made)
    return Verification(
        threshold,
        _rate(right_yes, right_n, confidence, clusters),
        _rate(wrong_yes, wrong_n, confidence, clusters),
        int(right_n.sum()),
        int(wrong_n.sum()),
    )


def _pairs(
    queries: Array, gallery: Array, relevance: Relevance, metric: Metric, own: Rows | None
) -> Iterator[tuple[Floats, Floats, npt.NDArray[np.bool_]]]:
    """By block of queries: scores, their rounding, and which pairs are wrong."""
    comparable(queries, gallery, "the query side", "the gallery side")
    held = Gallery(gallery, metric)
    step = max(1, AT_ONCE // len(gallery))
    for start in range(0, len(queries), step):
        stop = min(start + step, len(queries))
        made, slack = held.scores(queries[start:stop])
        mask = ~relevance.rows(start, stop)
        if own is not None:
            has = np.flatnonzero(own[start:stop] >= 0)
            mask[has, own[start:stop][has]] = False
        yield made, slack, mask


def _rate(
    yes: Wide, of: Wide, confidence: float, clusters: npt.NDArray[Any] | None
) -> PairedEstimate:
    total = of.sum()
    if not total:
        return PairedEstimate(math.nan, 0.0, 1.0, 0)
    rate = float(yes.sum() / total)
    rest = yes - rate * of
    sizes = of
    if clusters is not None:
        _, code = np.unique(clusters, return_inverse=True)
        rest = np.asarray(np.bincount(code, rest), np.float64)
        sizes = np.asarray(np.bincount(code, of), np.float64)
    variance = float(np.square(rest).sum() / total**2)
    kish = float(total**2 / np.square(sizes).sum())
    size = rate * (1 - rate) / variance if 0 < rate < 1 and variance > 0 else kish
    low, high = wilson(rate, min(size, float(total)), confidence)
    return PairedEstimate(rate, float(low), float(high), int((of > 0).sum()))
