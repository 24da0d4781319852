"""``cv_results_`` of a scikit-learn search, as ``pandas.DataFrame(…).to_csv`` writes it.

Parameters have the prefix ``param_``; a larger score is better. Of a halving search, a candidate
has one row per round: the last one counts, and candidates that were dropped count as pruned.
"""

import re
from collections.abc import Mapping

from supersede.search.recorded.cells import at_line, text_of
from supersede.search.recorded.columns import number
from supersede.search.recorded.files import Table
from supersede.search.recorded.log import Log, Row, Wanted, metric
from supersede.search.stopping import State

__all__ = ["SklearnSearch"]

_PARAM, _MEAN = "param_", "mean_test_"


class SklearnSearch:
    """The reader."""

    name = "scikit-learn"
    flag = "sklearn"

    def recognises(self, table: Table) -> bool:
        """By its columns of fitting times and mean scores."""
        return "mean_fit_time" in table.names and any(n.startswith(_MEAN) for n in table.names)

    def read(self, table: Table, wanted: Wanted) -> Log:
        """The candidates, in the order of the file."""
        named = [n.removeprefix(_PARAM) for n in wanted.parameters]
        marked = named or [n.removeprefix(_PARAM) for n in table.names if n.startswith(_PARAM)]
        scores = [n.removeprefix(_MEAN) for n in table.names if n.startswith(_MEAN)]
        chosen = None if wanted.value is None else wanted.value.removeprefix(_MEAN)
        score = metric(Wanted(chosen), scores, self.name)
        splits = [n for n in table.names if re.fullmatch(rf"split\d+_test_{re.escape(score)}", n)]
        last: dict[str, tuple[int, Mapping[str, str]]] = {}
        for i, row in enumerate(table.rows):
            # of a halving search, later rounds follow earlier ones
            key = row.get("params", "") if "n_resources" in table.names else str(i)
            last.pop(key, None)
            last[key] = (i, row)
        full = max((number(row.get("n_resources")) or 0.0 for _, row in last.values()), default=0.0)
        rows = []
        for i, row in last.values():
            with at_line(i + 2, table.path):
                value = number(row[_MEAN + score])
                folds = [number(row[name]) for name in splits]
                present = [fold for fold in folds if fold is not None]
                state = State.COMPLETE if value is not None else State.FAILED
                if (number(row.get("n_resources")) or 0.0) < full:
                    state = State.PRUNED
                each = (number(row.get("mean_fit_time")) or 0.0) + (
                    number(row.get("mean_score_time")) or 0.0
                )
                rows.append(
                    Row(
                        {name: text_of(row, _PARAM + name) for name in marked},
                        value,
                        state,
                        seconds=each * max(len(splits), 1),
                        folds=present if len(present) > 1 else None,
                    )
                )
        dropped = sum(row.state == State.PRUNED for row in rows)
        notes = (
            [f"{dropped} that were dropped in an earlier round count as pruned"] if dropped else []
        )
        if any(row.folds for row in rows):
            notes.append(
                f"the scores are taken as those of one {len(splits)}-fold cross-validation, since the file"
                " does not say how they were made (for another design, give their error with --error)"
            )
        larger = wanted.maximize is None or wanted.maximize
        return Log(self.name, _MEAN + score, larger, tuple(rows), tuple(notes))
