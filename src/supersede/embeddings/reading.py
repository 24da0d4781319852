"""Vectors with ids and columns, out of files: NumPy, Parquet; and out of indexes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from supersede.embeddings.vectors import Array
from supersede.errors import (
    ArgumentError,
    ItemError,
    MissingColumnError,
    SourceError,
    StampError,
    VectorError,
)

__all__ = ["VectorSet", "read_vectors"]

INDEXES = ("faiss", "lancedb", "postgres", "postgresql")  # how addresses of indexes begin


@dataclass(frozen=True, eq=False)
class VectorSet:
    """Vectors and what is known of each.

    Attributes:
        values: Shape ``(n, d)``.
        ids: One per vector; row numbers where the file has none.
        columns: Further columns, such as a label or a stamp.
    """

    values: Array
    ids: npt.NDArray[Any]
    columns: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

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
            self.values[rows], self.ids[rows], {k: v[rows] for k, v in self.columns.items()}
        )


def read_vectors(
    path: str | Path, *, vector: str | None = None, item: str | None = None
) -> VectorSet:
    """Read vectors from `.npy` (memory-mapped), `.npz`, `.parquet`, or a vector index.

    An `.npz` holds one two-dimensional array and, optionally, arrays of one value per vector; int8
    rows ``q`` with a ``scale`` per row are multiplied out. A Parquet file holds one column of lists. An
    index is named by its address, as for `open_index`; its ids are texts, and deleted items are left
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
            return VectorSet(values, np.arange(len(values)))
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                return _from_arrays(
                    {name: stored[name] for name in stored.files}, path, vector, item
                )
        if path.suffix == ".parquet":
            return _from_arrays(_parquet(path, vector), path, vector, item)
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, VectorError | ArgumentError | ItemError | MissingColumnError):
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
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        msg = f"cannot read vectors from {path}: {error}"
        raise SourceError(msg) from error
    found: dict[str, npt.NDArray[Any]] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if (
            pa.types.is_list(column.type)
            or pa.types.is_fixed_size_list(column.type)
            or pa.types.is_large_list(column.type)
        ):
            found[name] = _rows(
                column, f"{path.name}, column {name!r}", wanted=vector in {None, name}
            )
        else:
            found[name] = column.to_numpy()
    return found


def _rows(column: Any, what: str, *, wanted: bool) -> npt.NDArray[Any]:
    import pyarrow.compute as pc

    lengths = np.asarray(pc.list_value_length(column).to_numpy())
    if not len(lengths):
        msg = f"{what} is empty"
        raise VectorError(msg)
    differ = lengths != lengths[0]  # NaN for a missing vector differs from everything
    if differ.any() and wanted:
        row = int(differ.argmax())
        msg = f"{what}: row {row} has {lengths[row]:g} values and row 0 {lengths[0]:g}; vectors must be of one length"
        raise VectorError(msg)
    if differ.any():
        return np.empty(len(lengths))
    flat = pc.list_flatten(column).to_numpy()
    return np.asarray(flat.reshape(len(lengths), -1))


def _from_arrays(
    arrays: dict[str, npt.NDArray[Any]], path: Path, vector: str | None, item: str | None
) -> VectorSet:
    if vector is None and {"q", "scale"} <= set(arrays):
        values = arrays.pop("q").astype(np.float32) * arrays.pop("scale").reshape(-1, 1)
    else:
        wide = [name for name, array in arrays.items() if array.ndim == 2]
        if vector is None and len(wide) != 1:
            msg = f"{path.name}: which of {wide or sorted(arrays)} holds the vectors? say so with --vector (vector=…)"
            raise ArgumentError(msg)
        name = wide[0] if vector is None else vector
        if name not in arrays:
            raise MissingColumnError.of(name, arrays, "the vectors")
        values = arrays.pop(name)
    if item is not None and item not in arrays:
        raise MissingColumnError.of(item, arrays, "the ids")
    ids = arrays.pop(item or "id", None)
    n = len(values)
    columns = {name: a for name, a in arrays.items() if a.ndim == 1 and len(a) == n}
    ids = np.arange(n) if ids is None else ids
    if ids.shape != (n,):
        msg = f"{path.name}: {ids.shape} ids for {n} vectors"
        raise ItemError(msg)
    if len(np.unique(ids.astype(str))) < n:
        msg = f"{path.name}: ids repeat ({n - len(np.unique(ids.astype(str)))} too many); each vector needs an id of its own"
        raise ItemError(msg)
    return VectorSet(values, ids, columns)
