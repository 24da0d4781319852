"""MLflow 3: a review in a run, a gate on an evaluation, an alias that moves only on approval.

``review_metric`` goes into ``mlflow.models.evaluate(…, extra_metrics=[…])`` and `gate` into
``mlflow.validate_evaluation_results``; `log_review` keeps report and figures with a run; `promote` moves
the alias ``champion``. What MLflow evaluated before is read by `supersede.integrations.mlflow_runs`.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from supersede.errors import ArgumentError, MissingColumnError
from supersede.review.compare import compare
from supersede.review.named_checks import named_checks
from supersede.review.review import Review
from supersede.table.source import collect, open_source

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.metrics import MetricValue
    from mlflow.models import EvaluationMetric, MetricThreshold

__all__ = ["gate", "log_review", "promote", "review_metric"]


def gate() -> "dict[str, MetricThreshold]":
    """Thresholds for ``mlflow.validate_evaluation_results``: the review passes; undecided fails."""
    from mlflow.models import MetricThreshold

    return {"supersede/passes": MetricThreshold(threshold=1, greater_is_better=True)}


def review_metric(
    data: object,
    *,
    old: str,
    label: str,
    limits: Mapping[str, Any] | None = None,
    on_review: Callable[[Review], object] | None = None,
    **options: Any,
) -> "EvaluationMetric":
    """A metric of ``mlflow.models.evaluate`` that reviews the evaluated model against an old one.

    The metrics are ``supersede/passes`` (1 or 0), ``supersede/undecided``, and flips and gain with the
    ends of their intervals; the evaluation table has a score per row, 1 where the answer broke.

    Args:
        data: The evaluation's data, in its order, with the old model's answers.
        old: Column of the old model's answers.
        label: Column of labels, the evaluation's targets.
        limits: Limits by their names on the command line, such as ``{"max_nfr": "1%"}``.
        on_review: Called with the review, for instance `log_review`.
        **options: Further arguments of `supersede.compare`, such as `groups`.

    Raises:
        MissingColumnError: A column is not in `data`.
        ArgumentError: In the evaluation, if its targets are not the labels of `data`, row by row.
    """
    from mlflow.metrics import MetricValue
    from mlflow.models import make_metric

    opened = open_source(data)
    if label not in opened.columns or old not in opened.columns:
        missing = label if label not in opened.columns else old
        raise MissingColumnError.of(missing, opened.columns, "the evaluation's data")
    rows = collect(opened.rows(opened.columns, opened.columns)).to_pydict()
    checks = named_checks(**(limits or {})) or None

    def review(predictions: Any, targets: Any, metrics: Any) -> "MetricValue":
        answers, truth = list(predictions), list(targets)
        if (
            len(truth) == 1 < len(rows[label])
        ):  # MLflow tries a metric on the first row; this never passes
            return MetricValue(scores=[0.0], aggregate_results={"passes": 0.0})
        if truth != rows[label]:
            msg = f"the evaluation's targets are not column {label!r} of data=, row by row"
            raise ArgumentError(msg)
        made = compare({**rows, "new": answers}, old=old, new="new", label=label, checks=checks, **options)  # fmt: skip
        if on_review is not None:
            on_review(made)
        before = zip(rows[old], truth, answers, strict=True)
        return MetricValue(
            scores=[float(a == y and b != y) for a, y, b in before],
            aggregate_results=_figures(made),
        )

    return make_metric(eval_fn=review, greater_is_better=False, name="supersede")


def log_review(review: Review, *, run_id: str | None = None, folder: str = "supersede") -> None:
    """Log a review to a run: its figures as metrics, its verdict as a tag, report and JSON as artefacts.

    Args:
        review: The review.
        run_id: The run; the active one by default.
        folder: Where the artefacts lie in the run, and the first part of the names of metrics and tags.

    Raises:
        ArgumentError: There is no active run.
    """
    import mlflow

    active = mlflow.active_run()
    if run_id is None and active is None:
        msg = "no run is active: pass run_id=…, or log inside with mlflow.start_run()"
        raise ArgumentError(msg)
    run = run_id or active.info.run_id
    client = mlflow.MlflowClient()
    for name, value in _figures(review).items():
        client.log_metric(run, f"{folder}/{name}", value)
    texts = {"report.html": review.to_html(), "result.json": review.to_json(), "comment.md": review.to_markdown()}  # fmt: skip
    for name, text in texts.items():
        client.log_text(run, text, f"{folder}/{name}")
    for tag, said in _tags(review).items():  # last, so that a run with a verdict has its report
        client.set_tag(run, f"{folder}.{tag}", said)


def promote(
    review: Review,
    name: str,
    *,
    version: int | str,
    replaces: int | str | None,
    alias: str = "champion",
) -> None:
    """Move a registered model's alias to the version that was reviewed; only if the review passed.

    The version before keeps the alias ``<alias>-before``, to roll back to.

    Args:
        review: The review of the version against the one that has the alias.
        name: The registered model.
        version: The version that was the new model.
        replaces: The version that was the old model and has the alias now; None if none has it yet.
        alias: The alias.

    Raises:
        ArgumentError: The review has not passed, another version has the alias by now, or MLflow
            does not show the alias where it was set.
    """
    from mlflow import MlflowClient

    if review.verdict != "pass":
        msg = f"{name} version {version} stays without the alias {alias!r}: the review's verdict is {review.verdict}"  # fmt: skip
        raise ArgumentError(msg)
    client = MlflowClient()
    now = _holder(client, name, alias)
    if now != (None if replaces is None else str(replaces)):
        msg = (
            f"the review is of version {version} against version {replaces}, but {alias!r} is version"
            f" {now} by now: review against that one"
        )
        raise ArgumentError(msg)
    for tag, value in _tags(review).items():
        client.set_model_version_tag(name, str(version), f"supersede.{tag}", value)
    if now is not None:
        client.set_registered_model_alias(name, f"{alias}-before", now)
    client.set_registered_model_alias(name, alias, str(version))
    if _holder(client, name, alias) != str(version):
        msg = f"MLflow does not show {alias!r} at version {version} of {name}: set it again"
        raise ArgumentError(msg)


def _figures(review: Review) -> dict[str, float]:
    """What a run shows as numbers; NaN is left out, because MLflow's thresholds let it pass."""
    overall = review.candidate.to_dict()["overall"]
    found = {name: float(value) for name, value in overall.items() if isinstance(value, int | float)}  # fmt: skip
    numbers = {name: value for name, value in found.items() if math.isfinite(value)}
    passes = {
        "passes": float(review.verdict == "pass"),
        "undecided": float(review.verdict == "undecided"),
    }
    return {**numbers, **passes}


def _tags(review: Review) -> dict[str, str]:
    fingerprint = review.table.fingerprint or "none"
    return {"verdict": review.verdict, "old": review.old, "new": review.chosen, "table": fingerprint}  # fmt: skip


def _holder(client: "MlflowClient", name: str, alias: str) -> str | None:
    """The version that has an alias."""
    found = client.get_registered_model(name).aliases.get(alias)
    return None if found is None else str(found)
