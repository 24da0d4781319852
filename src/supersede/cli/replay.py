"""``supersede replay``: when could this search have stopped, and what would it have cost?"""

import json as jsons
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from supersede.cli.common import outputs
from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.search.stopping import History

__all__ = ["replay"]


def replay(
    study: str,
    *,
    storage: str | None = None,
    maximize: Annotated[bool, Parameter(negative="")] = False,
    value: str = "value",
    error: float | None = None,
    every: int = 1,
    watch: float | None = None,
    out: Path | None = None,
    format: Literal["text", "json"] = "text",
) -> int:
    """Show when a finished search could have stopped, and what that would have cost.

    The search is an Optuna study, or a CSV file with one row per trial in the order in which they
    ended: a column of values, one column per parameter, and optionally fold_0, fold_1, … (scores of
    the folds), standard_error, seconds, and state (complete, pruned or failed). A running study is
    judged up to its latest trial.

    Exit codes: 0 done (whether or not there is a stop), 2 a usage or data error.

    Example: supersede replay history.csv --out replay.html

    Example: supersede replay tuning --storage sqlite:///study.db --watch 10 --out live.html

    Args:
        study: Name of an Optuna study, or path of a CSV file.
        storage: The study's storage, as for Optuna: a URL, or the path of a journal.
        maximize: Larger values are better; an Optuna study stores its own direction.
        value: The CSV file's column of values.
        error: Statistical error of the values, in their units, for trials without one.
        every: Judge only every N-th trial.
        watch: Refresh every N seconds while the search runs, and keep the page up to date; ends
            when no trial is running and none has arrived since the last refresh.
        out: Write the page here, as HTML in one file.
        format: What is printed to standard output.
    """
    from supersede.look import write_whole
    from supersede.search.picture import replay_page
    from supersede.search.stopping import FixedError
    from supersede.search.stopping import replay as judge

    outputs(out=out)
    if every < 1:
        msg = f"--every: got {every}; expected at least 1"
        raise ArgumentError(msg)
    if watch is not None and (watch <= 0 or out is None):
        msg = (
            f"--watch {watch:g}: give a positive number of seconds, and the page to update with"
            " --out"
        )
        raise ArgumentError(msg)
    given = None if error is None else FixedError(error)
    seen, over = -1, watch is None
    while True:
        history = _read(study, storage, value, maximize)
        over = over or (not history.pending and len(history.trials) == seen)
        seen = len(history.trials)
        found = judge(history, error=given, every=every)
        if out is not None:
            write_whole(out, replay_page(found, title=study, refresh=None if over else watch))
        if over or watch is None:
            break
        time.sleep(watch)
    if format == "json":
        print(jsons.dumps(found.to_dict(), indent=2))
    else:
        print(found)
        if out is not None:
            print(f"picture: {out}", file=sys.stderr)
    return 0


def _read(study: str, storage: str | None, value: str, maximize: bool) -> "History":
    if storage is None:
        from supersede.search.read_csv import read_csv

        return read_csv(Path(study), value=value, maximize=maximize)
    from supersede.integrations.optuna import history_of, load

    return history_of(load(study, storage))
