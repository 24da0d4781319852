"""Indexes by address: ``lancedb:FOLDER/TABLE``, ``faiss:FILE``, ``postgresql://…#TABLE``."""

from pathlib import Path

from supersede.embeddings.indexes.index import VectorIndex
from supersede.errors import ArgumentError

__all__ = ["open_index"]


def open_index(
    address: str, *, stamp: str | None = None, dimensions: int | None = None
) -> VectorIndex:
    """Open an index, or create it where stamp and dimensions are given.

    Args:
        address: ``lancedb:FOLDER/TABLE``, ``faiss:FILE`` or ``postgresql://…#TABLE``.
        stamp: The model's stamp; None reads that of an existing index.
        dimensions: Needed to create an index.

    Raises:
        ArgumentError: The address has none of these forms.
        IndexAccessError: The index is not there.
        StampError: It is of another model.
        MissingExtraError: Its library is not installed.
    """
    kind, _, rest = address.partition(":")
    if kind == "lancedb" and "/" in rest:
        from supersede.embeddings.indexes.lancedb import LanceIndex

        path = Path(rest)
        return LanceIndex(path.parent, path.name, stamp=stamp, dimensions=dimensions)
    if kind == "faiss" and rest:
        from supersede.embeddings.indexes.faiss import FaissIndex

        return FaissIndex(rest, stamp=stamp, dimensions=dimensions)
    if kind in {"postgresql", "postgres"} and "#" in rest:
        from supersede.embeddings.indexes.pgvector import PgIndex

        server, _, table = address.rpartition("#")
        return PgIndex(server, table, stamp=stamp, dimensions=dimensions)
    msg = f"no index {address!r}; expected lancedb:FOLDER/TABLE, faiss:FILE or postgresql://…#TABLE"
    raise ArgumentError(msg)
