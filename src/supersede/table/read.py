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
from supersede.table.condition import where as rows_where
from supersede.table.internal import PREFIX
from supersede.table.meaning import meanings
from supersede.table.outcomes import (
    Classes,
    Judge,
    LabelSets,
    Losses,
    Outcome,
    Right,
    Runs,
    Scores,
    Within,
)
from supersede.table.same import same_words
from supersede.table.source import Source, open_source
from supersede.table.table import Missing, Table
from supersede.table.validate import refuse_summary_rows, validate

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
    same: Mapping[str, Sequence[str]] | Sequence[str] | str | None = None,
    where: str | None = None,
    keep: Sequence[str] = (),
) -> Table:
    """Read a table of predictions: one row per item, one column per model.

    Columns that are not named are found by name, exactly and in this order: the item id as
    ``item``, ``item_id`` or ``id``; the label as ``label``, ``y``, ``y_true`` or ``target``; models
    as columns whose name starts or ends with ``prediction`` or ``pred``. A class column called
    ``a_prediction`` finds its score as ``a_probability``, ``a_score`` or ``a_proba``, and a column
    ``a`` as ``a_score`` and so on.

    What a model's column means follows from its values. Classes are whole numbers or words that are
    among the label's; scores are numbers with fractions beside a label of 0 and 1, and are cut at
    0.5 only if they lie between 0 and 1 and on both sides of it; grades are booleans, 0 and 1, or
    words such as ``C`` and ``I`` or ``passed`` and ``failed``, where there is no label or none that
    any answer equals. Where the values allow two meanings, reading refuses and the message names
    the argument that decides. `Table.reading` says in one line what was understood.

    Args:
        source: A path or glob of CSV, JSON, JSONL or Parquet files, or a list of them; a pandas or
            polars frame; an Arrow table; or an Ibis table on any backend.
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
        missing: An answer that is missing (null, NaN or blank) is refused, counts as ``"wrong"``, or
            its item is left out (``"drop"``).
        same: Words that count as equal: a mapping of a label's word to those it stands for, as
            ``{"c-or-cpp": ["c", "cpp"]}``; or texts as for the flag ``--same``: such pairs
            (``"c-or-cpp=c,cpp"``), ``"folded"`` (ignore case, surrounding space, and - or _), or a
            JSON or TOML file.
        where: Condition in the engine's SQL on the table's columns, such as ``"split = 'test'"``;
            other rows are left out.
        keep: Further columns that are wanted of a table with more than 200; of smaller ones all
            are kept.

    Returns:
        The table, checked.

    Raises:
        SourceError: A file is missing, unreadable or truncated.
        EmptyTableError: There are no rows.
        MissingColumnError: A column is not there, or twice.
        ItemError: Item ids are missing or not unique.
        MissingPredictionError: A model has no answer for some items.
        ColumnTypeError: A column's values do not fit its use.
        ArgumentError: A column may mean two things, or `missing` is none of its values.

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
        msg = f"missing={missing!r}; it must be 'refuse', 'wrong' or 'drop'"
        raise ArgumentError(msg)
    if isinstance(groups, str):
        msg = f"groups={groups!r} is one text; pass a list of columns: groups=[{groups!r}]"
        raise ArgumentError(msg)
    words = same_words(same)
    opened = open_source(source)
    uses = {"the item id": item, "the label": label, "the weight": weight, "the cost": cost}
    for use, column in {**uses, "the cluster": cluster}.items():
        _declared(column, opened, use)
    for column in groups:
        _declared(column, opened, "a group")
    taken = {weight, cost, cluster, *groups}
    item = item or _first(_ITEM_NAMES, opened.columns, taken)
    declared = label is not None
    if label is None and labelled:
        label = _first(_LABEL_NAMES, opened.columns, taken)
    named = _named_models(models, opened.columns)
    for model, outcome in named.items():
        for column in (outcome,) if isinstance(outcome, str) else outcome.columns:
            _declared(column, opened, f"model {model!r}")
    if not declared and any(_uses(outcome, label) for outcome in named.values()):
        label = None  # a column that is a model is not a label
    answers = [c for o in named.values() for c in ((o,) if isinstance(o, str) else o.columns)]
    scores = {name for column in answers for name in _score_names(column) if opened.has(name)}
    compared = [c for c in [label, *answers] if c is not None]
    exact = [*compared, *(c for c in (item, cluster) if c is not None), *groups]
    needed = [*exact, *(c for c in (weight, cost) if c is not None), *scores, *keep]
    rows = opened.rows([column for column in needed if opened.has(column)], exact, compared)
    _refuse_reserved(rows, opened)
    rows = rows if where is None else rows_where(rows, where)
    refuse_summary_rows(rows, item, opened.name)
    by_column = {model: outcome for model, outcome in named.items() if isinstance(outcome, str)}
    found, unused = meanings(
        rows, by_column, label=label, declared=declared, labelled=labelled, same=words
    )
    outcomes = {
        model: _with_score(found[model], rows) if isinstance(outcome, str) else outcome
        for model, outcome in named.items()
    }
    notes = []
    if unused is not None or (
        label is not None and not declared and not any(o.needs_label for o in outcomes.values())
    ):
        why = unused or "the models' columns hold the grades themselves"
        notes.append(f"Column {label!r} is not used as a label: {why}.")
        label = None
    for model, outcome in outcomes.items():
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
        same=words,
        label_declared=declared,
        source=opened.name,
        notes=tuple(notes),
    )
    table = validate(table, labelled=labelled)
    return replace(table, reading=_reading(table))


def _declared(column: str | None, source: Source, use: str) -> None:
    if column is not None and not source.has(column):
        raise MissingColumnError.of(column, source.columns, use)


def _refuse_reserved(rows: "ir.Table", source: Source) -> None:
    """Refuse names that the package gives to columns of its own."""
    taken = [column for column in rows.columns if column.lower().startswith(PREFIX)]
    if taken:
        msg = (
            f"{source.name} has a column {taken[0]!r}; names that start with {PREFIX!r} are reserved,"
            " so rename it"
        )
        raise MissingColumnError(msg)


def _named_models(
    models: Sequence[str] | Mapping[str, str | Outcome] | None, columns: Sequence[str]
) -> dict[str, str | Outcome]:
    if models is None:
        models = _found_models(columns)
    if isinstance(models, str):
        msg = f"models={models!r} is one text; pass a list of columns: models=[{models!r}]"
        raise ArgumentError(msg)
    if isinstance(models, Mapping):
        return dict(models)
    if not all(isinstance(column, str) for column in models):
        msg = f"models={models!r}; expected names of columns, as in models=['old', 'new']"
        raise ArgumentError(msg)
    return {column: column for column in models}


def _uses(outcome: str | Outcome, column: str | None) -> bool:
    return column in ((outcome,) if isinstance(outcome, str) else outcome.columns)


def _with_score(outcome: Outcome, rows: "ir.Table") -> Outcome:
    """Classes with the score behind them, where a column of numbers is called like it."""
    if not isinstance(outcome, Classes):
        return outcome
    names = [n for n in _score_names(outcome.column) if n in rows.columns]
    score = next((name for name in names if _is_number(rows[name])), None)
    return replace(outcome, score=score)


def _first(names: Sequence[str], columns: Sequence[str], taken: "set[str | None]") -> str | None:
    return next((name for name in names if name in columns and name not in taken), None)


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
    if isinstance(outcome, LabelSets) and not kind.is_array():
        msg = f"model {model!r}: column {column!r} is {kind}, but a list of labels is expected here"
        raise ColumnTypeError(msg)
    words = kind.is_string() and isinstance(outcome, Right | Judge)
    if isinstance(outcome, Right | Judge | Runs | Losses | Within | Scores) and not (
        numeric or words
    ):
        msg = f"model {model!r}: column {column!r} is {kind}, but a number is expected here"
        raise ColumnTypeError(msg)
    if outcome.needs_label and not (label is None and not labelled):
        if label is None:
            msg = (
                f"model {model!r} is graded against a label, and the table has none; pass"
                " label='<column>', or grade the outcomes: supersede.table.Right('<column>')"
            )
            raise MissingColumnError(msg)
        if isinstance(outcome, Scores | Within) and not _is_number(rows[label]):
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
    size = f"{table.size:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return "; ".join([f"{size} items from {table.source}: " + ", ".join(parts), *table.notes])


def _described(name: str, outcome: Outcome) -> str:
    column = outcome.columns[0]
    at = "" if name == column else f" from {column!r}"
    match outcome:
        case Classes(score=None):
            kind = "classes"
        case Classes(score=score):
            kind = f"classes, scores {score!r}"
        case LabelSets(overlap=overlap):
            kind = "sets of labels" + (f", right from {overlap:.0%} overlap" if overlap < 1 else "")
        case Scores(threshold=threshold):
            kind = f"scores, class 1 from {threshold:g}"
        case Within(tolerance=tolerance):
            kind = f"right within {tolerance:g}"
        case Losses(tolerance=tolerance):
            kind = f"right up to a loss of {tolerance:g}"
        case Right():
            kind = "grades, 1 right and 0 wrong"
        case Judge(threshold=None):
            kind = "a judge's scores, more is better"
        case Judge(threshold=threshold):
            kind = f"a judge's scores, right from {threshold:g}"
        case _:
            kind = "shares of right runs"
    return f"{name!r} ({kind}{at})"
