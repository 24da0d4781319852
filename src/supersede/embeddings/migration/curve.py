"""What would be served at each point of a backfill, replayed on items that both models embedded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.embeddings.indexes.index import Neighbours
from supersede.embeddings.migration.order import area_under_curve
from supersede.embeddings.migration.serving import ScoreCalibration
from supersede.embeddings.report.ranking import nearest
from supersede.embeddings.vectors import Array, checked
from supersede.errors import ArgumentError, VectorError
from supersede.look.result import ResultMixin, frame_of, plain

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BackfillCurve", "backfill_curve"]


@dataclass(frozen=True)
class BackfillCurve(ResultMixin, named="the backfill curve", height="34rem"):
    """Served recall along a backfill, by order.

    Attributes:
        shares: Shares of the gallery that are embedded again, from 0 to 1.
        served: For each order, recall of what is served at each share.
        areas: For each order, the area under its curve.
        old: Recall of the old index.
        new: Recall of the new index once it is whole.
        k: Length of the result list.
    """

    shares: tuple[float, ...]
    served: dict[str, tuple[float, ...]]
    areas: dict[str, float]
    old: float
    new: float
    k: int

    @property
    def lowest(self) -> float:
        """The most that any point lies above (or below, if negative) the old index, at worst."""
        return min(min(curve) for curve in self.served.values()) - self.old

    def to_dict(self) -> dict[str, Any]:
        """The curve as JSON values."""
        return plain(self) | {"lowest": self.lowest}

    def to_frame(self) -> "pa.Table":
        """One row per order and share."""
        return frame_of(
            {"order": order, "share": share, "served": served}
            for order, curve in self.served.items()
            for share, served in zip(self.shares, curve, strict=True)
        )

    def __str__(self) -> str:
        lines = [
            f"recall@{self.k}: old index {100 * self.old:.1f} %, new index {100 * self.new:.1f} %"
        ]
        for name, curve in self.served.items():
            points = " ".join(f"{100 * value:.1f}" for value in curve)
            lines.append(f"  {name}: {points} (area {100 * self.areas[name]:.2f})")
        return "\n".join(lines)

    def to_html(self) -> str:
        """A page with the curves."""
        from supersede.look.figures import Line, line_plot
        from supersede.look.page import figure_page

        lines = [Line("old index", [self.old] * len(self.shares), tone="baseline")]
        lines += [Line(name, curve) for name, curve in self.served.items()]
        steps = [f"{share:.0%}" for share in self.shares]
        name = f"recall@{self.k}"
        figure = line_plot(
            lines, steps, title="What is served along the backfill", y_name=name, zero=False
        )
        best = max(self.areas, key=lambda order: self.areas[order])
        lead = (
            f"Share of searches that find among the first {self.k}, by the share of the gallery that is embedded"
            f" again. {best[0].upper()}{best[1:]} gains earliest."
        )
        return figure_page("What is served while the gallery is embedded again", lead, figure)


def backfill_curve(
    queries_old: Any,
    queries_new: Any,
    gallery_old: Any,
    gallery_new: Any,
    answers: Any,
    calibration: ScoreCalibration,
    orders: Mapping[str, Any],
    *,
    k: int = 10,
    shares: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
) -> BackfillCurve:
    """Replay a backfill in several orders.

    Args:
        queries_old: Queries embedded by the old model; other ones than the calibration's.
        queries_new: The same queries embedded by the new model.
        gallery_old: Gallery embedded by the old model, shape ``(g, d_old)``.
        gallery_new: The same items embedded by the new model: all, or a random sample of the gallery.
        answers: Gallery row that answers each query.
        calibration: How both scores are merged.
        orders: Gallery rows in the order of the backfill, by the order's name.
        k: Length of the result list.
        shares: Points along the backfill, increasing from 0 to 1.

    Raises:
        VectorError: Counts differ.
        ArgumentError: An order does not name every row once, or shares do not increase.
    """
    asked = checked(queries_old, "queries_old"), checked(queries_new, "queries_new")
    held = checked(gallery_old, "gallery_old"), checked(gallery_new, "gallery_new")
    rows, n = np.asarray(answers, np.intp), len(held[0])
    if len(held[1]) != n or len(asked[0]) != len(asked[1]) or len(rows) != len(asked[0]):
        msg = f"{len(asked[0])} old and {len(asked[1])} new queries, {len(rows)} answers, {n} old and {len(held[1])} new items; counts must agree"
        raise VectorError(msg)
    if list(shares) != sorted(set(shares)) or shares[0] != 0 or shares[-1] != 1:
        msg = f"shares={list(shares)!r}; they must increase from 0 to 1"
        raise ArgumentError(msg)
    for name, order in orders.items():
        if sorted(np.asarray(order).tolist()) != list(range(n)):
            msg = f"the order {name!r} must name each of the {n} gallery rows once"
            raise ArgumentError(msg)
    first = _found(asked[0], held[0], np.arange(n), max(k, calibration.depth))
    whole = _found(asked[1], held[1], np.arange(n), k)
    served = {
        name: tuple(
            _served(
                asked[1],
                held[1],
                np.asarray(order)[: round(n * share)],
                first,
                calibration,
                rows,
                k,
            )
            for share in shares
        )
        for name, order in orders.items()
    }
    return BackfillCurve(
        shares=tuple(shares),
        served=served,
        areas={name: area_under_curve(shares, curve) for name, curve in served.items()},
        old=_recall(first, rows, k),
        new=_recall(whole, rows, k),
        k=k,
    )


def _served(
    queries: Array,
    gallery: Array,
    done: Any,
    first: Neighbours,
    calibration: ScoreCalibration,
    rows: Any,
    k: int,
) -> float:
    if not len(done):
        return _recall(first, rows, k)
    second = _found(queries, gallery, done, max(k, calibration.depth))
    marks = {str(row) for row in done.tolist()}
    return _recall(calibration.merge(first, second, marks.intersection, k), rows, k)


def _found(queries: Array, gallery: Array, rows: Any, k: int) -> Neighbours:
    near, score = nearest(queries, gallery[rows], k)
    return Neighbours(tuple(tuple(map(str, row)) for row in rows[near].tolist()), tuple(score))


def _recall(found: Neighbours, rows: Any, k: int) -> float:
    return float(
        np.mean([str(row) in ids[:k] for row, ids in zip(rows.tolist(), found.ids, strict=True)])
    )
