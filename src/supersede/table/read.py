"""Read predictions: which column is what, and whether the rows can be trusted."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from supersede.errors import (
    ArgumentError,
    ColumnTypeError,
    MissingColumnError,
    MissingPredictionError,
)
from supersede.table.outcomes import Classes, Loss, Outcome, Right, Scores, Within, plain
from supersede.table.source import collect, open_source
from supersede.table.table import Missing, Table
from supersede.table.validate import validate

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["read"]

_ITEM_NAMES = ("item", "item_id", "id")
_LABEL_NAMES = ("label", "y", "y_true", "target")
_PREDICTION_WORDS = ("prediction", "pred")
_SCORE_WORDS = ("probability", "score", "proba")


def read(
    source: object,
    *,
    item: str | None = None,
    label: str | None = None,
    labelled: bool = True,
    models: Sequence[str] | Mapping[str, str | Outcome] | None = None,
    groups: Sequence[str] = (),
    weight: str | None = None,
    cost: str | None = None,
    cluster: str | None = None,
    missing: Missing = "refuse",
) -> Table:
    """Read a table of predictions; one row an item, one column a model.

    Columns that are not named are found by name, exactly and in this order: the item id as
    ``item``, ``item_id`` or ``id``; the label as ``label``, ``y``, ``y_true`` or ``target``; models
    as columns whose name starts or ends with ``prediction`` or ``pred``. A class column called
    ``a_prediction`` finds its score as ``a_probability``, ``a_score`` or ``a_proba``, and a column
    ``a`` as ``a_score`` and so on. Nothing else is guessed. A model that is given by its column
    alone is read as classes where the column holds whole numbers or text and there is a label; as
    scores, cut at 0.5, where it holds fractions and the label is 0 or 1; and as a graded outcome
    (right / wrong) where there is no label. `Table.reading` says in one line what was understood.

    Args:
        source: A path or glob of CSV, JSONL or Parquet files, or a list of them; a pandas or polars
            frame; an Arrow table; or an Ibis table on any backend.
        item: The column of item ids; unique. They cost memory to check, so that a log of 10⁸ rows
            is best read without them.
        label: The column of labels; null where an item has none.
        labelled: False for predictions whose labels are still to come: models are then read as
            classes, or as scores where they hold fractions, and a label column is not looked for.
        models: Model columns, or a mapping of names to columns or to outcomes such as
            ``supersede.table.Within("price", tolerance=5)``.
        groups: Columns that say who or what an item belongs to.
        weight: Column of non-negative item weights.
        cost: Column of non-negative costs of a negative flip.
        cluster: Column of clusters of items that are not independent.
        missing: A prediction that is missing (null or NaN) is refused, counts as ``"wrong"``, or
            its item is left out (``"drop"``).

    Returns:
        The table, checked.

    Raises:
        SourceError: A file is missing, unreadable or truncated.
        EmptyTableError: There are no rows.
        MissingColumnError: A column is not there.
        ItemError: Item ids are missing or not unique.
        MissingPredictionError: A model has no prediction for some items.
        ColumnTypeError: A column's type does not fit its use.
        ArgumentError: `missing` is none of its values.

    Example:
        >>> import supersede
        >>> table = supersede.read(
        ...     {"id": [1, 2, 3], "y": [0, 1, 1], "old": [0, 1, 0], "new": [0, 0, 1]},
        ...     models=["old", "new"],
        ... )
        >>> table.size
        3
        >>> print(table.reading)
        3 items from dict: item 'id', label 'y', models 'old' (classes), 'new' (classes)
    """
    if missing not in {"refuse", "wrong", "drop"}:
        msg = f"missing={missing!r}; it may be 'refuse', 'wrong' or 'drop'"
        raise ArgumentError(msg)
    rows, name = open_source(source)
    columns = list(rows.columns)
    item = _declared(item, columns, "the item id") or _first(_ITEM_NAMES, columns)
    label = _declared(label, columns, "the label")
    if label is None and labelled:
        label = _first(_LABEL_NAMES, columns)
    for column, use in [(weight, "the weight"), (cost, "the cost"), (cluster, "the cluster")]:
        _declared(column, columns, use)
    for column in groups:
        _declared(column, columns, "a group")
    if models is None:
        models = _found_models(columns)
    if not isinstance(models, Mapping):
        models = {column: column for column in models}
    outcomes = {
        model: _outcome(column, rows, label, labelled) if isinstance(column, str) else column
        for model, column in models.items()
    }
    for model, outcome in outcomes.items():
        for column in outcome.columns:
            _declared(column, columns, f"model {model!r}")
        _check_types(model, outcome, rows, label, labelled)
    table = Table(
        rows,
        outcomes,
        item=item,
        label=label,
        groups=tuple(groups),
        weight=weight,
        cost=cost,
        cluster=cluster,
        missing=missing,
        source=name,
    )
    table = validate(table, fingerprint=labelled)  # plans have a design hash instead
    return replace(table, reading=_reading(table))


def _declared(column: str | None, columns: Sequence[str], use: str) -> str | None:
    if column is not None and column not in columns:
        raise MissingColumnError.of(column, columns, use)
    return column


def _first(names: Sequence[str], columns: Sequence[str]) -> str | None:
    return next((name for name in names if name in columns), None)


def _found_models(columns: Sequence[str]) -> list[str]:
    found = [
        column
        for column in columns
        if column in _PREDICTION_WORDS
        or any(column.startswith(f"{word}_") for word in _PREDICTION_WORDS)
        or any(column.endswith(f"_{word}") for word in _PREDICTION_WORDS)
    ]
    if not found:
        listed = ", ".join(map(repr, columns[:20]))
        msg = (
            "no model named, and no column's name starts or ends with 'prediction' or 'pred'"
            f" (the table has: {listed}); name them: models=['…', '…']"
        )
        raise MissingColumnError(msg)
    return found


def _outcome(column: str, rows: "ir.Table", label: str | None, labelled: bool) -> Outcome:
    """How to read a model that was given by its column alone."""
    if column not in rows.columns:
        raise MissingColumnError.of(column, rows.columns, "a model")
    if label is None and labelled:
        return Right(column)
    kind = rows[column].type()
    if (kind.is_floating() or kind.is_decimal()) and _has_fractions(rows, column):
        if label is not None and not _is_number(rows[label]):
            msg = (
                f"model {column!r} holds fractions, so scores, but label {label!r} is"
                f" {rows[label].type()}; scores need a label of 0 and 1: map the label, or pass the"
                " predicted class"
            )
            raise ColumnTypeError(msg)
        return Scores(column)
    return Classes(column, score=_first(_score_names(column), rows.columns))


def _has_fractions(rows: "ir.Table", column: str) -> bool:
    fractional = plain(rows[column]) % 1 != 0
    return bool(collect(rows.aggregate(any=fractional.any()))["any"][0].as_py())


def _score_names(column: str) -> list[str]:
    names = [f"{column}_{word}" for word in _SCORE_WORDS]
    for prediction in _PREDICTION_WORDS:
        if column == prediction or column.startswith(f"{prediction}_"):
            names += [word + column.removeprefix(prediction) for word in _SCORE_WORDS]
        elif column.endswith(f"_{prediction}"):
            names += [column.removesuffix(prediction) + word for word in _SCORE_WORDS]
    return names


def _is_number(value: "ir.Value") -> bool:
    return bool(value.type().is_numeric() or value.type().is_boolean())


def _check_types(
    model: str, outcome: Outcome, rows: "ir.Table", label: str | None, labelled: bool
) -> None:
    column = outcome.columns[0]
    kind, numeric = rows[column].type(), _is_number(rows[column])
    if kind.is_null() or kind.is_unknown():  # engines give a column of nulls no type
        msg = f"model {model!r} has no prediction at all in column {column!r}"
        raise MissingPredictionError(msg)
    if isinstance(outcome, Right | Loss | Within | Scores) and not numeric:
        msg = f"model {model!r}: column {column!r} is {kind}, but a number is expected here"
        raise ColumnTypeError(msg)
    if isinstance(outcome, Classes | Scores | Within) and not (label is None and not labelled):
        if label is None:
            msg = (
                f"model {model!r} is graded against a label, and the table has none; pass"
                " label='<column>', or grade the outcomes: supersede.table.Right('<column>')"
            )
            raise MissingColumnError(msg)
        if numeric != _is_number(rows[label]):
            msg = (
                f"model {model!r}: column {column!r} is {kind} but label {label!r} is"
                f" {rows[label].type()}, so"
                " they would never be equal; cast one of them to the other's type"
            )
            raise ColumnTypeError(msg)


def _reading(table: Table) -> str:
    """One line that echoes how the columns were understood."""
    parts = []
    for use in ("item", "label", "weight", "cost", "cluster"):
        column = getattr(table, use)
        if column is not None:
            parts.append(f"{use} {column!r}")
    parts.append("models " + ", ".join(_described(n, o) for n, o in table.models.items()))
    if table.groups:
        parts.append("groups " + ", ".join(map(repr, table.groups)))
    size = f"{table.size:,}".replace(",", " ")
    return f"{size} items from {table.source}: " + ", ".join(parts)


def _described(name: str, outcome: Outcome) -> str:
    column = outcome.columns[0]
    at = "" if name == column else f" from {column!r}"
    match outcome:
        case Classes(score=None):
            kind = "classes"
        case Classes(score=score):
            kind = f"classes, scores {score!r}"
        case Scores(threshold=threshold):
            kind = f"scores, 1 from {threshold:g}"
        case Within(tolerance=tolerance):
            kind = f"right within {tolerance:g}"
        case Loss(tolerance=tolerance):
            kind = f"right up to a loss of {tolerance:g}"
        case Right():
            kind = "graded"
        case _:
            kind = "graded over runs"
    return f"{name!r} ({kind}{at})"
