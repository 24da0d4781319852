"""Items on which not one flip is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supersede.errors import ArgumentError, TableError
from supersede.look.numbers import count, items
from supersede.review.evidence import Evidence, graded
from supersede.review.finding import Finding, Verdict
from supersede.table.condition import where
from supersede.table.internal import internal
from supersede.table.source import collect

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["MustNotBreak"]

_NAMED = 5  # broken items named in the reason


@dataclass(frozen=True)
class MustNotBreak:
    """On these items the new model must not get worse, not even once.

    This is a census, not a sample: one flip fails, and passing needs all of them labelled. An item
    breaks if the new model is less right on it than the old one.

    Attributes:
        items: The ids of the items; or None and `where`.
        where: A boolean expression on the table's columns, in the SQL of its engine, such as
            ``"amount > 10000"``; see `supersede.table.condition`.
    """

    items: Sequence[object] | None = None
    where: str | None = None

    def __post_init__(self) -> None:
        if (self.items is None) == (self.where is None):
            msg = "MustNotBreak takes either items=[…] or where='…', and not both"
            raise ArgumentError(msg)
        if isinstance(self.items, str):
            object.__setattr__(self, "items", (self.items,))
        if self.items is not None and not len(self.items):
            msg = "MustNotBreak(items=[]): the list is empty; leave the check out, or name items"
            raise ArgumentError(msg)

    def judge(self, evidence: Evidence) -> Finding:
        """Look at each of the items."""
        table = evidence.table
        everybody = self._chosen(table.rows, evidence)
        rows = self._chosen(graded(table, evidence.old, evidence.new), evidence)
        broken = rows.filter(rows[internal("new")] < rows[internal("old")])
        flips, labelled, present = _size(broken), _size(rows), _size(everybody)
        absent = self._absent(everybody, table.item)
        listed = present + len(absent)
        what = "on the list" if self.items is not None else f"where {self.where}"
        steps: list[str] = []
        verdict: Verdict = "undecided"
        if flips:
            verdict, said = "fail", f"{count(flips)} of {items(listed)} {what} break{_s(flips)}"
            reason = f"{said}{_named(broken, table.item)}."
        elif listed == 0:
            reason = f"There is no item {what}, so nothing was checked."
            steps.append(f"must_not_break: correct the condition {self.where!r}.")
        elif labelled == listed:
            verdict, reason = "pass", f"None of the {items(listed)} {what} breaks."
        else:
            missing = _listing(absent)
            gone = f"; not in the table: {missing}" if absent else ""
            bare = f"; without a label: {count(present - labelled)}" if present > labelled else ""
            reason = f"None of the {items(labelled, 'labelled item')} {what} breaks{bare}{gone}."
            if absent:
                steps.append(
                    f"must_not_break: {missing} {'is' if len(absent) == 1 else 'are'} not in column"
                    f" {table.item!r}; correct the list, or add the items to the table."
                )
        unlabelled = present - labelled if verdict == "undecided" and present > labelled else None
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
            more_labels=unlabelled,
            steps=tuple(steps),
        )

    def _chosen(self, rows: "ir.Table", evidence: Evidence) -> "ir.Table":
        if self.where is not None:
            chosen = where(rows, self.where)
            try:
                _size(chosen)
            except (TableError, ValueError) as error:
                reason = str(error).split("\n")[0]
                msg = f"the condition {self.where!r} of MustNotBreak cannot be evaluated: {reason}"
                raise ArgumentError(msg) from error
            return chosen
        item = evidence.table.item
        if item is None:
            msg = "MustNotBreak(items=…) needs item ids: supersede.read(…, item='<column>')"
            raise ArgumentError(msg)
        return rows.filter(rows[item].cast("string").isin(self._ids()))

    def _ids(self) -> list[str]:
        return list(dict.fromkeys(str(item) for item in self.items or ()))

    def _absent(self, present: "ir.Table", item: str | None) -> list[str]:
        """Listed items that the table does not have."""
        if item is None or self.items is None:
            return []
        found = collect(present.select(**{internal("id"): present[item].cast("string")}))
        known = set(found[internal("id")].to_pylist())
        return [name for name in self._ids() if name not in known]


def _size(rows: "ir.Table") -> int:
    return int(collect(rows.aggregate(n=rows.count()))["n"][0].as_py())


def _s(number: int) -> str:
    return "s" if number == 1 else ""


def _named(rows: "ir.Table", item: str | None) -> str:
    if item is None:
        return ""
    ids = collect(rows.select(item).order_by(item).limit(_NAMED + 1))[item].to_pylist()
    return f": {_listing(ids)}"


def _listing(ids: Sequence[object]) -> str:
    return ", ".join(map(str, ids[:_NAMED])) + (", …" if len(ids) > _NAMED else "")
