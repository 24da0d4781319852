"""A judge: a column that has an opinion about every item's label, of unknown quality.

A language model, a rule or last year's model can guess every label, while people's labels are
expensive.
A judge's opinion is one more attribute of an item that is known before labelling: it distinguishes
patterns, moves the belief, and therefore decides where labels are needed most. Labels show how far
it can be trusted: its weight is fitted to them. It is never taken for a label, so that a bad judge
costs labels and cannot bias an estimate.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, MissingColumnError
from supersede.table.outcomes import plain
from supersede.table.source import collect

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from supersede.evaluate.patterns import Key, Patterns
    from supersede.table.table import Table

__all__ = [
    "JUDGE",
    "JUDGE_SCORE",
    "classes_said",
    "judge_kind",
    "judged_class",
    "opinion",
    "opinions",
]

Floats = npt.NDArray[np.float64]

JUDGE, JUDGE_SCORE = "judge", "judge_score"
SCORE_BINS = 25
_RIGHT = 0.65  # how often a judge is taken to be right before any label; see benchmarks.judge
_SURE = 0.02  # a judge's score is not taken for more certain than this
_SHOWN = 5


def judge_kind(table: "Table", column: str, known: Sequence[Any]) -> str:
    """Whether a judge names classes or scores class 1, by its values.

    Args:
        table: The predictions.
        column: The judge's column; no value means no opinion.
        known: The classes that labels may have.

    Returns:
        `JUDGE` or `JUDGE_SCORE`.

    Raises:
        MissingColumnError: There is no such column.
        ArgumentError: Its values are neither classes of the plan nor scores in [0, 1].
    """
    if column not in table.rows.columns:
        raise MissingColumnError.of(column, table.rows.columns, "a judge")
    said = _said(table, column)
    if {0, 1}.issuperset(known) and _scores(table, column):
        return JUDGE_SCORE
    rows = table.rows.select(said=said).distinct().order_by("said").limit(len(known) + _SHOWN + 1)
    values = [v for v in collect(rows)["said"].to_pylist() if v is not None]
    if not values:
        msg = f"judge {column!r} has no opinion on any item; name another column"
        raise ArgumentError(msg)
    foreign = [v for v in values if v not in known]
    if foreign:
        shown = ", ".join(map(repr, foreign[:_SHOWN]))
        classes = ", ".join(map(repr, known[:_SHOWN]))
        msg = (
            f"judge {column!r} says {shown}, and labels can be {classes}. A judge names the classes that"
            " labels have, or the probability of class 1 in [0, 1]; if both mean the same, read the"
            " table with same={…}; if these are classes too, add them: plan(…, classes=[…])"
        )
        raise ArgumentError(msg)
    return JUDGE


def classes_said(table: "Table", judges: Sequence[str]) -> list[Any]:
    """All classes that judges name, sorted; none of judges that score a class."""
    found: set[Any] = set()
    for judge in judges:
        if judge not in table.rows.columns:
            raise MissingColumnError.of(judge, table.rows.columns, "a judge")
        if not _scores(table, judge):
            rows = collect(table.rows.select(said=_said(table, judge)).distinct())
            found |= {v for v in rows["said"].to_pylist() if v is not None}
    return sorted(found, key=lambda c: (str(type(c)), c))


def _scores(table: "Table", column: str) -> bool:
    """Whether these are numbers in [0, 1], some of them between the two."""
    said = _said(table, column)
    if not said.type().is_floating():
        return False
    rows = table.rows.select(said=said)
    between = ((rows.said > 0) & (rows.said < 1)).sum()
    query = rows.aggregate(low=rows.said.min(), high=rows.said.max(), between=between)
    found = collect(query).to_pylist()[0]
    return bool(found["between"] and found["low"] >= 0 and found["high"] <= 1)


def _said(table: "Table", column: str) -> "ir.Value":
    return table.same.word(plain(table.rows[column]))


def opinion(table: "Table", key: "Key", patterns: "Patterns") -> "ir.Value":
    """The code of each row's opinion; the last code is none."""
    import ibis

    said, none = _said(table, key.of), key.size - 1
    if key.kind == JUDGE_SCORE:
        bins = none
        return (said * bins).floor().cast("int64").clip(0, bins - 1).fill_null(none)
    if patterns.positive is not None:
        return ibis.cases((said == patterns.positive, 0), (said.notnull(), 1), else_=none)
    classes = [c for c in patterns.classes if c in patterns.states]
    return ibis.cases(*((said == c, patterns.states.index(c)) for c in classes), else_=none)


def opinions(patterns: "Patterns") -> Floats:
    """What each judge adds to the log-odds of each state, shape ``(judges, h, states)``."""
    states = len(patterns.states)
    found = np.zeros((len(patterns.judges), len(patterns), states))
    for at, key in enumerate(patterns.judges):
        codes = patterns.key(key.kind, key.of)
        spoken = codes < key.size - 1
        if key.kind == JUDGE_SCORE:
            share = np.clip((codes + 0.5) / (key.size - 1), _SURE, 1 - _SURE)
            odds = np.log(share / (1 - share))
            # a plan of class 0 alone has the states 0 and any other
            one = patterns.states.index(1) if 1 in patterns.states else states - 1
            found[at, spoken, one] = odds[spoken]
            continue
        odds = np.log(_RIGHT * max(states - 1, 1) / (1 - _RIGHT))
        found[at, np.flatnonzero(spoken), codes[spoken]] = odds
    return found


def judged_class(patterns: "Patterns", key: "Key") -> npt.NDArray[np.int64]:
    """The state that a judge names, by pattern; -1 where it has no opinion."""
    codes = patterns.key(key.kind, key.of)
    if key.kind == JUDGE:
        return np.where(codes < key.size - 1, codes, -1).astype(np.int64)
    one = patterns.states.index(1) if 1 in patterns.states else len(patterns.states) - 1
    said = np.where(2 * codes + 1 >= key.size - 1, one, 1 - one)
    return np.where(codes < key.size - 1, said, -1).astype(np.int64)
