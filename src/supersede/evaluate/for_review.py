"""What an undecided review needs to know: its open checks as estimands, narrow enough to decide."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supersede.errors import ArgumentError, SourceError
from supersede.evaluate.estimands import Estimand, accuracy, difference, negative_flips

__all__ = ["open_questions"]

# an interval this wide, relative to the distance between estimate and limit, excludes the limit
_SHARE = 0.8
_NARROWEST, _WIDEST = 0.001, 0.1


def open_questions(result: str | Path | Mapping[str, Any]) -> tuple[Estimand, ...]:
    """The undecided checks of a review, as estimands.

    Args:
        result: ``review.to_dict()``, or the path of the JSON that `Review.save` or ``supersede
            review --json`` wrote.

    Returns:
        One estimand for each undecided gain or negative flip rate, with a margin that decides it if
        the estimate does not move.

    Raises:
        SourceError: The file is missing, or is not the result of a review.
        ArgumentError: No open check can be decided by labelling.

    Example:
        >>> finding = {"check": "max_nfr", "verdict": "undecided", "estimate": 0.02, "limit": 0.01}
        >>> review = {"old": "a", "candidates": [{"name": "b", "findings": [finding]}]}
        >>> [(e.name, round(e.margin, 3)) for e in open_questions(review)]
        [('negative_flip_rate(a, b)', 0.008)]
    """
    where = "the review" if isinstance(result, Mapping) else str(result)
    found: list[Estimand] = []
    try:
        review = (
            result if isinstance(result, Mapping) else json.loads(Path(result).read_text("utf-8"))
        )
        for candidate in review["candidates"]:
            for finding in candidate["findings"]:
                if finding["verdict"] == "undecided" and finding["estimate"] is not None:
                    found += _estimands(finding, review["old"], candidate["name"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        msg = f"cannot read a review's result from {where}: {error}; write it with review --json"
        raise SourceError(msg) from error
    if not found:
        msg = f"{where} has no undecided min_gain or max_nfr; labels planned here decide no other"
        raise ArgumentError(msg)
    return tuple(found)


def _estimands(finding: Mapping[str, Any], old: str, new: str) -> list[Estimand]:
    distance = _SHARE * abs(finding["estimate"] - finding["limit"])
    margin = min(max(distance, _NARROWEST), _WIDEST)
    match finding["check"]:
        case "min_gain":
            return [difference(accuracy(new), accuracy(old), margin=margin)]
        case "max_nfr":
            return [negative_flips(old, new, margin=margin)]
        case _:
            return []
