"""Columns of any table as numbers, booleans and texts: dates as days, decimals as floats."""

import datetime
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from supersede.bounty.artefacts import Column, columns_of
from supersede.bounty.sample import as_columns

__all__ = ["readable"]


def readable(source: object) -> tuple[dict[str, Column], frozenset[str]]:
    """The columns of a table, and the names of those that hold dates; these become days since 1970.

    Args:
        source: Columns by name, or a frame.

    Raises:
        ColumnTypeError: A column is not of one type, or holds lists, bytes or records.
        ArgumentError: It is not a table, or its columns are not equally long.
    """
    found: dict[str, Any] = {}
    dates = set()
    given: Mapping[str, Any] = as_columns(source)
    for name, values in given.items():
        found[name] = values
        if isinstance(values, Column):
            continue
        array = np.asarray(values, dtype=None if hasattr(values, "dtype") else object)
        if array.dtype.kind == "O":
            some = next((v for v in array.ravel() if v is not None and v == v), None)
            if isinstance(some, Decimal):
                found[name] = [None if v is None else float(v) for v in array]
            elif isinstance(some, datetime.date):  # datetimes are dates too
                array = np.array([_instant(v) for v in array], "datetime64[us]")
        if array.dtype.kind == "M":
            dates.add(name)
            days = array.astype("datetime64[us]")
            lost = np.isnat(days)
            found[name] = np.where(lost, np.nan, days.astype("int64") / 86_400e6)
    return columns_of(found), frozenset(dates)


def _instant(value: Any) -> Any:
    """A date or time without its zone, which numpy does not know."""
    if value is None or value != value:
        return None
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.UTC).replace(tzinfo=None)
    return value
