"""Rows of several samples as one sample, and columns as texts."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from supersede.bounty import Sample
from supersede.bounty.artefacts import Column, column_of
from supersede.errors import ArgumentError, MissingColumnError

__all__ = ["stacked", "texts_of"]


def stacked(samples: Sequence[Sample], name: str) -> Sample:
    """The rows of several samples under one name, in order.

    Columns that only some of the samples have are left out.

    Raises:
        ArgumentError: Some samples have weights and others have none, or a column holds numbers in
            one sample and texts in another.
    """
    first = samples[0]
    if len(samples) == 1:
        return first if first.name == name else Sample(name, first.columns, first.labels, first.weight, first.most_weight)  # fmt: skip
    if len({sample.weight is None for sample in samples}) > 1:
        listed = ", ".join(repr(s.name) for s in samples if s.weight is None)
        msg = f"some samples have weights, but {listed} has none; give weights to all or to none"
        raise ArgumentError(msg)
    columns = {
        key: _stacked_column([sample.columns[key] for sample in samples], key)
        for key in first.columns
        if all(key in sample.columns for sample in samples)
    }
    weights = [sample.weight for sample in samples if sample.weight is not None]
    return Sample(
        name, columns, np.concatenate([sample.labels for sample in samples]),
        np.concatenate(weights) if weights else None,
    )  # fmt: skip


def texts_of(sample: Sample, name: str) -> npt.NDArray[np.object_]:
    """A column as texts, None where missing; shape ``(n,)``.

    Raises:
        MissingColumnError: There is no such column.
    """
    if name not in sample.columns:
        raise MissingColumnError.of(name, sample.columns, "the target of a repair")
    column: Column = sample.columns[name]
    found = column.texts() if column.kind == "text" else column.values.astype(str).astype(object)
    if column.missing is not None:
        found[column.missing] = None
    return np.asarray(found, object)


def _stacked_column(parts: Sequence[Column], name: str) -> Column:
    kinds = {part.kind for part in parts} - {"unknown"}
    if len(kinds) > 1:
        msg = f"column {name!r} holds {' in one sample and '.join(sorted(f'{k}s' for k in kinds))} in another; make them alike"
        raise ArgumentError(msg)
    if kinds == {"text"}:
        return column_of(np.concatenate([_known_texts(part) for part in parts]), name)
    if kinds == {"boolean"} and all(part.missing is None for part in parts):
        return column_of(np.concatenate([part.values for part in parts]), name)
    return column_of(np.concatenate([part.numbers() for part in parts]), name)


def _known_texts(part: Column) -> npt.NDArray[np.object_]:
    if part.kind != "text":
        return np.full(len(part), None, object)
    found = part.texts()
    if part.missing is not None:
        found[part.missing] = None
    return found
