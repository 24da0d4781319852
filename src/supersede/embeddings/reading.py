"""Vectors with ids and columns, out of files: NumPy, Parquet; and out of indexes."""

import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.embeddings.vectors import Array, aligned
from supersede.errors import (
    ArgumentError,
    ItemError,
    MissingColumnError,
    SourceError,
    StampError,
    SupersedeError,
    VectorError,
)

__all__ = ["VectorSet", "matched", "read_vectors"]

STAMP = "stamp"  # the column that names each vector's model
ROW, TOTAL = "row number in the file", "rows of the file"
FEW = 20  # more values than this in the column of stamps, and it does not name models
INDEXES = ("faiss", "lancedb", "postgres", "postgresql")  # how addresses of indexes begin


@dataclass(frozen=True, eq=False)
class VectorSet:
    """Vectors and what is known of each.

    Attributes:
        values: Shape ``(n, d)``.
        ids: One per vector; row numbers where the file has none.
        columns: Further columns, such as a label or a stamp.
        numbered: Where the ids are row numbers, for want of ids: the rows of the file, those without a
            vector included. None where there are ids.
    """

    values: Array
    ids: npt.NDArray[Any]
    columns: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    numbered: int | None = None

    @property
    def stamp(self) -> str | None:
        """The model that made the vectors, where a column of text named ``stamp`` says so.

        Raises:
            StampError: It names several models.
        """
        column = self.columns.get(STAMP)
        if column is None or column.dtype.kind not in "OU":
            return None
        counts = Counter(str(name) for name in column if name is not None and name == name)
        if len(counts) > FEW:  # a time, perhaps
            return None
        if len(counts) > 1:
            shown = ", ".join(f"{name!r}: {count:,}" for name, count in sorted(counts.items()))
            msg = (
                f"the column {STAMP!r} names vectors of several models ({shown} rows), which cannot be compared"
                " with each other; `diagnose` counts and names them. Keep each model's vectors in a file of"
                " their own"
            )
            raise StampError(msg)
        bare = len(column) - counts.total()
        if counts and bare:
            msg = (
                f"{bare:,} of {len(column):,} vectors have no value in the column {STAMP!r}, so it is not known"
                f" whether they are of {next(iter(counts))!r} as well; stamp them or leave them out"
            )
            raise StampError(msg)
        return next(iter(counts), None)

    def column(self, name: str, use: str) -> npt.NDArray[Any]:
        """One of the columns.

        Raises:
            MissingColumnError: It is not there.
        """
        if name not in self.columns:
            raise MissingColumnError.of(name, self.columns, use)
        return self.columns[name]

    def take(self, rows: npt.NDArray[np.intp]) -> "VectorSet":
        """Some of the vectors, in the order given."""
        return VectorSet(
            self.values[rows],
            self.ids[rows],
            {k: v[rows] for k, v in self.columns.items()},
            self.numbered,
        )


def read_vectors(
    path: str | Path, *, vector: str | None = None, item: str | None = None
) -> VectorSet:
    """Read vectors from `.npy` (memory-mapped), `.npz`, `.parquet`, or a vector index.

    An `.npz` holds one two-dimensional array and, optionally, arrays of one value per vector; int8
    rows ``q`` with a ``scale`` per row are multiplied out. A Parquet file holds one column of lists of
    numbers; rows where it is null have no vector and are left out. An index is named by its address, as for `open_index`; its ids are texts, and deleted items are left
    out.

    Args:
        path: The file, or an address such as ``lancedb:FOLDER/TABLE``.
        vector: Name of the array or column of vectors, where there are several.
        item: Name of the array or column of ids; ``"id"`` where there is one.

    Raises:
        SourceError: The file is missing or unreadable.
        MissingColumnError: A named column is not there.
        ArgumentError: The ending is unknown, or it is not clear which column holds the vectors.
        ItemError: Ids are missing or repeat.
        VectorError: Rows differ in length.
        IndexAccessError: The index is not there.
        StampError: An index holds vectors of several models.

    Example:
        >>> import tempfile, os
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     name = os.path.join(folder, "v.npy")
        ...     np.save(name, np.eye(3))
        ...     read_vectors(name).ids.tolist()
        [0, 1, 2]
    """
    if str(path).partition(":")[0] in INDEXES and not Path(path).exists():
        return _from_index(str(path))
    path = Path(path)
    try:
        if path.suffix == ".npy":
            values = np.load(path, mmap_mode="r", allow_pickle=False)
            if not values.ndim:
                msg = f"{path} holds one number; expected an array of shape (n, d)"
                raise VectorError(msg)
            return VectorSet(values, np.arange(len(values)), numbered=len(values))
        if path.suffix == ".npz":
            # opened here: numpy leaves a damaged file open
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                return _from_arrays(
                    {name: stored[name] for name in stored.files}, path, vector, item
                )
        if path.suffix == ".parquet":
            return _from_arrays(_parquet(path, vector), path, vector, item)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, SupersedeError):
            raise
        msg = f"cannot read vectors from {path}: {error}"
        raise SourceError(msg) from error
    msg = (
        f"cannot read vectors from {path.name!r}; its name may end in .npy, .npz or .parquet,"
        " or it is an index: lancedb:FOLDER/TABLE, faiss:FILE or postgresql://…#TABLE"
    )
    raise ArgumentError(msg)


def _from_index(address: str) -> VectorSet:
    from supersede.embeddings.indexes.opening import open_index

    index = open_index(address)
    stamps = index.contents().stamps
    if len(stamps) > 1:
        shown = ", ".join(f"{name!r}: {count:,}" for name, count in sorted(stamps.items()))
        msg = (
            f"{address} holds vectors of several models ({shown} rows), which cannot be compared with each"
            " other; `diagnose` counts and names them. Write each model to an index of its own"
        )
        raise StampError(msg)
    names = index.ids()
    if not names:
        msg = f"{address} holds no vectors"
        raise VectorError(msg)
    found = index.read(names)
    return VectorSet(found.vectors, np.array(found.ids), {"stamp": np.array(found.stamps)})


def _parquet(path: Path, vector: str | None) -> dict[str, npt.NDArray[Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        msg = f"cannot read vectors from {path}: {str(error).splitlines()[0]}"
        raise SourceError(msg) from error
    found: dict[str, npt.NDArray[Any]] = {}
    lists = [name for name in table.column_names if _is_list(table[name].type)]
    wide = [name for name in lists if _numbers(table[name].type.value_type)]
    chosen = vector if vector is not None else wide[0] if len(wide) == 1 else None
    if chosen in wide:
        present = pc.is_valid(table[chosen])
        found[TOTAL] = np.array([len(table)])
        table = table.append_column(ROW, pa.array(np.arange(len(table)))).filter(present)
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name == chosen and name in wide:
            found[name] = _rows(column, f"{path.name}, column {name!r}")
        elif name in wide and chosen is None:
            found[name] = np.empty((len(table), 0))  # one of several: named in the refusal
        else:
            found[name] = _plain(column)
    return found


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    tests = (pa.types.is_list, pa.types.is_fixed_size_list, pa.types.is_large_list)
    return any(test(kind) for test in tests)


def _numbers(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _plain(column: Any) -> npt.NDArray[Any]:
    """A column as an array; whole numbers stay whole numbers beside nulls, lists stay lists."""
    import pyarrow as pa

    whole = pa.types.is_integer(column.type) and column.null_count
    if whole or _is_list(column.type):
        out = np.empty(len(column), object)
        out[:] = column.to_pylist()
        return out
    return np.asarray(column.to_numpy())


def _rows(column: Any, what: str) -> npt.NDArray[Any]:
    import pyarrow.compute as pc

    lengths = np.asarray(pc.list_value_length(column).to_numpy())
    if not len(lengths):
        msg = f"{what} holds no vectors"
        raise VectorError(msg)
    differ = lengths != lengths[0]
    if differ.any():
        row = int(differ.argmax())
        msg = f"{what}: row {row} has {lengths[row]} values and row 0 {lengths[0]}; vectors must be of one length"
        raise VectorError(msg)
    flat = pc.list_flatten(column).to_numpy()
    return np.asarray(flat.reshape(len(lengths), -1))


def _from_arrays(
    arrays: dict[str, npt.NDArray[Any]], path: Path, vector: str | None, item: str | None
) -> VectorSet:
    if vector is None and {"q", "scale"} <= set(arrays):
        values = arrays.pop("q").astype(np.float32) * arrays.pop("scale").reshape(-1, 1)
    else:
        wide = [name for name, array in arrays.items() if array.ndim == 2]
        shown = [name for name in arrays if name not in {ROW, TOTAL}]
        if vector is None and not wide:
            msg = (
                f"{path.name}: none of {shown} is a column of lists of numbers (or a two-dimensional array),"
                " one list per item; put the numbers of each vector into one list"
            )
            raise ArgumentError(msg)
        if vector is None and len(wide) != 1:
            msg = f"{path.name}: which of {wide} holds the vectors? say so with --vector (vector=…)"
            raise ArgumentError(msg)
        name = wide[0] if vector is None else vector
        if name not in shown:
            raise MissingColumnError.of(name, shown, "the vectors")
        values = arrays.pop(name)
    if item is not None and item not in set(arrays) - {ROW, TOTAL}:
        raise MissingColumnError.of(item, sorted(set(arrays) - {ROW, TOTAL}), "the ids")
    ids, rows = arrays.pop(item or "id", None), arrays.pop(ROW, None)
    total = arrays.pop(TOTAL, None)
    n = len(values)
    columns = {name: a for name, a in arrays.items() if a.ndim == 1 and len(a) == n}
    numbered = None
    if ids is None:
        numbered = n if total is None else int(total[0])
        ids = np.arange(n) if rows is None else rows
    if ids.shape != (n,):
        msg = f"{path.name}: {ids.shape} ids for {n} vectors"
        raise ItemError(msg)
    missing = np.array([i is None or i != i for i in ids.tolist()])
    if missing.any():
        msg = f"{path.name}: {int(missing.sum())} vectors have no id, first in row {int(missing.argmax())}"
        raise ItemError(msg)
    if len(np.unique(ids.astype(str))) < n:
        msg = f"{path.name}: ids repeat ({n - len(np.unique(ids.astype(str)))} too many); each vector needs an id of its own"
        raise ItemError(msg)
    return VectorSet(values, ids, columns, numbered)


def matched(
    old: VectorSet, new: VectorSet, *, what: str = "items", common: bool = False
) -> tuple[VectorSet, VectorSet]:
    """Both models' vectors of the same items, in the old set's order.

    Sets with ids are matched by them. Sets without are matched by row number, but only where nothing
    speaks against it: as many vectors on both sides, and no column that both have in another order.

    Args:
        old: Vectors of the old model.
        new: Vectors of the new model.
        what: The name used in errors.
        common: Leave out items that only one side has, rather than refuse.

    Raises:
        ItemError: Items are missing on one side (without `common`), or it is not clear which rows
            belong together.

    Example:
        >>> import numpy as np
        >>> old = VectorSet(np.eye(2), np.array(["a", "b"]))
        >>> new = VectorSet(np.eye(2), np.array(["b", "a"]))
        >>> matched(old, new)[1].values.tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    lacking = [side for side, held in (("old", old), ("new", new)) if held.numbered is not None]
    if len(lacking) == 1 and not np.array_equal(old.ids.astype(str), new.ids.astype(str)):
        msg = (
            f"{what}: the {lacking[0]} vectors have no ids and the others have; which belong together cannot"
            ' be known. Store ids with both (a column "id", or --item NAME)'
        )
        raise ItemError(msg)
    if len(lacking) == 2:
        _same_rows(old, new, what)
    rows, others = aligned(old.ids, new.ids, what=what, common=common)
    whole = len(rows) == len(old.ids) == len(new.ids) and (rows == others).all()
    return (old, new) if whole else (old.take(rows), new.take(others))


def _same_rows(old: VectorSet, new: VectorSet, what: str) -> None:
    """Refuse sets without ids whose rows cannot or do not correspond by number."""
    if old.numbered != new.numbered:
        msg = (
            f"{what}: {old.numbered} old and {new.numbered} new rows without ids; which belong together cannot"
            ' be known. Store ids with both (.npz or .parquet with "id", or --item NAME)'
        )
        raise ItemError(msg)
    if len(old.ids) != len(new.ids):
        return
    for name in sorted(set(old.columns) & set(new.columns) - {STAMP}):
        first, second = (np.array([str(v) for v in s.columns[name]]) for s in (old, new))
        if (first != second).any() and (np.sort(first) == np.sort(second)).all():
            msg = (
                f"{what}: the column {name!r} has the same values in both files, in another order, so rows do"
                f" not correspond by number; match them by id, such as --item {name}"
            )
            raise ItemError(msg)
