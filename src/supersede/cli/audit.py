"""``supersede audit``: for whom does a model fail?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from supersede.cli.meaning import AnswerMeaning
from supersede.cli.run_flags import RunFlags
from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.audit import Attribute, Audit, Coverage, Group, Loss
    from supersede.table.outcomes import Outcome
    from supersede.table.table import Table

__all__ = ["audit"]

Strings = Annotated[list[str] | None, Parameter(negative="")]
LossName = Literal[
    "error", "squared", "absolute", "log", "accuracy", "precision", "recall",
    "false-positive-rate", "false-negative-rate", "selection-rate",
]  # fmt: skip


def audit(
    table: str,
    *newer: str,
    model: str | None = None,
    old: str | None = None,
    loss: LossName = "error",
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
    confidence: float = 0.95,
    history: Path | None = None,
    version: str | None = None,
    tolerance: float = 0.0,
    out: Path | None = None,
    json: Path | None = None,
    markdown: Path | None = None,
    where: str | None = None,
    meaning: AnswerMeaning = AnswerMeaning(),  # noqa: B008  # frozen
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
        table: CSV, JSONL or Parquet: a file, or a glob in quotes. Without --model, a run as an
            evaluation tool wrote it.
        newer: The new model's run; the first file is then the old model's.
        model: The column of the model to audit.
        old: The column of a model to compare it with, on the same items.
        loss: The loss of an item.
        errors: Columns of error counts, of --model and then of --old; together with --out-of this
            is a word error rate, and --loss is ignored.
        out_of: The column of the units that errors are out of, such as words.
        label: The column of labels.
        item: The column of item ids.
        group: A column that describes who; repeat it for several.
        condition: A column that describes circumstances; repeat it for several.
        cross: Columns whose combinations are groups, as in sex×race or sex,race.
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
        weight: The column of item weights.
        cluster: The column of clusters of dependent items.
        labels: How labelled items were chosen: random, or the column of their probabilities.
        missing: How a missing prediction is handled.
        min_items: Groups with fewer items are shown, but not compared.
        confidence: Two-sided confidence of every interval.
        history: A file of audits, one per version: the model is compared with the last one.
        version: The model's version; its audit is then added to the history.
        tolerance: The largest rise of a group's loss that still passes, such as 0.02.
        out: Write an HTML page.
        json: Write JSON.
        markdown: Write Markdown.
        where: SQL condition on the table's columns; other rows are left out.
        meaning: What the models' columns hold.
        reading: How runs are read and joined.
    """
    from json import dumps

    from supersede.audit import audit_groups, find_slices
    from supersede.audit import grid as lay_out
    from supersede.audit.report import page
    from supersede.look.page import write_whole

    for path, ending in ((out, ".html"), (json, ".json"), (markdown, ".md")):
        if path is not None:
            _ends_in(path, ending)
    if grid is not None and out is None:
        msg = "--grid draws on the page; name it: --out audit.html"
        raise ArgumentError(msg)
    read_table, model, old = _opened(
        [table, *newer], model, old, errors, meaning, reading, label=label, item=item,
        weight=weight, cluster=cluster, missing=missing, where=where, same=meaning.same,
    )  # fmt: skip
    chosen = _loss(loss, model, old, errors, out_of)
    models = [model] if old is None else [model, old]
    groups = [] if declared is None else _read_groups(declared)
    if slices_of:
        search = find_slices(read_table, model, slices_of, loss=chosen, confidence=confidence)
        print(search)
        if finds is not None:
            write_whole(finds, dumps([found.to_dict() for found in search.confirmed], indent=1))
    if version is not None and history is None:
        msg = "--version names an entry of a history; name the file: --history audits.jsonl"
        raise ArgumentError(msg)
    result = None
    if group or condition or cross or groups or not (cover or slices_of):
        result = audit_groups(
            read_table, model, old=old, loss=chosen,
            groups=_attributes(group, unknown, inferred), synthetic=synthetic,
            conditions=_attributes(condition, unknown, None, protected=False),
            cross=[_columns(text) for text in cross or []], declared=groups, labels=labels,
            allow_inferred=allow_inferred, min_items=min_items, confidence=confidence,
        )  # fmt: skip
        _print(result)
        for path in (json, markdown):
            if path is not None:
                result.save(path)
    covered = None
    if cover:
        covered = _coverage(read_table, _attributes(cover, unknown, None), synthetic, min_items)
    if result is not None and out is not None:
        split = _attributes([grid] if grid else None, unknown, None, protected=False)
        sheet = lay_out(read_table, models, [chosen], by=split[0]) if split else None
        write_whole(out, page(result, covered=covered, sheet=sheet))
    if card is not None or card_out is not None:
        _write_card(result, card, card_out)
    return _hold(result, history, version, tolerance) if result and history else 0


def _opened(
    files: Sequence[str],
    model: str | None,
    old: str | None,
    errors: Sequence[str] | None,
    meaning: AnswerMeaning,
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
    name: LossName, model: str, old: str | None, errors: Sequence[str] | None, out_of: str | None
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


def _read_groups(path: Path) -> "list[Group]":
    import json

    from supersede.audit.groups import from_records

    try:
        return from_records(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = (
            f"--declared: cannot read groups from {path}: {error}; expected a file as written by"
            " --finds"
        )
        raise ArgumentError(msg) from error


def _counted(models: Sequence[str], errors: Sequence[str]) -> "dict[str, str | Outcome]":
    """Models of which only counts of errors are known."""
    from supersede.table.outcomes import Loss as Counted

    if len(models) != len(errors):
        msg = "give --errors once for --model, and once more for --old"
        raise ArgumentError(msg)
    return {m: Counted(e, tolerance=0) for m, e in zip(models, errors, strict=True)}


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


def _columns(text: str) -> tuple[str, ...]:
    columns = tuple(part.strip() for part in text.replace("×", ",").split(",") if part.strip())
    if len(columns) < 2:
        msg = f"--cross {text}: name at least two columns, as in sex×race"
        raise ArgumentError(msg)
    return columns


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
    table: "Table", cover: "Sequence[Attribute]", synthetic: str | None, enough: int
) -> "Coverage":
    from supersede.audit import coverage

    found = coverage(table, cover, strength=min(2, len(cover)), enough=enough, synthetic=synthetic)
    print(found)
    for collect in found.next_items(100)[:10]:
        values = ", ".join(f"{axis} = {value}" for axis, value in collect.values.items())
        print(f"  of the next 100 items, collect {collect.items} with {values}")
    return found


def _write_card(result: "Audit | None", facts: Path | None, out: Path | None) -> None:
    """Write the service card of the audited model."""
    import tomllib

    from supersede.audit import service_card

    if result is None or facts is None or out is None:
        msg = "a card needs an audit, --card facts.toml (its text) and --card-out card.html"
        raise ArgumentError(msg)
    try:
        said = tomllib.loads(facts.read_text(encoding="utf-8"))
        made = service_card([result], **said)
    except (OSError, ValueError, TypeError) as error:
        msg = (
            f"--card: cannot make a card from {facts}: {error}; expected a TOML file with name,"
            " version, released, intended_use, limits and customer_must_test"
        )
        raise ArgumentError(msg) from error
    made.save(out)


def _ends_in(path: Path, ending: str) -> None:
    if path.suffix != ending:
        msg = f"{path}: this file's name must end in {ending}"
        raise ArgumentError(msg)


def _hold(result: "Audit", history: Path, version: str | None, tolerance: float) -> int:
    """Compare the audit with the last of a history, then append it; returns the exit code."""
    from supersede.audit import append_audit, load_history, regressions
    from supersede.audit.history import worst_of

    code = 0
    known = load_history(history) if history.exists() else []
    if known:
        found = regressions(known[-1].audit, result, tolerance=tolerance)
        verdict = worst_of(found)
        code = {"pass": 0, "fail": 1, "undecided": 3}[verdict]
        print(f"against version {known[-1].version}: {verdict}")
        for regression in [r for r in found if r.verdict == verdict and verdict != "pass"][:10]:
            print(
                f"  {regression.group}: {regression.change:+.4f}"
                f" [{regression.low:+.4f}, {regression.high:+.4f}], n {regression.n:,}"
            )
    if version is not None:
        append_audit(history, version, result)
    return code
