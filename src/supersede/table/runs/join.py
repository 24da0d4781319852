"""Two or more runs, joined by item into the table that a review takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from supersede.errors import (
    ArgumentError,
    ItemError,
    MissingColumnError,
    MissingPredictionError,
    SourceError,
    TableError,
)
from supersede.table.outcomes import Losses, Outcome
from supersede.table.read import read
from supersede.table.runs.attempt import RunColumns
from supersede.table.runs.choose import Metric, choose_metric
from supersede.table.runs.differences import Differences, listed
from supersede.table.runs.run import Run, alike_ids, by_item, name_runs, open_run, refuse_twice
from supersede.table.runs.wide import ITEM, LABEL, as_text, count_attempts, wide_table
from supersede.table.table import Missing, Table

__all__ = ["Changed", "join_runs", "models_in", "split_run"]

Changed = Literal["refuse", "keep", "drop"]


@dataclass(frozen=True)
class _Rules:
    """What the caller asked for, beyond the runs themselves."""

    columns: RunColumns = field(default_factory=RunColumns)
    models: Mapping[str, Outcome] = field(default_factory=dict)
    changed: Changed = "refuse"
    missing: Missing = "refuse"
    reading: Mapping[str, Any] = field(default_factory=dict)


def join_runs(
    sources: Sequence[object],
    *,
    format: str | None = None,
    columns: RunColumns | None = None,
    models: Mapping[str, Outcome] | None = None,
    changed: Changed = "refuse",
    missing: Missing = "refuse",
    **reading: Any,
) -> Table:
    """Join runs of several models on the same items.

    Every source is what one model did: a log that an evaluation tool wrote, recognised by its
    content, or a table with one row per item. Items are matched by id, as text where one run writes
    numbers and another text; where a tool has no ids, by the question. An item that a run lacks, or
    on which it ended in an error, has *no answer* of that run, which is not the same as having no
    label: `missing` says what it counts as.

    Args:
        sources: The runs, the old one first: paths, globs (several files of one run), frames.
        format: The name of the format, where content does not tell it.
        columns: Columns of tables and records that are not found by name, and the metric.
        models: How a metric or an answer is graded where its values do not say it, by the run's name
            or source: ``Judge`` or ``Losses`` for numbers, ``Scores`` for a threshold; for answers,
            any outcome. Their column is the run's.
        changed: Items whose question or label differs between runs are refused, kept or dropped.
        missing: Items without an answer are refused, count as wrong, or are dropped.
        **reading: Further arguments of `supersede.read`, such as `groups` and `cluster`: a tool's
            metadata and tags are columns, as are those of a table.

    Returns:
        The table, with one model per run, named after its file; `Table.joined` lists what differs.

    Raises:
        ArgumentError: A run is given twice, or it is not clear what is compared.
        ItemError: The runs have no item in common, or an id stands for two items.
        MissingPredictionError: Some items have no answer of a run.
        TableError: Questions or labels changed.

    Example:
        >>> old = {"id": [1, 2, 3], "correct": [True, True, False]}
        >>> new = {"id": [1, 2, 3], "correct": [True, False, True]}
        >>> table = join_runs([old, new])
        >>> table.size, list(table.models)
        (3, ['old', 'new'])
    """
    rules = _Rules(columns or RunColumns(), models or {}, changed, missing, reading)
    if not sources:
        msg = "name the runs, the old one first"
        raise ArgumentError(msg)
    opened = [open_run(source, rules.columns, format) for source in sources]
    refuse_twice(opened)
    names = name_runs([files for _, files in opened])
    runs, grading = [], {}
    for name, source, (log, files) in zip(names, sources, opened, strict=True):
        there = tuple(sorted({str(attempt.model) for attempt in log.attempts}))
        if len(there) > 1:
            msg = (
                f"{name} holds the answers of {len(there)} models ({listed(there)}); review that file"
                f" alone: --old {there[0]!r} --new {there[1]!r}"
            )
            raise ArgumentError(msg)
        runs.append(by_item(name, log, files))
        said = rules.models.get(name)
        if said is None and isinstance(source, str | Path):
            said = rules.models.get(str(source))
        if said is not None:
            grading[name] = said
    return _joined(runs, replace(rules, models=grading))


def split_run(
    source: object,
    names: Sequence[str],
    *,
    format: str | None = None,
    columns: RunColumns | None = None,
    models: Mapping[str, Outcome] | None = None,
    changed: Changed = "refuse",
    missing: Missing = "refuse",
    **reading: Any,
) -> Table:
    """Read one source that holds several models: one row per item and model.

    Args:
        source: A path or a frame.
        names: The models to compare, as the source calls them.
        format: As for `join_runs`; so are the others.
        columns: The column that distinguishes models is `by`.
        models: How models are graded.
        changed: What is done with changed items.
        missing: What a missing answer counts as.
        **reading: Further arguments of `supersede.read`.

    Returns:
        The table, with one column per model.

    Raises:
        ArgumentError: The source has no such model.

    Example:
        >>> long = {
        ...     "id": [1, 2, 1, 2],
        ...     "model": ["a", "a", "b", "b"],
        ...     "correct": [1, 0, 1, 1],
        ... }
        >>> split_run(long, ["a", "b"]).size
        2
    """
    rules = _Rules(columns or RunColumns(), models or {}, changed, missing, reading)
    log, files = open_run(source, rules.columns, format)
    there = {attempt.model for attempt in log.attempts}
    where = files[0] if files else "the table"
    for name in names:
        if name not in there:
            known = listed(tuple(sorted(map(str, there - {None}))))
            hint = known or "one model without a name; give the other run's file beside it"
            msg = f"no model {name!r} in {where} (it has: {hint})"
            raise ArgumentError(msg)
    runs = [
        by_item(name, replace(log, attempts=[a for a in log.attempts if a.model == name]), files)
        for name in names
    ]
    return _joined(runs, rules)


def models_in(source: object, columns: RunColumns | None = None) -> frozenset[str]:
    """The models that a source has rows of; none where its rows do not name one.

    Example:
        >>> sorted(models_in({"id": [1, 1], "model": ["a", "b"], "correct": [1, 0]}))
        ['a', 'b']
    """
    try:
        log, _ = open_run(source, columns or RunColumns(), None)
    except (ArgumentError, MissingColumnError, SourceError):
        return frozenset()
    return frozenset(attempt.model for attempt in log.attempts if attempt.model is not None)


def _joined(runs: Sequence[Run], rules: _Rules) -> Table:
    runs = alike_ids(runs)
    everything = list(dict.fromkeys(item for run in runs for item in run.items))
    if not any(all(item in run.items for run in runs[1:]) for item in runs[0].items):
        told = "; ".join(f"{run.name}: {listed(tuple(run.items)[:3])}" for run in runs)
        msg = f"the runs have no item in common ({told}); are they of one benchmark, with the same ids?"
        raise ItemError(msg)
    metric = choose_metric(
        {run.name: run.log for run in runs},
        rules.columns.metric,
        inverted=any(isinstance(outcome, Losses) for outcome in rules.models.values()),
    )
    skipped = tuple(i for i in everything if all(run.skipped(i) for run in runs))
    items = [item for item in everything if item not in set(skipped)]
    counts = {r.name: count_attempts(r, items, metric, rules.models.get(r.name)) for r in runs}
    absent = {run.name: tuple(i for i in items if i not in run.items) for run in runs}
    errors = {
        run.name: tuple(i for i in items if i in run.items and counts[run.name][i].lost)
        for run in runs
    }
    found = Differences(
        files={run.name: run.files for run in runs},
        tool=" and ".join(dict.fromkeys(run.log.tool for run in runs)),
        metric=metric.name,
        other_metrics=metric.others,
        absent=_filled(absent),
        errors=_filled(errors),
        ungraded=_filled({n: tuple(i for i in items if c[i].ungraded) for n, c in counts.items()}),
        skipped=skipped,
        changed_questions=_changing(runs, items, "question"),
        changed_labels=_changing(runs, items, "label"),
        changed_groups=_changing_groups(runs, items, rules.reading),
        repeated=_filled({r.name: tuple(i for i in items if r.repeats(i)) for r in runs}),
        unfinished={run.name: run.log.unfinished for run in runs if run.log.unfinished},
        missing=rules.missing,
        changed=rules.changed,
    )
    _refuse_missing(found, len(items))
    _refuse_changed(found, len(items))
    out: set[object] = set()
    if rules.changed == "drop":
        out |= {*found.changed_questions, *found.changed_labels}
    if rules.missing == "drop":
        out |= {i for c in counts.values() for i in items if c[i].attempts == c[i].lost}
    kept = [item for item in items if item not in out]
    if not kept:
        msg = "no item is left: each lacks an answer or has changed, and those are dropped"
        raise ItemError(msg)
    rows, models = wide_table(runs, kept, counts, metric, rules.models, rules.missing)
    labelled = metric.name is None and LABEL in rows.column_names
    table = read(
        rows, **{"item": ITEM, "label": LABEL if labelled else None, "models": models,
                 "missing": rules.missing, **rules.reading},
    )  # fmt: skip
    found = replace(found, left_out=tuple(item for item in items if item in out))
    return _told(table, runs, metric, found)


def _filled(lists: Mapping[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    return {name: ids for name, ids in lists.items() if ids}


def _changing(runs: Sequence[Run], items: Sequence[object], what: str) -> tuple[object, ...]:
    """Items of which runs say different things."""

    def said(run: Run, item: object) -> str | None:
        attempts = run.items.get(item)
        return as_text(getattr(attempts[0], what)) if attempts else None

    return tuple(i for i in items if len({said(run, i) for run in runs} - {None}) > 1)


def _changing_groups(
    runs: Sequence[Run], items: Sequence[object], reading: Mapping[str, Any]
) -> tuple[object, ...]:
    """Items of which runs name different groups, as far as groups are requested.

    What else a run notes of an item (its latency, say) may well differ.
    """
    names = [*reading.get("groups", ()), *reading.get("keep", ())]

    def said(run: Run, item: object) -> list[str | None]:
        attempts = run.items.get(item)
        return [as_text(attempts[0].groups.get(n)) if attempts else None for n in names]

    return tuple(
        i
        for i in items
        if any(
            len(set(parts) - {None}) > 1 for parts in zip(*(said(r, i) for r in runs), strict=True)
        )
    )


def _refuse_missing(found: Differences, size: int) -> None:
    told = [f"run {run!r} is not complete ({how})" for run, how in found.unfinished.items()]
    for lists, words in (
        (found.absent, "are not in it"),
        (found.errors, "ended in an error, or their answer is empty"),
    ):
        told += [
            f"run {run!r} has no answer to {len(ids)} of {size} items, which {words}: {listed(ids)}"
            for run, ids in lists.items()
        ]
    if told and found.missing == "refuse":
        msg = (
            f"{'; '.join(told)}. A missing answer is often a failure, so say what it counts as:"
            " --missing wrong, or --missing drop to leave these items out"
        )
        raise MissingPredictionError(msg)


def _refuse_changed(found: Differences, size: int) -> None:
    told = [
        f"{len(ids)} of {size} items have another {what} in one run than in another ({listed(ids)})"
        for what, ids in (("question", found.changed_questions), ("label", found.changed_labels))
        if ids
    ]
    if told and found.changed == "refuse":
        msg = (
            f"{'; '.join(told)}; a flip on these says nothing about the models: --changed drop leaves"
            " them out, --changed keep compares them all the same"
        )
        raise TableError(msg)


def _told(table: Table, runs: Sequence[Run], metric: Metric, differences: Differences) -> Table:
    """The table with the sources named in its reading, and the differences beside it."""
    names = [Path(run.files[0]).name if len(run.files) == 1 else run.name for run in runs]
    *before, last = dict.fromkeys(names)
    source = f"{', '.join(before)}{' and ' * bool(before)}{last} ({differences.tool})"
    graded = ""
    if metric.name is not None:
        graded = f"; graded by {metric.name!r}" + (f", {metric.why}" if metric.why else "")
        others = ", ".join(map(repr, metric.others[:3])) + (", …" if len(metric.others) > 3 else "")
        graded += f" (not by {others})" if metric.others else ""
    told = (
        f"; {len(differences.notes)} differences between the runs, see below"
        if differences.notes
        else ""
    )
    reading = table.reading.replace(f"from {table.source}", f"joined from {source}", 1)
    return replace(table, source=source, reading=f"{reading}{graded}{told}", joined=differences)
