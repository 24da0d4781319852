"""The columns that groups and models read: numbers, booleans and texts, each with its missing values."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from supersede.errors import ArgumentError, ColumnTypeError, MissingColumnError

__all__ = ["Column", "Columns", "column_of", "columns_of", "is_text", "looks_like", "rows_of"]

Columns = Mapping[str, Any]
"""Columns by name: arrays of shape (n,), or parsed `Column`s, which are faster."""

# Cyrillic and Greek letters that are drawn like Latin ones, in the order of LATIN
STRANGE = "аАВсСеЕНіІјЈКМоОрРТхХуУѕЅԁɡһԛԝѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγικνορτυχ"
LATIN = "aABcCeEHiIjJKMoOpPTxXyYsSdghqwvABEZHIKMNOPTYXayikvoptux"
ALIKE = str.maketrans(STRANGE, LATIN)


@dataclass(frozen=True, eq=False)
class Column:
    """One parsed column.

    Attributes:
        kind: Type of its values; unknown if all are missing and untyped.
        values: Shape (n,): the numbers; booleans; or for texts the codes into ``categories``, -1
            where missing.
        missing: Shape (n,), True where the value is missing; None where none is.
        categories: The texts of the codes.
    """

    kind: Literal["number", "boolean", "text", "unknown"]
    values: np.ndarray
    missing: np.ndarray | None = None
    categories: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: np.ndarray | slice) -> "Column":
        """The same column at some rows: positions, a mask, or a slice."""
        missing = None if self.missing is None else self.missing[rows]
        return Column(self.kind, self.values[rows], missing, self.categories)

    def numbers(self) -> np.ndarray:
        """Shape (n,), float: numbers and booleans, NaN where missing."""
        found: np.ndarray = self.values.astype(float)
        if self.missing is not None:
            found[self.missing] = np.nan
        return found

    def texts(self) -> np.ndarray:
        """Shape (n,), objects: the texts, empty where missing."""
        codes = self.values if self.kind == "text" else np.full(len(self), -1)
        found: np.ndarray = np.array([*self.categories, ""], dtype=object)[codes]
        return found


def column_of(values: Any, name: str = "") -> Column:
    """Read one column.

    ``None``, NaN and pandas' NA are missing. Numbers keep their type, except that small floats
    become double, so that a literal is compared with the exact value.

    Args:
        values: Shape (n,): an array, a list, a pandas or polars series, or a `Column`.
        name: Its name, for messages.

    Raises:
        ColumnTypeError: The values are not all numbers, all booleans or all texts, or not one per
            row.

    Example:
        >>> column_of(["f", None, "m", "f"]).values.tolist()
        [0, -1, 1, 0]
    """
    if isinstance(values, Column):
        return values
    if isinstance(values, np.ma.MaskedArray):
        values = np.array(values.tolist(), dtype=object)  # None where masked
    # a list is checked value by value: numpy alone would convert [1, "a"] to texts
    array = np.asarray(values, dtype=None if hasattr(values, "dtype") else object)
    where = f"column {name!r}" if name else "the column"
    if array.ndim != 1:
        msg = f"{where} has the shape {array.shape}; give one value per row, shape (n,)"
        raise ColumnTypeError(msg)
    if array.dtype.kind == "b":
        return Column("boolean", array)
    if array.dtype.kind in "iu":
        return Column("number", array)
    if array.dtype.kind == "f":
        missing = np.isnan(array)
        return Column("number", array.astype(float, copy=False), missing if missing.any() else None)
    return _from_arrow(array, where)


def _from_arrow(array: np.ndarray, where: str) -> Column:
    """Texts, and objects of any kind, via Arrow, which checks every value in C++."""
    import pyarrow as pa
    import pyarrow.types as types

    try:
        if array.dtype.kind not in "OUT":  # dates, bytes, records
            raise pa.ArrowInvalid(str(array.dtype))
        kind = None if array.dtype.kind == "O" else pa.string()
        found = pa.array(array.astype(object), kind, from_pandas=True)
    except (
        pa.ArrowInvalid,
        pa.ArrowTypeError,
        pa.ArrowNotImplementedError,
        OverflowError,
    ) as error:
        msg = (
            f"{where} is not of one type ({error}); make it all numbers, all booleans or all texts"
        )
        raise ColumnTypeError(msg) from error
    missing = found.is_null().to_numpy(zero_copy_only=False)
    mask = missing if missing.any() else None
    if types.is_null(found.type):
        return Column("unknown", np.full(len(array), np.nan), missing)
    if types.is_boolean(found.type):
        return Column("boolean", found.fill_null(False).to_numpy(zero_copy_only=False), mask)
    if types.is_integer(found.type) or types.is_floating(found.type):
        return Column("number", found.fill_null(0).to_numpy(zero_copy_only=False), mask)
    if types.is_string(found.type) or types.is_large_string(found.type):
        coded = found.dictionary_encode()
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return Column("text", codes, mask, tuple(coded.dictionary.to_pylist()))
    msg = f"{where} has values of type {found.type}; make them numbers, booleans or texts"
    raise ColumnTypeError(msg)


def columns_of(columns: Columns, names: Iterable[str] | None = None) -> dict[str, Column]:
    """Parse the named columns, or all if none are named.

    Parse them once and reuse the result if many groups read the same rows.

    Raises:
        MissingColumnError: A column is missing; look-alike letters are pointed out.
        ColumnTypeError: A column is not of one type.
        ArgumentError: The columns are not equally long.
    """
    found = {}
    for name in columns if names is None else names:
        if name not in columns:
            hint = looks_like(name, columns)
            raise MissingColumnError.of(name, columns, "a group or a model", hint)
        found[name] = column_of(columns[name], name)
    sizes = {name: len(column) for name, column in found.items()}
    if len(set(sizes.values())) > 1:
        msg = f"the columns are not equally long: {sizes}; each needs one value per row"
        raise ArgumentError(msg)
    return found


def rows_of(columns: Columns) -> int:
    """The number of rows, from the first column.

    Raises:
        ArgumentError: There is no column.
    """
    if not columns:
        msg = "there are no columns, so the number of rows is unknown; give at least one column"
        raise ArgumentError(msg)
    name = next(iter(columns))
    return len(column_of(columns[name], name))


def is_text(value: object) -> bool:
    """Whether a value is a text that can be stored: lone surrogates cannot be encoded in a file."""
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def looks_like(name: str, known: Iterable[str]) -> str:
    """A hint if a name only looks like a known one, or mixes scripts; otherwise an empty string."""
    drawn_as = [_drawn_as(c) for c in name]
    folded = "".join(drawn_as)
    if folded == name:
        return ""
    strange = next(c for c, drawn in zip(name, drawn_as, strict=True) if c != drawn)
    letter = f"{strange!r} is {unicodedata.name(strange, 'an unnamed character')}"
    if folded in set(known):
        return f"{name!r} looks like {folded!r}, but {letter}; retype {folded!r}"
    if any(c.isascii() and c.isalpha() for c in name):
        return f"{name!r} mixes scripts: {letter}; retype it"
    return ""


def _drawn_as(letter: str) -> str:
    """The Latin letter that looks like this one, if there is one."""
    latin = unicodedata.normalize("NFKC", letter).translate(ALIKE)
    return latin if len(latin) == 1 and latin.isascii() and latin.isalpha() else letter
