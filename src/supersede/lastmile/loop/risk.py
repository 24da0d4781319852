"""How the risk of a wrong pass is divided among models and their looks.

A model that is judged on growing samples may pass at each look. Whether it is judged again, or
repaired instead, depends on the looks before. So a pass at a later look has to be paid for when the
model is first judged, whether or not that look is ever taken, and a repaired model is paid for from
what is left. Then, whatever is decided on the way, the risks of all tests that can occur add up to at
most the risk of the run.
"""

from collections.abc import Sequence

import numpy as np

__all__ = ["planned_risks"]

_PROMISING, _HOPELESS = 3 / 4, 1 / 10


def planned_risks(
    left: float, rows: Sequence[int], *, promising: bool, last: bool
) -> tuple[float, ...]:
    """The risk of each look at a model that begins to be judged.

    Args:
        left: Risk that no model before it has used.
        rows: Rows of the samples that it may be judged on, in order; each look adds one.
        promising: Whether it meets the target on validation rows.
        last: Whether no other model can follow, so that nothing has to be left over.

    Returns:
        One risk per sample. Late looks, on more rows, get more: the risk up to a look grows with the
        square of its rows, as most of it is wasted where an interval is too wide to show a pass.

    Example:
        >>> planned_risks(0.05, [1000, 3000], promising=True, last=True)
        (0.003125, 0.046875)
    """
    part = 1.0 if last else _PROMISING if promising else _HOPELESS
    grown = np.concatenate([[0.0], np.cumsum(rows)]) / sum(rows)
    return tuple((left * part * np.diff(grown**2)).tolist())
