"""``supersede review``: may the new model replace the old one?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from supersede.cli.common import Quiet, Share, Strings, column_sets, outputs
from supersede.cli.meaning import Meaning
from supersede.cli.metric_limits import MetricLimits
from supersede.cli.progress import Progress
from supersede.cli.run_flags import RunFlags, sources
from supersede.cli.transcript_flags import TranscriptFlags
from supersede.errors import SourceError

if TYPE_CHECKING:
    from supersede.evaluate import Labels, Plan
    from supersede.review.review import Review

__all__ = ["review"]


def _limit(_: Any, tokens: Sequence[Any]) -> float:
    """``0.5%``, ``0.5pp``, ``0.005``, or ``0.5 share``."""
    from supersede.review.limits import command_line_limit

    token = tokens[0]
    return command_line_limit(token.keyword or "the limit", token.value)


Limit = Annotated[float | None, Parameter(converter=_limit, n_tokens=1, allow_leading_hyphen=True)]


def review(
    table: str | None = None,
    *newer: str,
    old: str | None = None,
    new: Strings = None,
    label: str | None = None,
    item: str | None = None,
    group: Strings = None,
    cross: Strings = None,
    weight: str | None = None,
    cost: str | None = None,
    cluster: str | None = None,
    missing: Literal["refuse", "wrong", "drop"] = "refuse",
    where: str | None = None,
    meaning: Meaning = Meaning(),  # noqa: B008  # frozen
    labels: str | None = None,
    min_gain: Limit = None,
    max_nfr: Limit = None,
    max_slice_nfr: Limit = None,
    max_slice_drop: Limit = None,
    max_gap: Limit = None,
    max_churn: Limit = None,
    max_score_shift: Limit = None,
    max_flip_cost: float | None = None,
    metrics: MetricLimits = MetricLimits(),  # noqa: B008  # frozen
    must_not_break: Path | None = None,
    must_not_break_where: Strings = None,
    min_items: int = 30,
    chosen: str | None = None,
    confidence: Share = 0.95,
    out: Path | None = None,
    json: Path | None = None,
    markdown: Path | None = None,
    format: Literal["text", "json", "markdown"] = "text",
    quiet: Quiet = False,
    reading: RunFlags = RunFlags(),  # noqa: B008  # frozen
    transcripts: TranscriptFlags = TranscriptFlags(),  # noqa: B008  # frozen
) -> int:
    """Review a new model against the one in service, and decide.

    Give the runs, the old one first, as your evaluation tool wrote them (Inspect, lm-eval,
    promptfoo, DeepEval, OpenAI evals, MLflow, JUnit XML, pytest, SWE-bench, JSON, CSV); they are
    joined by item. Or give one table with one row per item, a column of labels, and one column per model
    with its predicted classes; or columns of grades. The values of a column decide what it means;
    if two meanings are possible, the message names the flag that decides. Limits are shares: 0.5% or
    0.005; a bare number of 0.05 or more needs a percent sign, or the word in '0.5 share'. Without a
    limit, accuracy may fall by at most one point overall, and by five points in any slice.

    Exit codes: 0 pass, 1 fail, 3 undecided (more labels would decide it), 2 a usage or data error.

    Example: supersede review predictions.parquet --old a --new b --label y --group sex
    --max-nfr 0.5% --max-slice-nfr 2% --out report.html

    All flags can be set in a file, --config review.toml, as in max-nfr = "0.5%"; flags on the
    command line take precedence.

    Args:
        table: A table in CSV, JSONL or Parquet: a file, or a glob in quotes. Or the old run.
        newer: The new run, or several.
        old: The model in service: its column.
        new: The new model: its column; repeat it for several candidates.
        label: Column of labels; null where an item has none. [default: label, y, y_true or target]
        item: Column of item ids. [default: item, item_id or id]
        group: Column whose values are groups; repeat it for several. Classes are slices as well.
        cross: Columns whose combinations are groups, as in sex,race; repeat it for several.
        weight: Column of item weights.
        cost: Column of what a negative flip on the item costs.
        cluster: Column of clusters of items that are not independent.
        missing: What a missing answer counts as.
        where: SQL condition on the table's columns; other rows are left out.
        meaning: What the models' columns hold.
        labels: How the labelled items were chosen, where not all are labelled: random, the column
            with each item's probability of having been chosen, or a plan (plan.csv), whose labels are
            used once they are filled in.
        min_gain: The new model's accuracy is higher by at least this; negative allows a loss.
        max_nfr: At most this share of items flips from right to wrong.
        max_slice_nfr: The same in every slice.
        max_slice_drop: In no slice does accuracy fall by more than this.
        max_gap: Accuracies of two groups of one column differ by at most this.
        max_churn: At most this share of items gets another answer.
        max_score_shift: At no threshold does the share of items above change by more than this.
        max_flip_cost: Negative flips cost at most this per item, in the cost column's unit.
        metrics: Limits on any metric.
        must_not_break: File with item ids, one per line; none of them may flip.
        must_not_break_where: SQL condition on the table's columns; no such item may flip.
        min_items: Fewest items of a group that is judged. Smaller ones can fail but do not hold up
            the verdict.
        chosen: Candidate whose verdict sets the exit code. [default: the first]
        confidence: Two-sided confidence of every interval, such as 95% or 0.95.
        out: Write the page here, as HTML in one file.
        json: Write the result here, as JSON.
        markdown: Write a summary here, as Markdown.
        format: What is printed to standard output.
        quiet: Do not show progress.
        reading: How runs are read and joined.
        transcripts: How transcripts are compared, word by word.
    """
    from supersede.review.compare import compare
    from supersede.review.named_checks import named_checks

    written = outputs(out=out, json=json, markdown=markdown)
    found, before, after = sources(table, newer, old, new)
    source: object = found
    models = meaning.models([before, *after])
    crossed = column_sets(cross)
    if transcripts.reference is not None:
        source = transcripts.table(
            source, [before, *after],
            {"--label": label, "--item": item, "--weight": weight, "--cost": cost, "--labels": labels},
            keep=[*(group or ()), *(c for columns in crossed for c in columns)], speaker=cluster,
            missing=missing, where=where,
        )  # fmt: skip
        models, cluster, where, missing = {}, None, None, "refuse"
    checks = named_checks(
        min_gain=min_gain,
        max_nfr=max_nfr,
        max_slice_nfr=max_slice_nfr,
        max_slice_drop=max_slice_drop,
        max_gap=max_gap,
        max_churn=max_churn,
        max_score_shift=max_score_shift,
        max_flip_cost=max_flip_cost,
        must_not_break=None if must_not_break is None else _listed(must_not_break),
        must_not_break_where=must_not_break_where or (),
        min_items=min_items,
    )
    checks += metrics.checks(min_items)
    plan, filled = _plan(labels)
    with Progress(quiet=quiet) as progress:
        result = compare(
            source,
            old=before,
            new=after,
            checks=checks or None,
            item=item,
            label=label,
            groups=group or (),
            cross=crossed,
            weight=weight,
            cost=cost,
            cluster=cluster,
            missing=missing,
            same=meaning.same,
            where=where,
            models=models or None,
            labels=plan,
            returned=filled,
            chosen=chosen,
            confidence=confidence,
            **reading.options(),
            progress=progress,
        )
        progress("writing")
        written.write(result)
    _print(result, format)
    return result.exit_code


def _plan(labels: str | None) -> "tuple[str | Plan | None, Labels | None]":
    """How the items were chosen, and the labels of a plan whose file was filled."""
    if labels is None or not labels.endswith(".csv"):
        return labels, None
    from supersede.evaluate import load_plan, read_labels

    plan = load_plan(labels)
    found = read_labels(labels, models=plan.patterns.graded)
    return plan, found if len(found) and not plan.patterns.graded else None


def _listed(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        msg = f"--must-not-break: cannot read {path}: {error.strerror}; it has an item id per line"
        raise SourceError(msg) from error
    return [line.strip() for line in lines if line.strip()]


def _print(result: "Review", form: str) -> None:
    if form == "json":
        print(result.to_json())
    elif form == "markdown":
        print(result.to_markdown())
    else:
        print(result.table.reading)
        print(result)
        for text in (*result.candidate.notes, *result.candidate.next_steps):
            print(f"  → {text}")
