"""Results as JSON values: other types are converted."""

import math
from typing import Any

__all__ = ["json_values"]


def json_values(value: Any) -> Any:
    """The value as objects, lists, text and finite numbers; dates and similar types become text.

    Example:
        >>> json_values({"high": float("inf"), ("a", 1): (1.5, None)})
        {'high': None, "('a', 1)": [1.5, None]}
    """
    match value:
        case dict():
            return {str(key): json_values(item) for key, item in value.items()}
        case list() | tuple():
            return [json_values(item) for item in value]
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case _:
            return str(value)
