"""Results as JSON values: other types are converted."""

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["json_object", "json_values"]


def json_values(value: Any) -> Any:
    """The value as objects, lists, text and finite numbers; dates and similar types become text.

    Example:
        >>> json_values({"high": float("inf"), ("a", 1): (1.5, None)})
        {'high': None, "('a', 1)": [1.5, None]}
        >>> import numpy as np
        >>> json_values([np.int64(3), np.float32(0.5), np.array([True, False])])
        [3, 0.5, [True, False]]
    """
    match value:
        case dict():
            return {str(key): json_values(item) for key, item in value.items()}
        case list() | tuple():
            return [json_values(item) for item in value]
        case float():
            return float(value) if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case _ if hasattr(value, "dtype") and hasattr(value, "tolist"):  # of numpy
            return json_values(value.tolist())
        case _:
            return str(value)


def json_object(value: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping as a JSON object, by the rules of `json_values`."""
    return {str(key): json_values(item) for key, item in value.items()}
