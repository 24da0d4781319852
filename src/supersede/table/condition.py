"""A condition on the table's columns, as text, that can be nothing else.

The text is parsed, and only what is listed here may stand in it: columns, literals, comparisons,
``AND``, ``OR``, ``NOT``, ``IN (…)``, ``BETWEEN``, ``LIKE``, ``IS NULL``, arithmetic and a few functions.
What runs is written anew from the parsed tree, so comments and anything else that a text can hide are gone.
"""

from typing import TYPE_CHECKING

from supersede.errors import ArgumentError, MissingColumnError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from sqlglot import exp

__all__ = ["where"]

_ALLOWED = frozenset(
    [
        "Abs",
        "Add",
        "And",
        "Between",
        "Boolean",
        "Cast",
        "Coalesce",
        "Column",
        "DataType",
        "Div",
        "EQ",
        "GT",
        "GTE",
        "ILike",
        "Identifier",
        "In",
        "Is",
        "LT",
        "LTE",
        "Length",
        "Like",
        "Literal",
        "Lower",
        "Mod",
        "Mul",
        "NEQ",
        "Neg",
        "Not",
        "Null",
        "Or",
        "Paren",
        "StartsWith",
        "Sub",
        "Trim",
        "Upper",
    ]
)
_BOOLEAN = frozenset(
    [
        "And",
        "Between",
        "Boolean",
        "EQ",
        "GT",
        "GTE",
        "ILike",
        "In",
        "Is",
        "LT",
        "LTE",
        "Like",
        "NEQ",
        "Not",
        "Or",
        "StartsWith",
    ]
)
_EXAMPLE = "\"amount > 10000 AND country IN ('de', 'fr')\""


def where(rows: "ir.Table", condition: str) -> "ir.Table":
    """The rows on which a condition holds.

    Args:
        rows: The rows, on any engine.
        condition: A boolean expression on their columns, in the engine's SQL.

    Raises:
        ArgumentError: It is no such expression.
        MissingColumnError: It names a column that is not there.

    Example:
        >>> import supersede
        >>> from supersede.table.source import collect
        >>> table = supersede.read({"y": [1, 0], "a": [1, 1], "amount": [1, 20_000]}, models=["a"])
        >>> rows = table.rows
        >>> len(collect(where(rows, "amount > 10000")))
        1
        >>> where(rows, "true; drop table items")
        Traceback (most recent call last):
        ...
        supersede.errors.ArgumentError: the condition 'true; drop table items' is 2 statements; ...
    """
    import ibis

    backend = ibis.get_backend(rows)
    dialect = backend.dialect
    parsed = _parsed(condition, dialect)
    for node in parsed.walk():
        if type(node).__name__ not in _ALLOWED:
            msg = (
                f"the condition {condition!r} contains {node.sql(dialect)!r}, which is not allowed;"
                f" expected comparisons of columns, as in {_EXAMPLE}"
            )
            raise ArgumentError(msg)
    _check_columns(parsed, rows, condition)
    inner = parsed
    while type(inner).__name__ == "Paren":
        inner = inner.this
    name = type(inner).__name__
    boolean = name == "Column" and rows[inner.name].type().is_boolean()
    if name not in _BOOLEAN and not boolean:
        msg = (
            f"the condition {condition!r} is not a yes/no question; compare it with something, as in"
            f" {_EXAMPLE}"
        )
        raise ArgumentError(msg)
    query = (
        f"SELECT * FROM ({ibis.to_sql(rows)}) AS items WHERE {parsed.sql(dialect, comments=False)}"  # noqa: S608  # parsed, and written anew
    )
    return backend.sql(query, schema=rows.schema())


def _parsed(condition: str, dialect: object) -> "exp.Expr":
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        found = sqlglot.parse(condition, dialect=dialect)  # type: ignore[arg-type]
    except SqlglotError as error:
        reason = str(error).split("\n")[0].split(". Line")[0]
        msg = f"the condition {condition!r} cannot be read: {reason}; expected e.g. {_EXAMPLE}"
        raise ArgumentError(msg) from error
    statements = [statement for statement in found if statement is not None]
    if len(statements) != 1 or len(found) != 1:
        what = f"{len(found)} statements" if len(found) > 1 else "empty"
        msg = f"the condition {condition!r} is {what}; expected one, such as {_EXAMPLE}"
        raise ArgumentError(msg)
    return statements[0]


def _check_columns(parsed: "exp.Expr", rows: "ir.Table", condition: str) -> None:
    from sqlglot import exp

    if parsed.find(exp.Column) is None:
        msg = f"the condition {condition!r} names no column; expected one, such as {_EXAMPLE}"
        raise ArgumentError(msg)
    for column in parsed.find_all(exp.Column):
        name = column.name
        if column.table or name not in rows.columns:
            wanted = f"{column.table}.{name}" if column.table else name
            raise MissingColumnError.of(
                wanted, rows.columns, f"the condition {condition!r}",
                "or quote text as 'text'",
            )  # fmt: skip
