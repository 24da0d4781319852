"""Would a threshold that others set on the scores still select as many items?"""

from dataclasses import dataclass
from math import log, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from supersede.errors import ArgumentError
from supersede.look.numbers import items, level, share
from supersede.metrics.cells import Ask, Counting, N, counted, few
from supersede.review.evidence import Evidence
from supersede.review.finding import Finding, Verdict
from supersede.review.limits import checked_limit
from supersede.table.source import collect
from supersede.table.table import Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["MaxScoreShift"]


@dataclass(frozen=True)
class MaxScoreShift:
    """At no threshold may the share of items scored at or above it change by more than `limit`.

    That largest change is the Kolmogorov-Smirnov distance of the two models' scores, exact at every
    score that occurs. Needs no labels.

    Attributes:
        limit: The largest change, in (0, 1), or as text such as ``"3%"``.

    Assumes: items are independent draws, or drawn in the table's clusters; the interval is Massart's
    (1990) form of the Dvoretzky-Kiefer-Wolfowitz bound for each model, valid for any distribution and
    so rather wide. With weights its size is Kish's, with clusters that of the clusters.
    """

    limit: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "limit", checked_limit("MaxScoreShift", self.limit, "share"))

    def judge(self, evidence: Evidence) -> Finding:
        """Hold the largest change at any threshold against the limit."""
        (finding,) = counted(evidence.counting, self.judging(evidence))
        return finding  # type: ignore[no-any-return]

    def judging(self, evidence: Evidence) -> Counting:
        """The same, counted together with what other checks ask."""
        shift = (yield from _counted(evidence)) if few(evidence.counting) else _ordered(evidence)
        alpha = (1 - evidence.confidence) / 2
        band = 2 * sqrt(log(2 / alpha) / (2 * shift.size))
        low, high = max(shift.value - band, 0.0), min(shift.value + band, 1.0)
        verdict: Verdict = (
            "pass" if high <= self.limit else "fail" if low > self.limit else "undecided"
        )
        bound = share(low if verdict == "fail" else high, against=self.limit)
        than = "more" if verdict == "fail" else "less"
        risk = share(high).replace("%", "pp")
        return Finding(
            check="max_score_shift",
            question="Do thresholds on the scores still hold?",
            verdict=verdict,
            reason=(
                f"{level(evidence.confidence)} sure that the largest change at any threshold is"
                f" {than} than {bound.replace('%', 'pp')}: a threshold of {shift.threshold:.3g} selects"
                f" {share(shift.before, resolution=0.01)} of {items(shift.n)} by the old scores and"
                f" {share(shift.after, resolution=0.01)} by the new, which differs by"
                f" {share(shift.value, low, high, against=self.limit).replace('%', 'pp')};"
                f" the limit is at most {share(self.limit, exact=True).replace('%', 'pp')}."
            ),
            estimate=shift.value,
            low=low,
            high=high,
            limit=self.limit,
            unit="points",
            steps=(
                "max_score_shift: labels do not decide it; review more items, or accept that a"
                f" threshold may select up to {risk} more or fewer items.",
            )
            if verdict == "undecided"
            else (),
        )


@dataclass(frozen=True)
class _Shift:
    """The largest change: by how much, where, from which share to which, and of how many items."""

    value: float
    threshold: float
    before: float
    after: float
    n: int
    size: float


def _counted(evidence: Evidence) -> Counting:
    """The largest change, from how many items have each score."""
    table = evidence.counting
    old, new = _scores(table, evidence)
    keys: dict[str, Any] = {"old": old, "new": new}
    unit = () if table.cluster is None else ("unit",)
    if unit:
        keys["unit"] = table.rows[table.cluster]
    weight = table.weighing().cast("float64")
    margins = [("old",), ("new",), unit]
    found = yield [
        Ask({"w": weight, "w2": weight * weight}, keys, margins, old.notnull() & new.notnull())
    ]
    before, after, units = ({c: t[c].to_numpy() for c in t.column_names} for t in found[0])
    total = float(np.nansum(units["w"]))
    _refuse_nothing(total)
    score = np.unique(np.concatenate([before["old"], after["new"]]))[::-1]
    above = []
    for part, name in ((before, "old"), (after, "new")):
        at_score = np.zeros(len(score))
        at_score[len(score) - 1 - np.searchsorted(score[::-1], part[name])] = part["w"]
        above.append(np.cumsum(at_score) / total)
    change = np.abs(above[1] - above[0])
    top = len(score) - 1 - int(np.argmax(change[::-1]))  # of several, the lowest
    squares = float((units["w"] ** 2).sum() if unit else units["w2"][0])
    return _Shift(
        value=float(change[top]),
        threshold=float(score[top]),
        before=float(above[0][top]),
        after=float(above[1][top]),
        n=int(units[N].sum()),
        size=total**2 / squares,
    )


def _ordered(evidence: Evidence) -> _Shift:
    """The same where the engine has to put very many scores in order: in a query of its own."""
    import ibis

    table = evidence.table
    scores = _scores(table, evidence)
    columns = {"old": scores[0], "new": scores[1], "weight": table.weighing().cast("float64")}
    if table.cluster is not None:
        columns["cluster"] = table.rows[table.cluster]
    rows = table.rows.select(**columns)
    rows = rows.filter(rows.old.notnull(), rows.new.notnull())
    weight = rows.weight
    facts = rows.aggregate(n=rows.count(), w=weight.sum(), w2=(weight * weight).sum())
    if table.cluster is not None:
        sizes = rows.group_by("cluster").aggregate(n=rows.count(), w=weight.sum())
        facts = sizes.aggregate(n=sizes.n.sum(), w=sizes.w.sum(), w2=(sizes.w * sizes.w).sum())
    zero = ibis.literal(0.0)
    both = rows.select(score=rows.old, before=weight, after=zero).union(
        rows.select(score=rows.new, before=zero, after=weight)
    )
    steps = both.group_by("score").aggregate(before=both.before.sum(), after=both.after.sum())
    window = ibis.cumulative_window(order_by=steps.score.desc())
    above = steps.mutate(
        before=steps.before.sum().over(window), after=steps.after.sum().over(window)
    )
    above = above.mutate(shift=(above.after - above.before).abs())
    top = above.order_by(above.shift.desc(), above.score).limit(1)
    found = collect(facts.left_join(top, True)).to_pylist()[0]  # one row each
    total = float(found["w"] or 0)
    _refuse_nothing(total)
    return _Shift(
        value=float(found["shift"]) / total,
        threshold=float(found["score"]),
        before=float(found["before"]) / total,
        after=float(found["after"]) / total,
        n=int(found["n"]),
        size=total**2 / float(found["w2"]),
    )


def _scores(table: Table, evidence: Evidence) -> "list[ir.Value]":
    found = []
    for model in (evidence.old, evidence.new):
        score = table.score(model)
        if score is None:
            msg = (
                f"the check of score shift needs scores, and model {model!r} has none; name the"
                f" column: models={{{model!r}: supersede.table.Classes('…', score='<column>')}}"
            )
            raise ArgumentError(msg)
        found.append(score.cast("float64"))
    return found


def _refuse_nothing(total: float) -> None:
    if not total > 0:
        msg = "no item has a score of both models, so there is no shift of scores to check"
        raise ArgumentError(msg)
