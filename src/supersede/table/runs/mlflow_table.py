"""MLflow: the artefact ``eval_results_table.json``, a frame in pandas' split form.

A metric of the evaluation is a column ``<name>/score`` (or ``<name>/v1/score``); beside it stand a
justification and the columns of the data.
"""

from typing import Any

from supersede.table.runs.attempt import Attempt, RunColumns, RunLog, fingerprint
from supersede.table.runs.content import Content

__all__ = ["MlflowTable"]

_SCORE = ("/score", "/value")
_TEXTS = ("inputs", "input", "question", "prompt", "request")
_LABELS = ("targets", "target", "ground_truth", "expected_response", "expectations", "label")
_IDS = ("id", "item", "item_id", "request_id", "trace_id")


class MlflowTable:
    """Reads MLflow's evaluation tables."""

    name = "mlflow"

    def recognises(self, content: Content) -> bool:
        """By the split form and a column of scores."""
        document = content.document
        return (
            isinstance(document, dict)
            and isinstance(document.get("columns"), list)
            and isinstance(document.get("data"), list)
            and any(str(column).endswith(_SCORE) for column in document["columns"])
        )

    def read(self, content: Content, columns: RunColumns) -> RunLog:
        """One attempt per row."""
        names = [str(name) for name in content.document["columns"]]
        rows = [dict(zip(names, row, strict=True)) for row in content.document["data"]]
        scores = {n: n.rpartition("/")[0] for n in names if n.endswith(_SCORE)}
        known = {name: next((n for n in found if n in names), None)
                 for name, found in (("id", _IDS), ("text", _TEXTS), ("label", _LABELS))}  # fmt: skip
        return RunLog(
            tool="MLflow",
            attempts=[_attempt(row, scores, **known) for row in rows],
            repeats=known["id"] is None,
        )


def _attempt(
    row: dict[str, Any],
    scores: dict[str, str],
    *,
    id: str | None,
    text: str | None,
    label: str | None,
) -> Attempt:
    asked = row[text] if text else None
    used = {id, text, label, "outputs", *scores}
    return Attempt(
        item=row[id] if id else None,
        grades={
            metric: row[column] for column, metric in scores.items() if row[column] is not None
        },
        label=row[label] if label else None,
        groups={
            name: value
            for name, value in row.items()
            if name not in used and "/" not in name and isinstance(value, str | int | float | bool)
        },
        question=fingerprint(asked) if id else str(asked),
    )
