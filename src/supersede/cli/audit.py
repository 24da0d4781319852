"""``supersede audit``: for whom does a model fail?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from supersede.cli.audit_files import (
    card_facts,
    earlier_audit,
    hold,
    read_groups,
    write_card,
)
from supersede.cli.common import Quiet, Share, Strings, column_sets, outputs
from supersede.cli.meaning import Meaning
from supersede.cli.progress import Progress
from supersede.cli.run_flags import RunFlags
from supersede.cli.speech import audit_transcripts, for_a_card
from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.audit import Attribute, Audit, Coverage, Loss
    from supersede.table.outcomes import Outcome
    from supersede.table.table import Table

__all__ = ["audit"]

Measure = Literal[
    "error", "squared", "absolute", "log", "accuracy", "precision", "recall",
    "false-positive-rate", "false-negative-rate", "selection-rate",
]  # fmt: skip


def audit(
    table: str,
    *newer: str,
    model: str | None = None,
    old: str | None = None,
    reference: str | None = None,
    hypothesis: str | None = None,
    normaliser: str = "plain",
    baseline: Strings = None,
    measure: Measure = "error",
    errors: Strings = None,
    out_of: str | None = None,
    label: str | None = None,
    item: str | None = None,
    group: Strings = None,
    condition: Strings = None,
    cross: Strings = None,
    unknown: Strings = None,
    inferred: Strings = None,
    allow_inferred: Annotated[bool, Parameter(negative="")] = False,
    synthetic: str | None = None,
    declared: Path | None = None,
    slices_of: Strings = None,
    finds: Path | None = None,
    cover: Strings = None,
    grid: str | None = None,
    card: Path | None = None,
    card_out: Path | None = None,
    weight: str | None = None,
    cluster: str | None = None,
    labels: str | None = None,
    missing: Literal["refuse", "wrong", "drop"] = "refuse",
    min_items: int = 30,
    confidence: Share = 0.95,
    history: Path | None = None,
    version: str | None = None,
    tolerance: Share = 0.0,
    out: Path | None = None,
    json: Path | None = None,
    markdown: Path | None = None,
    quiet: Quiet = False,
    where: str | None = None,
    meaning: Meaning = Meaning(),  # noqa: B008  # frozen
    reading: RunFlags = RunFlags(),  # noqa: B008  # frozen
) -> int:
    """Audit a model's losses by group, with intervals.

    The table has one row per item, a column of predictions and columns that describe who and under
    which circumstances. Nothing is guessed: items whose group is unknown get a row of their own.

    Exit codes: 0 done, or no group got worse than in the history; 1 some group did; 2 a usage or
    data error; 3 undecided.

    Example: supersede audit predictions.parquet --model new --old old --label y --group sex
    --group race --cross sex×race --out audit.html

    Args:
        table: A table in CSV, JSONL or Parquet: a file, or a glob in quotes. Or, without --model, a
            run as an evaluation tool wrote it.
        newer: The new model's run; the first file is then the old model's.
        model: Column of a model's answers.
        old: The model in service: its column. The audit then compares the two on the same items.
        reference: The column of what was said. With --hypothesis the audit is of word
            error rates, and --old is the column of an older recogniser's hypotheses.
        hypothesis: The column of what the audited recogniser understood.
        normaliser: Rules for both sides: verbatim, plain or english, also with a version, as in
            plain/1. For transcripts.
        baseline: With --reference: the group or condition that others are compared with, as in
            noise=quiet; repeat it for several. [default: all others]
        measure: What is measured of each group.
        errors: Columns of error counts, of --model and then of --old; together with --out-of this
            is a word error rate, and --measure is ignored.
        out_of: The column of the units that errors are out of, such as words.
        label: Column of labels; null where an item has none. [default: label, y, y_true or target]
        item: Column of item ids. [default: item, item_id or id]
        group: Column whose values are groups; repeat it for several. Here: who.
        condition: A column that describes circumstances; repeat it for several.
        cross: Columns whose combinations are groups, as in sex,race; repeat it for several.
        unknown: A value that means "not known", such as ?; repeat it for several.
        inferred: A group column whose values were inferred; refused unless --allow-inferred.
        allow_inferred: Accept inferred groups, marked everywhere.
        synthetic: A column that is true for synthetic items; they are reported separately.
        declared: A JSON file of groups declared by conditions, as --finds writes it.
        slices_of: Columns to search for groups that nobody declared; half of the items are held out
            to test the finds.
        finds: Write the finds confirmed on those items as groups, to be declared when auditing new
            items.
        cover: Columns whose combinations should be covered; prints the coverage and what to
            collect, and draws it on the page.
        grid: A column of scenarios; the page then shows both models in each.
        card: A TOML file with the text of a service card: name, version, released (a date),
            intended_use, limits, customer_must_test.
        card_out: Write the card as HTML, JSON or Markdown, by the file's ending.
        weight: Column of item weights.
        cluster: Column of clusters of items that are not independent.
        labels: How the labelled items were chosen, where not all are labelled: random, or the
            column with each item's probability of having been chosen.
        missing: What a missing answer counts as.
        min_items: Fewest items of a group that is judged. Smaller ones are shown, but not compared.
        confidence: Two-sided confidence of every interval, such as 95% or 0.95.
        history: A file of audits, one per version: the model is compared with the last one.
        version: The model's version; its audit is then added to the history.
        tolerance: The largest rise of a group's loss that still passes, such as 2%.
        out: Write the page here, as HTML in one file.
        json: Write the result here, as JSON.
        markdown: Write a summary here, as Markdown.
        quiet: Do not show progress.
        where: SQL condition on the table's columns; other rows are left out.
        meaning: What the models' columns hold.
        reading: How runs are read and joined.
    """
    from supersede.audit import audit_groups

    written = outputs(json=json, markdown=markdown)
    page_at = outputs(out=out).paths
    _refuse(
        wanted=bool(
            group or condition or cross or declared or reference or not (cover or slices_of)
        ),
        needing={"--grid": grid, "--out": out, "--json": json, "--markdown": markdown,
                 "--card": card, "--history": history},
        grid=grid, out=out, finds=finds, slices_of=slices_of, version=version, history=history,
    )  # fmt: skip
    facts = card_facts(card, card_out)
    groups = [] if declared is None else read_groups(declared)
    earlier = earlier_audit(history, version)
    if reference is not None or hypothesis is not None:
        spoken = audit_transcripts(
            [table, *newer], reference=reference, hypothesis=hypothesis, old=old,
            who=_attributes(group, unknown, inferred), speaker=cluster, baseline=baseline,
            under=_attributes(condition, unknown, None, protected=False), normaliser=normaliser,
            refused={
                "--model": model, "--errors": errors, "--out-of": out_of, "--label": label,
                "--measure": measure != "error", "--declared": declared, "--slices-of": slices_of,
                "--cover": cover, "--grid": grid, "--weight": weight, "--labels": labels,
                "--markdown": markdown, "--finds": finds, "--cross": cross, "--item": item,
            },
            out=out, json=json, synthetic=synthetic, missing=missing, where=where,
            allow_inferred=allow_inferred, min_items=min_items, confidence=confidence,
        )  # fmt: skip
        if facts is not None and card_out is not None:
            write_card(for_a_card(spoken), facts, card_out)
        return hold(spoken.audit, earlier, history, version, tolerance)
    if baseline or normaliser != "plain":
        msg = "--baseline and --normaliser are for transcripts: name --reference and --hypothesis"
        raise ArgumentError(msg)
    with Progress(quiet=quiet) as progress:
        progress("reading the table")
        read_table, model, old = _opened(
            [table, *newer], model, old, errors, meaning, reading, label=label, item=item,
            weight=weight, cluster=cluster, missing=missing, where=where, same=meaning.same,
        )  # fmt: skip
        chosen = _loss(measure, model, old, errors, out_of)
        if slices_of:
            _search(read_table, model, slices_of, chosen, confidence, finds, progress)
        result = None
        if group or condition or cross or groups or not (cover or slices_of):
            result = audit_groups(
                read_table, model, old=old, loss=chosen,
                groups=[*_attributes(group, unknown, inferred), *groups], synthetic=synthetic,
                conditions=_attributes(condition, unknown, None, protected=False),
                cross=column_sets(cross), labels=labels, allow_inferred=allow_inferred,
                min_items=min_items, confidence=confidence, progress=progress,
            )  # fmt: skip
        covered = None
        if cover:
            progress("counting what is covered")
            axes = _attributes(cover, unknown, None)
            covered = _coverage(read_table, axes, synthetic, min_items)
        if result is not None:
            written.write(result)
            for path in page_at:
                progress(f"drawing {path}")
                split = _attributes([grid] if grid else None, unknown, None, protected=False)
                _draw(path, result, covered, read_table, chosen, split)
            if facts is not None and card_out is not None:
                write_card(result, facts, card_out)
    if result is None:
        return 0
    _print(result)
    return hold(result, earlier, history, version, tolerance)


def _refuse(
    *,
    wanted: bool,
    needing: Mapping[str, object],
    grid: str | None,
    out: Path | None,
    finds: Path | None,
    slices_of: Sequence[str] | None,
    version: str | None,
    history: Path | None,
) -> None:
    """Refuse flags that need others, before anything is read.

    Raises:
        ArgumentError: A flag would have no effect.
    """
    from supersede.look.page import check_output

    if grid is not None and out is None:
        msg = "--grid draws on the page; name it: --out audit.html"
        raise ArgumentError(msg)
    if version is not None and history is None:
        msg = "--version names an entry of a history; name the file: --history audits.jsonl"
        raise ArgumentError(msg)
    if finds is not None and not slices_of:
        msg = "--finds writes what a search found; name the columns to search: --slices-of age"
        raise ArgumentError(msg)
    if finds is not None:
        check_output(finds, "the finds (--finds)", [".json"])
    given = [flag for flag, value in needing.items() if value is not None]
    if not wanted and given:
        msg = (
            f"{', '.join(given)} need groups that are audited, and --cover and --slices-of name none:"
            " add --group, --condition, --cross or --declared"
        )
        raise ArgumentError(msg)


def _search(
    table: "Table",
    model: str,
    columns: Sequence[str],
    loss: "Loss",
    confidence: float,
    finds: Path | None,
    progress: Progress,
) -> None:
    """Search for slices, print them, and write those that are confirmed."""
    from json import dumps

    from supersede.audit import find_slices
    from supersede.look.page import write_whole

    search = find_slices(table, model, columns, loss=loss, confidence=confidence, progress=progress)
    print(search)
    if finds is not None:
        write_whole(finds, dumps([found.to_dict() for found in search.confirmed], indent=1))


def _draw(
    path: Path,
    result: "Audit",
    covered: "Coverage | None",
    table: "Table",
    loss: "Loss",
    split: "Sequence[Attribute]",
) -> None:
    """Write the page, with coverage and a grid of scenarios where they are wanted."""
    from supersede.audit import grid
    from supersede.audit.report import page
    from supersede.look.page import write_whole

    models = [result.model] if result.old is None else [result.model, result.old]
    sheet = grid(table, models, [loss], groups=split[0]) if split else None
    write_whole(path, page(result, covered=covered, sheet=sheet))


def _opened(
    files: Sequence[str],
    model: str | None,
    old: str | None,
    errors: Sequence[str] | None,
    meaning: Meaning,
    reading: RunFlags,
    *,
    item: str | None,
    label: str | None,
    **uses: Any,
) -> "tuple[Table, str, str | None]":
    """The table, the model to audit, and the one to compare it with; or a run of each."""
    from supersede.table.read import read

    if model is not None and len(files) == 1:
        models = [model] if old is None else [model, old]
        graded = _counted(models, errors) if errors else meaning.models(models)
        table = read(files[0], models=graded, item=item, label=label, **uses)
        return table, model, old
    if model is not None or old is not None or errors or len(files) > 2:
        msg = (
            "give one table and its columns (--model, --old), or without these flags a run, or two:"
            " the old one first"
        )
        raise ArgumentError(msg)
    table = reading.join(files, item=item, label=label, **uses)
    for note in table.joined.notes if table.joined else ():
        print(f"  → {note}")
    *before, last = table.models
    return table, last, before[0] if before else None


def _loss(
    name: Measure, model: str, old: str | None, errors: Sequence[str] | None, out_of: str | None
) -> "Loss":
    from supersede.audit import Absolute, LogLoss, PerUnit, Rate, SquaredError, ZeroOne

    if errors or out_of:
        models = [model] if old is None else [model, old]
        if not errors or not out_of or len(errors) != len(models):
            msg = (
                "--errors (one column for each of --model and --old) and --out-of must be given"
                " together"
            )
            raise ArgumentError(msg)
        return PerUnit(dict(zip(models, errors, strict=True)), out_of)
    kinds: dict[str, Loss] = {
        "error": ZeroOne(), "squared": SquaredError(), "absolute": Absolute(), "log": LogLoss(),
    }  # fmt: skip
    return kinds.get(name) or Rate(name.replace("-", "_"))


def _counted(models: Sequence[str], errors: Sequence[str]) -> "dict[str, str | Outcome]":
    """Models of which only counts of errors are known."""
    from supersede.table.outcomes import Losses

    if len(models) != len(errors):
        msg = "give --errors once for --model, and once more for --old"
        raise ArgumentError(msg)
    return {m: Losses(e, tolerance=0) for m, e in zip(models, errors, strict=True)}


def _attributes(
    columns: Sequence[str] | None,
    unknown: Sequence[str] | None,
    inferred: Sequence[str] | None,
    *,
    protected: bool = True,
) -> "list[Attribute]":
    from supersede.audit import Attribute

    stray = set(inferred or ()) - set(columns or ())
    if stray:
        msg = f"--inferred {sorted(stray)[0]}: name it as a --group too"
        raise ArgumentError(msg)
    return [
        Attribute(column, protected, column in (inferred or ()), tuple(unknown or ()))
        for column in columns or ()
    ]


def _print(result: "Audit") -> None:
    from supersede.audit.report import headline
    from supersede.look.numbers import amount, points, share

    value, difference = (share, points) if result.unit == "share" else (amount, amount)
    print(result.reading)
    print(headline(result))
    for row in (result.overall, *result.worst[:20]):
        mark = "▲" if row.stands_out else " "
        print(
            f"  {mark} {row.group}: {value(row.value, row.low, row.high)}, gap"
            f" {difference(row.gap, row.gap_low, row.gap_high)}, n {row.n:,}"
        )
    for note in result.notes:
        print(f"  → {note}")


def _coverage(
    table: "Table", cover: "Sequence[Attribute]", synthetic: str | None, min_items: int
) -> "Coverage":
    from supersede.audit import coverage

    found = coverage(
        table, cover, strength=min(2, len(cover)), min_items=min_items, synthetic=synthetic
    )
    print(found)
    for collect in found.next_items(100)[:10]:
        values = ", ".join(f"{axis} = {value}" for axis, value in collect.values.items())
        print(f"  of the next 100 items, collect {collect.items} with {values}")
    return found
