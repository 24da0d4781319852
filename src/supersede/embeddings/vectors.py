"""Vectors as they come, checked: finite, two-dimensional, none without a direction.

Values stay what they are (memory maps are not loaded); arithmetic happens in float32, block by
block. Half precision and int8 are read; the scale of an int8 row does not matter to the cosine.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, ItemError, VectorError

__all__ = [
    "Metric",
    "aligned",
    "blocks",
    "checked",
    "comparable",
    "prepared",
    "unit",
]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
Metric = Literal["cosine", "dot", "euclidean"]

BLOCK = 1 << 14  # rows that are converted at a time
LONGEST = 1e15  # beyond this length, products leave the range of float32


def checked(values: Any, what: str, *, metric: Metric = "cosine") -> Array:
    """The vectors as an array of shape ``(n, d)``, refused where no score can be made of them.

    Args:
        values: Anything that numpy reads: floats of any precision, or int8.
        what: The name used in errors, such as ``"queries_old"``.
        metric: ``"cosine"``, ``"dot"`` or ``"euclidean"``.

    Raises:
        VectorError: Not two-dimensional, empty, NaN or infinite, not numbers; or, unless the metric
            is ``"euclidean"``, a vector of length zero.
        ArgumentError: The metric is not one of the three.

    Example:
        >>> checked([[3.0, 4.0]], "queries").shape
        (1, 2)
    """
    if metric not in get_args(Metric):
        msg = f"metric={metric!r}; it must be one of {', '.join(get_args(Metric))}"
        raise ArgumentError(msg)
    array = _plain(values, what)
    if array.ndim != 2:
        msg = f"{what} has shape {array.shape}; expected (n, d): one row per item, one column per dimension"
        raise VectorError(msg)
    if not array.size:
        msg = f"{what} has shape {array.shape}: there is nothing in it"
        raise VectorError(msg)
    if array.dtype.kind in "iu" and metric != "cosine":
        msg = (
            f"{what} holds {array.dtype} without a scale, which {metric!r} needs; multiply each row by its"
            " scale, or use metric='cosine'"
        )
        raise VectorError(msg)
    for start, block in blocks(array):
        broken = ~np.isfinite(block).all(1)
        if broken.any():
            row = start + int(broken.argmax())
            msg = (
                f"{what}: row {row} has values that are NaN, infinite or beyond float32; embed that item"
                " again, or leave it out"
            )
            raise VectorError(msg)
        squares = np.square(block, dtype=np.float64).sum(1)
        zero = squares == 0
        if metric != "euclidean" and zero.any():
            row = start + int(zero.argmax())
            msg = (
                f"{what}: row {row} is all zeros, so it has no direction (an empty text?); leave that"
                " item out"
            )
            raise VectorError(msg)
        if metric != "cosine" and (squares > LONGEST**2).any():
            row = start + int(squares.argmax())
            msg = (
                f"{what}: row {row} has the length {squares.max() ** 0.5:.3g}, which is too large for"
                f" {metric!r} in float32; scale the vectors, or use metric='cosine'"
            )
            raise VectorError(msg)
    return array


def _plain(values: Any, what: str) -> Array:
    try:
        array = values if isinstance(values, np.ndarray) else np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # torch raises any of them
        msg = (
            f"{what} cannot be read as an array of numbers: {error}; expected shape (n, d), of a torch tensor"
            " .detach().float().numpy()"
        )
        raise VectorError(msg) from error
    if isinstance(array, np.ma.MaskedArray):
        msg = f"{what} is a masked array; fill it or leave masked rows out: a mask says nothing about distances"
        raise VectorError(msg)
    if array.dtype.name == "bfloat16" or array.dtype == "V2":
        msg = f"{what} holds {array.dtype}, which is how bfloat16 is kept; convert it with .astype(np.float32) before it is saved"
        raise VectorError(msg)
    if array.dtype == np.uint8:
        msg = (
            f"{what} holds uint8: packed bits, codes around a zero point, or plain numbers? Decode them"
            " (np.unpackbits, or minus the zero point), or say that they are the coordinates with"
            " .astype(np.float32)"
        )
        raise VectorError(msg)
    if array.dtype.kind not in "fiu":
        msg = f"{what} holds {array.dtype}; expected floats or int8, every row of the same length"
        raise VectorError(msg)
    return array


def blocks(values: Array, rows: int = BLOCK) -> Iterator[tuple[int, Floats]]:
    """Consecutive rows in float32, with the number of the first; what is too large becomes infinite."""
    for start in range(0, len(values), rows):
        with np.errstate(over="ignore"):
            yield start, np.asarray(values[start : start + rows], np.float32)


def unit(values: Any) -> Floats:
    """Each row divided by its length.

    Example:
        >>> unit([[3.0, 4.0]]).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """
    rows = np.asarray(values, np.float32)
    with np.errstate(over="ignore"):
        length = np.sqrt(np.einsum("...j,...j->...", rows, rows))[..., None]
    if not (np.isfinite(length).all() and (length > 1e-15).all()):  # squares leave float32's range
        wide = rows.astype(np.float64)
        length = np.maximum(np.linalg.norm(wide, axis=-1, keepdims=True), np.finfo(np.float64).tiny)
        return np.asarray(wide / length, np.float32)
    return np.asarray(rows / length, np.float32)


def prepared(values: Array, metric: Metric) -> Floats:
    """Rows in float32, of length one where the metric is the cosine."""
    return unit(values) if metric == "cosine" else np.asarray(values, np.float32)


def comparable(queries: Array, gallery: Array, what: str, gallery_name: str) -> None:
    """Refuse vectors of different dimensions.

    Raises:
        VectorError: The dimensions differ.
    """
    if queries.shape[1] != gallery.shape[1]:
        msg = (
            f"{what} has {queries.shape[1]} dimensions and {gallery_name} {gallery.shape[1]}: they cannot be"
            " compared without a map between the spaces (bridge=… or --bridge, from"
            " supersede.embeddings.fit_ridge and the like), or leave the cross test out (cross=False or"
            " --no-cross-test)"
        )
        raise VectorError(msg)


def aligned(
    old: Any, new: Any, *, what: str = "items", common: bool = False
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows of both sets that belong to the same item, in the old set's order.

    Args:
        old: Ids of the old vectors.
        new: Ids of the new vectors.
        what: The name used in errors.
        common: Leave out items that only one side has, rather than refuse.

    Returns:
        Row numbers in the old set and in the new set, of the same length.

    Raises:
        ItemError: An id repeats, or (without `common`) is on one side only, or none is common.

    Example:
        >>> rows = aligned(["a", "b"], ["b", "a"])
        >>> rows[0].tolist(), rows[1].tolist()
        ([0, 1], [1, 0])
    """
    first, second = [str(i) for i in old], [str(i) for i in new]
    for name, ids in (("old", first), ("new", second)):
        if len(set(ids)) < len(ids):
            twice, _ = Counter(ids).most_common(1)[0]
            msg = f"{what}: id {twice!r} occurs twice among the {name} vectors; ids must be unique"
            raise ItemError(msg)
    place = {item: row for row, item in enumerate(second)}
    kept = [row for row, item in enumerate(first) if item in place]
    lacking, extra = len(first) - len(kept), len(second) - len(kept)
    if not kept:
        msg = f"{what}: no id is common to both; old ids look like {first[0]!r}, new ones like {second[0]!r}"
        raise ItemError(msg)
    if (lacking or extra) and not common:
        missing = min(set(first) ^ set(second))
        msg = (
            f"{what}: {lacking} items have an old vector only and {extra} a new one only (such as"
            f" {missing!r}); embed them with both models, or compare the common ones (common=True,"
            " --common)"
        )
        raise ItemError(msg)
    rows = np.asarray(kept, np.intp)
    return rows, np.asarray([place[first[row]] for row in kept], np.intp)
