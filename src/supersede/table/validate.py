"""Refuse rows that would give a wrong answer; one pass over the data."""

from dataclasses import replace
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any

from supersede.errors import (
    ColumnTypeError,
    EmptyTableError,
    ItemError,
    MissingPredictionError,
    TableError,
)
from supersede.table.grades import NO_ANSWER, NOT_GRADED
from supersede.table.outcomes import Classes, Judge, Right, Runs, Scores, plain
from supersede.table.source import collect
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["refuse_summary_rows", "validate"]

_SHOWN = 5  # rows named in a message
_ROW = 0x9E3779B97F4A7C15  # what a row adds to the fingerprint besides its hash; odd
_LEAST, _MOST = 1e-50, 1e50  # weights and costs
_MANY_IDS = 500_000  # of which the different ones are counted by bits
_BITS_AN_ID = 32  # at most, for bits to take less memory than the ids
_MOST_BITS = 10**9  # that DuckDB sets


_SUMMARIES = (
    "accuracy", "all", "average", "avg", "grand total", "macro avg", "mean", "median", "micro avg",
    "overall", "std", "sum", "summary", "total", "totals", "weighted avg",
)  # fmt: skip


def refuse_summary_rows(rows: "ir.Table", item: str | None, source: str) -> None:
    """Refuse a row that sums up the others: its id is a word like ``mean``, and all others have digits.

    Raises:
        ItemError: There is such a row.
    """
    if item is None or not rows[item].type().is_string():
        return
    word = rows[item].strip().lower()
    summary = word.isin(_SUMMARIES)
    facts = rows.aggregate(
        summaries=summary.sum(),
        others=(~summary & ~word.re_search("[0-9]")).sum(),
        ids=rows.count(),
        shown=summary.ifelse(rows[item], None).max(),
    )
    found = collect(facts).to_pylist()[0]
    if found["summaries"] and not found["others"] and found["summaries"] < found["ids"]:
        shown = str(found["shown"])
        msg = (
            f"{source} has a row whose {item} is {shown!r}, which looks like a summary of the others and"
            f" no item; leave it out: --where \"{item} <> '{shown}'\" (in Python: where=…)"
        )
        raise ItemError(msg)


def validate(table: Table, *, labelled: bool = True) -> Table:
    """Check ids, answers, weights and costs, and fill in size, notes and fingerprint.

    Args:
        table: The table to check.
        labelled: Whether there must be labels. Where they are still to come there is no fingerprint,
            the most expensive part on large tables: plans have a design hash instead.

    Returns:
        The table with its size and, where there are labels, its fingerprint.

    Raises:
        EmptyTableError: There are no rows.
        ItemError: Item ids are missing or not unique.
        MissingPredictionError: A model has no answer for some items.
        ColumnTypeError: Classes, scores or grades are out of their range.
        TableError: A weight or cost is missing, negative or infinite, or all weights are 0.
    """
    for use in ("weight", "cost"):
        _check_number(table, use, getattr(table, use))
    facts = _facts(table, fingerprint=labelled)
    size = int(facts["size"])
    if size == 0:
        msg = f"{table.source} has no rows; nothing can be reviewed"
        raise EmptyTableError(msg)
    _check_items(table, facts, size)
    for model in table.models:
        _check_answers(table, model, facts, size)
    _check_amounts(table, facts, size)
    if labelled and table.label is not None and facts["unlabelled"] == size:
        msg = f"label column {table.label!r} is empty: none of the {size:,} items has a label"
        raise EmptyTableError(msg)
    notes = _missing_notes(table, facts, size)
    if table.missing == "drop" and facts["incomplete"]:
        size -= int(facts["incomplete"])
        if size == 0:
            msg = f"missing='drop' leaves no item: on each of the {facts['size']:,} a model has no answer"
            raise EmptyTableError(msg)
        table = replace(table, rows=table.rows.filter(_complete(table)))
    found = facts.get("fingerprint")
    stamp = None
    if found is not None:  # the engine's hash of a row of zeros is 0, so that rows count as well
        stamp = f"{(int(found) + _ROW * int(facts['size'])) & (2**64 - 1):016x}"
    return replace(table, size=size, fingerprint=stamp, notes=(*table.notes, *notes))


def _check_number(table: Table, use: str, column: str | None) -> None:
    kind = None if column is None else table.rows[column].type()
    if kind is not None and not (kind.is_numeric() or kind.is_boolean()):
        msg = f"{use} column {column!r} holds {kind}; every item needs a number, so cast it to one"
        raise ColumnTypeError(msg)


def _complete(table: Table) -> "ir.BooleanValue":
    """Whether no model lacks an answer that it should have given."""
    return reduce(and_, [~_unanswered(table, model) for model in table.models])


def _unanswered(table: Table, model: str) -> "ir.BooleanValue":
    """Whether the model gave no answer, on an item where that can be told from *no label*."""
    missing = table.given(model).isnull()
    return missing if table.outcome(model).needs_label else missing & table.graded(model)


def _missing_notes(table: Table, facts: dict[str, Any], size: int) -> list[str]:
    """What a reader must know of answers that are not there."""
    notes = []
    what = {"wrong": "which count as wrong", "drop": "which are left out for every model"}
    for model in table.models:
        missing = int(facts[f"missing {model}"])
        if missing and table.missing in what:
            share = 100 * missing / size
            notes.append(
                f"{model} gives no answer on {missing:,} of {size:,} items ({share:.2g} %),"
                f" {what[table.missing]}."
            )
    if facts.get("nowhere graded"):
        notes.append(
            f"{facts['nowhere graded']:,} of {size:,} items have no grade under any model and are"
            " not counted."
        )
    return notes


def _check_amounts(table: Table, facts: dict[str, Any], size: int) -> None:
    for use in ("weight", "cost"):
        column = getattr(table, use)
        if column is not None and facts[use]:
            msg = (
                f"{facts[use]:,} of {size:,} items have a missing or negative {use} in column"
                f" {column!r}, or an infinite one; every item needs a number that is 0, or from"
                f" {_LEAST:g} to {_MOST:g}"
            )
            raise TableError(msg)
    if table.weight is not None and not facts["weight sum"]:
        msg = (
            f"all {size:,} weights in column {table.weight!r} are 0, so no item counts for anything"
        )
        raise TableError(msg)


def _facts(table: Table, *, fingerprint: bool) -> dict[str, Any]:
    """Everything the checks need, in one query."""
    rows = table.rows
    facts: dict[str, Any] = {"size": rows.count()}
    if table.item is not None:
        facts["no_item"] = rows[table.item].isnull().sum()
        facts["items"] = _distinct(rows, table.item)
    for model, outcome in table.models.items():
        column = rows[outcome.columns[0]]
        value = plain(column)
        if outcome.needs_label and not (column.type().is_floating() or column.type().is_string()):
            # counting what is there lets engines answer from a file's statistics
            facts[f"missing {model}"] = rows.count() - column.count()
        else:
            facts[f"missing {model}"] = _unanswered(table, model).sum()
        facts[f"answers {model}"] = value.count()
        if isinstance(outcome, Classes) and value.type().is_floating():
            facts[f"fractions {model}"] = (value % 1 != 0).sum()
        if isinstance(outcome, Right):
            grade = table.given(model)
            unknown = plain(column).notnull() & grade.isnull() & ~_no_grade(column)
            facts[f"outside {model}"] = (unknown | grade.notin([0, 1])).sum()
        if isinstance(outcome, Judge):
            score = table.given(model)
            unknown = plain(column).notnull() & score.isnull() & ~_no_grade(column)
            facts[f"outside {model}"] = (unknown | _infinite(score)).sum()
        if isinstance(outcome, Runs):
            right = rows[outcome.right_runs]
            runs = rows[outcome.runs] if isinstance(outcome.runs, str) else outcome.runs
            facts[f"outside {model}"] = ((right < 0) | (right > runs)).sum()
    if table.missing == "drop":
        facts["incomplete"] = (~_complete(table)).sum()
    graded = [model for model, outcome in table.models.items() if not outcome.needs_label]
    if graded:
        facts["nowhere graded"] = (~table.graded(graded[0])).sum()
    truth = table.truth()
    if truth is not None and any(isinstance(o, Scores) for o in table.models.values()):
        facts["not_binary"] = truth.notin([0, 1]).sum()
    if table.label is not None:
        facts["unlabelled"] = rows.count() - plain(rows[table.label]).count()
    for use in ("weight", "cost"):
        column = getattr(table, use)
        if column is not None:
            value = plain(rows[column])
            facts[use] = (value.isnull() | (value < 0) | _out_of_range(value)).sum()
            facts[f"{use} sum"] = value.sum()
    number = _fingerprint(table) if fingerprint else None
    if number is not None:
        facts["fingerprint"] = number
    return {k: v or 0 for k, v in collect(rows.aggregate(**facts)).to_pylist()[0].items()}


def _distinct(rows: "ir.Table", item: str) -> "ir.Value":
    """How many different ids there are.

    Many whole numbers that lie close together take a bit each, which is exact, and costs a ninth of the
    time and a fiftieth of the memory of a table of those seen.
    """
    import ibis

    column = rows[item]
    if rows.get_backend().name != "duckdb" or not column.type().is_integer():
        return column.nunique()
    ends = collect(rows.aggregate(n=rows.count(), low=column.min(), high=column.max()))
    n, low, high = (ends[name][0].as_py() for name in ("n", "low", "high"))
    if n < _MANY_IDS or not 0 <= high - low < min(_BITS_AN_ID * n, _MOST_BITS):
        return column.nunique()

    @ibis.udf.agg.builtin(
        name="bitstring_agg", signature=((column.type(), column.type(), column.type()), "binary")
    )
    def bits(value, least, most):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        """A bit for each number that occurs."""

    @ibis.udf.scalar.builtin(name="bit_count", signature=(("binary",), "int64"))
    def ones(value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        """The number of bits that are set."""

    return ones(bits(column, ibis.literal(low, column.type()), ibis.literal(high, column.type())))


def _no_grade(column: "ir.Value") -> "ir.BooleanValue":
    """Whether the column says in a word that there is no grade."""
    if not column.type().is_string():
        return column.isnull()
    return column.strip().lower().isin(sorted(NO_ANSWER | NOT_GRADED))


def _infinite(value: "ir.Value") -> "ir.BooleanValue":
    return value.isinf() if value.type().is_floating() else value.isnull()


def _out_of_range(value: "ir.Value") -> "ir.BooleanValue":
    """Whether its fourth power, which variances need, would be infinite or vanish."""
    if not value.type().is_floating():
        return value.isnull()
    return value.isinf() | (value > _MOST) | ((value > 0) & (value < _LEAST))


def _fingerprint(table: Table) -> "ir.Value | None":
    """A hash of the rows that does not depend on their order."""
    import ibis
    import ibis.expr.datatypes as dt

    names = [table.item, table.label, *table.groups, table.weight, table.cost, table.cluster]
    used = {name for name in names if name is not None}
    used |= {column for outcome in table.models.values() for column in outcome.columns}
    if not used or table.rows.get_backend().name != "duckdb":
        return None
    row = ibis.struct({name: table.rows[name] for name in sorted(used)})
    # types as objects: Ibis needs a tenth of a second to build the parser of their names
    hashes, total = dt.uint64, dt.Decimal(38, 0)

    # Ibis' own hash goes through a text of bits, which costs more than the hash
    @ibis.udf.scalar.builtin(name="hash", signature=((row.type(),), hashes))
    def hashed(row):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        """The engine's hash of a row."""

    # a sum, as rows that occur twice would cancel each other in an exclusive or
    @ibis.udf.agg.builtin(name="sum", signature=((hashes,), total))
    def added(hashes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        """The engine's sum, which has room for all of them."""

    return added(hashed(row))


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
            f" {table.item!r}: {shown}; keep one row per item, or name the column as the cluster if"
            f" its rows are several items of one source: --cluster {table.item} (in Python:"
            f" cluster={table.item!r})"
        )
        raise ItemError(msg)


def _check_answers(table: Table, model: str, facts: dict[str, Any], size: int) -> None:
    column = table.outcome(model).columns[0]
    missing = facts[f"missing {model}"]
    if facts[f"answers {model}"] == 0:
        msg = f"model {model!r} has no prediction at all in column {column!r}"
        raise MissingPredictionError(msg)
    if missing and table.missing == "refuse":
        msg = (
            f"model {model!r} has no prediction for {missing:,} of {size:,} items in column"
            f" {column!r}{_examples(table, model)}; a missing answer is often a failure, so say"
            " what it counts as: --missing wrong, or --missing drop to leave these items out (in"
            " Python: missing='wrong' or missing='drop')"
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
        raise ColumnTypeError(_outside(table, model, facts[f"outside {model}"]))


def _outside(table: Table, model: str, count: int) -> str:
    """What to say of values that a kind of outcome cannot have."""
    column = table.outcome(model).columns[0]
    match table.outcome(model):
        case Runs(runs=runs):
            return (
                f"model {model!r}: {count:,} items have fewer than 0 or more than {runs!r} right runs"
                f" in column {column!r}"
            )
        case Judge():
            return (
                f"model {model!r}: {count:,} scores in column {column!r} are infinite, or words that"
                " are not grades"
            )
        case _:
            return (
                f"model {model!r}: {count:,} grades in column {column!r} are neither 1 (right) nor 0"
                " (wrong). Say --judge for scores where more is better (with --threshold T where a"
                " score from T on is right), --loss T for losses that are right up to T, --runs"
                " COLUMN for numbers of right runs, or --label for answers (in Python:"
                f" supersede.table.Judge({column!r}, threshold=…), Losses, Runs; label=…)"
            )


def _examples(table: Table, model: str) -> str:
    if table.item is None:
        return ""
    lost = table.rows.filter(_unanswered(table, model)).select(table.item)
    shown = [repr(row[table.item]) for row in collect(lost.limit(_SHOWN)).to_pylist()]
    return f" (items {', '.join(shown)}, …)"
