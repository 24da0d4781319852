"""Items and their targets: what a network takes, row by row, and what it should answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from supersede.errors import ArgumentError, ItemError
from supersede.look import count

__all__ = ["Inputs", "Items", "inputs", "items"]


@dataclass(frozen=True)
class Inputs:
    """What a network takes for n items: tensors with one row per item.

    Attributes:
        args: Positional arguments.
        kwargs: Arguments by name.
    """

    args: tuple[Tensor, ...]
    kwargs: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter((*self.args, *self.kwargs.values()))))

    def take(self, rows: Any) -> "Inputs":
        """Some of the items: a slice, or indices in the order wanted."""
        at = rows if isinstance(rows, slice) else torch.as_tensor(np.asarray(rows))
        return Inputs(tuple(a[at] for a in self.args), {k: v[at] for k, v in self.kwargs.items()})

    def joined(self, more: "Inputs") -> "Inputs":
        """These items, then others.

        Raises:
            ArgumentError: They have other arguments, or rows of another shape.
        """
        mine, theirs = self._shapes(), more._shapes()
        if mine != theirs:
            msg = (
                f"the items so far have rows of shape {mine}, and the new ones {theirs}; pad texts to one"
                " length"
            )
            raise ArgumentError(msg)
        return Inputs(
            tuple(torch.cat(pair) for pair in zip(self.args, more.args, strict=True)),
            {k: torch.cat([v, more.kwargs[k]]) for k, v in self.kwargs.items()},
        )

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        named = {f"argument {i}": a for i, a in enumerate(self.args)} | dict(self.kwargs)
        return {name: tuple(tensor.shape[1:]) for name, tensor in named.items()}

    def split(self, size: int) -> Iterator[tuple[slice, "Inputs"]]:
        """Batches in order, with the rows they are."""
        for start in range(0, len(self), size):
            rows = slice(start, min(start + size, len(self)))
            yield rows, self.take(rows)


@dataclass(frozen=True)
class Items:
    """Items with targets.

    Attributes:
        inputs: What the network takes.
        targets: What it should put out, ``(n, C)``, float64.
        labels: Classes ``(n,)``; None where targets are numbers.
        ids: One id per item, ``(n,)``, unique.
    """

    inputs: Inputs
    targets: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64] | None
    ids: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: npt.NDArray[np.int64]) -> "Items":
        """Some of the items, in the order wanted."""
        labels = None if self.labels is None else self.labels[rows]
        return Items(self.inputs.take(rows), self.targets[rows], labels, self.ids[rows])

    def joined(self, more: "Items") -> "Items":
        """These items, then others.

        Raises:
            ItemError: An id occurs in both.
            ArgumentError: One has classes and the other numbers.
        """
        if (self.labels is None) != (more.labels is None):
            msg = (
                "the items so far have classes as targets and the new ones numbers, or the reverse"
            )
            raise ArgumentError(msg)
        labels = (
            None
            if self.labels is None or more.labels is None
            else np.concatenate([self.labels, more.labels])
        )
        return Items(
            self.inputs.joined(more.inputs),
            np.concatenate([self.targets, more.targets]),
            labels,
            _ids(np.concatenate([self.ids, more.ids]), len(self) + len(more)),
        )

    def rows_of(self, ids: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Where some ids stand.

        Raises:
            ItemError: An id is not among them, or is named twice; or there is none.
        """
        wanted = np.atleast_1d(np.asarray(ids))
        if not wanted.size or wanted.dtype.kind not in "iuU":
            msg = (
                f"expected ids of items, integers or texts, and got {wanted.size} values of type"
                f" {wanted.dtype}; of a mask, pass fit.items.ids[mask]"
            )
            raise ItemError(msg)
        place = {item: row for row, item in enumerate(self.ids.tolist())}
        missing = [item for item in wanted.tolist() if item not in place]
        if missing:
            msg = (
                f"{count(len(missing))} of {count(len(wanted))} ids are not among the {count(len(self))}"
                f" items of the fit, such as {missing[0]!r} (its ids look like {self.ids[0].item()!r})"
            )
            raise ItemError(msg)
        rows = np.array([place[item] for item in wanted.tolist()], np.int64)
        if len(np.unique(rows)) < len(rows):
            msg = "an id is named twice; name each item once"
            raise ItemError(msg)
        return rows


def inputs(X: Any, like: Tensor) -> Inputs:
    """What a network takes, as tensors.

    Args:
        X: A tensor or array ``(n, …)``; a mapping from argument names to such, as a tokenizer
            returns; or a tuple of several arguments.
        like: A parameter of the network: floats are brought to its type and device.

    Returns:
        The inputs.

    Raises:
        ArgumentError: Numbers of rows differ, there are none, or values are not finite.
    """
    if isinstance(X, Inputs):
        return X
    if hasattr(X, "to_numpy"):  # a frame's columns are features, not arguments
        X = X.to_numpy()
    if isinstance(X, Mapping) or hasattr(X, "keys"):
        made = Inputs((), {str(k): _tensor(X[k], like, str(k)) for k in X.keys()})  # noqa: SIM118  # a tokenizer's result iterates over values
    elif isinstance(X, tuple):
        made = Inputs(tuple(_tensor(x, like, f"argument {i}") for i, x in enumerate(X)), {})
    else:
        made = Inputs((_tensor(X, like, "X"),), {})
    sizes = {len(t) for t in (*made.args, *made.kwargs.values())}
    if len(sizes) != 1 or sizes == {0}:
        msg = f"the inputs have {sorted(sizes)} rows; expected one row per item in each, and at least one"
        raise ArgumentError(msg)
    return made


def items(
    X: Any,
    y: npt.ArrayLike,
    ids: npt.ArrayLike | None,
    *,
    like: Tensor,
    outputs: int,
    scale: float,
) -> Items:
    """Items with targets: `scale` times one-hot for classes, numbers as they are.

    Args:
        X: As for `inputs`.
        y: Classes ``(n,)``, integers from 0 to `outputs` − 1; or numbers ``(n, outputs)``.
        ids: One id per item; None: 0, 1, ….
        like: A parameter of the network.
        outputs: C, the number of the network's outputs.
        scale: What the right class's output should be.

    Returns:
        The items.

    Raises:
        ArgumentError: Labels do not fit.
        ItemError: Ids are missing, or not unique.
    """
    taken = inputs(X, like)
    given = np.asarray(y.detach().cpu() if isinstance(y, Tensor) else y)
    n = len(taken)
    if given.ndim == 2 and given.dtype.kind == "f":
        if given.shape != (n, outputs) or not np.isfinite(given).all():
            msg = f"targets have shape {given.shape}; expected finite numbers ({n}, {outputs})"
            raise ArgumentError(msg)
        return Items(taken, given.astype(np.float64), None, _ids(ids, n))
    if given.shape != (n,) or given.dtype.kind not in "iu":
        msg = (
            f"labels have shape {given.shape} and type {given.dtype}; expected {n} integers, or floats"
            f" ({n}, {outputs}) as targets. LQFClassifier takes labels of any type"
        )
        raise ArgumentError(msg)
    outside = np.flatnonzero((given < 0) | (given >= outputs))
    if len(outside):
        msg = (
            f"{count(len(outside))} labels are out of range, such as {given[outside[0]]} at row"
            f" {outside[0]}; the network has {outputs} outputs, so labels are 0 to {outputs - 1}"
        )
        raise ArgumentError(msg)
    labels = given.astype(np.int64)
    return Items(taken, scale * np.eye(outputs)[labels], labels, _ids(ids, n))


def _tensor(value: Any, like: Tensor, name: str) -> Tensor:
    # a copy: frames may lend arrays that cannot be written, which torch does not support
    tensor = value if isinstance(value, Tensor) else _from_array(value, name)
    if tensor.layout != torch.strided:
        msg = f"{name} is a sparse tensor, which layers take differently; pass {name}.to_dense()"
        raise ArgumentError(msg)
    if tensor.dim() == 0:
        msg = f"{name} is a single number; expected one row per item"
        raise ArgumentError(msg)
    if not tensor.is_floating_point():
        return tensor.to(like.device)
    bad = torch.nonzero(
        ~torch.isfinite(tensor.flatten(1)).all(1) if tensor.dim() > 1 else ~torch.isfinite(tensor)
    )
    if len(bad):
        msg = f"{name} has {count(len(bad))} rows that are not finite, such as row {int(bad[0, 0])}"
        raise ArgumentError(msg)
    return tensor.detach().to(like)


def _from_array(value: Any, name: str) -> Tensor:
    try:
        array = np.array(value)
    except ValueError as error:  # rows of different lengths
        msg = f"{name} is not an array of numbers: {error}; pad rows to one length"
        raise ArgumentError(msg) from error
    if array.dtype.kind not in "biuf":
        msg = (
            f"{name} has values of type {array.dtype}; expected numbers. Encode categories first, and texts"
            " with a tokenizer"
        )
        raise ArgumentError(msg)
    return torch.as_tensor(array)


def _ids(ids: npt.ArrayLike | Sequence[object] | None, n: int) -> npt.NDArray[Any]:
    known = np.arange(n) if ids is None else np.asarray(ids)
    if known.shape != (n,) or known.dtype.kind not in "iuU":
        msg = f"ids have shape {known.shape} and type {known.dtype}; expected {n} integers or texts"
        raise ItemError(msg)
    if len(np.unique(known)) < n:
        names, times = np.unique(known, return_counts=True)
        msg = f"id {names[times > 1][0].item()!r} occurs twice; each item needs an id of its own"
        raise ItemError(msg)
    return known
