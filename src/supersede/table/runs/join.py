"""Two or more runs, joined by item into the table that a review takes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from supersede.errors import (
    ArgumentError,
    ItemError,
    MissingPredictionError,
    TableError,
)
from supersede.table.outcomes import Outcome, Right, Runs
from supersede.table.read import read
from supersede.table.runs.attempt import Attempt, Columns, Log
from supersede.table.runs.choose import UNANSWERED, Metric, choose_metric, points
from supersede.table.runs.differences import Differences, listed
from supersede.table.runs.recognise import read_log
from supersede.table.runs.tables import read_frame
from supersede.table.table import Missing, Table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Changed", "join_runs", "split_run"]

Changed = Literal["refuse", "keep", "drop"]

_ITEM, _LABEL = "item", "label"
_NO_LABELS = ("label", "y", "y_true", "target")  # metadata of these names is no label of the table
_LONGEST = 80  # characters of a question that stands for an id


@dataclass(frozen=True)
class _Run:
    name: str
    log: Log
    files: tuple[str, ...]
    items: Mapping[object, list[Attempt]]


def join_runs(
    sources: Sequence[object],
    *,
    format: str | None = None,
    columns: Columns | None = None,
    threshold: float | None = None,
    changed: Changed = "refuse",
    missing: Missing = "refuse",
    groups: Sequence[str] = (),
    weight: str | None = None,
    cost: str | None = None,
    cluster: str | None = None,
    labelled: bool = True,
) -> Table:
    """Join runs of several models on the same items.

    Every source is what one model did: a log that an evaluation tool wrote, found by its content,
    or a table with a row per item. Items are matched by id, as text where one run writes numbers
    and another text; where a tool has no ids, by the question. An item that a run lacks, or on
    which it ended in an error, has *no answer* of that run, which is not the same as having no
    label: `missing` says what it counts as.

    Args:
        sources: The runs, the old one first: paths, globs (several files of one run), frames.
        format: The name of the format, where it is not to be found by content.
        columns: Columns of tables and records that are not found by name, and the metric.
        threshold: From where on a numeric metric counts as right.
        changed: Items whose question or label differs between runs are refused, kept or dropped.
        missing: Items without an answer are refused, count as wrong, or are dropped.
        groups: Columns that say what an item belongs to: a tool's metadata, tags, a file's columns.
        weight: Column of item weights.
        cost: Column of costs of a negative flip.
        cluster: Column of clusters.
        labelled: False for answers whose labels are still to come.

    Returns:
        The table, with a model per run, named after its file; `Table.joined` tells what differs.

    Raises:
        ArgumentError: A run is given twice, or what is compared cannot be told.
        ItemError: The runs have no item in common, or an id stands for two items.
        MissingPredictionError: Some items have no answer of a run.
        TableError: Questions or labels changed.
    """
    columns = columns or Columns()
    if len(sources) < 2:
        msg = "a review needs two runs: the old one, then one or more new ones"
        raise ArgumentError(msg)
    opened = [_open(source, columns, format) for source in sources]
    _refuse_twice(opened)
    names = _names([files for _, files in opened])
    runs = []
    for name, (log, files) in zip(names, opened, strict=True):
        models = {attempt.model for attempt in log.attempts}
        if len(models) > 1:
            first, second = sorted(map(str, models))[:2]
            msg = (
                f"{name} holds the answers of {len(models)} models ({listed(tuple(sorted(map(str, models))))});"
                f" review that file alone: --old {first!r} --new {second!r}"
            )
            raise ArgumentError(msg)
        runs.append(_run(name, log, files))
    return _joined(
        runs, columns, threshold, changed, missing, labelled=labelled,
        uses={"groups": tuple(groups), "weight": weight, "cost": cost, "cluster": cluster},
    )  # fmt: skip


def split_run(
    source: object,
    models: Sequence[str],
    *,
    format: str | None = None,
    columns: Columns | None = None,
    threshold: float | None = None,
    changed: Changed = "refuse",
    missing: Missing = "refuse",
    groups: Sequence[str] = (),
    weight: str | None = None,
    cost: str | None = None,
    cluster: str | None = None,
    labelled: bool = True,
) -> Table:
    """Read one long source, with a row per item and model.

    Args:
        source: A path or a frame.
        models: The models to compare, by the values that the source has.
        format: As for `join_runs`.
        columns: As for `join_runs`.
        threshold: As for `join_runs`.
        changed: As for `join_runs`.
        missing: As for `join_runs`.
        groups: As for `join_runs`.
        weight: As for `join_runs`.
        cost: As for `join_runs`.
        cluster: As for `join_runs`.
        labelled: As for `join_runs`.

    Returns:
        The table, with a column per model.

    Raises:
        ArgumentError: The source holds no such model.
    """
    columns = columns or Columns()
    log, files = _open(source, columns, format)
    there = {attempt.model for attempt in log.attempts}
    for model in models:
        if model not in there:
            known = listed(tuple(sorted(map(str, there - {None}))))
            msg = (
                f"no model {model!r} in {files[0]} (it has: {known or 'one model without a name'})"
            )
            raise ArgumentError(msg)
    runs = []
    for model in models:
        own = [attempt for attempt in log.attempts if attempt.model == model]
        runs.append(_run(model, replace(log, attempts=own), files))
    return _joined(
        runs, columns, threshold, changed, missing, labelled=labelled,
        uses={"groups": tuple(groups), "weight": weight, "cost": cost, "cluster": cluster},
    )  # fmt: skip


def _open(source: object, columns: Columns, format: str | None) -> tuple[Log, tuple[str, ...]]:
    if isinstance(source, str | Path):
        log, paths = read_log(source, columns, format)
        return log, tuple(map(str, paths))
    return read_frame(source, columns, f"the {type(source).__name__}"), ()


def _refuse_twice(opened: Sequence[tuple[Log, tuple[str, ...]]]) -> None:
    seen: dict[bytes, str] = {}
    for _, files in opened:
        for file in files:
            digest = hashlib.sha256(Path(file).read_bytes()).digest()
            if digest in seen:
                same = seen[digest] == file
                what = (
                    f"{file} is given twice"
                    if same
                    else f"{seen[digest]} and {file} are the same, byte for byte"
                )
                msg = f"{what}; a review needs two runs"
                raise ArgumentError(msg)
            seen[digest] = file


def _names(files: Sequence[tuple[str, ...]]) -> list[str]:
    """A name per run: the file's stem, with as much of its path as tells runs apart."""
    stems = []
    for at, paths in enumerate(files):
        if not paths:
            stems.append(("old", "new")[at] if at < 2 else f"new {at}")
        elif len(paths) == 1:
            stems.append(Path(paths[0]).name.split(".")[0] or Path(paths[0]).name)
        else:
            stems.append(Path(paths[0]).parent.name or "files")
    if len({stem.casefold() for stem in stems}) == len(stems):
        return stems
    resolved = [
        Path(paths[0]).resolve() if paths else Path(stem)
        for paths, stem in zip(files, stems, strict=True)
    ]
    for deep in range(1, max(len(path.parts) for path in resolved)):
        longer = [
            "/".join((*path.parent.parts[-deep:], stem))
            for path, stem in zip(resolved, stems, strict=True)
        ]
        if len({name.casefold() for name in longer}) == len(longer):
            return longer
    return (
        [path.name for path in resolved]
        if len({p.name.casefold() for p in resolved}) == len(resolved)
        else list(map(str, resolved))
    )


def _run(name: str, log: Log, files: tuple[str, ...]) -> _Run:
    items: dict[object, list[Attempt]] = {}
    for at, attempt in enumerate(log.attempts, 1):
        key = _key(attempt)
        if key is None:
            msg = f"run {name!r}: row {at} of {len(log.attempts)} has no id; give every item one"
            raise ItemError(msg)
        items.setdefault(key, []).append(attempt)
    twice = tuple(item for item, found in items.items() if len(found) > 1)
    if twice and not log.repeats:
        msg = (
            f"run {name!r}: {len(twice)} ids occur more than once: {listed(twice)}; if these are"
            " repeated attempts, name the column that numbers them: --attempt COLUMN; if several models"
            " answered, the column that tells them apart: --by COLUMN"
        )
        raise ItemError(msg)
    for item in twice:
        if len({a.question for a in items[item]} - {None}) > 1:
            msg = f"run {name!r}: id {item!r} stands for different questions; give every item its own id"
            raise ItemError(msg)
    return _Run(name, log, files, items)


def _key(attempt: Attempt) -> object:
    item = attempt.item
    if isinstance(item, float) and item.is_integer():
        return int(item)
    if item is not None and item != "":
        return item
    text = attempt.question
    if text is None or len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - 10]}… {hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _joined(
    runs: list[_Run],
    columns: Columns,
    threshold: float | None,
    changed: Changed,
    missing: Missing,
    *,
    labelled: bool,
    uses: Mapping[str, Any],
) -> Table:
    runs = _alike_ids(runs)
    everything = list(dict.fromkeys(item for run in runs for item in run.items))
    if not any(all(item in run.items for run in runs[1:]) for item in runs[0].items):
        told = "; ".join(f"{run.name}: {listed(tuple(run.items)[:3])}" for run in runs)
        msg = f"the runs have no item in common ({told}); are they of one benchmark, with the same ids?"
        raise ItemError(msg)
    metric = choose_metric({run.name: run.log for run in runs}, columns.metric)
    skipped = tuple(
        item for item in everything
        if all(a.skipped for run in runs for a in run.items.get(item, ()))
    )  # fmt: skip
    gone = set(skipped)
    items = [item for item in everything if item not in gone]
    counted = {run.name: _count(run, items, metric, threshold) for run in runs}
    questions = _changing(runs, items, "question")
    labels = _changing(runs, items, "label")
    lost = {run.name: tuple(i for i in items if i not in run.items) for run in runs}
    failed = {name: tuple(i for i in items if found[i].lost) for name, found in counted.items()}
    failed = {
        name: tuple(i for i in ids if i not in set(lost[name])) for name, ids in failed.items()
    }
    unfinished = {run.name: run.log.unfinished for run in runs if run.log.unfinished}
    if missing == "refuse":
        _refuse_missing(lost, failed, unfinished, len(items))
    if changed == "refuse":
        _refuse_changed(questions, labels, len(items))
    out: set[object] = set()
    if changed == "drop":
        out |= {*questions, *labels}
    if missing == "drop":
        out |= {
            i for found in counted.values() for i in items if found[i].attempts == found[i].lost
        }
    kept = [item for item in items if item not in out]
    if not kept:
        msg = (
            "no item is left: every one is missing an answer or has changed, and those are dropped"
        )
        raise ItemError(msg)
    differences = Differences(
        files={run.name: run.files for run in runs},
        tool=" and ".join(dict.fromkeys(run.log.tool for run in runs)),
        metric=metric.name,
        other_metrics=metric.others,
        absent={name: ids for name, ids in lost.items() if ids},
        errors={name: ids for name, ids in failed.items() if ids},
        ungraded={
            name: ids for name, found in counted.items()
            if metric.name is not None and (ids := tuple(i for i in items if found[i].ungraded))
        },
        skipped=skipped,
        changed_questions=questions,
        changed_labels=labels,
        changed_groups=_changing(runs, items, "groups"),
        repeated={
            run.name: ids for run in runs
            if (ids := tuple(i for i in items if len(run.items.get(i, ())) > 1))
        },
        unfinished=unfinished,
        missing=missing,
        changed=changed,
        left_out=tuple(item for item in items if item in out),
    )  # fmt: skip
    rows, models = _rows(runs, kept, counted, metric, missing)
    label = _LABEL if metric.name is None and _LABEL in rows.column_names else None
    table = read(
        rows, item=_ITEM, label=label, labelled=labelled, models=models, missing=missing, **uses
    )
    return _told(table, runs, metric, differences)


@dataclass
class _Counted:
    attempts: int = 0
    right: float = 0
    lost: int = 0
    ungraded: int = 0


def _count(
    run: _Run, items: Sequence[object], metric: Metric, threshold: float | None
) -> dict[object, _Counted]:
    """Of each item: attempts, how many went right, had no answer, or were graded by nobody."""
    found = {}
    for item in items:
        attempts = run.items.get(item, ())
        counted = found[item] = _Counted(attempts=max(len(attempts), 1), lost=int(not attempts))
        for attempt in attempts:
            if attempt.error is not None or attempt.skipped:
                counted.lost += 1
            elif metric.name is None:
                counted.lost += attempt.answer is None
            else:
                said = points(attempt.grades.get(metric.name), metric.name, threshold)
                if said is UNANSWERED:
                    counted.lost += 1
                elif said is None:
                    counted.ungraded += 1
                else:
                    counted.right += float(said)  # type: ignore[arg-type]
    return found


def _alike_ids(runs: list[_Run]) -> list[_Run]:
    """Ids as text, unless all of them are whole numbers."""
    if all(type(item) is int and abs(item) < 2**63 for run in runs for item in run.items):
        return runs
    found = []
    for run in runs:
        items: dict[object, list[Attempt]] = {}
        for item, attempts in run.items.items():
            if str(item) in items:
                msg = f"run {run.name!r} has the id {item!r} as a number and as text; keep one of the two"
                raise ItemError(msg)
            items[str(item)] = attempts
        found.append(replace(run, items=items))
    return found


def _changing(runs: Sequence[_Run], items: Sequence[object], what: str) -> tuple[object, ...]:
    """Items of which runs say different things."""

    def said(run: _Run, item: object) -> str | None:
        attempts = run.items.get(item)
        value = getattr(attempts[0], what) if attempts else None
        return None if value in (None, {}) else str(value)

    return tuple(i for i in items if len({said(run, i) for run in runs} - {None}) > 1)


def _refuse_missing(
    lost: Mapping[str, tuple[object, ...]],
    failed: Mapping[str, tuple[object, ...]],
    unfinished: Mapping[str, str],
    size: int,
) -> None:
    told = [f"run {run!r} is not complete ({how})" for run, how in unfinished.items()]
    for lists, words in ((lost, "are not in it"), (failed, "ended in an error or have no answer")):
        told += [
            f"run {run!r} has no answer to {len(ids)} of {size} items: they {words} ({listed(ids)})"
            for run, ids in lists.items()
            if ids
        ]
    if told:
        msg = (
            f"{'; '.join(told)}. An answer that is missing is often a failure, so say what it counts"
            " as: --missing wrong, or --missing drop to leave these items out"
        )
        raise MissingPredictionError(msg)


def _refuse_changed(questions: tuple[object, ...], labels: tuple[object, ...], size: int) -> None:
    told = [
        f"{len(ids)} of {size} items have another {what} in one run than in another ({listed(ids)})"
        for what, ids in (("question", questions), ("label", labels))
        if ids
    ]
    if told:
        msg = (
            f"{'; '.join(told)}; a flip on these says nothing of the models: --changed drop leaves"
            " them out, --changed keep compares them all the same"
        )
        raise TableError(msg)


def _rows(
    runs: Sequence[_Run],
    items: Sequence[object],
    counted: Mapping[str, Mapping[object, _Counted]],
    metric: Metric,
    missing: Missing,
) -> "tuple[pa.Table, dict[str, str | Outcome]]":
    """The wide table, and how each model's columns are graded."""
    import pyarrow as pa

    columns: dict[str, list[object]] = {_ITEM: list(items)}
    models: dict[str, str | Outcome] = {}
    if metric.name is None:
        said = {run.name: [_answer(run.items.get(item, ())) for item in items] for run in runs}
        truth = [_first(runs, item) for item in items]
        alike = _alike([*said.values(), truth])
        for run, values in zip(runs, alike, strict=False):
            columns[run.name] = values
            models[run.name] = run.name
        if any(value is not None for value in truth):
            columns[_LABEL] = alike[-1]
    else:
        several = any(found[i].attempts > 1 for found in counted.values() for i in items)
        for name, found in counted.items():
            kept = [found[item] for item in items]
            runs_of = [c.attempts - c.ungraded - (c.lost if missing == "drop" else 0) for c in kept]
            if several:
                columns[f"{name} right"] = [round(c.right) for c in kept]
                columns[f"{name} runs"] = list(runs_of)
                models[name] = Runs(f"{name} right", f"{name} runs")
            else:
                columns[name] = [
                    int(c.right) if n else None for c, n in zip(kept, runs_of, strict=True)
                ]
                models[name] = Right(name)
    taken = {name.casefold() for name in (*columns, *_NO_LABELS)}
    for name, values in _groups(runs, items).items():
        free = name
        while free.casefold() in taken:
            free += " (metadata)"
        taken.add(free.casefold())
        columns[free] = values
    return pa.table({name: _array(values) for name, values in columns.items()}), models


def _answer(attempts: Sequence[Attempt]) -> object:
    answered = [a.answer for a in attempts if a.error is None and a.answer is not None]
    return answered[0] if answered else None


def _first(runs: Sequence[_Run], item: object) -> object:
    said = (a.label for run in runs for a in run.items.get(item, ()))
    return next((label for label in said if label is not None), None)


def _groups(runs: Sequence[_Run], items: Sequence[object]) -> dict[str, list[object]]:
    """What is known of the items, from the first run that knows it."""
    known: list[dict[str, object]] = []
    for item in items:
        found: dict[str, object] = {}
        for run in reversed(runs):
            for attempt in run.items.get(item, ())[:1]:
                found |= attempt.groups
        known.append(found)
    names = dict.fromkeys(name for found in known for name in found)
    return {name: [found.get(name) for found in known] for name in names}


def _alike(columns: Sequence[Sequence[object]]) -> list[list[object]]:
    """Columns of one type: text, where any value of any of them is text."""
    kinds = {type(value) for column in columns for value in column if value is not None}
    if len(kinds) <= 1 or kinds <= {int, float}:
        return [list(column) for column in columns]
    return [[None if v is None else str(v) for v in column] for column in columns]


def _array(values: Sequence[object]) -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if v is None else str(v) for v in values])


def _told(table: Table, runs: Sequence[_Run], metric: Metric, differences: Differences) -> Table:
    """The table with the sources named in its reading, and the differences beside it."""
    files = [Path(run.files[0]).name if len(run.files) == 1 else run.name for run in runs]
    source = f"{' and '.join([', '.join(files[:-1]), files[-1]])} ({differences.tool})"
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
