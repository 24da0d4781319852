"""Where contents and embeddings come from, as the user's own code or files."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from supersede.embeddings.reading import read_vectors
from supersede.errors import ArgumentError, ItemError, MissingColumnError, SourceError

__all__ = ["Embedder", "FromFile", "Items", "ItemsFile", "load_embedder"]


class Embedder(Protocol):
    """One embedding model."""

    stamp: str
    """Which model it is, to its version: it stands on every vector."""
    dimensions: int

    def embed(self, contents: Sequence[Any]) -> Any:
        """Vectors of the contents, shape ``(n, dimensions)``."""


class Items(Protocol):
    """The store of what is embedded."""

    def fetch(self, ids: Sequence[str]) -> Sequence[Any]:
        """The content of each item; None where it is not there (any more)."""


class ItemsFile:
    """Contents from a column of a Parquet file.

    Args:
        path: The file.
        content: The column of contents.
        item: The column of ids.

    Raises:
        SourceError: The file cannot be read.
        MissingColumnError: A column is not there.
    """

    def __init__(self, path: str | Path, content: str, item: str = "id") -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowInvalid) as error:
            msg = f"cannot read items from {path}: {error}"
            raise SourceError(msg) from error
        for name, use in ((content, "the contents"), (item, "the ids")):
            if name not in table.column_names:
                raise MissingColumnError.of(name, table.column_names, use)
        ids = [str(value) for value in table[item].to_pylist()]
        if len(set(ids)) < len(ids):
            msg = f"{path}: ids repeat in the column {item!r}; each item needs an id of its own"
            raise ItemError(msg)
        self._contents = dict(zip(ids, table[content].to_pylist(), strict=True))

    def fetch(self, ids: Sequence[str]) -> list[Any]:
        """The content of each item."""
        return [self._contents.get(name) for name in ids]


class FromFile:
    """Vectors that were made elsewhere, by id; the content of an item is its id.

    Args:
        path: `.npz` or `.parquet` with ids.
        stamp: The model's stamp.
        item: The column of ids.
    """

    def __init__(self, path: str | Path, stamp: str, item: str | None = None) -> None:
        found = read_vectors(path, item=item)
        self.stamp, self.dimensions = stamp, int(found.values.shape[1])
        self._values = found.values
        self._rows = {str(name): row for row, name in enumerate(found.ids)}

    def embed(self, contents: Sequence[Any]) -> Any:
        """The vectors of these ids; NaN where the file has none."""
        rows = [self._rows.get(str(name), -1) for name in contents]
        made = np.array(self._values[np.maximum(rows, 0)], np.float32)
        made[np.array(rows) < 0] = np.nan
        return made

    def fetch(self, ids: Sequence[str]) -> list[Any]:
        """Each id that the file has."""
        return [name if name in self._rows else None for name in ids]


def _called(found: Any, named: str) -> Any:
    if not callable(found):
        msg = f"{named!r} is a {type(found).__name__}, not an embedder or a function that makes one"
        raise ArgumentError(msg)
    try:
        return found()
    except Exception as error:  # the user's embedder may raise anything; it becomes our error
        msg = f"{named!r} could not be made: {type(error).__name__}: {error}"
        raise ArgumentError(msg) from error


def load_embedder(named: str) -> Embedder:
    """The embedder of ``module:name``, called first where it has no method `embed`.

    Raises:
        ArgumentError: It cannot be imported or made, or is not an embedder.
    """
    module, _, name = named.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # an installed command does not look in the folder it is run in
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError, SyntaxError) as error:
        msg = f"no embedder {named!r}: {error}; expected module:name, importable from {here}"
        raise ArgumentError(msg) from error
    made = (
        found if hasattr(found, "embed") and not isinstance(found, type) else _called(found, named)
    )
    lacking = [part for part in ("stamp", "dimensions", "embed") if not hasattr(made, part)]
    if lacking:
        msg = f"{named!r} is not an embedder: it lacks {', '.join(lacking)}"
        raise ArgumentError(msg)
    embedder: Embedder = made
    return embedder
