"""Labelled rows; every statement of a bounty names the sample for which it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt

from supersede.bounty.artefacts.columns import Column, column_of, columns_of, is_text
from supersede.bounty.routing import Bools
from supersede.errors import ArgumentError, EmptyTableError

if TYPE_CHECKING:
    from supersede.table.coerce import Columns

__all__ = ["Sample", "as_columns", "occur_once", "same_rows", "some_of"]

_ODD = np.uint64(0xD1B54A32D192ED03)  # labels are hashed otherwise than columns
_PART = np.uint64(16)  # of the hashes of incomplete rows, one in 16 is kept
_MANY = 4096  # rows from which that suffices
_MISSING = np.uint64(0x7FF8000000000001)
_FEW = 50  # with fewer rows, an overlap cannot be detected reliably
_MOST = 2 / 3


@dataclass(frozen=True)
class Sample:
    """Labelled rows with a name.

    Attributes:
        name: Its name in statements, such as ``holdout 1``.
        columns: Columns of shape ``(n,)`` by name, as arrays, lists or a frame; read once.
        labels: Shape ``(n,)``; none missing.
        weight: Weight of each row, at least 0, shape ``(n,)``; None if all count one.
        most_weight: Largest possible weight of a row of the population, known from how rows are
            drawn or from where weights are truncated, not from these rows. Guarantees for other
            rows depend on it.
        classes: The class that each code of the labels means, as `from_table` found them; None if
            labels were given as codes or as numbers.

    Raises:
        ArgumentError: Lengths differ, a label is missing, or a weight is negative or above the most.
        EmptyTableError: There are no rows.

    Example:
        >>> sample = Sample("holdout", {"age": np.array([30, 60])}, np.array([0, 1]))
        >>> len(sample), [len(half) for half in sample.slices(2, seed=0)]
        (2, [1, 1])
    """

    name: str
    columns: Mapping[str, Column]
    labels: npt.NDArray[Any]
    weight: npt.NDArray[np.float64] | None = None
    most_weight: float | None = None
    classes: tuple[object, ...] | None = None

    @classmethod
    def from_table(
        cls,
        source: object,
        *,
        model: str | None = None,
        features: Sequence[str] | None = None,
        name: str = "all rows",
        **columns: "Unpack[Columns]",
    ) -> "Sample":
        """The labelled rows of a table, with classes as codes; rows without a label are left out.

        Args:
            source: A `Table`, or anything that `supersede.read` reads.
            model: The column of a model's classes; it becomes a column of codes of that name, which
                `Logged` answers with.
            features: The columns that groups and models are allowed to read; all others than model,
                label, item, weight, cost and cluster if None.
            name: Name of the sample.
            **columns: Further arguments of `supersede.read`, such as ``label``, ``item``, ``weight``
                and ``where``.

        Raises:
            ArgumentError: There is no label, or a feature is the label or the model.
            MissingColumnError: There is no column of that name.
            MissingPredictionError: The model has no class for a labelled row.
            ColumnTypeError: A column has a type that groups cannot read.
            TableError: The source cannot be read; see `supersede.read`.

        Example:
            >>> rows = {"age": [30, 60, 70], "y": ["no", "yes", "yes"], "old": ["no", "no", "yes"]}
            >>> sample = Sample.from_table(rows, label="y", model="old")
            >>> sample.labels.tolist(), sample.classes, list(sample.columns)
            ([0, 1, 1], ('no', 'yes'), ['age', 'old'])
        """
        from supersede.bounty.table_rows import labelled_rows

        return labelled_rows(source, model, features, name, **columns)

    def __post_init__(self) -> None:
        given = as_columns(self.columns)
        if unreadable := [name for name in (self.name, *given) if not is_text(name)]:
            msg = (
                f"names of samples and columns are texts that can be stored, not {unreadable[0]!r}"
            )
            raise ArgumentError(msg)
        object.__setattr__(self, "columns", columns_of(given))
        object.__setattr__(self, "labels", np.asarray(self.labels))
        if not self.labels.size:
            msg = f"sample {self.name!r} has no rows"
            raise EmptyTableError(msg)
        for name, column in self.columns.items():
            if (len(column),) != self.labels.shape:
                msg = (
                    f"column {name!r} of sample {self.name!r} has {len(column)} values; expected"
                    f" one per label, and labels have shape {self.labels.shape}"
                )
                raise ArgumentError(msg)
        missing = _missing(self.labels)
        if missing.any():
            msg = (
                f"{int(missing.sum())} rows of sample {self.name!r} have no label, the first is row"
                f" {int(np.flatnonzero(missing)[0])}; leave them out"
            )
            raise ArgumentError(msg)
        if self.weight is not None:
            weight = np.asarray(self.weight)
            if weight.shape != np.shape(self.labels) or not bool(np.all(weight >= 0)):
                msg = f"weights of sample {self.name!r} must be numbers of at least 0, one per row"
                raise ArgumentError(msg)
            if not np.isfinite(weight).all() or not weight.sum() > 0:
                msg = f"weights of sample {self.name!r} must be finite, and some above 0"
                raise ArgumentError(msg)
            if self.most_weight is not None and not weight.max() <= self.most_weight < np.inf:
                msg = f"a row of sample {self.name!r} weighs {weight.max():g}, but most_weight={self.most_weight:g}"
                raise ArgumentError(msg)
            object.__setattr__(self, "weight", weight)
        elif self.most_weight is not None:
            msg = f"sample {self.name!r} has most_weight={self.most_weight:g}, but no weights"
            raise ArgumentError(msg)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.NDArray[Any], name: str | None = None) -> "Sample":
        """Some of the rows, by index or by mask."""
        return Sample(
            self.name if name is None else name,
            {key: column.take(rows) for key, column in self.columns.items()},
            self.labels[rows],
            None if self.weight is None else self.weight[rows],
            self.most_weight,
            self.classes,
        )

    def slices(self, parts: int, *, seed: int) -> list["Sample"]:
        """Disjoint random parts of equal size (to one row), for a rotating holdout.

        Raises:
            ArgumentError: There are fewer rows than parts.
        """
        if not 1 <= parts <= len(self):
            msg = f"cannot split {len(self)} rows into {parts} slices"
            raise ArgumentError(msg)
        order = np.random.default_rng(seed).permutation(len(self))
        cut = np.array_split(order, parts)
        return [
            self.take(np.sort(rows), f"{self.name} {i}" if parts > 1 else self.name)
            for i, rows in enumerate(cut, start=1)
        ]

    @property
    def fingerprint(self) -> str:
        """A hash of all values but not of the name, by which a log identifies the rows."""
        digest = sha256()
        labels = column_of(self.labels, "labels")
        for name, column in sorted([*self.columns.items(), ("", labels)]):
            digest.update(f"{name} {column.kind} {column.categories}".encode())
            digest.update(np.ascontiguousarray(column.values).tobytes())
            if column.missing is not None:
                digest.update(np.ascontiguousarray(column.missing).tobytes())
        if self.weight is not None:
            digest.update(np.ascontiguousarray(self.weight).tobytes())
            digest.update(b"" if self.most_weight is None else repr(self.most_weight).encode())
        return digest.hexdigest()

    @cached_property
    def row_hashes(self) -> npt.NDArray[np.uint64]:
        """A hash of each row, label included, shape ``(n,)``.

        Names, order and types of the columns do not enter, so that the same rows are known again
        when columns are renamed.
        """
        return _scrambled(self._label_hashes + self._column_sums)

    @cached_property
    def incomplete_hashes(self) -> tuple[npt.NDArray[np.uint64], ...]:
        """Hashes of each row without its label, and without each column in turn.

        By these, rows are known again when a column was left out or added, or classes were renamed.
        Of many rows one in 16 is kept, by the hash itself, so the same ones in every sample.
        """
        whole = self._column_sums
        parts = [whole.copy()]
        if len(self.columns) > 1:
            labelled = whole + self._label_hashes
            parts += [labelled - _scrambled(_bits(column)) for column in self.columns.values()]
        return tuple(_scrambled(part) for part in parts)

    @cached_property
    def _column_sums(self) -> npt.NDArray[np.uint64]:
        sums = np.zeros(len(self), np.uint64)
        for column in self.columns.values():
            sums += _scrambled(_bits(column))
        return sums

    @cached_property
    def measured_hashes(self) -> npt.NDArray[np.uint64]:
        """Hashes of each row by one continuous column and the label, shape ``(columns, n)``.

        By these, rows are known again when other columns were added or left out. Numbers count as
        continuous if some are not whole.
        """
        found = [
            _scrambled(self._label_hashes + _scrambled(_bits(column)))
            for column in self.columns.values()
            if column.kind == "number" and _has_fractions(column.numbers())
        ]
        return np.array(found, np.uint64).reshape(len(found), len(self))

    @cached_property
    def unlike_others(self) -> npt.NDArray[np.uint64]:
        """Hashes of the rows that occur once in the sample, in order."""
        return occur_once(self.row_hashes)

    @property
    def _label_hashes(self) -> npt.NDArray[np.uint64]:
        return _scrambled(_bits(column_of(self.labels, "labels"))) * _ODD


def some_of(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """One in 16 of many hashes, the same ones in every sample."""
    return hashes if len(hashes) <= _MANY else hashes[hashes % _PART == 0]


def occur_once(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The hashes that occur once, in order."""
    found, counts = np.unique(hashes, return_counts=True)
    return np.asarray(found[counts == 1])


def same_rows(one: Sample, other: Sample) -> bool:
    """Whether most rows of one of two samples are also in the other one.

    Rows of coarse columns recur by chance, so only rows that occur once in a sample are compared,
    with those that occur once in the other: by chance at most 1/e of them match, for any columns (a
    Poisson number of rows is 1 with probability at most 1/e), and to all where the rows are the
    same.

    Example:
        >>> rows = Sample("all", {"x": np.arange(200)}, np.zeros(200, int))
        >>> first, second = rows.slices(2, seed=0)
        >>> same_rows(rows, first), same_rows(first, second)
        (True, False)
    """
    fewer = min(len(one.unlike_others), len(other.unlike_others))
    both = np.intersect1d(one.unlike_others, other.unlike_others, assume_unique=True)
    same = fewer >= _FEW and len(both) > _MOST * fewer
    return bool(same) or one.fingerprint == other.fingerprint


def as_columns(data: Any) -> Mapping[str, Any]:
    """Columns by name from a mapping, a pandas or polars frame, or an Arrow table.

    Raises:
        ArgumentError: It is none of these; groups need column names.

    Example:
        >>> as_columns({"age": [30, 60]})
        {'age': [30, 60]}
    """
    if isinstance(data, Mapping):
        return data
    if hasattr(data, "to_pydict"):  # Arrow
        return {name: data[name].to_numpy(zero_copy_only=False) for name in data.column_names}
    if hasattr(data, "columns") and hasattr(data, "__getitem__"):
        return {str(name): data[name] for name in data.columns}
    msg = f"got {type(data).__name__}; expected columns by name: a dict of arrays or a frame"
    raise ArgumentError(msg)


def _bits(column: Column) -> npt.NDArray[np.uint64]:
    """Each value as 64 bits: the same for 3, 3.0 and "3", and for all kinds of missing values."""
    if column.kind == "text":
        words = [_number_or_hash(text) for text in column.categories]
        known = np.array([*words, _MISSING], np.uint64)  # the last for -1, missing
        return np.asarray(known[column.values])
    numbers = column.numbers() + 0.0  # no negative zero
    return np.where(np.isnan(numbers), _MISSING, numbers.view(np.uint64))


def _number_or_hash(text: str) -> int:
    try:
        value = float(text)
    except ValueError:
        return int.from_bytes(sha256(text.encode()).digest()[:8], "big")
    return int(np.float64(value + 0.0).view(np.uint64)) if value == value else int(_MISSING)


def _scrambled(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """A bijection after which sums of values do not collide but by chance (splitmix64's)."""
    z = values + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def _has_fractions(numbers: npt.NDArray[np.float64]) -> bool:
    there = numbers[np.isfinite(numbers)]
    return bool(np.any(there != np.floor(there)))


def _missing(values: npt.NDArray[Any]) -> Bools:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind == "O":
        return np.array([v is None or v != v for v in values])  # only NaN is unequal to itself
    return np.zeros(len(values), bool)
