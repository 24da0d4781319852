"""What an undecided review needs to know: its open checks as estimands, narrow enough to decide."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from supersede.errors import ArgumentError, SourceError

if TYPE_CHECKING:
    from supersede.evaluate import Estimand

__all__ = ["open_questions"]

_SHARE = (
    0.8  # of the distance between estimate and limit: an interval that narrow excludes the limit
)
_NARROWEST, _WIDEST = 0.001, 0.1


def open_questions(result: Path) -> "tuple[list[str], list[Estimand]]":
    """Models and estimands of a review's undecided checks.

    Args:
        result: What ``supersede review --json`` wrote.

    Returns:
        The models, old first, and one estimand for each undecided gain or negative flip rate, with
        a margin that decides it if the estimate stays where it is.

    Raises:
        SourceError: The file is missing or is no review's result.
        ArgumentError: No open check can be decided by labelling.
    """
    from supersede.evaluate import accuracy, difference, negative_flips

    try:
        review: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        old, candidates = review["old"], review["candidates"]
    except (OSError, ValueError, KeyError) as error:
        msg = f"cannot read a review's result from {result}: {error}; write it with review --json"
        raise SourceError(msg) from error
    models, found = [old], []
    for candidate in candidates:
        new = candidate["name"]
        for finding in candidate["findings"]:
            if finding["verdict"] != "undecided" or finding["estimate"] is None:
                continue
            distance = _SHARE * abs(finding["estimate"] - finding["limit"])
            margin = min(max(distance, _NARROWEST), _WIDEST)
            if finding["check"] == "min_gain":
                found.append(difference(accuracy(new), accuracy(old), margin=margin))
            elif finding["check"] == "max_nfr":
                found.append(negative_flips(old, new, margin=margin))
            else:
                continue
            models.append(new)
    if not found:
        msg = f"{result} has no undecided min_gain or max_nfr; labels planned here decide no other"
        raise ArgumentError(msg)
    return list(dict.fromkeys(models)), found
