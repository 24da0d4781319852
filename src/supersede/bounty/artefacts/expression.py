"""A group as an expression: its rows, its description length and its canonical text.

A missing value passes no test but ``is missing``: where the age is missing, ``age > 30``,
``age <= 30``, ``age != 30`` and ``age not in [30]`` are all false. ``not`` negates the result, so
``not age > 30`` is true there. An unseen text is a text like any other: equal to no other one.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from supersede.bounty.artefacts.columns import Column, Columns, columns_of, rows_of
from supersede.bounty.artefacts.nodes import (
    And,
    Compare,
    Everyone,
    In,
    IsMissing,
    Literal,
    Node,
    Not,
    Or,
    check,
    walk,
    write,
    write_literal,
)
from supersede.errors import ExpressionError

__all__ = ["Expression"]

COMPARE: dict[str, Callable[..., np.ndarray]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, eq=False)
class Expression:
    """A group of rows.

    Two expressions are equal if their canonical texts are; ``parse(str(e)) == e``. Combine them
    with ``&``, ``|`` and ``~``.

    Attributes:
        root: The tree.

    Raises:
        ExpressionError: The tree is larger or deeper than allowed, or contains values that cannot
            be written: see the limits of the grammar.

    Example:
        >>> from supersede.bounty.artefacts import parse
        >>> group = parse("18 <= age < 30 and not sex in ['f', 'x']")
        >>> str(group)
        "age >= 18 and age < 30 and not sex in ['f', 'x']"
        >>> group.mask({"age": [17, 18, 29, None], "sex": ["m", "m", "f", "m"]}).tolist()
        [False, True, False, False]
        >>> group.columns, group.nodes, group.bits
        (('age', 'sex'), 5, 392)
    """

    root: Node

    def __post_init__(self) -> None:
        check(self.root)

    def __str__(self) -> str:
        return write(self.root)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __and__(self, other: "Expression") -> "Expression":
        return Expression(And((self.root, other.root)))

    def __or__(self, other: "Expression") -> "Expression":
        return Expression(Or((self.root, other.root)))

    def __invert__(self) -> "Expression":
        return Expression(Not(self.root))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads, in order of appearance."""
        nodes = (node for node, _ in walk(self.root))
        return tuple(
            dict.fromkeys(n.column for n in nodes if isinstance(n, Compare | In | IsMissing))
        )

    @property
    def nodes(self) -> int:
        """Number of its tests and of its ``and``, ``or``, ``not``."""
        return sum(1 for _ in walk(self.root))

    @property
    def bits(self) -> int:
        """Its description length: eight bits per byte of its text and of its terminator.

        No description is a prefix of another one, so 2^-bits sums to at most one over all
        expressions (Kraft), for any column names.
        """
        return 8 * (len(str(self).encode()) + 1)

    def mask(self, columns: Columns) -> np.ndarray:
        """Which rows belong to the group.

        Args:
            columns: Columns by name, shape (n,) each; unused columns are ignored, except that the
                first column gives the number of rows of ``everyone``.

        Returns:
            Shape (n,), bool.

        Raises:
            MissingColumnError: A column is missing.
            ColumnTypeError: A column is not of one kind.
            ArgumentError: There are no columns.
            ExpressionError: A literal is not of its column's type.
        """
        asked = columns_of(columns, self.columns)
        n = len(next(iter(asked.values()))) if asked else rows_of(columns)
        return _mask(self.root, asked, n)


def _mask(node: Node, columns: dict[str, Column], n: int) -> np.ndarray:
    if isinstance(node, Everyone):
        return np.ones(n, dtype=bool)
    if isinstance(node, Not):
        return ~_mask(node.part, columns, n)
    if isinstance(node, Compare | In | IsMissing):
        column = columns[node.column]
        if isinstance(node, IsMissing):
            missing = np.zeros(n, dtype=bool) if column.missing is None else column.missing
            return (
                ~missing if node.negated else missing.copy()
            )  # a copy: the column's own array must not change
        if column.kind == "unknown":
            return np.zeros(n, dtype=bool)
        passed = _compared(node, column) if isinstance(node, Compare) else _among(node, column)
        return passed if column.missing is None else passed & ~column.missing
    join = np.logical_and if isinstance(node, And) else np.logical_or
    found = _mask(node.parts[0], columns, n)
    for part in node.parts[1:]:
        found = join(found, _mask(part, columns, n))
    return found


def _compared(node: Compare, column: Column) -> np.ndarray:
    _fits(node.value, column, node.column)
    if column.kind == "text":
        code = column.categories.index(node.value) if node.value in column.categories else -2
        return COMPARE[node.sign](column.values, code)
    return COMPARE[node.sign](column.values, node.value)


def _among(node: In, column: Column) -> np.ndarray:
    for value in node.values:
        _fits(value, column, node.column)
    if column.kind == "text":
        # the last entry is for -1, the code of missing values
        wanted = frozenset(node.values)
        held = np.array([*(text in wanted for text in column.categories), False])
        found: np.ndarray = held[column.values] ^ node.negated
        return found
    return np.isin(column.values, node.values, invert=node.negated)


def _fits(value: Literal, column: Column, name: str) -> None:
    kind = {bool: "boolean", str: "text"}.get(type(value), "number")
    if kind != column.kind:
        kinds = {"boolean": "true and false", "text": "texts", "number": "numbers"}
        msg = (
            f"{write_literal(value)} is a {kind}, but the column {name!r} contains"
            f" {kinds[column.kind]};"
            f" compare it with {'a literal like 3' if column.kind == 'number' else kinds[column.kind]}"
        )
        raise ExpressionError(msg)
