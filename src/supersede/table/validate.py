"""Refuse rows that would give a wrong answer; one pass over the data."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from supersede.errors import (
    ColumnTypeError,
    EmptyTableError,
    ItemError,
    MissingPredictionError,
    TableError,
)
from supersede.table.outcomes import Classes, Right, Runs, Scores, plain
from supersede.table.source import collect
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["validate"]

_SHOWN = 5  # rows named in a message


def validate(table: Table, *, fingerprint: bool = True) -> Table:
    """Check ids, predictions, weights and costs, and fill in size and fingerprint.

    Args:
        table: The table to check.
        fingerprint: Whether to hash the rows, the dearest part on large tables.

    Returns:
        The table with its size and, where asked for, its fingerprint.

    Raises:
        EmptyTableError: There are no rows.
        ItemError: Item ids are missing or not unique.
        MissingPredictionError: A model has no prediction for some items.
        ColumnTypeError: Classes, scores or outcomes are outside what they may be.
        TableError: A weight or cost is missing or negative.
    """
    if table.missing == "drop":
        kept = [_prediction(table, model).notnull() for model in table.models]
        table = replace(table, rows=table.rows.filter(*kept))
    facts = _facts(table, fingerprint=fingerprint)
    size = int(facts["size"])
    if size == 0:
        msg = f"{table.source} has no rows; nothing can be reviewed"
        raise EmptyTableError(msg)
    _check_items(table, facts, size)
    for model in table.models:
        _check_predictions(table, model, facts, size)
    for use in ("weight", "cost"):
        column = getattr(table, use)
        if column is not None and facts[use]:
            msg = (
                f"{facts[use]:,} of {size:,} items have a missing or negative {use} in column"
                f" {column!r}; every item needs one of 0 or more"
            )
            raise TableError(msg)
    if table.label is not None and facts["unlabelled"] == size:
        msg = f"label column {table.label!r} is empty: none of the {size:,} items has a label"
        raise EmptyTableError(msg)
    found = facts.get("fingerprint")
    stamp = None if found is None else f"{int(found) & (2**64 - 1):016x}"
    return replace(table, size=size, fingerprint=stamp)


def _prediction(table: Table, model: str) -> "ir.Value":
    return plain(table.rows[table.outcome(model).columns[0]])


def _facts(table: Table, *, fingerprint: bool) -> dict[str, Any]:
    """Everything the checks need, in one query."""
    rows = table.rows
    facts: dict[str, Any] = {"size": rows.count()}
    if table.item is not None:
        facts["no_item"] = rows[table.item].isnull().sum()
        facts["items"] = rows[table.item].nunique()
    for model, outcome in table.models.items():
        value = _prediction(table, model)
        column = rows[outcome.columns[0]]
        # counting what is there lets engines answer from a file's statistics; NaN is not in them
        present = value if column.type().is_floating() else column
        facts[f"missing {model}"] = rows.count() - present.count()
        if isinstance(outcome, Classes) and value.type().is_floating():
            facts[f"fractions {model}"] = (value % 1 != 0).sum()
        if isinstance(outcome, Right):
            facts[f"outside {model}"] = ((value < 0) | (value > 1)).sum()
        if isinstance(outcome, Runs):
            right, runs = rows[outcome.right_runs], rows[outcome.runs]
            facts[f"outside {model}"] = ((right < 0) | (right > runs)).sum()
    truth = table.truth()
    if truth is not None and any(isinstance(o, Scores) for o in table.models.values()):
        facts["not_binary"] = truth.notin([0, 1]).sum()
    if table.label is not None:
        facts["unlabelled"] = plain(rows[table.label]).isnull().sum()
    for use in ("weight", "cost"):
        column = getattr(table, use)
        if column is not None:
            value = plain(rows[column])
            facts[use] = (value.isnull() | (value < 0)).sum()
    number = _fingerprint(table) if fingerprint else None
    if number is not None:
        facts["fingerprint"] = number
    return {k: v or 0 for k, v in collect(rows.aggregate(**facts)).to_pylist()[0].items()}


def _fingerprint(table: Table) -> "ir.Value | None":
    """A hash of the rows that does not depend on their order."""
    import ibis

    names = [table.item, table.label, *table.groups, table.weight, table.cost, table.cluster]
    used = {name for name in names if name is not None}
    used |= {column for outcome in table.models.values() for column in outcome.columns}
    if table.rows.get_backend().name != "duckdb":
        return None
    return ibis.struct({name: table.rows[name] for name in sorted(used)}).hash().bit_xor()


def _check_items(table: Table, facts: dict[str, Any], size: int) -> None:
    if table.item is None:
        return
    if facts["no_item"]:
        msg = (
            f"{facts['no_item']:,} of {size:,} rows have no id in column {table.item!r}; give every"
            " item an id, or read the table without one"
        )
        raise ItemError(msg)
    if facts["items"] < size:
        counts = table.rows.group_by(table.item).aggregate(times=table.rows.count())
        twice = counts.filter(counts.times > 1).order_by(table.item).limit(_SHOWN)
        shown = ", ".join(
            f"{row[table.item]!r} ({row['times']} times)" for row in collect(twice).to_pylist()
        )
        msg = (
            f"{size - facts['items']:,} of {size:,} rows repeat an item id in column"
            f" {table.item!r}: {shown}; keep one row an item, or name the column as cluster="
            " if its rows are several items of one source"
        )
        raise ItemError(msg)


def _check_predictions(table: Table, model: str, facts: dict[str, Any], size: int) -> None:
    column = table.outcome(model).columns[0]
    graded = not isinstance(table.outcome(model), Classes | Scores) and table.label is None
    missing = facts[f"missing {model}"]
    if missing == size:
        msg = f"model {model!r} has no prediction at all in column {column!r}"
        raise MissingPredictionError(msg)
    if missing and table.missing == "refuse" and not graded:
        msg = (
            f"model {model!r} has no prediction for {missing:,} of {size:,} items in column"
            f" {column!r}{_examples(table, model)}; a missing answer is often a failure, so say"
            " what it counts as: missing='wrong', or missing='drop' to leave these items out"
        )
        raise MissingPredictionError(msg)
    if facts.get(f"fractions {model}"):
        msg = (
            f"model {model!r}: column {column!r} is read as classes but has fractions; for a"
            " number that should come close to the label pass"
            f" models={{{model!r}: supersede.table.Within({column!r}, tolerance=…)}}"
        )
        raise ColumnTypeError(msg)
    if isinstance(table.outcome(model), Scores) and facts.get("not_binary"):
        msg = (
            f"model {model!r}: column {column!r} is read as scores, which need a label of 0 and 1,"
            f" but {facts['not_binary']:,} items have another one in {table.label!r}; map the"
            f" label, or pass models={{{model!r}: supersede.table.Within({column!r}, tolerance=…)}}"
            " for a regression"
        )
        raise ColumnTypeError(msg)
    if facts.get(f"outside {model}"):
        msg = (
            f"model {model!r}: {facts[f'outside {model}']:,} outcomes in column {column!r} lie"
            " outside 0 (wrong) to 1 (right); pass supersede.table.Loss(column, tolerance) for"
            " losses, or label='<column>' if these are predictions"
        )
        raise ColumnTypeError(msg)


def _examples(table: Table, model: str) -> str:
    if table.item is None:
        return ""
    lost = table.rows.filter(_prediction(table, model).isnull()).select(table.item)
    shown = [repr(row[table.item]) for row in collect(lost.limit(_SHOWN)).to_pylist()]
    return f" (items {', '.join(shown)}, …)"
