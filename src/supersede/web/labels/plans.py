"""Plans in the database, and what a label on a page means for them."""

import base64
import json
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from supersede.errors import ConflictError
from supersede.evaluate import Plan, load_plan, write_plan

__all__ = ["option_list", "packed", "replacements", "unpacked", "value_of"]

_MOST_OPTIONS = 20
_KEYS = "123456789"


def packed(plan: Plan) -> str:
    """A plan's design file as text."""
    with tempfile.TemporaryDirectory() as folder:
        _, design = write_plan(plan, Path(folder) / "plan.csv")
        return base64.b64encode(design.read_bytes()).decode("ascii")


@lru_cache(maxsize=32)
def unpacked(text: str, design: str) -> Plan:
    """The inverse of `packed`.

    Args:
        text: The design file.
        design: The hash that the plan had when its items were given out.

    Raises:
        ConflictError: It is another plan by now.
        SourceError: It is damaged.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.csv.design"
        file.write_bytes(base64.b64decode(text))
        plan = load_plan(file)
    if plan.design != design:
        msg = (
            f"the plan of this task was {design} and is now {plan.design}; its labels belong to the"
            " first. Restore it from a backup"
        )
        raise ConflictError(msg)
    return plan


def option_list(plan: Plan) -> list[dict[str, str]]:
    """What can be answered: each class with the key that gives it.

    Raises:
        ConflictError: There are more classes than a page can offer.
    """
    classes = plan.patterns.classes
    if len(classes) > _MOST_OPTIONS:
        msg = f"the models predict {len(classes)} classes; a page offers at most {_MOST_OPTIONS}"
        raise ConflictError(msg)
    keys = dict(enumerate(_KEYS))
    return [
        {"value": json.dumps(value, default=str), "word": str(value), "key": keys.get(place, "")}
        for place, value in enumerate(classes)
    ]


def replacements(plan: Plan, row: int, used: set[int]) -> set[int]:
    """The items that take the place of one that nobody could label.

    In each sample that needs the item, that is the next reserve by its permanent random number.

    Args:
        plan: The plan.
        row: The row of the item in `Plan.items`.
        used: Rows that were given out already.
    """
    found: set[int] = set()
    for sample in plan.samples:
        place = np.flatnonzero(sample.rows == row)
        if len(place):
            rest = (int(r) for r in sample.rows[sample.take :] if int(r) not in used)
            found.update([first for first in [next(rest, None)] if first is not None])
    return found


def value_of(answer: str) -> Any:
    """The class that an option's value stands for."""
    return json.loads(answer)
