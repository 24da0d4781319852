"""Items on which not one flip is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supersede.errors import ArgumentError, TableError
from supersede.look.numbers import count
from supersede.review.evidence import Evidence, graded
from supersede.review.finding import Finding, Verdict
from supersede.table.source import collect

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["MustNotBreak"]

_NAMED = 5  # broken items named in the reason


@dataclass(frozen=True)
class MustNotBreak:
    """On these items the new model may not get worse, not even once.

    This is a census, not a sample: one flip fails, and passing needs all of them labelled. An item
    breaks if the new model is less right on it than the old one.

    Attributes:
        items: The ids of the items; or None and `where`.
        where: A condition in the SQL of the table's engine, such as ``"amount > 10000"``.
    """

    items: Sequence[object] | None = None
    where: str | None = None

    def __post_init__(self) -> None:
        if (self.items is None) == (self.where is None):
            msg = "MustNotBreak takes either items=[…] or where='…', and not both"
            raise ArgumentError(msg)
        if self.items is not None and not len(self.items):
            msg = "MustNotBreak(items=[]): the list is empty; leave the check out, or name items"
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Finding:
        """Look at each of the items."""
        table = evidence.table
        rows = self._chosen(graded(table, evidence.old, evidence.new), evidence)
        broken = rows.filter(rows["__new"] < rows["__old"])
        labelled = _size(rows)
        listed = self._listed(evidence)
        flips = _size(broken)
        verdict: Verdict = "fail" if flips else "pass" if labelled == listed else "undecided"
        what = "on the list" if self.items is not None else f"where {self.where}"
        if flips:
            reason = (
                f"{count(flips)} of {count(listed)} items {what} break{_named(broken, table.item)}."
            )
        elif listed == 0:
            verdict, reason = "undecided", f"There is no item {what}, so nothing was checked."
        elif verdict == "pass":
            reason = f"None of the {count(listed)} items {what} breaks."
        else:
            reason = (
                f"None of the {count(labelled)} labelled items {what} breaks;"
                f" {count(listed - labelled)} are not labelled or not in the table."
            )
        return Finding(
            check="must_not_break",
            question="Do the items that must not break still work?",
            verdict=verdict,
            reason=reason,
            estimate=float(flips),
            low=float(flips),
            high=float(flips + listed - labelled),
            limit=0.0,
            unit="items",
            more_labels=listed - labelled if verdict == "undecided" and listed else None,
        )

    def _chosen(self, rows: "ir.Table", evidence: Evidence) -> "ir.Table":
        table = evidence.table
        if self.items is not None:
            if table.item is None:
                msg = "MustNotBreak(items=…) needs item ids: supersede.read(…, item='<column>')"
                raise ArgumentError(msg)
            ids = [str(item) for item in dict.fromkeys(self.items)]
            return rows.filter(rows[table.item].cast("string").isin(ids))
        import ibis

        query = f"SELECT * FROM ({ibis.to_sql(rows)}) AS items WHERE {self.where}"  # noqa: S608
        try:
            chosen = rows.get_backend().sql(query, schema=rows.schema())
            _size(chosen)
        except (TableError, ValueError) as error:
            reason = str(error).split("\n")[0]
            msg = f"the condition {self.where!r} of MustNotBreak cannot be evaluated: {reason}"
            raise ArgumentError(msg) from error
        return chosen

    def _listed(self, evidence: Evidence) -> int:
        if self.items is not None:
            return len(set(map(str, self.items)))
        return _size(self._chosen(evidence.table.rows, evidence))


def _size(rows: "ir.Table") -> int:
    return int(collect(rows.aggregate(n=rows.count()))["n"][0].as_py())


def _named(rows: "ir.Table", item: str | None) -> str:
    if item is None:
        return ""
    ids = collect(rows.select(item).order_by(item).limit(_NAMED))[item].to_pylist()
    return f": {', '.join(map(str, ids))}" + (", …" if len(ids) == _NAMED else "")
