"""From whatever is to be reviewed to one table: a table itself, a long table, or a run per model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from supersede.errors import ArgumentError, MissingColumnError, SourceError
from supersede.table.coerce import as_table
from supersede.table.outcomes import Outcome
from supersede.table.runs import Changed, RunColumns, join_runs, models_in, split_run
from supersede.table.table import Table

__all__ = ["reviewed"]

_WIDE = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".gz", ".zst")


def reviewed(
    table: object,
    old: object,
    new: Sequence[object],
    *,
    columns: RunColumns,
    models: Mapping[str, str | Outcome],
    format: str | None = None,
    changed: Changed = "refuse",
    labelled: bool = True,
    **uses: Any,
) -> tuple[Table, str, list[str]]:
    """The table to review, and the names of the old and the new models in it.

    Args:
        table: A table, or a long one; None where `old` and `new` are runs.
        old: The old model's name, or its run.
        new: The new models' names, or their runs.
        columns: What the user named.
        models: How models are graded, where their values do not say it; by name, or by run.
        format: The format of the runs, where it is not to be found by content.
        changed: What is done with items that are not the same in all runs.
        labelled: Whether the labels are in the table.
        **uses: Passed on to `read` or `join_runs`.

    Returns:
        The table, the old model and the new ones.

    Raises:
        ArgumentError: Models are not named where a table holds them.
        MissingColumnError: A column or model is not there.
    """
    graded = {name: said for name, said in models.items() if not isinstance(said, str)}
    runs = {"format": format, "columns": columns, "models": graded, "changed": changed}
    if table is None:
        joined = join_runs([old, *new], **runs, **uses)  # type: ignore[arg-type]
        first, *others = joined.models
        return joined, first, others
    if not isinstance(old, str) or not all(isinstance(name, str) for name in new):
        msg = "old= and new= name models of the table; for a run per model, leave the table out"
        raise ArgumentError(msg)
    names = [old, *map(str, new)]
    if (format is not None or columns.by is not None) and not isinstance(table, Table):
        return split_run(table, names, **runs, **uses), old, names[1:]  # type: ignore[arg-type]
    said = {name: models.get(name, name) for name in names}
    try:
        wide = as_table(
            table, said, item=columns.item, label=columns.label, labelled=labelled, **uses
        )
    except (MissingColumnError, SourceError):
        if not _is_log(table) and set(names).isdisjoint(models_in(table, columns)):
            raise
        return split_run(table, names, **runs, **uses), old, names[1:]  # type: ignore[arg-type]
    return wide, old, names[1:]


def _is_log(table: object) -> bool:
    """Whether a file's name says that it is not a table."""
    if not isinstance(table, str | Path) or not Path(table).is_file():
        return False
    return not str(table).lower().endswith(_WIDE)
