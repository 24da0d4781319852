"""Would a threshold that others set on the scores still select as many items?"""

from dataclasses import dataclass
from math import log, sqrt
from typing import Any

from supersede.errors import ArgumentError
from supersede.look.numbers import items, level, share
from supersede.review.evidence import Evidence
from supersede.review.finding import Finding, Verdict
from supersede.review.limits import checked_limit
from supersede.table.source import collect

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
        shift = _largest(evidence)
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


def _largest(evidence: Evidence) -> _Shift:
    import ibis

    table = evidence.table
    scores = [table.score(model) for model in (evidence.old, evidence.new)]
    missing = [m for m, s in zip((evidence.old, evidence.new), scores, strict=True) if s is None]
    if missing:
        msg = (
            f"the check of score shift needs scores, and model {missing[0]!r} has none; name the"
            f" column: models={{{missing[0]!r}: supersede.table.Classes('…', score='<column>')}}"
        )
        raise ArgumentError(msg)
    columns = {"old": scores[0], "new": scores[1], "weight": table.weighing()}
    if table.cluster is not None:
        columns["cluster"] = table.rows[table.cluster]
    rows = table.rows.select(**columns)
    rows = rows.filter(rows.old.notnull(), rows.new.notnull())
    weight = rows.weight.cast("float64")
    facts = _row(rows.aggregate(n=rows.count(), w=weight.sum(), w2=(weight * weight).sum()))
    if not facts["n"] or not facts["w"]:
        msg = "no item has a score of both models, so there is no shift of scores to check"
        raise ArgumentError(msg)
    total = float(facts["w"])
    zero = ibis.literal(0.0)
    both = rows.select(score=rows.old.cast("float64"), before=weight, after=zero).union(
        rows.select(score=rows.new.cast("float64"), before=zero, after=weight)
    )
    steps = both.group_by("score").aggregate(before=both.before.sum(), after=both.after.sum())
    window = ibis.cumulative_window(order_by=steps.score.desc())
    above = steps.mutate(
        before=steps.before.sum().over(window), after=steps.after.sum().over(window)
    )
    above = above.mutate(shift=(above.after - above.before).abs())
    top = _row(above.order_by(above.shift.desc(), above.score).limit(1))
    squares = float(facts["w2"])
    if table.cluster is not None:
        sizes = rows.group_by("cluster").aggregate(w=weight.sum())
        squares = float(_row(sizes.aggregate(w2=(sizes.w * sizes.w).sum()))["w2"])
    return _Shift(
        value=float(top["shift"]) / total,
        threshold=float(top["score"]),
        before=float(top["before"]) / total,
        after=float(top["after"]) / total,
        n=int(facts["n"]),
        size=total**2 / squares,
    )


def _row(expression: Any) -> dict[str, Any]:
    return dict(collect(expression).to_pylist()[0])
