"""Whether the labels of an earlier plan can count for a plan of this table."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError
from supersede.evaluate.design import Plan
from supersede.evaluate.numbers import number, numbers
from supersede.evaluate.patterns import Patterns
from supersede.table.source import collect

if TYPE_CHECKING:
    from supersede.table.table import Table

__all__ = ["refuse_other"]

Ints = npt.NDArray[np.int64]


def refuse_other(before: Plan, table: "Table", item: str, patterns: Patterns, seed: int) -> None:
    """Refuse an earlier plan with other random numbers, or of another table.

    Args:
        before: The earlier plan.
        table: The predictions of this plan.
        item: Their column of ids.
        patterns: Their patterns.
        seed: The key of this plan's random numbers.

    Raises:
        ArgumentError: Its labels cannot count for this plan.
    """
    if str(before.seed) != str(seed):
        msg = (
            f"the plan named in after= has seed {before.seed} and this one {seed}: they choose other"
            f" items, so most of its labels would be lost; pass seed={before.seed}"
        )
        raise ArgumentError(msg)
    known = before.patterns
    different = ""
    if known.size != patterns.size:
        different = f"it chose from {known.size:,} items and this table has {patterns.size:,}"
    elif not _same_answers(known, patterns):
        different = "the models' answers or groups are counted differently in this table"
    elif missing := _missing(before, table, item):
        different = f"{missing:,} of its {len(before.items):,} items are not in this table"
    if different:
        msg = (
            f"the plan named in after= (design {before.design}) is of another table: {different}. Its"
            " labels are not a random sample of these items; plan without after=, or with the table"
            " of the earlier plan"
        )
        raise ArgumentError(msg)


def _same_answers(one: Patterns, other: Patterns) -> bool:
    """Whether all that both plans counted has the same joint counts."""
    answers = one.states == other.states and one.classes == other.classes
    shared = [
        (a, b)
        for a, key in enumerate(one.keys)
        for b, same in enumerate(other.keys)
        # the mean of scores depends on the plan's models
        if key == same and key.kind not in {"score", "confidence"}
        if key.kind != "answer" or answers
    ]
    if not shared:
        return True
    first, second = ([pair[side] for pair in shared] for side in (0, 1))
    return _joint(one, first) == _joint(other, second)


def _joint(patterns: Patterns, keys: list[int]) -> dict[bytes, int]:
    codes = np.ascontiguousarray(patterns.codes[keys].T)
    combined, place = np.unique(codes, axis=0, return_inverse=True)
    totals = np.zeros(len(combined), np.int64)
    np.add.at(totals, place.reshape(-1), patterns.count)
    return {c.tobytes(): int(n) for c, n in zip(combined, totals, strict=True) if n}


def _missing(before: Plan, table: "Table", item: str) -> int:
    """Items of the earlier plan that the table lacks."""
    key = str(before.seed)  # numbers, unlike ids, survive a file as they were
    wanted = {number(key, i) for i in before.items["item"].to_pylist()}
    mine = numbers(table.rows, item, key)
    there = collect(table.rows.select(n=mine).filter(lambda rows: rows.n.isin(sorted(wanted))))
    return len(wanted - set(there["n"].to_pylist()))
