"""Labelled rows of a prediction table as a sample: classes become codes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from supersede.bounty.sample import Sample
from supersede.errors import (
    ArgumentError,
    ColumnTypeError,
    MissingColumnError,
    MissingPredictionError,
)
from supersede.table.coerce import Columns, as_names, as_table
from supersede.table.source import collect

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["coded", "labelled_rows"]


def labelled_rows(
    source: object,
    model: str | None,
    features: Sequence[str] | None,
    name: str,
    **columns: Unpack[Columns],
) -> Sample:
    """See `Sample.from_table`."""
    table = as_table(source, [] if model is None else [model], **columns)
    if table.label is None:
        msg = "a bounty judges by labels; name the column that holds them with label="
        raise ArgumentError(msg)
    rows, known = table.rows, {model, table.label, table.item, table.weight, table.cost}
    if features is None:
        features = [column for column in rows.columns if column not in known | {table.cluster}]
    features = list(dict.fromkeys(as_names(features, "features")))
    for column in features:
        if column not in rows.columns:
            raise MissingColumnError.of(column, rows.columns, "a feature or a group")
        if column in (model, table.label):
            what = "model" if column == model else "label"
            msg = f"{column}: the {what} cannot be a feature or a group"
            raise ArgumentError(msg)
    read = [column for column in (model, table.label, table.weight) if column is not None]
    found = collect(rows.select(*dict.fromkeys([*read, *features])))
    return coded(found, table.label, model, features, name, table.weight)


def coded(
    found: "pa.Table",
    label: str,
    model: str | None,
    features: Sequence[str],
    name: str,
    weight: str | None = None,
) -> Sample:
    """The rows that have a label.

    Raises:
        MissingPredictionError: The model has no class for one of them.
        ColumnTypeError: A feature has a type that groups cannot read.
    """
    truth = found[label].to_pylist()
    labelled = np.array([not _missing(value) for value in truth], bool)
    found, truth = found.filter(labelled), [value for value in truth if not _missing(value)]
    said = [] if model is None else found[model].to_pylist()
    if any(map(_missing, said)):
        msg = (
            f"{model} has no class for some labelled rows; leave these rows out or add predictions"
            " for them"
        )
        raise MissingPredictionError(msg)
    classes = sorted({*truth, *said}, key=lambda value: (str(type(value)), value))
    code = {value: number for number, value in enumerate(classes)}
    columns: dict[str, Any] = {
        column: found[column].to_numpy(zero_copy_only=False) for column in features
    }
    if model is not None:
        columns[model] = np.array([code[value] for value in said], int)
    try:
        return Sample(
            name,
            columns,
            np.array([code[value] for value in truth], int),
            None if weight is None else found[weight].to_numpy(zero_copy_only=False),
            classes=tuple(classes),
        )
    except ColumnTypeError as error:
        msg = f"{error}; or name the columns that groups are allowed to read"
        raise ColumnTypeError(msg) from error


def _missing(value: object) -> bool:
    return value is None or value != value  # only NaN is unequal to itself
