"""What to collect next, so that combinations of axes are covered.

What to collect is chosen greedily: an item is in one cell per set of axes, and with ``n`` items in a
cell one more lowers the variance of its rate, under a prior equivalent to one item, from ``1/(n+1)``
to ``1/(n+2)`` times the same constant.

References:
    Cohen, Dalal, Fredman & Patton (1997), IEEE Trans. Softw. Eng. 23(7), 437-444: greedy rows.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import numpy.typing as npt

__all__ = ["Collect", "most_informative"]

Ints = npt.NDArray[np.int64]
Cell = tuple[tuple[str, ...], tuple[object, ...], int]
"""The axes that are combined, their values, and the items in the cell."""

_ENUMERATED = 20_000  # combinations of all axes that are enumerated; beyond, hill climbing is used
_STARTS = 20


@dataclass(frozen=True)
class Collect:
    """Items to collect.

    Attributes:
        values: The value on each axis.
        items: How many.
        worth: Decrease in the summed variances by the first of them, relative to an empty cell (1
            for each empty cell that it fills).
    """

    values: dict[str, object]
    items: int
    worth: float


def most_informative(
    levels: Mapping[str, tuple[object, ...]],
    strength: int,
    cells: Iterable[Cell],
    budget: int,
    seed: int,
) -> list[Collect]:
    """Combinations of all axes with the number of items for each, the most valuable first.

    Args:
        levels: The values of each axis.
        strength: How many axes are combined in a cell.
        cells: The cells that can occur.
        budget: How many items can be collected.
        seed: Seed of the search, if there are too many combinations to enumerate.
    """
    search = _Search.over(levels, strength, cells)
    return search.greedy(budget, np.random.default_rng(seed))


@dataclass(frozen=True)
class _Search:
    """The cells as numbers: every axis by the positions of its values.

    Attributes:
        axes: The axes.
        levels: Their values.
        subsets: For each set of axes, their positions among the axes.
        counts: For each set, the items of each combination; -1 for those that cannot occur.
    """

    axes: list[str]
    levels: list[tuple[object, ...]]
    subsets: list[tuple[int, ...]]
    counts: list[Ints]

    @classmethod
    def over(
        cls, values: Mapping[str, tuple[object, ...]], strength: int, cells: Iterable[Cell]
    ) -> "_Search":
        axes = list(values)
        levels = [values[axis] for axis in axes]
        place = [{value: i for i, value in enumerate(level)} for level in levels]
        subsets = list(combinations(range(len(axes)), strength))
        counts = [np.full([len(levels[a]) for a in s], -1, np.int64) for s in subsets]
        at = {tuple(axes[a] for a in s): i for i, s in enumerate(subsets)}
        for groups, found, n in cells:
            i = at[groups]
            counts[i][tuple(place[a][v] for a, v in zip(subsets[i], found, strict=True))] = n
        return cls(axes, levels, subsets, counts)

    def worth(self, rows: Ints) -> npt.NDArray[np.float64]:
        """Value of one more item at each combination of all axes, ``(m, axes)``."""
        total = np.zeros(len(rows))
        for subset, counts in zip(self.subsets, self.counts, strict=True):
            n = counts[tuple(rows[:, a] for a in subset)]
            # 1/(n+1) - 1/(n+2), relative to an empty cell's 1/2
            total += np.where(n >= 0, 2.0 / ((n + 1.0) * (n + 2.0)), -np.inf)
        return total

    def greedy(self, budget: int, rng: np.random.Generator) -> list[Collect]:
        """Repeatedly add the best combination, a hundredth of the budget at a time."""
        size = math.prod(map(len, self.levels))
        everything = None
        if size <= _ENUMERATED:
            everything = np.array(list(product(*(range(len(v)) for v in self.levels))), np.int64)
        chosen: dict[tuple[int, ...], Collect] = {}
        left = budget
        while left:
            rows = self._climbed(rng) if everything is None else everything
            worth = self.worth(rows)
            best = int(np.argmax(worth))
            if not np.isfinite(worth[best]):
                break
            step = min(left, max(1, budget // 100))
            row = tuple(int(v) for v in rows[best])
            for subset, counts in zip(self.subsets, self.counts, strict=True):
                counts[tuple(row[a] for a in subset)] += step
            before = chosen.get(row)
            values = {a: v[i] for a, v, i in zip(self.axes, self.levels, row, strict=True)}
            chosen[row] = Collect(
                values, step + (before.items if before else 0),
                before.worth if before else float(worth[best]),
            )  # fmt: skip
            left -= step
        return sorted(chosen.values(), key=lambda c: -c.worth)

    def _climbed(self, rng: np.random.Generator) -> Ints:
        """Local optima: from random combinations, change one axis at a time while that helps."""
        sizes = [len(values) for values in self.levels]
        rows = np.column_stack([rng.integers(0, size, _STARTS) for size in sizes]).astype(np.int64)
        for _ in range(2):
            for axis in rng.permutation(len(sizes)):
                tried = np.repeat(rows[:, None, :], sizes[axis], axis=1)
                tried[:, :, axis] = np.arange(sizes[axis])
                worth = self.worth(tried.reshape(-1, len(sizes))).reshape(len(rows), -1)
                rows = tried[np.arange(len(rows)), worth.argmax(axis=1)]
        return rows
