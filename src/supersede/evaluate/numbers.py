"""Permanent random numbers: the same for an item on every day and every engine.

An item's number is the MD5 of ``key|id`` in hexadecimal, compared as text. It is uniform for
practical purposes, does not depend on the table's order, its engine or its other rows, and does not
change over time. The n smallest numbers of a set are a simple random sample of it; the samples of
overlapping sets then overlap as much as possible, and a larger sample contains the smaller one.

References:
    Ohlsson (1995), Coordination of samples using permanent random numbers, in Business Survey
    Methods, ch. 9; Ernst, Valliant & Casady (2000), J. Off. Stat. 16(3), 211-228.

Assumes: the MD5 of an id is independent of the outcome, which no id scheme violates by accident. If
someone who chooses ids could benefit, keep the key secret until the ids are fixed.
"""

import hashlib
from typing import TYPE_CHECKING

from supersede.errors import ColumnTypeError

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["limit", "number", "numbers"]

_DIGITS = 13  # hexadecimal digits that a float's 53 bits fill
_ABOVE_ALL = "g"  # sorts after every hexadecimal digit


def number(key: str, item: object) -> str:
    """An item's permanent random number: 32 hexadecimal digits.

    Example:
        >>> number("7", 42)
        '8744f4ce8229a891b2e1473c43afc52b'
    """
    return hashlib.md5(f"{key}|{item}".encode(), usedforsecurity=False).hexdigest()


def numbers(rows: "ir.Table", item: str, key: str) -> "ir.Value":
    """The permanent random numbers of all rows, as an expression for the table's engine.

    Args:
        rows: The table's rows.
        item: The column of item ids, whole numbers or text.
        key: Text that makes these numbers different from those of another study.

    Raises:
        ColumnTypeError: Ids are of a type that engines convert to text differently.
    """
    import ibis

    @ibis.udf.scalar.builtin(name="md5")  # type: ignore[untyped-decorator]
    def md5(text: str) -> str:  # type: ignore[empty-body]
        """The engine's own MD5, in hexadecimal."""

    column = rows[item]
    if not (column.type().is_integer() or column.type().is_string()):
        msg = (
            f"item ids in column {item!r} are {column.type()}, which engines convert to text"
            " differently; cast them to whole numbers or text"
        )
        raise ColumnTypeError(msg)
    return md5(ibis.literal(f"{key}|") + column.cast("string"))


def limit(share: float) -> str:
    """The text below which the numbers of this share of all items sort.

    Example:
        >>> limit(0.5), limit(1.0)
        ('8000000000000', 'g')
    """
    if share >= 1:
        return _ABOVE_ALL
    return format(int(max(share, 0.0) * 16**_DIGITS), f"0{_DIGITS}x")
