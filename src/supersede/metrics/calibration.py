"""Do scores mean what they say? Calibration from counts in equal bins of the score."""

from dataclasses import dataclass
from typing import Unpack

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.metrics.cells import Ask, Counting, N, counted
from supersede.table.coerce import Columns, as_table
from supersede.table.table import Table

__all__ = ["Calibration", "calibration", "calibration_counted"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Scores against labels, in bins of equal width.

    Attributes:
        n: Items in each bin, shape ``(bins,)``.
        score: Mean score in each bin; NaN for empty bins.
        share: Share of label 1 in each bin; NaN for empty bins.
        brier: Mean squared difference of score and label.
    """

    n: Floats
    score: Floats
    share: Floats
    brier: float

    @property
    def error(self) -> float:
        """Expected calibration error: the mean gap of score and share, weighted by the bins' items.

        The estimate is biased upwards in small samples (Bröcker 2012; Kumar et al. 2019), so
        compare it only between models on the same items.
        """
        filled = self.n > 0
        gaps = np.abs(self.score[filled] - self.share[filled])
        return float((gaps * self.n[filled]).sum() / self.n.sum())


def calibration(
    table: object, model: str, *, bins: int = 15, **columns: Unpack[Columns]
) -> Calibration:
    """Calibration of a model's scores.

    Args:
        table: Predictions with scores in [0, 1] and a label of 0 and 1: a `Table`, or anything that
            `supersede.read` reads.
        model: Which model.
        bins: Number of bins of equal width.
        **columns: What `supersede.read` needs to know of a source that is not yet a `Table`.

    Returns:
        Counts by bin and the Brier score.

    Raises:
        ArgumentError: The model has no scores, or there is no label to compare them with.

    Example:
        >>> import supersede
        >>> table = supersede.read(
        ...     {"y": [0, 1, 1, 1], "m": [0.1, 0.9, 0.9, 0.4]}, models=["m"]
        ... )
        >>> round(calibration(table, "m").error, 3)
        0.225
    """
    table = as_table(table, [model], **columns)
    (found,) = counted(table, calibration_counted(table, model, bins))
    if found is None:
        msg = (
            f"scores or labels of model {model!r} lie outside [0, 1], so they are not probabilities"
        )
        raise ArgumentError(msg)
    return found  # type: ignore[no-any-return]


def calibration_counted(table: Table, model: str, bins: int = 15) -> Counting:
    """The work of `calibration`; None where scores or labels lie outside [0, 1]."""
    s, y = table.score(model), table.class_label()
    if s is None or y is None:
        msg = f"model {model!r} has no scores to calibrate; name a score column and a 0/1 label"
        raise ArgumentError(msg)
    place = (s * bins).floor().cast("int64").clip(0, bins - 1)
    sums = {"s": s, "y": y, "b": (s - y) * (s - y)}
    known = s.notnull() & y.notnull()
    ((cells,),) = yield [Ask(sums, {"bin": place}, [("bin",)], known, {"score": s, "label": y})]
    ends = [
        cells[f"{name} {end}"].to_numpy() for name in ("score", "label") for end in ("low", "high")
    ]
    if len(cells) and not (min(map(min, ends)) >= 0 and max(map(max, ends)) <= 1):
        return None
    at = cells["bin"].to_numpy()
    n, total, ones = np.zeros(bins), np.zeros(bins), np.zeros(bins)
    n[at], total[at], ones[at] = (cells[k].to_numpy() for k in (N, "s", "y"))
    filled = n > 0
    return Calibration(
        n=n,
        score=np.divide(total, n, out=np.full(bins, np.nan), where=filled),
        share=np.divide(ones, n, out=np.full(bins, np.nan), where=filled),
        brier=float(cells["b"].to_numpy().sum() / n.sum()),
    )
