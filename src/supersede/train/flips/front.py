"""The error–NFR front: error and flips of each strength, and the chosen one.

The strength with the fewest negative flips is chosen, among those whose validation error is at most
the untreated model's plus a tolerance. Published strengths do not transfer: those of the paper
raise a small network's error by several points.

References:
    Yan et al. (2021), Positive-congruent training, CVPR: minimise the NFR at equal error.

Assumes: the validation items are unseen by both models and representative of future items.
The choice among many strengths is optimistic on the items it was made on; report on others.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from supersede.errors import ArgumentError
from supersede.look import Mark, count, figure_page, front_plot, share
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Front", "Point", "choose", "measure", "search_strength"]


@dataclass(frozen=True)
class Point:
    """One treatment at one strength, measured on validation items.

    Attributes:
        treatment: How the new model was trained; ``"none"`` is the untreated one.
        strength: The strength, from 0.
        error: Share of items that the new model gets wrong.
        nfr: Share of items that an old model gets right and the new one wrong; the mean over the
            old models where there are several.
        pfr: Share of items that an old model gets wrong and the new one right, likewise.
        flip_cost: Mean cost of negative flips; equal to the NFR if all flips cost the same.
    """

    treatment: str
    strength: float
    error: float
    nfr: float
    pfr: float
    flip_cost: float


@dataclass(frozen=True)
class Front(ResultMixin, named="a front", height="34rem"):
    """All points of a search, and the chosen one.

    Attributes:
        points: The measured points, the untreated model first.
        chosen: The chosen point.
        tolerance: Allowed increase in error over the untreated model, as a share.
        items: Number of validation items.
    """

    points: tuple[Point, ...]
    chosen: Point
    tolerance: float
    items: int

    @property
    def untreated(self) -> Point:
        """The model trained without using the old one."""
        return self.points[0]

    @property
    def efficient(self) -> tuple[Point, ...]:
        """The Pareto-optimal points in error and flip cost, by increasing error."""
        best, kept = np.inf, []
        for point in sorted(self.points, key=lambda p: (p.error, p.flip_cost)):
            if point.flip_cost < best:
                best = point.flip_cost
                kept.append(point)
        return tuple(kept)

    def to_frame(self) -> "pa.Table":
        """One row per point."""
        return frame_of(asdict(point) | {"chosen": point == self.chosen} for point in self.points)

    def __str__(self) -> str:
        taken, plain = self.chosen, self.untreated
        if taken is plain:
            return f"no strength lowers negative flips with at most +{self.tolerance:g} error"
        return (
            f"{taken.treatment} at strength {taken.strength:g}: negative flips"
            f" {share(plain.nfr)} → {share(taken.nfr)}, error {share(plain.error, resolution=1e-3)}"
            f" → {share(taken.error, resolution=1e-3)}, on {count(self.items)} validation items"
        )

    def to_html(self) -> str:
        """The front as a page."""
        return figure_page("Error and flips by strength", f"Chosen: {self}.", self.figure())

    def figure(self) -> Markup:
        """The front as a figure: error to the right, negative flips upwards."""
        efficient = set(self.efficient)
        marks = [
            Mark(
                label=f"{point.treatment} {point.strength:g}" if point.strength else "untreated",
                x=point.error,
                y=point.nfr,
                tone="baseline" if point is self.untreated else "quiet",
                chosen=point == self.chosen,
                named=point in efficient or point in {self.untreated, self.chosen},
            )
            for point in self.points
        ]
        limit = self.untreated.error + self.tolerance
        return front_plot(
            marks,
            title="Error and flips by strength",
            description=(
                f"Error and negative flip rate on {self.items} validation items; chosen is"
                f" {self.chosen.treatment} at {self.chosen.strength:g}, with error"
                f" {share(self.chosen.error)} and NFR {share(self.chosen.nfr)}; untreated:"
                f" {share(self.untreated.error)} and {share(self.untreated.nfr)}."
            ),
            x_name="error",
            y_name="negative flip rate",
            limit=limit,
        )


def measure(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    old_right: npt.ArrayLike,
    *,
    treatment: str,
    strength: float,
    sample_weight: npt.ArrayLike | None = None,
    flip_cost: npt.ArrayLike | None = None,
) -> Point:
    """Error and flips of one trained model.

    Args:
        y_true: Labels, shape ``(n,)``.
        y_pred: The new model's classes, shape ``(n,)``.
        old_right: Grade of each old model's answer, in [0, 1], shape ``(n,)`` or ``(n, k)``.
        treatment: How the model was trained.
        strength: The strength.
        sample_weight: Weight of each item, shape ``(n,)``.
        flip_cost: Cost of a negative flip on each item, shape ``(n,)``.

    Returns:
        The point.

    Raises:
        ArgumentError: Shapes differ.

    Example:
        >>> measure([0, 1, 1], [0, 0, 1], [1, 1, 0], treatment="none", strength=0).nfr
        0.3333333333333333
    """
    truth, said, known = np.asarray(y_true), np.asarray(y_pred), np.asarray(old_right, float)
    if truth.ndim != 1 or said.shape != truth.shape or known.shape[:1] != truth.shape:
        msg = (
            f"labels have shape {truth.shape}, answers {said.shape}, old_right {known.shape};"
            " expected one row per item, the same items in the same order"
        )
        raise ArgumentError(msg)
    wrong = (truth != said).astype(float)
    right = known.reshape(len(wrong), -1).mean(axis=1)
    weight = np.ones(len(wrong)) if sample_weight is None else np.asarray(sample_weight, float)
    cost = np.ones(len(wrong)) if flip_cost is None else np.asarray(flip_cost, float)

    def mean(values: npt.NDArray[np.float64]) -> float:
        return float(np.average(values, weights=weight))

    return Point(
        treatment=treatment,
        strength=float(strength),
        error=mean(wrong),
        nfr=mean(right * wrong),
        pfr=mean((1 - right) * (1 - wrong)),
        flip_cost=mean(cost * right * wrong),
    )


def choose(points: Sequence[Point], *, tolerance: float, items: int) -> Front:
    """Choose the point with the least flip cost whose error is within the tolerance.

    Args:
        points: The measured points, the untreated model first.
        tolerance: Allowed increase in error over the untreated model, as a share.
        items: Number of validation items.

    Returns:
        The front; if no treatment qualifies, the untreated model is chosen.

    Raises:
        ArgumentError: There is no point, or the tolerance is negative.
    """
    if not points:
        msg = "no point to choose from: measure the untreated model first"
        raise ArgumentError(msg)
    if not tolerance >= 0:
        msg = f"tolerance={tolerance} must be a share of items, 0 or more, such as 0.001"
        raise ArgumentError(msg)
    limit = points[0].error + tolerance + 1e-12  # rounding must not exclude an equal error
    allowed = [point for point in points if point.error <= limit]
    chosen = min(allowed, key=lambda point: (point.flip_cost, point.error, point.strength))
    return Front(points=tuple(points), chosen=chosen, tolerance=tolerance, items=items)


def search_strength(
    predict_at: Callable[[float], npt.ArrayLike],
    y_true: npt.ArrayLike,
    old_right: npt.ArrayLike,
    *,
    strengths: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
    tolerance: float = 0.001,
    treatment: str = "distillation",
    progress: Callable[[str], None] | None = None,
) -> Front:
    """Train at each strength, measure on validation items, and choose.

    Args:
        predict_at: Function that trains at a strength and returns the classes of the validation
            items, ``(n,)``; called first with 0, the untreated model.
        y_true: Labels of the validation items, ``(n,)``.
        old_right: Grade of the old model's answers on them, in [0, 1], ``(n,)``, or ``(n, k)`` for
            several old models.
        strengths: Strengths to try besides 0.
        tolerance: Allowed increase in error over the untreated model, as a share.
        treatment: Name of the treatment.
        progress: Function that is called with a line of text before each strength.

    Returns:
        The front, with the chosen strength. To compare several treatments, choose from the points
        of all: ``choose((*a.points, *b.points[1:]), tolerance=…, items=…)``.

    Raises:
        ArgumentError: Shapes differ, or a strength is negative.

    Example:
        >>> import numpy as np
        >>> y = np.array([0, 1, 0, 1])
        >>> old = np.array([0, 1, 1, 1])
        >>> front = search_strength(lambda s: old if s else 1 - old, y, old == y, strengths=[1.0])
        >>> front.chosen.strength, front.chosen.nfr
        (1.0, 0.0)
    """
    y = np.asarray(y_true)
    if not all(np.isfinite(s) and s >= 0 for s in strengths):
        msg = f"strengths={strengths!r}; expected finite numbers, 0 or more"
        raise ArgumentError(msg)
    points = []
    for strength in (0.0, *(s for s in strengths if s)):
        if progress:
            progress(f"training with {treatment} at strength {strength:g}")
        said = predict_at(strength)
        name = treatment if strength else "none"
        points.append(measure(y, said, old_right, strength=strength, treatment=name))
    return choose(points, tolerance=tolerance, items=len(y))
