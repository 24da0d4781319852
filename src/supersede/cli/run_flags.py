"""Flags that say how runs are read and joined; the same for every command that takes runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.table import Table
    from supersede.table.runs import RunColumns

__all__ = ["RunFlags", "sources"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RunFlags:
    """How runs are read and joined.

    Attributes:
        from_: Format of the runs, where it is not found by content: inspect, lm-eval, promptfoo,
            deepeval, openai-evals, mlflow, pytest, junit, resolved-ids, table or records.
        metric: The metric or column of grades that decides whether an item is right.
        answer: Column of answers that are compared with the label.
        attempt: Column that numbers repeated attempts at an item.
        by: Column that says which model a row belongs to, in a table with a row per item and model.
        changed: What is done with items whose question or label differs between runs.
    """

    from_: Annotated[str | None, Parameter(name="--from")] = None
    metric: str | None = None
    answer: str | None = None
    attempt: str | None = None
    by: str | None = None
    changed: Literal["refuse", "keep", "drop"] = "refuse"

    def options(self) -> dict[str, Any]:
        """The flags, as `supersede.compare` takes them."""
        return {
            "format": self.from_,
            "metric": self.metric,
            "answer": self.answer,
            "attempt": self.attempt,
            "by": self.by,
            "changed": self.changed,
        }

    def join(
        self, runs: Sequence[str], *, item: str | None, label: str | None, **uses: Any
    ) -> "Table":
        """The runs as one table; further arguments are those of `supersede.read`."""
        from supersede.table.runs import join_runs

        return join_runs(
            runs,
            format=self.from_,
            columns=self.columns(item, label),
            changed=self.changed,
            **uses,
        )

    def columns(self, item: str | None, label: str | None) -> "RunColumns":
        """The flags, as `supersede.table.runs.join_runs` takes them."""
        from supersede.table.runs import RunColumns

        return RunColumns(item, label, self.answer, self.metric, self.attempt, self.by)


def sources(
    table: str | None, runs: Sequence[str], old: str | None, new: Sequence[str] | None
) -> tuple[str | None, str, list[str]]:
    """A table with names of models, or no table and the runs' files.

    Raises:
        ArgumentError: Both are given, or neither is complete.

    Example:
        >>> sources("old.jsonl", ["new.jsonl"], None, None)
        (None, 'old.jsonl', ['new.jsonl'])
        >>> sources("table.csv", [], "a", ["b"])
        ('table.csv', 'a', ['b'])
    """
    if table is not None and runs:
        if old is not None or new:
            msg = (
                f"{1 + len(runs)} files are runs, the old one first, so leave out --old and --new; for"
                " one table with a column per model, give that file alone"
            )
            raise ArgumentError(msg)
        return None, table, list(runs)
    if old is None or not new:
        msg = (
            "give two runs, the old one first (OLD.jsonl NEW.jsonl), or one table and its columns:"
            " --old COLUMN --new COLUMN"
        )
        raise ArgumentError(msg)
    return table, old, list(new)
