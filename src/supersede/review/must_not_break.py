"""Items on which not one flip is allowed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from supersede.errors import ArgumentError, TableError
from supersede.look.numbers import count, items
from supersede.metrics.cells import Ask, Counting, counted, few
from supersede.review.evidence import Evidence
from supersede.review.finding import Finding, Verdict
from supersede.table.condition import where
from supersede.table.source import collect
from supersede.table.table import Table

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
        (finding,) = counted(evidence.counting, self.judging(evidence))
        return finding  # type: ignore[no-any-return]

    def judging(self, evidence: Evidence) -> Counting:
        """The same; a list is looked up together with what other checks ask."""
        table = evidence.table
        if self.where is not None:
            found = self._where(evidence)
            absent: list[str] = []
        else:
            found = yield from self._looked_up(evidence)
            absent = [name for name in self._ids() if name not in found.known]
        flips, labelled, present = found.broken, found.labelled, found.present
        listed = present + len(absent)
        what = "on the list" if self.items is not None else f"where {self.where}"
        steps: list[str] = []
        verdict: Verdict = "undecided"
        if flips:
            verdict, said = "fail", f"{count(flips)} of {items(listed)} {what} break{_s(flips)}"
            reason = f"{said}{_named(found.shown)}."
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

    def _where(self, evidence: Evidence) -> "_Items":
        """The items on which the condition, which is the engine's own text, holds."""
        item = evidence.table.item
        chosen = replace(evidence.table, rows=where(evidence.table.rows, self.where or ""))
        labelled, broken = _fates(chosen, evidence)
        facts = chosen.rows.aggregate(
            present=chosen.rows.count(), labelled=labelled.sum(), broken=broken.sum()
        )
        try:
            numbers = {name: int(n or 0) for name, n in collect(facts).to_pylist()[0].items()}
        except (TableError, ValueError) as error:
            reason = str(error).split("\n")[0]
            msg = f"the condition {self.where!r} of MustNotBreak cannot be evaluated: {reason}"
            raise ArgumentError(msg) from error
        shown: list[object] = []
        if numbers["broken"] and item is not None:
            lost = chosen.rows.filter(broken == 1).select(item).order_by(item)
            shown = collect(lost.limit(_NAMED + 1))[item].to_pylist()
        return _Items(**numbers, shown=shown, known=frozenset())

    def _looked_up(self, evidence: Evidence) -> Counting:
        """The items on the list."""
        table = evidence.table
        if table.item is None:
            msg = "MustNotBreak(items=…) needs item ids: supersede.read(…, item='<column>')"
            raise ArgumentError(msg)
        labelled, broken = _fates(table, evidence)
        item, sums = table.rows[table.item], {"labelled": labelled, "broken": broken}
        keys = {"item": item, "id": item.cast("string")}
        listed = keys["id"].isin(self._ids())
        if few(evidence.counting) and evidence.counting is table:
            ((cells,),) = yield [Ask(sums, keys, [tuple(keys)], listed)]
        else:  # the rows at hand are counts without ids
            cells = collect(table.rows.filter(listed).select(**keys, **sums))
        rows = cells.to_pylist()
        lost = sorted(row["item"] for row in rows if row["broken"])
        return _Items(
            present=len(rows),
            labelled=sum(row["labelled"] > 0 for row in rows),
            broken=len(lost),
            shown=lost[: _NAMED + 1],
            known=frozenset(row["id"] for row in rows),
        )

    def _ids(self) -> list[str]:
        return list(dict.fromkeys(str(item) for item in self.items or ()))


@dataclass(frozen=True)
class _Items:
    """How many of the items there are, have a label, and break; some that do; ids that are there."""

    present: int
    labelled: int
    broken: int
    shown: Sequence[object]
    known: frozenset[str]


def _fates(table: Table, evidence: Evidence) -> "tuple[ir.Value, ir.Value]":
    """1 if an item is labelled, and 1 if it breaks."""
    before, after = table.compared(evidence.old, evidence.new)
    graded = before.notnull() & after.notnull()
    return graded.ifelse(1, 0), (graded & (after < before)).ifelse(1, 0)


def _s(number: int) -> str:
    return "s" if number == 1 else ""


def _named(shown: Sequence[object]) -> str:
    return f": {_listing(shown)}" if shown else ""


def _listing(ids: Sequence[object]) -> str:
    return ", ".join(map(str, ids[:_NAMED])) + (", …" if len(ids) > _NAMED else "")
