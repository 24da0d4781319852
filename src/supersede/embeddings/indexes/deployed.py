"""A FAISS index as somebody else built it (flat, IVF, HNSW, quantised), for reading only; needs `faiss`.

FAISS numbers its vectors, so ids are given beside it. Whether vectors were divided by their length is not in
the index: one of inner products of unit vectors ranks as the cosine does, and is judged as such with
``metric="cosine"``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from supersede.embeddings.indexes.index import Neighbours, asked, named
from supersede.embeddings.vectors import Metric
from supersede.errors import ArgumentError, IndexAccessError, ItemError, MissingExtraError

__all__ = ["DeployedFaiss"]

SOME, LOSSY = 100, 0.1  # vectors whose length is checked; how far quantisation may change it


class DeployedFaiss:
    """Searches through a FAISS index, with its own parameters (`nprobe`, `efSearch`) as they are set.

    Args:
        index: The index, or a file of ``faiss.write_index``.
        ids: Id of each vector, in the order in which they were added; with an `IndexIDMap`, a mapping from
            its numbers to ids. Its numbers themselves if None.
        stamp: The model's stamp.
        metric: How vectors are compared: ``"cosine"`` means that vectors were divided by their length
            before they were added. What the index was built for if None: ``"dot"`` or ``"euclidean"``.

    Raises:
        MissingExtraError: faiss is not installed.
        IndexAccessError: The file is missing or not an index of FAISS.
        ItemError: Ids repeat, or are not one per vector.
        ArgumentError: The index was built for another metric, or holds vectors of other lengths than
            one under the cosine.

    Example:
        >>> import faiss
        >>> made = faiss.IndexHNSWFlat(4, 8, faiss.METRIC_INNER_PRODUCT)
        >>> made.add(np.eye(4, dtype=np.float32))
        >>> DeployedFaiss(made, ids=[*"abcd"], stamp="m-1").search(np.eye(4)[:1], 1).ids
        (('a',),)
    """

    def __init__(
        self, index: Any, ids: Any = None, *, stamp: str, metric: Metric | None = None
    ) -> None:
        try:
            import faiss
        except ModuleNotFoundError as error:
            raise MissingExtraError.of(
                package="faiss-cpu", extra="faiss", purpose="a FAISS index"
            ) from error
        if isinstance(index, str | Path):
            try:
                index = faiss.read_index(str(index))
            except RuntimeError as error:
                told = str(error).strip().splitlines()[-1]
                msg = f"cannot read a FAISS index: {told}; write one with faiss.write_index"
                raise IndexAccessError(msg) from error
        built = {faiss.METRIC_INNER_PRODUCT: "dot", faiss.METRIC_L2: "euclidean"}.get(
            index.metric_type
        )
        # of unit vectors, inner products and distances rank as the cosine does
        if built is None or metric not in {None, "cosine", built}:
            msg = f"the index was built for {built or 'a metric that is not supported'}, not for {metric!r}"
            raise ArgumentError(msg)
        self.stamp, self.dimensions = stamp, int(index.d)
        self.metric: str = metric or built
        self._index = index
        numbers = _numbers(index, faiss)
        if metric == "cosine":
            _check_length(index, numbers)
        names: Any = numbers if ids is None else ids
        if isinstance(ids, dict):
            lacking = [number for number in numbers if number not in ids]
            if lacking:
                msg = f"{len(lacking)} numbers of the index have no id, such as {lacking[0]}; give one per vector"
                raise ItemError(msg)
            names = [ids[number] for number in numbers]
        listed, _ = named(names)
        if len(listed) != len(numbers):
            msg = f"{len(listed)} ids for {len(numbers)} vectors of the index; give one per vector"
            raise ItemError(msg)
        self._names = dict(zip(numbers, listed, strict=True))

    def search(self, queries: Any, k: int) -> Neighbours:
        """The nearest items of each query; larger scores are nearer."""
        made = asked(self, queries, k, unit_length=self.metric == "cosine")
        score, number = self._index.search(np.ascontiguousarray(made), k)
        ids = tuple(tuple(self._names[n] for n in row.tolist() if n >= 0) for row in number)
        sign = -1.0 if self.metric == "euclidean" else 1.0
        return Neighbours(ids, tuple(sign * s[n >= 0] for s, n in zip(score, number, strict=True)))

    def ids(self) -> list[str]:
        """Ids of all items, sorted."""
        return sorted(self._names.values())


def _numbers(index: Any, faiss: Any) -> Sequence[int]:
    """The number of each vector: its place, unless the index maps numbers of its own."""
    inner = faiss.downcast_index(index)
    if hasattr(inner, "id_map"):
        numbers: list[int] = faiss.vector_to_array(inner.id_map).tolist()
        return numbers
    ivf = faiss.try_extract_index_ivf(index)
    if ivf is None:
        return range(int(index.ntotal))
    lists = ivf.invlists  # an IVF index keeps numbers itself
    parts = [faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)) for i in range(ivf.nlist)]
    return sorted(int(number) for part in parts for number in part)


def _check_length(index: Any, numbers: Sequence[int]) -> None:
    """Refuse the cosine where vectors that the index gives back are not of length one."""
    try:
        some = [index.reconstruct(int(number)) for number in numbers[:SOME]]
    except RuntimeError:  # the index cannot give vectors back
        return
    length = np.linalg.norm(np.array(some), axis=1) if some else np.ones(1)
    if abs(float(np.median(length)) - 1) > LOSSY:
        msg = (
            f"the index holds vectors of length {np.median(length):.3g}, so it does not rank by the cosine; leave"
            " metric out, and judge it by the metric it was built for"
        )
        raise ArgumentError(msg)
