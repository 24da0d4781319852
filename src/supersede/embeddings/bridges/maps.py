"""Maps from one space to another that are applied row by row, kept in files, and need numpy only."""

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from supersede.embeddings.vectors import BLOCK, Array, Floats, checked, unit
from supersede.errors import IndexAccessError, VectorError

__all__ = [
    "ClusterMap",
    "Identity",
    "LinearMap",
    "Map",
    "ResidualMap",
    "apply_to_file",
    "load_map",
    "save_map",
]


class Map(Protocol):
    """A map between spaces."""

    @property
    def kind(self) -> str:
        """How it was fitted."""

    def apply(self, vectors: Any) -> Floats:
        """The vectors in the other space, of length one, shape ``(n, d_out)``."""

    def arrays(self) -> dict[str, Array]:
        """What `load_map` needs, by name."""


def _fits(vectors: Any, dimensions: int) -> Array:
    array = np.asarray(vectors)
    if array.ndim != 2 or array.shape[1] != dimensions:
        msg = f"the map takes vectors of {dimensions} dimensions; these have shape {array.shape}"
        raise VectorError(msg)
    return array


@dataclass(frozen=True, eq=False)
class Identity:
    """No map: vectors of length one."""

    kind: str = field(default="identity", init=False)

    def apply(self, vectors: Any) -> Floats:
        """The vectors themselves, of length one."""
        return unit(vectors)

    def arrays(self) -> dict[str, Array]:
        """Nothing."""
        return {}


@dataclass(frozen=True, eq=False)
class LinearMap:
    """y = A x + b, then length one; x of length one.

    Attributes:
        matrix: A, shape ``(d_out, d_in)``.
        bias: b, shape ``(d_out,)``; None for zero.
        kind: How it was fitted.
    """

    matrix: Floats
    bias: Floats | None = None
    kind: str = "linear"

    def apply(self, vectors: Any) -> Floats:
        """The mapped vectors, of length one."""
        array = _fits(vectors, self.matrix.shape[1])
        out = np.empty((len(array), self.matrix.shape[0]), np.float32)
        for start in range(0, len(array), BLOCK):
            rows = slice(start, start + BLOCK)
            seen = np.asarray(array[rows], np.float32)
            if self.bias is not None:  # only then does the length of x matter
                seen = unit(seen)
            np.matmul(seen, self.matrix.T, out=out[rows])
            if self.bias is not None:
                out[rows] += self.bias
            length = np.sqrt(np.einsum("ij,ij->i", out[rows], out[rows]))[:, None]
            np.divide(out[rows], np.maximum(length, np.finfo(np.float32).tiny), out=out[rows])
        return out

    def arrays(self) -> dict[str, Array]:
        """Matrix and bias."""
        return {"matrix": self.matrix} | ({} if self.bias is None else {"bias": self.bias})


@dataclass(frozen=True, eq=False)
class ClusterMap:
    """One linear map per cluster of the source space; each vector takes that of its nearest centre.

    Attributes:
        centres: Shape ``(c, d_in)``.
        matrices: Shape ``(c, d_out, d_in)``.
    """

    centres: Floats
    matrices: Floats
    kind: str = field(default="clusters", init=False)

    def apply(self, vectors: Any) -> Floats:
        """The mapped vectors, of length one."""
        seen = unit(_fits(vectors, self.centres.shape[1]))
        # nearest centre: the constant |x|² is left out
        near = (seen @ self.centres.T - 0.5 * np.square(self.centres).sum(1)).argmax(1)
        out = np.empty((len(seen), self.matrices.shape[1]), np.float32)
        for cluster in np.unique(near):
            mine = near == cluster
            out[mine] = seen[mine] @ self.matrices[cluster].T
        return unit(out)

    def arrays(self) -> dict[str, Array]:
        """Centres and matrices."""
        return {"centres": self.centres, "matrices": self.matrices}


@dataclass(frozen=True, eq=False)
class ResidualMap:
    """y = A x + V relu(U x + u) with few hidden units: a linear map and a correction of low rank.

    Attributes:
        matrix: A, shape ``(d_out, d_in)``.
        inner: U, shape ``(h, d_in)``.
        offset: u, shape ``(h,)``.
        outer: V, shape ``(d_out, h)``.
    """

    matrix: Floats
    inner: Floats
    offset: Floats
    outer: Floats
    kind: str = field(default="residual", init=False)

    def apply(self, vectors: Any) -> Floats:
        """The mapped vectors, of length one."""
        seen = unit(_fits(vectors, self.matrix.shape[1]))
        hidden = np.maximum(seen @ self.inner.T + self.offset, 0)
        return unit(seen @ self.matrix.T + hidden @ self.outer.T)

    def arrays(self) -> dict[str, Array]:
        """All four arrays."""
        return {
            "matrix": self.matrix,
            "inner": self.inner,
            "offset": self.offset,
            "outer": self.outer,
        }


def save_map(made: Map, path: str | Path) -> Path:
    """Write a map so that a reader sees the old file or the new one, never half of it."""
    path = Path(path)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    parts: dict[str, Any] = made.arrays()
    told = json.dumps([type(made).__name__, made.kind])
    with os.fdopen(handle, "wb") as file:
        np.savez(file, kind=np.asarray(told), **parts)
    Path(scratch).replace(path)
    return path


def load_map(path: str | Path) -> Map:
    """Read a map that `save_map` wrote.

    Raises:
        IndexAccessError: The file is missing or holds no map.

    Example:
        >>> import tempfile, os
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     name = save_map(LinearMap(np.eye(2, dtype=np.float32)), os.path.join(folder, "m.npz"))
        ...     load_map(name).apply([[3.0, 4.0]]).round(1).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            made, kind = json.loads(str(stored["kind"]))
            arrays = {name: stored[name] for name in stored.files if name != "kind"}
    except (OSError, ValueError, KeyError) as error:
        msg = f"cannot read a bridge from {path}: {error}; save one with save_map(bridge, path)"
        raise IndexAccessError(msg) from error
    if made == "LinearMap":
        return LinearMap(**arrays, kind=kind)
    if made == "Identity":
        return Identity()
    return ClusterMap(**arrays) if made == "ClusterMap" else ResidualMap(**arrays)


def apply_to_file(made: Map, source: str | Path, out: str | Path) -> npt.NDArray[Any]:
    """Map a `.npy` file into another, block by block, in the memory of a few blocks.

    The file appears once it is whole; `out` may be the source.

    Returns:
        The mapped vectors, memory-mapped.

    Raises:
        VectorError: The file's vectors are not finite, or of another dimension.
        IndexAccessError: The file cannot be read.
    """
    try:
        stored = np.load(source, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        msg = f"cannot read vectors from {source}: {error}; expected a .npy file of shape (n, d)"
        raise IndexAccessError(msg) from error
    first = made.apply(checked(stored[:1], str(source)))
    shape = (len(stored), first.shape[1])
    out = Path(out)
    handle, scratch = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            head = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, head)
            for start, rows in _from_disk(stored, Path(source)):
                mapped = made.apply(checked(rows, f"{source}, rows from {start}"))
                file.write(mapped.astype("<f4", copy=False).data)
        del stored
        Path(scratch).replace(out)
    finally:
        Path(scratch).unlink(missing_ok=True)
    written: npt.NDArray[Any] = np.load(out, mmap_mode="r")
    return written


def _from_disk(stored: Any, path: Path) -> Iterator[tuple[int, Array]]:
    """Blocks of rows, read rather than mapped: pages of a map count as memory until it is closed."""
    if not stored.flags.c_contiguous:  # columns lie together: only a map reaches single rows
        for start in range(0, len(stored), BLOCK):
            yield start, stored[start : start + BLOCK]
        return
    width = stored.shape[1]
    with path.open("rb") as file:
        file.seek(stored.offset)
        for start in range(0, len(stored), BLOCK):
            rows = min(BLOCK, len(stored) - start)
            yield start, np.fromfile(file, stored.dtype, rows * width).reshape(rows, width)
