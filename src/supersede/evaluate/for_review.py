"""What an undecided review needs to know: its open checks as estimands, narrow enough to decide."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from supersede.errors import ArgumentError, SourceError
from supersede.evaluate.estimands import Estimand, accuracy, difference, negative_flips

__all__ = ["open_questions"]

# half of an interval, relative to the distance between estimate and limit, that excludes the limit with
# 80 % chance if the truth is the estimate: 1 / (1 + 0.84 / 1.96), normal quantiles of 80 % and 97.5 %
_SHARE = 0.7
_NARROWEST, _WIDEST = 0.001, 0.1


def open_questions(result: str | Path | Mapping[str, Any]) -> tuple[Estimand, ...]:
    """The undecided checks of a review, as estimands.

    Args:
        result: ``review.to_dict()``, or the path of the JSON that `Review.save` or ``supersede
            review --json`` wrote.

    Returns:
        One estimand for each undecided gain or negative flip rate, overall or in a group, with a
        margin that decides it with 80 % chance if the true value is the estimate. The margin is about the
        population, as in a review: pass the result to ``plan(…, for_review=…)``, since margins of a
        plan are otherwise about the table, which takes fewer labels. Where only groups are undecided, the
        overall one is among them, and so is each decided one, so that the labels serve the whole
        review.

    Raises:
        SourceError: The file is missing, or is not the result of a review.
        ArgumentError: No open check can be decided by labelling.

    Example:
        >>> finding = {"check": "max_nfr", "verdict": "undecided", "estimate": 0.02, "limit": 0.01}
        >>> review = {"old": "a", "candidates": [{"name": "b", "findings": [finding]}]}
        >>> [(e.name, round(e.margin, 3)) for e in open_questions(review)]
        [('negative_flip_rate(a, b)', 0.007)]
    """
    where = "the review" if isinstance(result, Mapping) else str(result)
    found: list[Estimand] = []
    try:
        review = (
            result if isinstance(result, Mapping) else json.loads(Path(result).read_text("utf-8"))
        )
        for candidate in review["candidates"]:
            judged = [f for f in candidate["findings"] if f["estimate"] is not None]
            names = review["old"], candidate["name"]
            open_ = [
                e for f in judged if f["verdict"] == "undecided" for e in _estimands(f, *names)
            ]
            # the plan's labels replace those of the review, so they must decide its other checks again
            decided = [f for f in judged if f["verdict"] != "undecided" and not f.get("slices")]
            found += open_ + [e for f in decided if open_ for e in _estimands(f, *names)]
    except (OSError, ValueError, LookupError, TypeError) as error:
        msg = f"cannot read a review's result from {where}: {error}; write it with review --json"
        raise SourceError(msg) from error
    if not found:
        msg = (
            f"{where} has no undecided {', '.join(_OF)} that labels decide; labels planned here"
            " decide no other check, and no slice by class"
        )
        raise ArgumentError(msg)
    narrowest: dict[str, Estimand] = {}
    for estimand in found:
        known = narrowest.get(estimand.name, estimand)
        narrowest[estimand.name] = min(known, estimand, key=lambda e: e.margin or 0)
    return tuple(narrowest.values())


def _estimands(finding: Mapping[str, Any], old: str, new: str) -> list[Estimand]:
    if finding["check"] not in _OF:
        return []
    make, sliced = _OF[finding["check"]]
    if not sliced:
        return [make(old, new, _margin(finding, finding))]
    groups = [
        make(old, new, _margin(one, finding)).within(**one["values"])
        for one in finding["slices"]
        if one["verdict"] == "undecided" and _is_group(one)
    ]
    return [make(old, new, _WIDEST), *groups] if groups else []


def _gain(old: str, new: str, margin: float) -> Estimand:
    return difference(accuracy(new), accuracy(old), margin=margin)


def _flips(old: str, new: str, margin: float) -> Estimand:
    return negative_flips(old, new, margin=margin)


_OF: dict[str, tuple[Callable[[str, str, float], Estimand], bool]] = {
    "min_gain": (_gain, False), "max_nfr": (_flips, False),
    "no_slice_worse": (_gain, True), "max_slice_nfr": (_flips, True),
}  # fmt: skip


def _is_group(found: Mapping[str, Any]) -> bool:
    """Whether an unlabelled item can be seen to belong to a slice: not by its class."""
    values = found["values"]
    return "true class" not in values and None not in values.values()


def _margin(found: Mapping[str, Any], finding: Mapping[str, Any]) -> float:
    distance = _SHARE * abs(float(found["estimate"]) - float(finding["limit"]))
    return min(max(distance, _NARROWEST), _WIDEST)
