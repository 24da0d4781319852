"""Groups that a repair must not make worse: the groups compared, and their combinations with others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supersede.audit import audit_losses

__all__ = ["Watched", "watch"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Watched:
    """What happened to one group, or to one combination.

    Attributes:
        group: The group, as ``sex = f × race = b``.
        rows: Rows that the metric counts.
        before: The metric of the first model.
        after: The metric of the repaired one.
        change: ``after - before``; above 0 where it got worse.
        low: Lower end of its paired interval, which holds for all watched groups together.
        high: Upper end.
        allowed: By how much it may get worse.
    """

    group: str
    rows: int
    before: float
    after: float
    change: float
    low: float
    high: float
    allowed: float = 0.0

    @property
    def worse(self) -> bool:
        """Whether it got worse than allowed, beyond what chance explains."""
        return self.low > self.allowed


def watch(
    missed: Floats,
    before: Floats,
    attributes: Mapping[str, Texts],
    *,
    group: str,
    others: Sequence[str],
    min_rows: int,
    confidence: float,
    weight: Floats | None,
    allowed: float = 0.0,
) -> tuple[Watched, ...]:
    """The groups and their combinations with each other column.

    Args:
        missed: 1 where the repaired model errs, shape ``(n,)``.
        before: 1 where the first model errs.
        attributes: The group of each row, by column; None is unknown.
        group: The column whose groups are compared.
        others: Columns whose combinations with it are watched.
        min_rows: Smaller combinations are left out.
        confidence: Two-sided confidence of all intervals together.
        weight: Weights of the rows.
        allowed: By how much each may get worse.
    """
    home = attributes[group]
    cells = [(f"{group} = {g}", np.asarray(home == g, bool)) for g in _known(home)]
    cells += [
        (f"{group} = {g} × {name} = {v}", np.asarray((home == g) & (attributes[name] == v), bool))
        for name in others
        for g in _known(home)
        for v in _known(attributes[name])
    ]
    cells = [(name, inside) for name, inside in cells if inside.sum() >= min_rows]
    each = 1 - (1 - confidence) / max(len(cells), 1)
    found = []
    for name, inside in cells:
        row = audit_losses(
            missed[inside], {"all": np.zeros(int(inside.sum()), int)}, old=before[inside],
            weight=None if weight is None else weight[inside], confidence=each, min_items=min_rows,
        ).overall  # fmt: skip
        found.append(
            Watched(name, int(inside.sum()), float(row.old), float(row.value),
                    float(row.change), float(row.change_low), float(row.change_high), allowed)
        )  # fmt: skip
    return tuple(found)


def _known(values: Texts) -> list[str]:
    return sorted(set(values) - {None})
