"""Train at several strengths, measure each on validation items, and choose."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.train.flips.front import Front, Point, choose, measure

__all__ = ["search_distillation", "search_strength"]


def search_strength(
    predict_at: Callable[[float], npt.ArrayLike],
    y_true: npt.ArrayLike,
    old_right: npt.ArrayLike,
    *,
    strengths: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
    tolerance: float = 0.005,
    treatment: str = "distillation",
    confidence: float | None = 0.9,
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
        confidence: See `choose`.
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
        >>> front = search_strength(
        ...     lambda s: old if s else 1 - old, y, old == y, strengths=[1.0], confidence=None
        ... )
        >>> front.chosen.strength, front.chosen.nfr
        (1.0, 0.0)
    """
    y = np.asarray(y_true)
    if not all(np.isfinite(s) and s >= 0 for s in strengths):
        msg = f"strengths={strengths!r}; expected finite numbers, 0 or more"
        raise ArgumentError(msg)
    points: list[Point] = []
    untreated: npt.ArrayLike | None = None
    for strength in (0.0, *(s for s in strengths if s)):
        if progress:
            progress(f"training with {treatment} at strength {strength:g}")
        said = predict_at(strength)
        untreated = said if untreated is None else untreated
        name = treatment if strength else "none"
        points.append(
            measure(y, said, old_right, strength=strength, treatment=name, untreated=untreated)
        )
    return choose(points, tolerance=tolerance, items=len(y), confidence=confidence)


def search_distillation(
    predict_at: Callable[[float, float], npt.ArrayLike],
    y_true: npt.ArrayLike,
    old_right: npt.ArrayLike,
    *,
    strengths: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0),
    tolerance: float = 0.005,
    confidence: float | None = 0.9,
) -> Front:
    """Try ordinary and focal distillation at each strength, and choose.

    Neither wins everywhere: where the old model is weak and unsure, focal distillation can bring more
    negative flips than no penalty at all.

    Args:
        predict_at: Function that trains at a strength and a focus, 0 or 1, and returns the classes of
            the validation items, ``(n,)``: with ``FocalDistillation(alpha=1 - focus, beta=focus)``.
            It is called first with strength 0, the untreated model.
        y_true: Labels of the validation items, ``(n,)``.
        old_right: As for `search_strength`.
        strengths: Strengths to try besides 0.
        tolerance: Allowed increase in error over the untreated model, as a share.
        confidence: See `choose`.

    Returns:
        The front of both, with the chosen point: its ``treatment`` is ``"distillation"``, ``"focal
        distillation"`` or ``"none"``.
    """
    y = np.asarray(y_true)
    untreated = np.asarray(predict_at(0.0, 0.0))
    points = [measure(y, untreated, old_right, treatment="none", strength=0.0, untreated=untreated)]
    for focus, name in ((0.0, "distillation"), (1.0, "focal distillation")):
        points += [
            measure(y, predict_at(strength, focus), old_right, strength=strength, treatment=name,
                    untreated=untreated)
            for strength in strengths if strength
        ]  # fmt: skip
    return choose(points, tolerance=tolerance, items=len(y), confidence=confidence)
