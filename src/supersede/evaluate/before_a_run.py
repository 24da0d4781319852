"""Before a run: how small a regression its items can show, and how many items show a given one.

What decides is how often the two models disagree (exactly one is right), which an earlier pair of runs
tells, or an assumption. `Power` does the arithmetic with the very intervals that a review uses.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.evaluate.run_power import CheckedBy, Power
from supersede.evaluate.run_sizes import RunSize, RunSizes
from supersede.metrics.flips import Flips, count_flips
from supersede.metrics.intervals import wilson
from supersede.table.read import read
from supersede.table.table import Table

__all__ = ["detectable"]

_Counted = tuple[str | None, float, float, float, float, float]
_FEW = 30  # items from which a disagreement is taken


def detectable(
    table: object = None,
    *,
    old: str | None = None,
    new: str | None = None,
    disagreement: float | None = None,
    regression: float | None = None,
    items: int | None = None,
    check: CheckedBy = "min_gain",
    limit: float = 0.0,
    groups: Sequence[str] = (),
    power: Sequence[float] = (0.8, 0.9),
    design_effect: float | None = None,
    confidence: float = 0.95,
    **reading: Any,
) -> RunSizes:
    """How small a regression so many items show, and how many items show one of this size.

    A regression is *shown* when the review's check fails: the whole interval lies beyond the limit.
    How often that happens is summed over all outcomes, with the interval of the check itself.

    Args:
        table: An earlier pair of runs, labelled: a `Table` or anything that `supersede.read` reads.
            None where the disagreement is assumed.
        old: The model in service.
        new: Another model; how much they disagree is taken to be typical.
        disagreement: The share of items on which exactly one of the two models is right, in (0, 1],
            where there are no earlier runs.
        regression: How far accuracy lies below the limit (or negative flips above it), in (0, 1).
        items: The items that the run is going to have. Without `regression` and without this, those
            of the table.
        check: Which check decides, ``"min_gain"`` or ``"max_nfr"``.
        limit: Its limit: 0, or less for a tolerated loss, with ``min_gain``; above 0 with
            ``max_nfr``.
        groups: Columns whose values are groups; each gets sizes of its own.
        power: With which chances.
        design_effect: What clusters and weights multiply variances by, at least 1. By default that
            of the table, and 1 without one.
        confidence: The review's two-sided confidence.
        **reading: Passed on to `supersede.read`: ``item``, ``label``, ``cluster``, ``weight`` and
            so on.

    Returns:
        Sizes of all items, and of every group.

    Raises:
        ArgumentError: An argument is out of range, or neither runs nor a disagreement are given.
        TooFewLabelsError: Fewer than 30 items are graded for both models.

    Example:
        >>> sizes = detectable(disagreement=0.1, regression=0.02)
        >>> sizes.whole.needs[0.8]
        1955

    Assumes: the next models disagree as often as these; items are independent draws, or clusters
    like those of the table. A disagreement counted on few items is itself uncertain: `at_most` says
    what the upper end of its 95 % interval would need.
    """
    _refuse(regression, items, check, limit, power, confidence, disagreement, design_effect)
    if table is None:
        if disagreement is None or groups:
            msg = (
                "name an earlier pair of runs, as in detectable('runs.csv', old='a', new='b'), or"
                " assume a disagreement: disagreement=0.1 (--discordant 10%); groups need the runs"
            )
            raise ArgumentError(msg)
        if regression is None and items is None:
            msg = (
                "name the question: regression=0.02 (--detect 2pp), items=500 (--run-items 500), or"
                " both"
            )
            raise ArgumentError(msg)
        counted: list[_Counted] = [
            (None, 1.0, disagreement, disagreement, disagreement, design_effect or 1.0)
        ]
    else:
        if disagreement is not None or old is None or new is None:
            msg = "name two models of the runs, old= and new=, and leave out disagreement="
            raise ArgumentError(msg)
        if not isinstance(table, Table):
            table = read(table, models=[old, new], groups=groups, **reading)
        labelled, counted = _counted(table, old, new, groups, design_effect)
        if items is None and regression is None:
            items = labelled
    rows = []
    for name, part, apart, low, high, effect in counted:
        own = None if items is None else int(items * part)
        known = Power(check, limit, apart, effect, confidence)
        rows.append(_row(known, name, part, (low, high), own, regression, tuple(power)))
    return RunSizes(
        check, limit, regression, tuple(power), confidence, disagreement is not None, tuple(rows)
    )


def _row(
    power: Power,
    group: str | None,
    part: float,
    ends: tuple[float, float],
    items: int | None,
    regression: float | None,
    chances: tuple[float, ...],
) -> RunSize:
    widest = replace(power, disagreement=ends[1])
    asked = () if regression is None else chances
    even = replace(power, limit=-(regression or 0.0))
    return RunSize(
        group=group,
        share=part,
        disagreement=power.disagreement,
        low=ends[0],
        high=ends[1],
        design_effect=power.design_effect,
        items=items,
        shows={} if items is None else {c: power.regression_shown(items, c) for c in chances},
        needs={c: power.items_to_show(regression or 0.0, c) for c in asked},
        at_most={c: widest.items_to_show(regression or 0.0, c) for c in asked},
        to_pass={}
        if power.check != "min_gain"
        else {c: even.items_to_pass(regression or 0.0, c) for c in asked},
    )


def _counted(
    table: Table, old: str, new: str, groups: Sequence[str], effect: float | None
) -> tuple[int, list[_Counted]]:
    """The number of graded items, and each group's share, disagreement and design effect."""
    margins = [(), *((group,) for group in groups)]
    found: list[_Counted] = []
    total = 1.0
    for margin, flips in zip(margins, count_flips(table, old, new, margins), strict=True):
        total = total if margin else float(flips.n.sum())
        if total < _FEW:
            msg = (
                f"{total:.0f} items are graded for both {old!r} and {new!r}, too few to count how often"
                f" they disagree ({_FEW} at least); assume it instead: disagreement=0.1"
            )
            raise TooFewLabelsError(msg)
        effects = _design_effects(flips)
        values = flips.keys[margin[0]].to_pylist() if margin else [None]
        for at, value in enumerate(values):
            n = float(flips.n[at])
            size = n / effects[at]
            apart = float(np.nan_to_num(flips.nfr[at] + flips.pfr[at]))
            low, high = (float(end) for end in wilson(apart, size, 0.95))
            smoothed = (apart * size + 1) / (size + 2)  # none seen is not none
            word = "unknown" if value is None else value
            name = f"{margin[0]} = {word}" if margin else None
            own = float(effects[at]) if effect is None else effect
            found.append((name, n / total, min(max(smoothed, low), high), low, high, own))
    return int(total), sorted(found, key=lambda row: (row[0] is not None, row[0] or ""))


def _design_effects(flips: Flips) -> "np.ndarray[Any, np.dtype[np.float64]]":
    one = flips.nfr + flips.pfr - (flips.pfr - flips.nfr) ** 2
    size = flips.gain.effective_n(np.nan_to_num(one))
    return np.maximum(np.divide(flips.n, size, out=np.ones(len(size)), where=size > 0), 1.0)


def _refuse(
    regression: float | None,
    items: int | None,
    check: CheckedBy,
    limit: float,
    power: Sequence[float],
    confidence: float,
    disagreement: float | None,
    design_effect: float | None,
) -> None:
    if check not in {"min_gain", "max_nfr"}:
        msg = f"check={check!r} must be 'min_gain' or 'max_nfr'"
        raise ArgumentError(msg)
    if not (-1 < limit <= 0 if check == "min_gain" else 0 < limit < 1):
        expected = "in (-1, 0], as min_gain's" if check == "min_gain" else "a share in (0, 1)"
        msg = f"limit={limit} must be {expected}"
        raise ArgumentError(msg)
    if items is not None and items < 1:
        msg = f"items={items} must be at least 1"
        raise ArgumentError(msg)
    if not power or not all(0 < chance < 1 for chance in power):
        msg = f"power={list(power)}: each must be a probability in (0, 1), such as 0.8"
        raise ArgumentError(msg)
    within = {
        "regression": (regression, "in (0, 1), such as 0.02 for two points"),
        "disagreement": (disagreement, "a share in (0, 1], such as 0.1"),
        "confidence": (confidence, "in (0, 1), such as 0.95"),
    }
    for name, (value, expected) in within.items():
        top = name == "disagreement"
        if value is not None and not (0 < value < 1 or (top and value == 1)):
            msg = f"{name}={value} must be {expected}"
            raise ArgumentError(msg)
    if design_effect is not None and not 1 <= design_effect < np.inf:
        msg = f"design_effect={design_effect} must be at least 1: clusters make items worth less"
        raise ArgumentError(msg)
