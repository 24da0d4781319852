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
    from supersede.search.recorded import Wanted
    from supersede.search.stopping import History

__all__ = ["replay"]


Tool = Literal["optuna", "wandb", "mlflow", "ray", "syne-tune", "sklearn"]


def replay(
    study: str,
    /,
    *,
    source: Annotated[Tool | None, Parameter(name="--from")] = None,
    storage: str | None = None,
    study_name: Annotated[str | None, Parameter(name="--study")] = None,
    maximize: Annotated[bool | None, Parameter(negative="--minimize")] = None,
    value: str | None = None,
    param: Annotated[list[str] | None, Parameter(negative="")] = None,
    error: float | None = None,
    every: int = 1,
    watch: float | None = None,
    out: Path | None = None,
    format: Literal["text", "json"] = "text",
) -> int:
    """Show when a finished search could have stopped, and what that would have cost.

    The search is an Optuna study, a file that another tool wrote (--from), or a CSV file with one
    row per trial in the order in which they ended: a column of values, one column per parameter, and
    optionally fold_0, fold_1, … (scores of the folds), standard_error, seconds, and state
    (complete, pruned or failed). A running study is judged up to its latest trial.

    Exit codes: 0 done (whether or not there is a stop), 2 a usage or data error.

    Example: supersede replay history.csv --out replay.html

    Example: supersede replay --from optuna study.db

    Example: supersede replay --from mlflow runs.csv --value val_loss --minimize

    Example: supersede replay tuning --storage sqlite:///study.db --watch 10 --out live.html

    Args:
        study: A file or an experiment's folder; with --storage, the name of an Optuna study.
        source: The tool that wrote the file: optuna (a database, a journal or trials_dataframe as
            CSV), wandb, mlflow, ray, syne-tune or sklearn (cv_results_ as CSV).
        storage: The study's storage, as for Optuna: a URL, or the path of a database or journal.
        study_name: The study, where an Optuna file has several.
        maximize: Larger values are better, or with --minimize smaller ones; needed where the file
            does not say it. In a CSV file of your own, smaller ones are better unless you say so.
        value: The metric that the search optimised; by default the only one, or the column value.
        param: A parameter, once per parameter; by default those that the tool marks.
        error: Statistical error of the values, in their units, in place of what the trials report.
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
        history, reading = _read(
            study, source, storage, study_name, _wanted(value, maximize, param)
        )
        if seen < 0 and reading:
            print(reading, file=sys.stderr)
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


def _wanted(value: str | None, maximize: bool | None, param: list[str] | None) -> "Wanted":
    from supersede.search.recorded import Wanted

    return Wanted(value, maximize, tuple(param or ()))


def _read(
    study: str, source: Tool | None, storage: str | None, name: str | None, wanted: "Wanted"
) -> "tuple[History, str]":
    """The history, and how it was read."""
    from supersede.search.recorded import describe, read_search

    if storage is not None or (source in {None, "optuna"} and _stores_studies(study)):
        from supersede.integrations.optuna import history_of, load

        if wanted != type(wanted)():
            msg = "--maximize, --value and --param do not apply to an Optuna study, which says them itself"
            raise ArgumentError(msg)
        found = load(name if storage is None else study, storage or study)
        return history_of(found), ""
    log = read_search(Path(study), source, wanted)
    history = log.history()
    return history, describe(log, history)


def _stores_studies(place: str) -> bool:
    """Whether a path is a database, or a journal of Optuna (a JSON object with its operations)."""
    path = Path(place)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        begin = file.read(200)
    return begin.startswith(b"SQLite format 3") or (begin[:1] == b"{" and b'"op_code"' in begin)
