"""The error–NFR front: error and flips of each strength, and the chosen one.

The strength with the fewest negative flips is chosen, among those that are shown to raise the error
by at most a tolerance. Published strengths do not transfer: those of the paper raise a small network's
error by several points.

Shown means: an upper confidence bound of the *paired* difference of the errors is within the tolerance.
The best of many strengths looks better than it is, so the bound allows for the search: each treatment
gets its part of the error probability, and its strengths are tried from weak to strong, up to the first
that is not shown (fixed-sequence testing, which costs nothing for the number of strengths). In
cross-validation it also allows for the training sets: their overlap enlarges the variance (Nadeau &
Bengio, 2003).

References:
    Yan et al. (2021), Positive-congruent training, CVPR: minimise the NFR at equal error.
    Angelopoulos et al. (2021), Learn then test, arXiv:2110.01052, section 2.4: fixed sequences.
    Nadeau & Bengio (2003), Inference for the generalization error, Machine Learning 52.

Assumes: the validation items are independent, unseen by both models and representative of future items;
the differences' mean is nearly normal. Without a confidence, errors are compared as they are: that choice
is optimistic on the items it was made on.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from supersede.errors import ArgumentError
from supersede.look import Mark, count, figure_page, front_plot, share
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Front",
    "Point",
    "choose",
    "measure",
]

_APART = (0.25, 0.07)  # shares of the ranges of error and NFR within which two labels would collide


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
        rise: Its error minus that of the untreated model on the same items.
        rise_error: Standard error of the rise; None if it was not measured against one.
    """

    treatment: str
    strength: float
    error: float
    nfr: float
    pfr: float
    flip_cost: float
    rise: float = 0.0
    rise_error: float | None = None


@dataclass(frozen=True)
class Front(ResultMixin, named="a front", height="34rem"):
    """All points of a search, and the chosen one.

    Attributes:
        points: The measured points, the untreated model first.
        chosen: The chosen point.
        tolerance: Allowed increase in error over the untreated model, as a share.
        items: Number of validation items.
        confidence: Confidence with which the chosen point keeps the tolerance; None if errors were
            compared as they are.
        provable: The smallest tolerance with which any treatment would have been chosen; None
            without a confidence, or without a treatment.
    """

    points: tuple[Point, ...]
    chosen: Point
    tolerance: float
    items: int
    confidence: float | None = None
    provable: float | None = None

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
        if taken is plain and self.confidence is not None and self.provable is not None:
            return (
                f"no strength is shown to raise the error by at most {share(self.tolerance)}, with"
                f" {self.confidence:.0%} confidence on {count(self.items)} validation items; the weakest"
                f" would need a tolerance of {share(self.provable, resolution=1e-4)}, or more items"
            )
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

    def _named(self) -> list[Point]:
        """The points that get a label: chosen, untreated, and efficient ones far enough from others."""
        errors, rates = ([getattr(p, n) for p in self.points] for n in ("error", "nfr"))
        wide, high = (max(values) - min(values) or 1.0 for values in (errors, rates))
        named: list[Point] = []
        for point in (self.chosen, self.untreated, *self.efficient):
            clear = all(
                abs(point.error - other.error) > _APART[0] * wide
                or abs(point.nfr - other.nfr) > _APART[1] * high
                for other in named
            )
            if clear or point in (self.chosen, self.untreated):
                named.append(point)
        return named

    def figure(self) -> Markup:
        """The front as a figure: error to the right, negative flips upwards."""
        named = self._named()
        marks = [
            Mark(
                label=f"{point.treatment} {point.strength:g}" if point.strength else "untreated",
                x=point.error,
                y=point.nfr,
                tone="baseline" if point is self.untreated else "quiet",
                chosen=point == self.chosen,
                named=point in named,
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
    untreated: npt.ArrayLike | None = None,
    inflation: float = 1.0,
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
        untreated: The untreated model's classes, shape ``(n,)``, against which the rise in error is
            measured.
        inflation: Factor on the variance of the rise, for training sets that are a sample as well.

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
        **_rise(wrong, truth, untreated, weight, inflation),
    )


def _rise(
    wrong: npt.NDArray[np.float64],
    truth: npt.NDArray[np.generic],
    untreated: npt.ArrayLike | None,
    weight: npt.NDArray[np.float64],
    inflation: float,
) -> dict[str, float]:
    """The paired rise in error, and its standard error."""
    if untreated is None:
        return {}
    more = wrong - (truth != np.asarray(untreated))
    rise = float(np.average(more, weights=weight))
    # one more item that differs: without any that does, a difference of zero is not certainty
    squares = float((weight**2 * (more - rise) ** 2).sum() + (weight**2).mean())
    return {"rise": rise, "rise_error": float(np.sqrt(inflation * squares) / weight.sum())}


def choose(
    points: Sequence[Point], *, tolerance: float, items: int, confidence: float | None = None
) -> Front:
    """Choose the point with the least flip cost whose error is within the tolerance.

    Args:
        points: The measured points, the untreated model first.
        tolerance: Allowed increase in error over the untreated model, as a share.
        items: Number of validation items.
        confidence: Confidence, in (0, 1), with which the chosen point's rise in error has to be
            within the tolerance; the points must be measured against the untreated model. None
            compares the errors as they are.

    Returns:
        The front; if no treatment qualifies, the untreated model is chosen.

    Raises:
        ArgumentError: There is no point, the tolerance is negative, the confidence is out of range,
            or a point was not measured against the untreated model.
    """
    if not points:
        msg = "no point to choose from: measure the untreated model first"
        raise ArgumentError(msg)
    if not tolerance >= 0:
        msg = f"tolerance={tolerance} must be a share of items, 0 or more, such as 0.005"
        raise ArgumentError(msg)
    if confidence is not None and not 0 < confidence < 1:
        msg = f"confidence={confidence} must be between 0 and 1, such as 0.9, or None"
        raise ArgumentError(msg)
    limit = tolerance + 1e-12  # rounding must not exclude an equal error
    provable = None
    if confidence is None:
        allowed = [p for p in points if p.error - points[0].error <= limit]
    else:
        allowed, provable = _shown(points, limit, confidence)
    chosen = min(allowed, key=lambda point: (point.flip_cost, point.error, point.strength))
    return Front(tuple(points), chosen, tolerance, items, confidence, provable)


def _shown(
    points: Sequence[Point], limit: float, confidence: float
) -> tuple[list[Point], float | None]:
    """The points shown to be within the limit, and the smallest bound of a weakest strength."""
    families: dict[str, list[Point]] = {}
    for point in sorted(points[1:], key=lambda p: p.strength):
        families.setdefault(point.treatment, []).append(point)
    shown, weakest = [points[0]], []
    for family in families.values():
        z = NormalDist().inv_cdf(1 - (1 - confidence) / len(families))
        for position, point in enumerate(family):
            if point.rise_error is None:
                msg = (
                    f"{point.treatment} at {point.strength:g} was not measured against the untreated model;"
                    " pass untreated=… to measure, or confidence=None"
                )
                raise ArgumentError(msg)
            bound = point.rise + z * point.rise_error
            if position == 0:
                weakest.append(bound)
            if bound > limit:
                break
            shown.append(point)
    return shown, min(weakest, default=None)
