"""What the functions of tables take: a `Table`, or whatever `read` reads.

One coercion serves them all. What a call names and the table already says differently is refused
rather than ignored.
"""

from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

from supersede.errors import ArgumentError
from supersede.table.outcomes import Outcome
from supersede.table.read import read
from supersede.table.same import same_words
from supersede.table.table import Missing, Table

__all__ = ["Columns", "as_names", "as_table"]


class Columns(TypedDict, total=False):
    """Arguments of `supersede.read` that say which column is what."""

    item: str | None
    label: str | None
    weight: str | None
    cost: str | None
    cluster: str | None
    missing: Missing
    same: Mapping[str, Sequence[str]] | Sequence[str] | str | None
    where: str | None
    keep: Sequence[str]


def as_table(
    source: object,
    models: Sequence[str] | Mapping[str, str | Outcome] | None,
    *,
    labelled: bool = True,
    groups: Sequence[str] = (),
    **columns: Unpack[Columns],
) -> Table:
    """The source as a table: read now, or as it was read before.

    Args:
        source: A `Table`, or anything that `supersede.read` reads.
        models: The models that are read from a source that is not yet a table.
        labelled: As for `supersede.read`.
        groups: Its groups, where it is read now; of a `Table` they are what it says.
        **columns: Further arguments of `supersede.read`. On a `Table` they must repeat what it says
            or be left out.

    Raises:
        ArgumentError: An argument contradicts the table.
        TypeError: There is no such argument.
        TableError: The source cannot be read or trusted; see `supersede.read`.

    Example:
        >>> import supersede
        >>> table = supersede.read({"y": [1], "a": [1]}, models=["a"])
        >>> as_table(table, ["a"], weight="w")
        Traceback (most recent call last):
        ...
        supersede.errors.ArgumentError: weight='w', but the table was read without a weight; ...
    """
    if not isinstance(source, Table):
        return read(source, models=models, labelled=labelled, groups=groups, **columns)
    unknown = next((name for name in columns if name not in Columns.__annotations__), None)
    if unknown is not None:
        msg = f"unexpected keyword argument {unknown!r}"
        raise TypeError(msg)
    for use in ("item", "label", "weight", "cost", "cluster"):
        asked, has = columns.get(use), getattr(source, use)
        if asked is not None and asked != has:
            _contradicts(use, asked, "without a " + use if has is None else f"with {use}={has!r}")
    for name, outcome in models.items() if isinstance(models, Mapping) else ():
        if outcome not in (name, source.models.get(name)):  # not all can be hashed
            _contradicts("models", {name: outcome}, f"with {source.models.get(name)!r} for it")
    same = same_words(columns.get("same"))
    if same and same != source.same:
        _contradicts(
            "same", columns.get("same"), "without these words" if not source.same else "with others"
        )
    if columns.get("where") is not None:
        _contradicts("where", columns.get("where"), "with all of its rows")
    missing = columns.get("missing", "refuse")
    if missing not in {"refuse", source.missing}:
        _contradicts("missing", missing, f"with missing={source.missing!r}")
    return source


def as_names(names: Sequence[str], argument: str) -> tuple[str, ...]:
    """Names of columns as a tuple; a single name is one of them, not its letters.

    Raises:
        ArgumentError: They are not names.

    Example:
        >>> as_names("site", "groups"), as_names(["sex", "site"], "groups")
        (('site',), ('sex', 'site'))
    """
    if isinstance(names, str):
        return (names,)
    found = tuple(names) if isinstance(names, Sequence) else None
    if found is None or not all(isinstance(name, str) for name in found):
        msg = f"{argument}={names!r}; expected names of columns, as in {argument}=['site']"
        raise ArgumentError(msg)
    return found


def _contradicts(use: str, asked: object, has: str) -> None:
    msg = (
        f"{use}={asked!r}, but the table was read {has}; leave {use}= out here, or read it again:"
        f" supersede.read(…, {use}={asked!r})"
    )
    raise ArgumentError(msg)
