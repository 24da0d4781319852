"""The old model's outputs on each item, computed once and stored by item id.

With these the old model need not run while the new one trains, and need not be available.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, ItemError, SourceError
from supersede.look import count
from supersede.train.flips.output_form import form_of

__all__ = ["Kind", "OldOutputs"]

Kind = Literal["logits", "probabilities", "classes"]
_MOST_CLASSES = 100_000
_SMALLEST = 1e-7  # probabilities below this are about one float32 step from 0


@dataclass(frozen=True)
class OldOutputs:
    """An old model's outputs on n items; make one with `OldOutputs.of`, `load` or `remember`.

    Attributes:
        items: Item ids, sorted, ``(n,)``.
        values: Logits or probabilities ``(n, C)``, or indices of classes ``(n,)``, −1 where the
            class is not among `classes`.
        kind: Kind of the values.
        classes: Names of the classes, in the order of the outputs; None if only their number is
            known.
    """

    items: npt.NDArray[Any]
    values: npt.NDArray[Any]
    kind: Kind
    classes: tuple[Any, ...] | None = None

    @classmethod
    def of(
        cls,
        items: npt.ArrayLike,
        values: npt.ArrayLike,
        *,
        kind: Kind | None = None,
        classes: npt.ArrayLike | None = None,
    ) -> "OldOutputs":
        """Store outputs by item.

        Args:
            items: Item ids, integers or text, each once, ``(n,)``.
            values: Logits or probabilities ``(n, C)``, or predicted classes ``(n,)`` as names.
            kind: Kind of the values; None: classes if there is one value per item, probabilities if
                each row consists of one or more shares that sum to one, otherwise logits.
            classes: Names of the classes. If None, predicted classes that are whole numbers are
                indices of the classes, as torch has them; of others, the classes are those that occur.

        Returns:
            The outputs.

        Raises:
            ItemError: Ids are missing, or occur twice.
            ArgumentError: Shapes do not fit, or values are not finite.

        Example:
            >>> kept = OldOutputs.of(["b", "a"], [[0.9, 0.1], [0.2, 0.8]])
            >>> kept.kind, kept.take(["a"]).tolist()
            ('probabilities', [[0.2, 0.8]])
        """
        ids, held = np.asarray(items), np.asarray(values)
        if ids.ndim != 1 or len(ids) != len(held) or ids.dtype.kind not in "iuU":
            msg = (
                f"items have shape {ids.shape} and type {ids.dtype}, outputs shape {held.shape};"
                " each output needs its own id, an integer or text"
            )
            raise ItemError(msg)
        order = np.argsort(ids, kind="stable")
        ids, held = ids[order], held[order]
        twice = np.flatnonzero(ids[1:] == ids[:-1])
        if len(twice):
            msg = f"{count(len(twice))} items occur twice, such as {ids[twice[0]].item()!r}; each needs one output"
            raise ItemError(msg)
        if held.ndim == 1:
            form_of(held)
            names = _answered(held) if classes is None else np.asarray(classes)
            place = {name: index for index, name in enumerate(names.tolist())}
            index = np.array([place.get(name, -1) for name in held.tolist()], np.int64)
            return cls(ids, index, "classes", tuple(names.tolist()))
        named = None if classes is None else tuple(np.asarray(classes).tolist())
        return cls(ids, held, _checked(held, kind, named), named)

    def __len__(self) -> int:
        return len(self.items)

    def take(self, items: Any) -> npt.NDArray[Any]:
        """The outputs of some items, in the given order.

        Args:
            items: Ids, an array, list, or tensor on the CPU, ``(b,)``.

        Returns:
            ``(b, C)``, or ``(b,)`` for classes.

        Raises:
            ItemError: Some items have no output.
        """
        ids = np.asarray(items)
        if (ids.dtype.kind == "U") != (self.items.dtype.kind == "U"):
            msg = f"item ids have type {ids.dtype}, and those of the old outputs {self.items.dtype}"
            raise ItemError(msg)
        place = np.minimum(np.searchsorted(self.items, ids), max(len(self.items) - 1, 0))
        missing = self.items[place] != ids if len(self.items) else np.ones(len(ids), bool)
        if missing.any():
            msg = (
                f"{count(missing.sum())} of {count(len(ids))} items have no old output, such as"
                f" {ids[missing][0].item()!r}; remember the old model on all items that are trained on"
            )
            raise ItemError(msg)
        taken: npt.NDArray[Any] = self.values[place]
        return taken

    def logits(self, items: Any) -> npt.NDArray[Any]:
        """As `take`, with probabilities as their logarithms, as torch losses expect."""
        taken = self.take(items)
        if self.kind != "probabilities":
            return taken
        logs: npt.NDArray[Any] = np.log(np.maximum(taken, _SMALLEST))
        return logs

    def predicted(self, items: Any) -> npt.NDArray[Any]:
        """Indices of the predicted classes of some items, ``(b,)``."""
        taken = self.take(items)
        answer: npt.NDArray[Any] = taken if taken.ndim == 1 else taken.argmax(axis=1)
        return answer

    def save(self, path: str | Path) -> None:
        """Write to an ``.npz`` file."""
        held: dict[str, Any] = {"items": self.items, "values": self.values, "kind": self.kind}
        if self.classes is not None:
            held["classes"] = np.asarray(self.classes)
        with Path(path).open("wb") as file:
            np.savez(file, **held)

    @classmethod
    def load(cls, path: str | Path) -> "OldOutputs":
        """The inverse of `save`; nothing in the file is executed.

        Raises:
            SourceError: The file is missing, or contains something else.
        """
        try:
            with np.load(path, allow_pickle=False) as held:
                kind = str(held["kind"])
                names = tuple(held["classes"].tolist()) if "classes" in held else None
                items, values = held["items"], held["values"]
        except (OSError, ValueError, KeyError) as error:
            msg = f"cannot read old outputs from {path}: {error}; write them with OldOutputs.save"
            raise SourceError(msg) from error
        if kind not in get_args(Kind):
            msg = f"{path} contains outputs of kind {kind!r}; expected {', '.join(get_args(Kind))}"
            raise SourceError(msg)
        return cls(items, values, cast("Kind", kind), names)


def _answered(said: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The classes of answers without names: whole numbers are indices, also of classes never given."""
    names = np.unique(said)
    if names.dtype.kind not in "iuf" or not len(names) or names[0] < 0:
        return names
    if names[-1] >= _MOST_CLASSES:
        msg = (
            f"the old answers go up to {names[-1]}, which is hardly the index of a class; name the classes"
            " in the order of the outputs with classes=…"
        )
        raise ArgumentError(msg)
    return np.arange(int(names[-1]) + 1)


def _checked(values: npt.NDArray[Any], kind: Kind | None, classes: tuple[Any, ...] | None) -> Kind:
    if values.ndim != 2 or values.dtype.kind != "f":
        msg = f"outputs have shape {values.shape} and type {values.dtype}; expected floats (n, classes)"
        raise ArgumentError(msg)
    if classes is not None and len(classes) != values.shape[1]:
        msg = f"{len(classes)} classes are named, and outputs have {values.shape[1]} columns"
        raise ArgumentError(msg)
    shares = form_of(values) == "probabilities"
    if kind == "probabilities" and not shares:
        msg = "outputs are not probabilities: each row must be >= 0 and sum to 1; are they logits?"
        raise ArgumentError(msg)
    return kind or ("probabilities" if shares else "logits")
