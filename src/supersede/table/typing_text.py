"""Types for columns that came as text, from all of their values.

CSV has no types, and guessing them from the first rows merges what is different: ``1e3`` and
``1000``, ``1.0`` and ``1``, ``007`` and ``7``, ``2024-1-1`` and ``2024-01-01`` are each one value to
a parser and two answers to a user. A column becomes a number only where no two of its words could
be the same number: all are whole numbers in plain form, or it has fractions. Everything else stays
text. JSON says its types itself; there, only a column that mixes them is a problem.
"""

from collections.abc import Sequence
from typing import Any

from supersede.errors import ColumnTypeError

__all__ = ["typed_from_json", "typed_from_text"]

_NO_NUMBER = "('', 'na', 'n/a', '#n/a', '<na>', 'nan', 'null', 'none')"
"""Words that stand for a missing number where all other words of the column are numbers."""

_FIRST = 10_000  # rows that are looked at before all are
_FEW = 1000  # distinct words among them; a column with fewer is judged by its distinct words

_IS_WORD = f"(x IS NOT NULL AND lower(trim(x)) NOT IN {_NO_NUMBER})"
_IS_TRUTH = "(lower(x) IN ('true', 'false'))"
_COUNTS = (
    f"count(*) FILTER ({_IS_WORD})",
    f"count(*) FILTER ({_IS_WORD} AND CAST(i AS VARCHAR) = x)",
    # pandas writes whole numbers as 1.0 if the column has gaps
    f"count(*) FILTER ({_IS_WORD} AND ends_with(x, '.0') AND CAST(d AS VARCHAR) = x)",
    f"count(*) FILTER ({_IS_WORD} AND d IS NOT NULL)",
    f"count(*) FILTER ({_IS_WORD} AND d <> floor(d))",
    f"count(DISTINCT x) FILTER ({_IS_TRUTH})",
    f"count(*) FILTER ({_IS_WORD} AND {_IS_TRUTH})",
)


def typed_from_text(
    duckdb: Any, table: str, columns: Sequence[str], compared: Sequence[str]
) -> None:
    """Give text columns of a temporary table the types that all of their values support.

    Args:
        duckdb: The connection.
        table: The table, changed in place.
        columns: Columns of type VARCHAR.
        compared: Those of them that are compared with each other, as answers are with labels: if
            one of them stays text, whole numbers in the others do so too.
    """
    kinds = {column: _kind_of(duckdb, table, column) for column in columns}
    if any(kinds[column] == "VARCHAR" for column in compared if column in kinds):
        plain = {"BIGINT", "BOOLEAN", "DOUBLE of tenths"}
        kinds |= {column: "VARCHAR" for column in compared if kinds.get(column) in plain}
    casts = [
        f"TRY_CAST({x} AS {kind.removesuffix(' of tenths')}) AS {x}"
        for x, kind in ((_quoted(column), kind) for column, kind in kinds.items())
        if kind != "VARCHAR"
    ]
    if casts:  # all at once: each change of a table's types writes it anew
        new = f"SELECT * REPLACE ({', '.join(casts)}) FROM {table}"  # noqa: S608
        duckdb.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {new}")


def _kind_of(duckdb: Any, table: str, column: str) -> str:
    """The type that all words of a column support."""
    x = _quoted(column)
    words = f"(SELECT {x} AS x FROM {table})"  # noqa: S608
    first = f"(SELECT {x} AS x FROM {table} LIMIT {_FIRST})"  # noqa: S608
    ((distinct, other),) = duckdb.execute(
        f"SELECT count(DISTINCT x), count(*) FILTER ({_IS_WORD} AND d IS NULL AND NOT {_IS_TRUTH})"  # noqa: S608
        f" FROM (SELECT x, TRY_CAST(x AS DOUBLE) AS d FROM {first})"
    ).fetchall()
    if other:
        return "VARCHAR"  # a word that is neither a number nor true or false, wherever it stands
    if distinct < _FEW:  # only speed depends on it
        words = f"(SELECT DISTINCT x FROM {words})"  # noqa: S608
    numbers = f"(SELECT x, TRY_CAST(x AS BIGINT) AS i, TRY_CAST(x AS DOUBLE) AS d FROM {words})"  # noqa: S608
    ((*found,),) = duckdb.execute(f"SELECT {', '.join(_COUNTS)} FROM {numbers}").fetchall()  # noqa: S608
    return _kind(*found)


def _kind(
    words: int, whole: int, tenths: int, number: int, fraction: int, spellings: int, boolean: int
) -> str:
    """The type of a column, from how many of its words are of each form."""
    if words == 0:
        return "DOUBLE"  # nothing but gaps
    if words == boolean and spellings <= 2:
        return "BOOLEAN"
    if words == whole:
        return "BIGINT"
    if words == number and words == tenths:
        return "DOUBLE of tenths"
    return "DOUBLE" if words == number and fraction else "VARCHAR"


def typed_from_json(
    duckdb: Any, table: str, columns: Sequence[str], exact: Sequence[str], name: str
) -> None:
    """Give columns of JSON values the type that their values have.

    Args:
        duckdb: The connection.
        table: The table, changed in place.
        columns: Columns of type JSON; those that mix kinds of value stay JSON.
        exact: Those of them that must not mix.
        name: What messages call the source.

    Raises:
        ColumnTypeError: A column mixes texts with numbers or with other kinds of value.
    """
    if not columns:
        return
    kinds = ("VARCHAR", "BOOLEAN", "BIGINT", "UBIGINT", "DOUBLE", "ARRAY", "OBJECT")
    counts = [
        f"count(*) FILTER (json_type({_quoted(column)}) = '{kind}')"
        for column in columns
        for kind in kinds
    ]
    # whole numbers beyond 64 bits have the type DOUBLE, but no point and no exponent
    counts += [
        f"count(*) FILTER (json_type({x}) = 'DOUBLE' AND regexp_full_match({x}::VARCHAR, '-?[0-9]+'))"
        for x in map(_quoted, columns)
    ]
    ((*found,),) = duckdb.execute(f"SELECT {', '.join(counts)} FROM {table}").fetchall()  # noqa: S608
    for at, column in enumerate(columns):
        seen = dict(zip(kinds, found[at * len(kinds) :], strict=False))
        huge = found[len(kinds) * len(columns) + at]
        whole = seen["BIGINT"] + seen["UBIGINT"]
        numbers = whole + seen["DOUBLE"]
        families = {
            "texts": seen["VARCHAR"],
            "numbers": numbers,
            "booleans": seen["BOOLEAN"],
            "lists": seen["ARRAY"],
            "records": seen["OBJECT"],
        }
        present = {family: n for family, n in families.items() if n}
        if len(present) > 1 and column in exact:
            listed = " and ".join(f"{n:,} {family}" for family, n in present.items())
            msg = (
                f"column {column!r} of {name} mixes {listed}; write every value of a column in the"
                " same way"
            )
            raise ColumnTypeError(msg)
        if len(present) > 1 or "records" in present:
            continue
        if present.keys() <= {"texts"}:
            _retype(duckdb, table, column, "VARCHAR", "{0} ->> '$'")
        elif "booleans" in present:
            _retype(duckdb, table, column, "BOOLEAN")
        elif "lists" in present:
            _retype(duckdb, table, column, "VARCHAR[]", "CAST({0} AS VARCHAR[])")
        elif "numbers" in present:
            if huge or (seen["UBIGINT"] and _beyond(duckdb, table, column)):
                _retype(duckdb, table, column, "VARCHAR", "CAST({0} AS VARCHAR)")
            else:
                _retype(duckdb, table, column, "DOUBLE" if seen["DOUBLE"] else "BIGINT")


def _beyond(duckdb: Any, table: str, column: str) -> bool:
    query = f"SELECT max(TRY_CAST({_quoted(column)} AS UBIGINT)) > 9223372036854775807 FROM {table}"  # noqa: S608
    return bool(duckdb.execute(query).fetchall()[0][0])


def _retype(duckdb: Any, table: str, column: str, kind: str, how: str = "") -> None:
    x = _quoted(column)
    value = how.format(x) if how else f"TRY_CAST({x} AS {kind})"
    duckdb.execute(f"ALTER TABLE {table} ALTER COLUMN {x} SET DATA TYPE {kind} USING {value}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
