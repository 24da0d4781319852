"""Evaluations that MLflow 3 has kept, as runs to review: evaluation tables, and traces with scores."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from supersede.errors import SourceError

__all__ = ["evaluation_table", "scored_traces"]


def evaluation_table(run_id: str, folder: str | Path, *, name: str = "eval_results_table") -> Path:
    """Download the table of an evaluation, for ``supersede.compare(old=…, new=…)``.

    Args:
        run_id: The run of ``mlflow.models.evaluate``.
        folder: The folder to write to; the file is named after the run.
        name: The table's name in the run.

    Raises:
        SourceError: The run has no such table.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    run = mlflow.get_run(run_id)
    try:
        text = mlflow.artifacts.load_text(f"runs:/{run_id}/{name}.json")
    except (MlflowException, OSError) as error:
        msg = f"run {run_id} has no table {name!r}; tables come from metrics with a score per row"
        raise SourceError(msg) from error
    path = Path(folder) / f"{run.info.run_name or run_id}.json"
    path.write_text(text, encoding="utf-8")
    return path


def scored_traces(run_id: str) -> pa.Table:
    """What the scorers of ``mlflow.genai.evaluate`` said: one row per question, one column per scorer.

    A scorer that failed, or a trace that ended in an error, has no answer; the review decides what that
    counts as.

    Args:
        run_id: The run of the evaluation.

    Returns:
        The columns ``item`` (the request), the scorers', and the traces' own tags.

    Raises:
        SourceError: The run has no traces, or a scorer has two valid answers to one question.
    """
    import mlflow
    from mlflow.entities import Feedback

    traces = mlflow.search_traces(run_id=run_id, return_type="list", include_spans=True)
    if not traces:
        msg = f"run {run_id} has no traces; name the run of mlflow.genai.evaluate"
        raise SourceError(msg)
    rows = []
    for trace in traces:
        row: dict[str, Any] = {"item": trace.data.request}
        row |= {k: v for k, v in trace.info.tags.items() if not k.startswith("mlflow.")}
        said = [a for a in trace.info.assessments if isinstance(a, Feedback) and a.valid is not False]  # fmt: skip
        for one in said:
            if one.name in row:
                msg = (
                    f"trace {trace.info.trace_id} has several answers or a tag called {one.name!r}"
                )
                raise SourceError(msg)
            failed = one.error is not None or trace.info.state != "OK"
            row[one.name] = None if failed else one.value
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: [row.get(name) for row in rows] for name in names})
