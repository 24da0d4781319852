"""LanceDB: an embedded index in a folder, the default. Writes are atomic; needs the extra `lancedb`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from supersede.embeddings.indexes.index import (
    Contents,
    Neighbours,
    Stored,
    asked,
    named,
    ready,
    same_model,
)
from supersede.embeddings.vectors import Floats
from supersede.errors import ArgumentError, IndexAccessError, MissingExtraError

__all__ = ["LanceIndex"]

META = b"supersede"
EVERY = 20  # writes between compactions


class LanceIndex:
    """One LanceDB table as an index; searches are exact until `build` is called.

    Args:
        folder: The database's folder.
        table: Name of the table.
        stamp: The model's stamp; None reads that of an existing table.
        dimensions: Needed to create the table.

    Raises:
        MissingExtraError: lancedb is not installed.
        IndexAccessError: The table is not there (and no stamp and dimensions were given), or was
            not made by `supersede`.
        StampError: The table is of another model.
        VectorError: It holds vectors of other dimensions.
    """

    def __init__(
        self,
        folder: str | Path,
        table: str,
        *,
        stamp: str | None = None,
        dimensions: int | None = None,
    ) -> None:
        try:
            import lancedb
            from lancedb.index import BTree
        except ModuleNotFoundError as error:
            raise MissingExtraError.of(
                package="lancedb", extra="lancedb", purpose="a LanceDB index"
            ) from error
        create = stamp is not None and dimensions is not None
        if not create and not Path(folder).is_dir():  # connecting would make the folder
            msg = f"no folder {folder}, so no table {table!r} in it; check the address"
            raise IndexAccessError(msg)
        base: Any = lancedb.connect(str(folder))
        if table in base.list_tables().tables:
            self._table = base.open_table(table)
            meta = (self._table.schema.metadata or {}).get(META)
            if meta is None:
                msg = (
                    f"the table {table!r} in {folder} has no stamp of a model; import it into a new table with"
                    " LanceIndex(…, stamp=…, dimensions=…).write(…)"
                )
                raise IndexAccessError(msg)
            kept = json.loads(meta)
            same_model(
                f"the table {table!r}", (kept["stamp"], kept["dimensions"]), stamp, dimensions
            )
        elif not create:
            there = ", ".join(map(repr, base.list_tables().tables)) or "none"
            msg = f"no table {table!r} in {folder} (tables: {there}); LanceIndex(…, stamp=…, dimensions=…) creates one"
            raise IndexAccessError(msg)
        else:
            kept = {"stamp": stamp, "dimensions": dimensions}
            schema = pa.schema(
                [
                    ("id", pa.string()),
                    ("vector", pa.list_(pa.float32(), dimensions)),
                    ("stamp", pa.string()),
                    ("version", pa.int64()),
                    ("deleted", pa.bool_()),
                ],
                metadata={META: json.dumps(kept)},
            )
            self._table = base.create_table(table, schema=schema, exist_ok=True)
            self._table.create_index("id", config=BTree())
        self.stamp: str = kept["stamp"]
        self.dimensions: int = kept["dimensions"]
        self._writes = 0

    def write(self, ids: Sequence[str], vectors: Any, versions: Any, *, stamp: str) -> None:
        """Insert or replace rows whose stored version is not newer."""
        names, made, numbers = ready(self, ids, vectors, versions, stamp)
        self._merge(names, made, numbers, deleted=False)

    def remove(self, ids: Sequence[str], versions: Any) -> None:
        """Mark items as deleted."""
        names, numbers = named(ids, versions)
        none = np.zeros((len(names), self.dimensions), np.float32)
        self._merge(names, none, numbers, deleted=True)

    def _merge(
        self, names: list[str], made: Floats, numbers: npt.NDArray[np.int64], *, deleted: bool
    ) -> None:
        if not names:
            return
        rows = pa.table(
            {
                "id": names,
                "vector": pa.FixedSizeListArray.from_arrays(
                    pa.array(made.ravel()), self.dimensions
                ),
                "stamp": [self.stamp] * len(names),
                "version": numbers,
                "deleted": np.full(len(names), deleted),
            },
            schema=self._table.schema,
        )
        (
            self._table.merge_insert("id")
            .when_matched_update_all(where="target.version <= source.version")
            .when_not_matched_insert_all()
            .execute(rows)
        )
        self._writes += 1
        if self._writes % EVERY == 0:
            self._table.optimize()

    def search(self, queries: Any, k: int) -> Neighbours:
        """The nearest items of each query by cosine."""
        made = asked(self, queries, k)
        self._table.checkout_latest()
        if not self._table.count_rows("deleted = false"):
            return Neighbours(((),) * len(made), (np.zeros(0, np.float32),) * len(made))
        got = (
            self._table.search(made)
            .distance_type("cosine")
            .where("deleted = false", prefilter=True)
            .select(["id", "_distance"])
            .limit(k)
            .to_arrow()
        )
        names = got["id"].to_pylist()
        score = 1 - got["_distance"].to_numpy()
        whose = (
            got["query_index"].to_numpy()
            if "query_index" in got.column_names
            else np.zeros(len(names))
        )
        ids, scores = [], []
        for query in range(len(made)):
            rows = np.flatnonzero(whose == query)
            rows = rows[np.argsort(-score[rows], kind="stable")]
            ids.append(tuple(names[row] for row in rows))
            scores.append(np.asarray(score[rows], np.float32))
        return Neighbours(tuple(ids), tuple(scores))

    def read(self, ids: Sequence[str]) -> Stored:
        """Stored rows."""
        self._table.checkout_latest()
        names = [str(name) for name in ids]
        if not names:
            got = self._table.schema.empty_table()
        else:
            listed = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
            got = self._table.search().where(f"id IN ({listed})").limit(len(names)).to_arrow()
        flat = got["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return Stored(
            tuple(got["id"].to_pylist()),
            flat.reshape(-1, self.dimensions),
            tuple(got["stamp"].to_pylist()),
            got["version"].to_numpy(),
            np.asarray(got["deleted"].to_pylist(), bool),
        )

    def ids(self) -> list[str]:
        """Ids of all items that are not deleted, sorted."""
        self._table.checkout_latest()
        got = self._table.search().where("deleted = false").select(["id"]).limit(None).to_arrow()
        return sorted(got["id"].to_pylist())

    def contents(self) -> Contents:
        """Counts of everything stored."""
        self._table.checkout_latest()
        got = self._table.search().select(["id", "stamp", "deleted"]).limit(None).to_arrow()
        counted = got["stamp"].value_counts().to_pylist()
        return Contents(
            got.num_rows,
            len(got["id"].unique()),
            sum(got["deleted"].to_pylist()),
            {entry["values"]: entry["counts"] for entry in counted},
        )

    def build(self) -> None:
        """Build an approximate index over what is stored; searches then use it.

        Raises:
            ArgumentError: There are too few rows for one.
        """
        from lancedb.index import HnswSq

        if self._table.count_rows() < 256:
            msg = "an approximate index needs at least 256 rows; searches are exact without it"
            raise ArgumentError(msg)
        self._table.create_index("vector", config=HnswSq(distance_type="cosine", num_partitions=1))
