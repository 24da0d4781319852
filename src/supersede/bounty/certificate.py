"""Certificates of sub-optimality: a group, and a model that is better on it.

Definition (Globus-Harris, Kearns and Roth 2022): with the share of the group ``mu = P(g(x) = 1)`` and the error
``L(f, g) = E[loss(f(x), y) | g(x) = 1]``, the pair ``(g, h)`` is a ``(mu, delta)``-certificate that
``f`` is sub-optimal if ``L(f, g) >= L(h, g) + delta``. Answering with ``h`` inside the group and as
before outside lowers the overall error by ``mu · delta``; rows outside the group are unaffected.

Reference:
    Globus-Harris, Kearns & Roth (2022), An algorithmic framework for bias bounties, FAccT.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.bounty.losses import RowLoss, losses_of
from supersede.bounty.routing import Bools
from supersede.bounty.sample import Sample
from supersede.errors import ArgumentError
from supersede.look.numbers import amount

__all__ = ["Certificate", "certify"]


@dataclass(frozen=True)
class Certificate:
    """The errors of a group on a sample, under the current and a proposed model.

    Attributes:
        share: The group's share of the sample (of its weight; of its words for pooled errors).
        before: The group's error under the current model.
        after: Its error under the proposed model.
        rows: Rows of the sample in the group.
        sample: The only sample for which this holds.
        loss: Name of the loss.

    Example:
        >>> found = Certificate(0.25, 0.3, 0.1, 500, "holdout 1", "error rate")
        >>> round(found.gap, 3), round(found.gain, 3), found.holds
        (0.2, 0.05, True)
        >>> print(found)
        on holdout 1, the error rate of 500 rows falls from 0.3 to 0.1, that of all by 0.05
    """

    share: float
    before: float
    after: float
    rows: int
    sample: str
    loss: str

    @property
    def gap(self) -> float:
        """Decrease in the group's error: the delta of the definition."""
        return self.before - self.after

    @property
    def gain(self) -> float:
        """Decrease in the overall error: share times gap."""
        return self.share * self.gap if self.share > 0 else 0.0

    @property
    def holds(self) -> bool:
        """Whether the proposed model is better on this sample, by any amount."""
        return self.gain > 0

    def __str__(self) -> str:
        if not self.rows:
            return f"on {self.sample}, no row is in the group"
        verb = "falls" if self.gap > 0 else "rises" if self.gap < 0 else "stays:"
        return (
            f"on {self.sample}, the {self.loss} of {self.rows} rows {verb} from"
            f" {amount(self.before)} to {amount(self.after)}, that of all by {amount(self.gain)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """The certificate as plain data, with gap and gain."""
        return {**asdict(self), "gap": self.gap, "gain": self.gain}


def certify(
    sample: Sample,
    loss: RowLoss,
    *,
    group: Bools,
    current: npt.NDArray[Any],
    proposed: npt.NDArray[Any],
) -> Certificate:
    """Compare proposed answers with the current ones, on a group and a sample.

    Args:
        sample: The rows, with labels.
        loss: The loss of a row.
        group: Mask of the group, shape ``(n,)``, bool.
        current: The current model's answers, shape ``(n,)``.
        proposed: The proposed answers, shape ``(n,)``; those outside the group are ignored.

    Returns:
        The certificate; see its property ``holds``.

    Raises:
        ArgumentError: Shapes or types differ, or the group is not a mask.

    Example:
        >>> from supersede.bounty.losses import ZeroOne
        >>> rows = Sample("a sample", {}, np.array([1, 1, 0, 0]))
        >>> found = certify(
        ...     rows, ZeroOne(), group=np.array([True, True, True, False]),
        ...     current=np.zeros(4, int), proposed=np.ones(4, int),
        ... )
        >>> round(found.before, 2), round(found.after, 2), found.share, found.gain
        (0.67, 0.33, 0.75, 0.25)
    """
    group = np.asarray(group)
    if group.dtype != np.bool_ or group.shape != np.shape(sample.labels):
        msg = (
            f"a group must be a mask of {len(sample)} booleans; got {group.dtype} of shape"
            f" {group.shape}"
        )
        raise ArgumentError(msg)
    weight = np.ones(len(sample)) if sample.weight is None else sample.weight
    out_of = weight * loss.out_of(sample.labels)
    inside = out_of[group].sum()
    before = weight @ (losses_of(loss, sample.labels, current) * group)
    labels, answers = sample.labels[group], np.asarray(proposed)[group]
    after = weight[group] @ losses_of(loss, labels, answers)
    undefined = not inside > 0
    return Certificate(
        share=float(inside / out_of.sum()),
        before=float("nan") if undefined else float(before / inside),
        after=float("nan") if undefined else float(after / inside),
        rows=int(group.sum()),
        sample=sample.name,
        loss=loss.name,
    )
