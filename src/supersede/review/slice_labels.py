"""How many more labels decide a check of slices: chosen from the slices in question, or at random.

A slice whose estimate lies beyond the limit decides the check once it is shown to fail, so the one that
needs fewest labels counts. If none does, all slices that are open must be shown to keep the limit. A
label counts in every slice that its item belongs to: chosen labels are the smallest number that serves
all slices, by a linear programme over the combinations of their columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from supersede.metrics.cells import Ask, counted_rows, once
from supersede.review.evidence import CLASS, Evidence, Margin
from supersede.review.more_labels import CHANCE, labels_needed

__all__ = ["Future", "Needs", "SliceLabels", "labels_for_slices"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

Needs = Callable[[int, float, float], int | None]
"""Labels that decide a slice, by its place, the chance wanted, and the p value at which it fails."""

Future = Callable[[Places, float, np.random.Generator], bool]
"""Whether slices would all be shown to keep the limit, with so many times as many labels."""

_DRAWS = 100  # futures looked at
_TRIED = 8  # slices beyond the limit, those that stand out most
_SIMULATED = 200  # slices; beyond, the open ones are taken one by one


@dataclass(frozen=True)
class SliceLabels:
    """Labels that decide a check with 80 % chance.

    Attributes:
        chosen: Items chosen from the slices in question; None where no number will do.
        random: Items drawn at random from all.
    """

    chosen: int | None
    random: int | None


def labels_for_slices(
    margins: Sequence[tuple[Margin, Needs, Future]],
    waiting: Sequence[Places],
    judged: Sequence[Places],
    beyond: Sequence[Floats],
    level: float,
    evidence: Evidence,
) -> SliceLabels:
    """Labels that decide the slices that are undecided.

    Args:
        margins: The margins with undecided slices.
        waiting: Places of the undecided slices of each.
        judged: Places of all slices that must keep the limit.
        beyond: How far each slice's estimate lies beyond the limit.
        level: The p value at which a slice fails.
        evidence: What is known of the candidate.
    """
    total = float(evidence.whole.n[0])
    past = [
        (float(far[i] * np.sqrt(margin.flips.n[i])), margin, needs, int(i))
        for (margin, needs, _), places, far in zip(margins, waiting, beyond, strict=True)
        for i in places
        if far[i] > 0
    ]
    if past:
        past.sort(key=lambda entry: -entry[0])
        tried = [(m, needs(i, CHANCE, level), float(m.flips.n[i]) / total)
                 for _, m, needs, i in past[:_TRIED]]  # fmt: skip
        known = [(margin, need, part) for margin, need, part in tried if need is not None]
        at_random = [int(np.ceil(need / part)) for _, need, part in known]
        # the class of an unlabelled item is unknown, so its slice cannot be labelled by choice
        by_choice = [need for margin, need, _ in known if margin.columns != (CLASS,)]
        return SliceLabels(
            chosen=min([*by_choice, *at_random], default=None),
            random=min(at_random, default=None),
        )
    number = sum(len(places) for places in waiting)
    each = CHANCE ** (1 / number)
    single = [
        _alike(margin, needs, places, each, level)
        for (margin, needs, _), places in zip(margins, waiting, strict=True)
    ]
    found = [entry for entries in single for entry in entries]
    random = _largest(
        [
            None if need is None else int(np.ceil(need * total / float(margin.flips.n[i])))
            for margin, i, need in found
        ]
    )
    if sum(len(places) for places in judged) <= _SIMULATED:

        def chance(more: int) -> float:
            """The share of futures that are kept; no more of them than show if it is large enough."""
            kept = lost = 0
            enough = round(CHANCE * _DRAWS)
            for draw in range(_DRAWS):
                # the same futures for each number, and for columns that split the items alike
                good = all(
                    future(places, 1 + more / total, np.random.default_rng(draw))
                    for (_, _, future), places in zip(margins, judged, strict=True)
                )
                kept, lost = kept + good, lost + (not good)
                if kept >= enough:
                    return kept / _DRAWS
                if lost > _DRAWS - enough:
                    return 1 - lost / _DRAWS
            return kept / _DRAWS

        random = labels_needed(chance)
    chosen = None
    if all(need is not None for *_, need in found) and all(
        margin.columns != (CLASS,) for margin, *_ in margins
    ):
        chosen = _net([(m, i, need) for m, i, need in found if need is not None], evidence)
    both = [number for number in (chosen, random) if number is not None]
    return SliceLabels(chosen=min(both, default=None), random=random)


def _alike(
    margin: Margin, needs: Needs, places: Places, wanted: float, level: float
) -> list[tuple[Margin, int, int | None]]:
    """What each slice needs; slices with the same counts need the same."""
    flips = margin.flips
    known: dict[bytes, int | None] = {}
    found = []
    for i in places.tolist():
        counts = (flips.n[i], flips.nfr[i], flips.pfr[i], flips.gain.variance[i])
        kind = np.array(counts).tobytes()  # NaN equals itself in bytes
        if kind not in known:
            known[kind] = needs(i, wanted, level)
        found.append((margin, i, known[kind]))
    return found


def _largest(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return max(known) if known and len(known) == len(numbers) else None


def _net(found: Sequence[tuple[Margin, int, int]], evidence: Evidence) -> int:
    """The smallest number of labels that gives every slice what it needs."""
    columns = list(dict.fromkeys(column for margin, *_ in found for column in margin.columns))
    if len({margin.columns for margin, *_ in found}) == 1:  # slices of one margin share no items
        return sum(need for *_, need in found)
    from scipy.optimize import linprog

    rows = evidence.table.rows
    ask = Ask(keys={column: rows[column] for column in columns}, margins=[tuple(columns)])
    ((cells,),) = counted_rows(rows, once(ask))
    records: list[Mapping[str, object]] = cells.select(columns).to_pylist()
    member = np.array(
        [
            [all(record[c] == v for c, v in margin.values(i).items()) for record in records]
            for margin, i, _ in found
        ],
        float,
    )
    need = np.array([need for *_, need in found], float)
    solved = linprog(np.ones(len(records)), A_ub=-member, b_ub=-need, method="highs")
    return int(np.ceil(solved.fun - 1e-6)) if solved.success else int(need.sum())
