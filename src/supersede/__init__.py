"""Replace a deployed model without drama.

The names below are imported when first used, so that ``import supersede`` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supersede.review.compare import compare as compare
    from supersede.table.read import read as read

__version__ = "0.1.0"

_HOMES = {
    "compare": "supersede.review.compare",
    "read": "supersede.table.read",
}
__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    msg = f"module 'supersede' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return __all__
