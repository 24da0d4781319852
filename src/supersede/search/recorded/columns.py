"""What a column of texts holds: numbers, choices, times, or something else."""

import itertools
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from supersede.errors import HistoryError
from supersede.search.stopping import Categorical, Float, Int, Parameter

__all__ = ["doubtful", "follows", "moment", "number", "parameter", "plain_value"]

_MANY = 8  # texts that are all different in this many rows name the rows
_SINCE_1970 = (1e9, 2.2e9)  # seconds from 2001 to 2039
_RESULT = re.compile(
    r"loss|error|acc|accuracy|auc|f1|rank|score|rmse|mae|mse|r2|time|timestamp|runtime|duration|epoch|step"
    r"|metric|objective|reward|precision|recall|logloss|perplexity|bleu|iou"
)
_FOLLOWS = 0.95  # a rank correlation this high is hardly that of a searched parameter


def number(text: str | None) -> float | None:
    """A number; None for an empty cell or NaN.

    Raises:
        ValueError: The text is something else.
    """
    found = (text or "").strip()
    if found.lower() in {"", "nan", "none", "null"}:
        return None
    return float(found)


def moment(text: str | None) -> float | None:
    """Seconds since 1970 of a time: ISO 8601, or seconds or milliseconds since 1970.

    Raises:
        ValueError: The text is something else.
    """
    found = (text or "").strip()
    if found.lower() in {"", "nan", "nat", "none"}:
        return None
    try:
        at = float(found)
    except ValueError:
        when = datetime.fromisoformat(found)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return at / 1000 if at > 1e11 else at  # 1e11 seconds are the year 5138


def parameter(name: str, texts: Sequence[str]) -> Parameter:
    """The parameter of a column: whole numbers, numbers, or choices; the range is that of the texts.

    Raises:
        HistoryError: Each trial has another text, so that it names trials.
    """
    present = [text.strip() for text in texts if text.strip()]
    numbers = _numbers(present)
    if numbers is None:
        choices = tuple(dict.fromkeys(present)) or ("",)
        if len(choices) == len(present) >= _MANY:
            msg = (
                f"column {name!r} has another text in each of {len(present)} trials, such as"
                f" {present[0]!r}: it names trials and is not searched; name the parameters with --param"
            )
            raise HistoryError(msg)
        return Categorical(choices)
    low, high = min(numbers), max(numbers)
    # a range of three powers of ten or more is conventionally searched on a logarithmic scale
    log = low > 0 and high / low >= 1000
    if all(text.lstrip("+-").isdigit() for text in present):
        return Int(int(low), int(high), log)
    return Float(low, high, log)


def plain_value(text: str, of: Parameter) -> object:
    """The value that a text stands for."""
    return text.strip() if isinstance(of, Categorical) else float(text)


def doubtful(name: str, texts: Sequence[str]) -> str | None:
    """Why a column without a prefix is perhaps not a parameter; None if nothing speaks against it."""
    present = [text.strip() for text in texts if text and text.strip()]
    numbers = _numbers(present)
    if numbers is None:
        try:
            if present and all(moment(text) is not None for text in present):
                return f"{name!r} holds times"
        except ValueError:
            pass
        if len(set(present)) == len(present) >= _MANY:
            return f"{name!r} has another text in each row"
        return None
    words = re.split(r"[^a-z0-9]+", name.lower())
    result = next((word for word in words if _RESULT.fullmatch(word)), None)
    if result and len(set(numbers)) > 1:
        return f"{name!r} sounds like a result ({result})"
    if len(numbers) >= _MANY:
        steps = {after - before for before, after in itertools.pairwise(numbers)}
        low, high = _SINCE_1970
        if steps in ({1.0}, {-1.0}):
            return f"{name!r} counts the rows"
        if all(step >= 0 for step in steps) or all(step <= 0 for step in steps):
            since = [number_ / 1000 if number_ > high else number_ for number_ in numbers]
            if low < min(since) and max(since) < high:
                return f"{name!r} holds times in seconds since 1970"
    return None


def follows(name: str, texts: Sequence[str], values: Sequence[str]) -> str | None:
    """Whether a column rises or falls with the values, as another metric of the same trials would."""
    pairs = [
        (text.strip(), value.strip())
        for text, value in zip(texts, values, strict=True)
        if text and text.strip() and value and value.strip()
    ]
    these, those = _numbers([t for t, _ in pairs]), _numbers([v for _, v in pairs])
    if these is None or those is None or len(set(these)) < _MANY or len(set(those)) < _MANY:
        return None
    a, b = (np.unique(x, return_inverse=True)[1] for x in (these, those))
    if abs(np.corrcoef(a, b)[0, 1]) < _FOLLOWS:
        return None
    return f"{name!r} rises and falls with the values, as a result would"


def _numbers(present: Sequence[str]) -> list[float] | None:
    try:
        numbers = [float(text) for text in present]
    except ValueError:
        return None
    return numbers if numbers and all(map(math.isfinite, numbers)) else None
