"""Groups declared by conditions: they may overlap, nest and leave items out.

Many groups share few conditions. The engine evaluates each condition once per item and counts items
by the pattern of conditions that hold; which patterns make up a group is computed here, on the
patterns. So a thousand overlapping groups need one pass over the rows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add, eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from supersede.audit.attributes import Attribute
from supersede.errors import ArgumentError
from supersede.metrics.ratio_sums import count_ratios
from supersede.metrics.ratios import Part, Ratios

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Condition", "Group", "count_groups", "from_records"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Operation = Literal["==", "!=", "<", "<=", ">", ">=", "in"]
_COMPARE = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_PER_KEY = 31  # conditions in one 64-bit key, two bits each
_BLOCK = 1 << 14  # patterns multiplied at a time
_HOLDS, _UNKNOWN = 1, 2
_UNKNOWNS = int("10" * _PER_KEY, 2)  # the bits of all that is unknown


@dataclass(frozen=True)
class Condition:
    """A comparison of a column with a value; unknown where the column is unknown.

    Attributes:
        column: The column.
        operation: ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=`` or ``in``.
        value: The value to compare with; a tuple for ``in``.
    """

    column: str
    operation: Operation
    value: Any

    def __post_init__(self) -> None:
        if self.operation not in get_args(Operation):
            listed = ", ".join(get_args(Operation))
            msg = (
                f"Condition on {self.column!r}: no operation {self.operation!r}; expected one of"
                f" {listed}"
            )
            raise ArgumentError(msg)

    def __str__(self) -> str:
        value = ", ".join(map(str, self.value)) if self.operation == "in" else self.value
        return f"{self.column} {'=' if self.operation == '==' else self.operation} {value}"

    def holds(self, rows: "ir.Table") -> "ir.Value":
        """Whether it holds, as an expression of the rows.

        Raises:
            MissingColumnError: The rows have no such column.
        """
        value = Attribute(self.column).key(rows)
        if self.operation == "in":
            return value.isin(list(self.value))
        return _COMPARE[self.operation](value, self.value)


@dataclass(frozen=True)
class Group:
    """Items for which all conditions hold.

    Attributes:
        name: Name of the group.
        where: The conditions.
        inferred: Whether a condition uses an attribute of people that was guessed.

    Example:
        >>> print(Group("older women", (Condition("sex", "==", "f"), Condition("age", ">=", 60))))
        older women (sex = f and age >= 60)
    """

    name: str
    where: tuple[Condition, ...]
    inferred: bool = False

    def __post_init__(self) -> None:
        if not self.where:
            msg = f"Group({self.name!r}) has no condition, so it would contain every item"
            raise ArgumentError(msg)

    def __str__(self) -> str:
        rule = " and ".join(map(str, self.where))
        title = rule if rule == self.name else f"{self.name} ({rule})"
        return f"{title} (inferred)" if self.inferred else title

    def to_dict(self) -> dict[str, Any]:
        """The group as plain data; `from_records` reads it back."""
        return asdict(self)


def from_records(records: Iterable[dict[str, Any]]) -> list[Group]:
    """Groups from plain data, as read from JSON.

    Example:
        >>> where = [{"column": "age", "operation": ">", "value": 9}]
        >>> print(*from_records([{"name": "grown", "where": where}]))
        grown (age > 9)
    """
    return [
        Group(
            record["name"],
            tuple(
                Condition(c["column"], c["operation"], _hashable(c["value"]))
                for c in record["where"]
            ),
            record.get("inferred", False),
        )
        for record in records
    ]


def count_groups(
    rows: "ir.Table",
    parts: Sequence[Part],
    groups: Sequence[Group],
    *,
    weight: "ir.Value | None" = None,
    cluster: "ir.Value | None" = None,
) -> tuple[Ratios, Ratios]:
    """Count the losses of declared groups.

    Args:
        rows: The items.
        parts: One loss per model, as expressions over the rows.
        groups: The groups, `k` of them.
        weight: Weight of each item.
        cluster: Cluster of each item.

    Returns:
        The counts of each group, and those of the items whose membership is unknown (some condition
        is unknown and none fails); both with `k` rows.
    """
    if cluster is not None:
        return _count_one_by_one(rows, parts, groups, weight, cluster)
    conditions = list(dict.fromkeys(c for group in groups for c in group.where))
    keys = _pattern_keys(rows, conditions)
    (found,) = count_ratios(rows, parts, keys, [tuple(keys)], weight=weight)
    place = {condition: i for i, condition in enumerate(conditions)}
    return _folded(found, [[place[c] for c in group.where] for group in groups], len(conditions))


def _pattern_keys(rows: "ir.Table", conditions: Sequence[Condition]) -> dict[str, "ir.Value"]:
    """Truth values of the conditions, two bits each: 0 fails, 1 holds, 2 unknown."""
    import ibis

    keys = {}
    for start in range(0, len(conditions), _PER_KEY):
        digits = []
        for i, condition in enumerate(conditions[start : start + _PER_KEY]):
            holds, unit = condition.holds(rows), 4**i
            digits.append(
                ibis.cases((holds.isnull(), _UNKNOWN * unit), (holds, _HOLDS * unit), else_=0).cast(
                    "int64"
                )
            )
        keys[f"__pattern{start}"] = reduce(add, digits)
    return keys


def _folded(
    found: Ratios, groups: Sequence[Sequence[int]], conditions: int
) -> tuple[Ratios, Ratios]:
    """Sum the patterns that make up each group, and those whose membership is unknown."""
    keys = [found.keys[name].to_numpy() for name in found.keys.column_names]
    data, back = _distinct_columns(
        [found.items, found.n, *found.sums.T, *found.products.reshape(len(found), -1).T]
    )
    inside, unsure = (np.zeros((len(groups), data.shape[1])) for _ in range(2))
    some_unknown = any(bool(np.any(key & _UNKNOWNS)) for key in keys)
    # counts are exact in single precision as long as a block's sums stay below 2 ** 24
    single = bool(np.all(data == np.rint(data))) and data.max(initial=0) * _BLOCK < 1 << 24
    data = data.astype(np.float32 if single else float, copy=False)
    for start in range(0, len(found), _BLOCK):
        block = slice(start, start + _BLOCK)

        def states(code: int, block: slice = block) -> list[Bools]:
            return [
                (keys[i // _PER_KEY][block] & (code << 2 * (i % _PER_KEY))) != 0
                for i in range(conditions)
            ]

        holds = states(_HOLDS)
        member = _members(groups, holds, data.dtype)
        inside += member @ data[block]
        if some_unknown:
            possible = [h | u for h, u in zip(holds, states(_UNKNOWN), strict=True)]
            unsure += (_members(groups, possible, data.dtype) - member) @ data[block]
    return _as_ratios(inside[:, back], found), _as_ratios(unsure[:, back], found)


def _distinct_columns(columns: Sequence[Floats]) -> tuple[Floats, list[int]]:
    """Distinct columns (models share denominators, products are symmetric), and their indices."""
    kept: list[Floats] = []
    back = []
    for column in columns:
        same = (i for i, known in enumerate(kept) if np.array_equal(known, column))
        at = next(same, len(kept))
        if at == len(kept):
            kept.append(column)
        back.append(at)
    return np.column_stack(kept), back


def _members(
    groups: Sequence[Sequence[int]], states: Sequence[Bools], kind: np.dtype[Any]
) -> npt.NDArray[Any]:
    """Which patterns meet all conditions of each group, as ones and zeros."""
    out = np.empty((len(groups), len(states[0])), kind)
    for row, group in zip(out, groups, strict=True):
        row[:] = reduce(np.logical_and, [states[i] for i in group])
    return out


def _as_ratios(total: Floats, like: Ratios) -> Ratios:
    import pyarrow as pa

    k, width = len(total), like.sums.shape[1]
    items, n, sums = total[:, 0], total[:, 1], total[:, 2 : 2 + width]
    products = total[:, 2 + width :].reshape(k, width, width)
    return Ratios(pa.table({}), items, n, n, sums, products, like.counted, n)


def _count_one_by_one(
    rows: "ir.Table",
    parts: Sequence[Part],
    groups: Sequence[Group],
    weight: "ir.Value | None",
    cluster: "ir.Value",
) -> tuple[Ratios, Ratios]:
    """Clusters span several patterns, so each group is counted with its own clusters."""
    import ibis

    keys = {}
    for i, group in enumerate(groups):
        holds = reduce(lambda a, b: a & b, [c.holds(rows) for c in group.where])
        keys[f"__group{i}"] = ibis.cases((holds.isnull(), _UNKNOWN), (holds, _HOLDS), else_=0)
    margins = [(key,) for key in keys]
    counted = count_ratios(rows, parts, keys, margins, weight=weight, cluster=cluster)
    inside, unsure = [], []
    for found in counted:
        state = found.keys.column(0).to_numpy()
        inside.append(_row_or_nothing(found, np.flatnonzero(state == _HOLDS)))
        unsure.append(_row_or_nothing(found, np.flatnonzero(state == _UNKNOWN)))
    return Ratios.stacked(inside), Ratios.stacked(unsure)


def _row_or_nothing(found: Ratios, rows: npt.NDArray[np.intp]) -> Ratios:
    return found.take(rows) if len(rows) else found.nothing()


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
