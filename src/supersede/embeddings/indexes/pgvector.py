"""PostgreSQL with the extension pgvector; needs the extra `pgvector` (psycopg)."""

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

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
from supersede.errors import IndexAccessError, MissingExtraError

__all__ = ["PgIndex"]

MODELS = "supersede_models"  # which table is of which model
EF, MOST = 40, 1000  # candidates of an HNSW search: pgvector's default, and the most it allows


class PgIndex:
    """One table as an index.

    Args:
        address: ``postgresql://…``
        table: Name of the table.
        stamp: The model's stamp; None reads that of an existing table.
        dimensions: Needed to create the table.

    Raises:
        MissingExtraError: psycopg is not installed.
        IndexAccessError: The server cannot be reached, lacks the extension, or has no such table.
        StampError: The table is of another model.
        VectorError: It holds vectors of other dimensions.
    """

    def __init__(
        self, address: str, table: str, *, stamp: str | None = None, dimensions: int | None = None
    ) -> None:
        try:
            import psycopg
            from psycopg import sql
        except ModuleNotFoundError as error:
            raise MissingExtraError.of(
                package="psycopg", extra="pgvector", purpose="a pgvector index"
            ) from error
        self._sql = sql
        self._name = sql.Identifier(table)
        try:
            self._link = psycopg.connect(address, autocommit=True)
            weakref.finalize(self, self._link.close)
            self._link.execute("CREATE EXTENSION IF NOT EXISTS vector")
        except psycopg.Error as error:
            msg = f"cannot use {address}: {error}; is the server up, with the extension pgvector?"
            raise IndexAccessError(msg) from error
        models = sql.Identifier(MODELS)
        self._link.execute(
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {} (name text PRIMARY KEY, stamp text NOT NULL, d int NOT NULL)"
            ).format(models)
        )
        kept = self._link.execute(
            sql.SQL("SELECT stamp, d FROM {} WHERE name = %s").format(models), (table,)
        ).fetchone()
        if kept is None:
            if stamp is None or dimensions is None:
                msg = f"no table {table!r} of supersede at this address; PgIndex(…, stamp=…, dimensions=…) creates one"
                raise IndexAccessError(msg)
            kept = (stamp, dimensions)
            try:
                self._create(table, *kept)
            except psycopg.errors.DuplicateTable as error:
                msg = f"there is a table {table!r} that supersede did not make; choose another name"
                raise IndexAccessError(msg) from error
        same_model(f"the table {table!r}", (str(kept[0]), int(kept[1])), stamp, dimensions)
        self.stamp, self.dimensions = str(kept[0]), int(kept[1])

    def _create(self, table: str, stamp: str, dimensions: int) -> None:
        with self._link.transaction():
            self._run(
                "CREATE TABLE {} (id text PRIMARY KEY, vector vector({}), stamp text NOT NULL,"
                " version bigint NOT NULL, deleted bool NOT NULL)",
                self._sql.Literal(int(dimensions)),
            )
            self._link.execute(
                self._sql.SQL("INSERT INTO {} VALUES (%s, %s, %s)").format(
                    self._sql.Identifier(MODELS)
                ),
                (table, stamp, dimensions),
            )

    def _run(self, text: str, *parts: Any, values: Sequence[Any] = ()) -> Any:
        """Run a statement; the first ``{}`` is the table."""
        return self._link.execute(self._sql.SQL(text).format(self._name, *parts), values or None)

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
        rows = sorted(zip(names, made, numbers.tolist(), strict=True))  # one order: no deadlocks
        with self._link.transaction(), self._link.cursor() as cursor:
            cursor.execute(
                self._sql.SQL("CREATE TEMP TABLE batch (LIKE {}) ON COMMIT DROP").format(self._name)
            )
            with cursor.copy("COPY batch FROM STDIN") as copy:
                for name, vector, version in rows:
                    copy.write_row((name, _text(vector), self.stamp, version, deleted))
            cursor.execute(
                self._sql.SQL(
                    "INSERT INTO {0} AS kept SELECT * FROM batch ON CONFLICT (id) DO UPDATE SET"
                    " vector = excluded.vector, stamp = excluded.stamp, version = excluded.version,"
                    " deleted = excluded.deleted WHERE kept.version <= excluded.version"
                ).format(self._name)
            )

    def search(self, queries: Any, k: int) -> Neighbours:
        """The nearest items of each query by cosine."""
        ids, scores = [], []
        with self._link.transaction():
            # HNSW returns no more than ef_search results, by default 40
            self._link.execute(
                "SELECT set_config('hnsw.ef_search', greatest(%s, coalesce(nullif("
                "current_setting('hnsw.ef_search', true), '')::int, %s))::text, true)",
                (min(k, MOST), EF),
            )
            for query in asked(self, queries, k):
                got = self._run(
                    "SELECT id, 1 - (vector <=> %s) FROM {} WHERE NOT deleted ORDER BY vector <=> %s LIMIT %s",
                    values=(_text(query), _text(query), k),
                ).fetchall()
                ids.append(tuple(row[0] for row in got))
                scores.append(np.array([row[1] for row in got], np.float32))
        return Neighbours(tuple(ids), tuple(scores))

    def read(self, ids: Sequence[str]) -> Stored:
        """Stored rows."""
        got = self._run(
            "SELECT id, vector::real[], stamp, version, deleted FROM {} WHERE id = ANY(%s)",
            values=([str(name) for name in ids],),
        ).fetchall()
        return Stored(
            tuple(row[0] for row in got),
            np.array([row[1] for row in got], np.float32).reshape(-1, self.dimensions),
            tuple(row[2] for row in got),
            np.array([row[3] for row in got], np.int64),
            np.array([row[4] for row in got], bool),
        )

    def ids(self) -> list[str]:
        """Ids of all items that are not deleted, sorted."""
        return sorted(row[0] for row in self._run("SELECT id FROM {} WHERE NOT deleted").fetchall())

    def contents(self) -> Contents:
        """Counts of everything stored."""
        got = self._run(
            "SELECT stamp, count(*), count(DISTINCT id), count(*) FILTER (WHERE deleted) FROM {} GROUP BY stamp"
        ).fetchall()
        return Contents(
            sum(row[1] for row in got),
            sum(row[2] for row in got),
            sum(row[3] for row in got),
            {row[0]: row[1] for row in got},
        )

    def build(self) -> None:
        """Build an approximate index (HNSW) over what is stored; searches then use it."""
        self._run("CREATE INDEX ON {} USING hnsw (vector vector_cosine_ops) WHERE NOT deleted")


def _text(vector: Floats) -> str:
    return "[" + ",".join(map(repr, vector.tolist())) + "]"
