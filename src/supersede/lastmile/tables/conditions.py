"""What happens to columns on the way to a customer: other units, shifts, renamed or missing values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from supersede.bounty.artefacts import Column, column_of, columns_of
from supersede.errors import ArgumentError, MissingColumnError

__all__ = ["ColumnChange", "Missing", "NewCategory", "Renamed", "Rescaled", "Shifted"]

Columns = Mapping[str, Any]


class ColumnChange(Protocol):
    """Something that happens to one column."""

    @property
    def column(self) -> str:
        """The column."""

    def apply(self, columns: Columns, seed: int = 0) -> dict[str, Column]:
        """The columns afterwards; what is random follows from the seed."""


@dataclass(frozen=True)
class Rescaled:
    """A unit error: every number times a factor.

    Attributes:
        column: The column.
        factor: The factor, finite and not 0.

    Example:
        >>> Rescaled("hours", 60).apply({"hours": [1, 2]})["hours"].numbers().tolist()
        [60.0, 120.0]
    """

    column: str
    factor: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.factor) or self.factor == 0:
            msg = f"Rescaled({self.column!r}, {self.factor}): expected a finite factor other than 0"
            raise ArgumentError(msg)

    def apply(self, columns: Columns, seed: int = 0) -> dict[str, Column]:
        """Multiply."""
        return _numbers(columns, self.column, lambda x: x * self.factor)


@dataclass(frozen=True)
class Shifted:
    """Every number plus a constant.

    Attributes:
        column: The column.
        by: The constant, finite.
    """

    column: str
    by: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.by):
            msg = f"Shifted({self.column!r}, {self.by}): expected a finite number"
            raise ArgumentError(msg)

    def apply(self, columns: Columns, seed: int = 0) -> dict[str, Column]:
        """Add."""
        return _numbers(columns, self.column, lambda x: x + self.by)


@dataclass(frozen=True)
class Missing:
    """Values that are lost.

    Attributes:
        column: The column.
        share: Share of the rows that lose it, in (0, 1].
    """

    column: str
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            msg = f"Missing({self.column!r}, {self.share}): expected a share in (0, 1]"
            raise ArgumentError(msg)

    def apply(self, columns: Columns, seed: int = 0) -> dict[str, Column]:
        """Remove values at random."""
        found = columns_of(columns)
        column = _named(found, self.column)
        lost = np.random.default_rng(seed).random(len(column)) < self.share
        gone = lost if column.missing is None else lost | column.missing
        values = np.where(gone, -1, column.values) if column.kind == "text" else column.values
        return {**found, self.column: Column(column.kind, values, gone, column.categories)}


@dataclass(frozen=True)
class Renamed:
    """A category under another name.

    Attributes:
        column: The column.
        old: The name that a model knows.
        new: The name that it does not.
    """

    column: str
    old: str
    new: str

    def apply(self, columns: Columns, seed: int = 0) -> dict[str, Column]:
        """Rename.

        Raises:
            ArgumentError: The old name does not occur.
        """
        found = columns_of(columns)
        texts = _texts(found, self.column)
        if self.old not in set(texts):
            msg = f"Renamed: {self.old!r} does not occur in column {self.column!r}"
            raise ArgumentError(msg)
        swapped = [self.new if text == self.old else text or None for text in texts]
        return {**found, self.column: column_of(swapped, self.column)}


@dataclass(frozen=True)
class NewCategory:
    """A category that nobody knew takes rows from all others.

    Attributes:
        column: The column.
        name: The category.
        share: Share of the rows that have it, in (0, 1].
    """

    column: str
    name: str
    share: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            msg = f"NewCategory({self.column!r}, share={self.share}): expected a share in (0, 1]"
            raise ArgumentError(msg)

    def apply(self, columns: Columns, seed: int = 0) -> dict[str, Column]:
        """Replace values at random."""
        found = columns_of(columns)
        texts = _texts(found, self.column)
        hit = np.random.default_rng(seed).random(len(texts)) < self.share
        mixed = [self.name if h else text or None for h, text in zip(hit, texts, strict=True)]
        return {**found, self.column: column_of(mixed, self.column)}


def _numbers(columns: Columns, name: str, change: Any) -> dict[str, Column]:
    found = columns_of(columns)
    column = _named(found, name)
    if column.kind != "number":
        msg = f"column {name!r} holds {column.kind}s; only numbers can be scaled or shifted"
        raise ArgumentError(msg)
    return {**found, name: column_of(change(column.numbers()), name)}


def _texts(found: Mapping[str, Column], name: str) -> Any:
    column = _named(found, name)
    if column.kind != "text":
        msg = f"column {name!r} holds {column.kind}s; only texts have categories"
        raise ArgumentError(msg)
    return column.texts()


def _named(found: Mapping[str, Column], name: str) -> Column:
    if name not in found:
        raise MissingColumnError.of(name, found, "a condition")
    return found[name]
