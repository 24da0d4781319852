"""What a limit on a metric finds: on all items together, and on every slice."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from supersede.look.numbers import amount, count, share
from supersede.metrics.comparison import Comparison, Floats
from supersede.metrics.intervals import holm, z
from supersede.review.evidence import Evidence, slice_name
from supersede.review.finding import Finding, SliceFinding, combined
from supersede.review.metric_form import MetricForm
from supersede.review.more_labels import CHANCE
from supersede.review.slice_verdicts import (
    SHOWN,
    Unlabelled,
    unlabelled_step,
    unlabelled_words,
)

__all__ = ["metric_by_slice", "metric_of_all"]


def metric_of_all(form: MetricForm, compared: Comparison, evidence: Evidence) -> Finding:
    """The finding of a check on all items together."""
    estimate = form.estimate(compared)
    low, high = form.interval(compared, evidence.confidence)
    value, below, above = float(estimate[0]), float(low[0]), float(high[0])
    verdict = form.verdicts(low, high)[0] if value == value else "undecided"
    name = form.measure.name
    name = name[0].upper() + name[1:]
    written = form.written(value, below, above)
    if form.changes:
        level = share if form.measure.unit == "share" else amount
        before, after = level(float(compared.old[0])), level(float(compared.new[0]))
        reason = f"{name} changes by {written}, from {before} to {after}; {form.rule}."
    else:
        reason = f"{name} is {written}; {form.rule}."
    if value != value:
        reason = f"{name}: nothing was counted, so there is no value; {form.rule}."
    elif below != below:
        reason += (
            " A few items make up most of the variance (or none of them differs), so there is no"
            " interval."
        )
    more = None
    if verdict == "undecided":
        more = _more(form, value, below, above, evidence.labelled, evidence.confidence)
    return Finding(
        check=form.check,
        question=form.question,
        verdict=verdict,
        reason=reason,
        estimate=value,
        low=below,
        high=above,
        limit=form.bound,
        unit=form.unit,
        more_labels=more,
        more_labels_random=more,
        steps=_steps(form, more, below, above, "") if verdict == "undecided" else (),
    )


def metric_by_slice(
    form: MetricForm,
    compared: Sequence[tuple[Comparison, list[dict[str, object]]]],
    silent: Sequence[Unlabelled],
    min_items: int,
    evidence: Evidence,
) -> Finding:
    """The finding of a check on every slice; one fails only by Holm's adjusted p value."""
    slices = [values for _, found in compared for values in found]
    names = [slice_name(values) for values in slices]
    estimate = np.concatenate([form.estimate(c) for c, _ in compared])
    n = np.concatenate([c.n for c, _ in compared])
    ends = [form.interval(c, evidence.confidence) for c, _ in compared]
    low, high = (np.concatenate([end[side] for end in ends]) for side in (0, 1))
    adjusted = holm(np.concatenate([form.p_value(c) for c, _ in compared]))
    fails = adjusted < (1 - evidence.confidence) / 2
    alone = np.array(form.verdicts(low, high))
    # few labels do not make a slice small: what counts is how many items they stand for
    stands_for = evidence.table.size / evidence.labelled
    small = (n * stands_for < min_items) | np.isnan(estimate)
    verdicts = np.select(
        [fails & ~np.isnan(estimate), small, alone == "pass"], ["fail", "", "pass"], "undecided"
    )
    excess = (form.bound - estimate) * (1 if form.at_least else -1)
    rank = np.select([verdicts == "fail", verdicts == "undecided"], [0, 1], 2)
    order = np.lexsort((-n, np.where(np.isnan(excess), np.inf, -excess), rank))
    verdict = combined(v for v in ("fail", "undecided") if v in verdicts)
    if verdict == "pass" and (silent or not set(verdicts) - {""}):
        verdict = "undecided"
    chosen = random = None
    open_ = np.flatnonzero(verdicts == "undecided")
    if verdict == "undecided" and len(open_):
        overlap = len(compared) > 1 or compared[0][0].keys.num_columns == 0
        chosen, random = _labels(form, (estimate, low, high, n), excess, open_, evidence, overlap)
    worst = order[0]
    steps = [unlabelled_step(form.check, silent)] if silent else []
    if len(open_):
        where = f"in {names[worst]}, "
        steps += _steps(form, chosen, float(low[worst]), float(high[worst]), where)
    elif small.all():
        steps.append(f"{form.check}: compare slices of {min_items} items, or lower min_items.")
    return Finding(
        check=form.check,
        question=form.question,
        verdict=verdict,
        reason=_slices_reason(
            form, verdicts, silent, names[worst], (estimate, low, high, n), worst
        ),
        estimate=float(estimate[worst]),
        low=float(low[worst]),
        high=float(high[worst]),
        limit=form.bound,
        unit=form.unit,
        more_labels=chosen,
        more_labels_random=random,
        steps=tuple(steps) if verdict == "undecided" else (),
        slices=tuple(
            SliceFinding(
                slice=names[i],
                n=int(n[i]),
                estimate=float(estimate[i]),
                low=float(low[i]),
                high=float(high[i]),
                verdict=str(verdicts[i]) or None,  # type: ignore[arg-type]
                p_adjusted=float(adjusted[i]),
                values=slices[i],
            )
            for i in order[:SHOWN]
        ),
        slice_count=len(names),
    )


def _slices_reason(
    form: MetricForm,
    verdicts: npt.NDArray[np.str_],
    silent: Sequence[Unlabelled],
    name: str,
    columns: tuple[Floats, Floats, Floats, Floats],
    worst: int,
) -> str:
    total = count(len(verdicts))
    failed, open_, small = (int((verdicts == v).sum()) for v in ("fail", "undecided", ""))
    said = [
        f"{count(number)} of {total} slices {words}"
        for number, words in ((failed, "break the limit"), (open_, "cannot be decided yet"))
        if number
    ] or [f"all {count(len(verdicts) - small)} slices keep the limit"]
    if small == len(verdicts):
        said = ["no slice has enough items to judge"]
    if silent:
        said.append(unlabelled_words(silent))
    estimate, low, high, n = (float(column[worst]) for column in columns)
    text = "; ".join(said)
    few = f" Too small to judge: {count(small)}." if small else ""
    metric = form.measure.name[0].upper() + form.measure.name[1:]
    return (
        f"{text[0].upper()}{text[1:]} ({metric}: {form.rule}); the furthest is {name} with"
        f" {form.written(estimate, low, high)} ({count(n)} items).{few}"
    )


def _labels(
    form: MetricForm,
    columns: tuple[Floats, Floats, Floats, Floats],
    excess: Floats,
    open_: npt.NDArray[np.intp],
    evidence: Evidence,
    overlap: bool,
) -> tuple[int | None, int | None]:
    """Labels that decide the open slices: chosen from these, and drawn at random from all.

    One that lies beyond the limit decides the check once it fails; otherwise all of them must pass.
    Chosen labels are offered where slices share no items and an unlabelled item's slice is known.
    """
    estimate, low, high, n = columns
    beyond = [i for i in open_ if excess[i] > 0]
    one = CHANCE if beyond else CHANCE ** (1 / len(open_))
    needs = {}
    for i in map(int, beyond or open_):
        value, below, above = (float(column[i]) for column in (estimate, low, high))
        needs[i] = _more(form, value, below, above, int(n[i]), evidence.confidence, one)
    known = {i: need for i, need in needs.items() if need is not None}
    if not known or (not beyond and len(known) < len(needs)):
        return None, None
    decide = min if beyond else max
    random = decide(
        int(np.ceil(need * evidence.labelled / max(n[i], 1.0))) for i, need in known.items()
    )
    if overlap:
        return random, random
    return min(random, min(known.values()) if beyond else sum(known.values())), random


def _steps(
    form: MetricForm, more: int | None, low: float, high: float, where: str
) -> tuple[str, ...]:
    """What to do besides labelling."""
    end = low if form.at_least else high
    if end != end:
        return (f"{form.check}: without an interval, labels cannot decide it; take it out.",)
    none = "" if more is not None else "no number of labels will do, the estimate is at the limit; "
    risk = f"the change of the {form.measure.name}" if form.changes else f"the {form.measure.name}"
    return (
        f"{form.check}: {none}accept it with a named risk: {where}{risk} may be"
        f" {form.written(end)}.",
    )


def _more(
    form: MetricForm,
    value: float,
    low: float,
    high: float,
    n: int,
    confidence: float,
    chance: float = CHANCE,
) -> int | None:
    """Labels that decide with this chance, if the true value is the one observed.

    Assumes: the interval shrinks with the root of the number of labels, and the estimate is normal.
    """
    distance = value - form.bound
    half = value - low if distance > 0 else high - value
    if not np.isfinite(half) or not distance or not np.isfinite(distance):
        return None
    spare = 1 + NormalDist().inv_cdf(chance) / z(confidence)
    return max(1, int(np.ceil(n * min((spare * half / distance) ** 2, 1e12))) - n)
