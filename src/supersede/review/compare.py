"""Old against new: count, check, and decide."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from supersede.errors import ArgumentError, ColumnTypeError, MissingColumnError, TableError
from supersede.look.numbers import count, share
from supersede.metrics.cells import counted
from supersede.review.checks import Check, MinGain, judging, used_columns
from supersede.review.doubts import doubts, refuse_a_guessed_label
from supersede.review.evidence import Evidence, collect_evidence
from supersede.review.finding import Finding, Verdict, combined
from supersede.review.judged import judged_checks, judged_note, refuse_flip_checks
from supersede.review.limits import checked_confidence
from supersede.review.planned import INCLUSION, planned_table, with_returned
from supersede.review.review import CandidateReview, Review
from supersede.review.slice_checks import NoSliceWorse
from supersede.review.sources import reviewed
from supersede.review.worst import worst_flips
from supersede.table.coerce import as_names
from supersede.table.outcomes import Outcome, plain
from supersede.table.runs import Changed, RunColumns
from supersede.table.source import collect
from supersede.table.table import Missing, Table

if TYPE_CHECKING:
    from supersede.evaluate.design import Plan

__all__ = ["DEFAULT_CHECKS", "compare"]

DEFAULT_CHECKS: tuple[Check, ...] = (MinGain(-0.01), NoSliceWorse(0.05))
"""At most one point worse overall, and in no slice (where there are any) more than five."""

_SUSPICIOUS = 30  # this many items without an error are not chance
_NAMED = 10  # classes named in a note


def compare(
    table: object = None,
    *,
    old: object,
    new: object,
    checks: Sequence[Check] | Check | None = None,
    item: str | None = None,
    label: str | None = None,
    groups: Sequence[str] = (),
    cross: Sequence[Sequence[str]] = (),
    weight: str | None = None,
    cost: str | None = None,
    cluster: str | None = None,
    missing: Missing = "refuse",
    same: Mapping[str, Sequence[str]] | Sequence[str] | str | None = None,
    models: Mapping[str, str | Outcome] | None = None,
    where: str | None = None,
    labels: "str | Plan | None" = None,
    returned: object = None,
    chosen: str | None = None,
    confidence: float = 0.95,
    metric: str | None = None,
    answer: str | None = None,
    attempt: str | None = None,
    by: str | None = None,
    format: str | None = None,
    changed: Changed = "refuse",
    progress: Callable[[str], None] | None = None,
) -> Review:
    """Review one or several new models against the one in service.

    Args:
        table: A `Table`, or anything that `supersede.read` reads; the columns named here are then
            passed on to it. Left out where `old` and `new` are runs.
        old: The model in service: its column, or, without a table, its run (the file that an
            evaluation tool wrote, or a table of its answers).
        new: The candidate, or a list of several, likewise.
        checks: The conditions; by default accuracy may fall by at most one point overall, and by
            five points in any slice.
        item: Column of item ids.
        label: Column of labels.
        groups: Columns that split the items into slices; the label's classes always do.
        cross: Combinations of columns whose intersections are slices too, as ``[("sex", "race")]``.
        weight: Column of item weights.
        cost: Column of the cost of a negative flip.
        cluster: Column of clusters of dependent items.
        missing: What a missing answer counts as: ``"refuse"``, ``"wrong"`` or ``"drop"``.
        same: Words that count as equal when answers are compared with labels; see `supersede.read`.
        models: The columns of the models, or how to grade them, where a name alone does not say it,
            as ``{"v1": supersede.table.Right("v1")}``; models not named here are columns.
        where: Condition in SQL on the table's columns; other rows are left out.
        labels: How the labelled items were chosen, where not all are labelled: ``"random"``; the
            column with each item's probability of having been chosen, none of them 0; or the
            `supersede.evaluate.Plan` by which they were. Where that is not said, the review speaks
            of the labelled items only and never passes.
        returned: With a plan, the labels that came back: the filled file, or anything else that
            `supersede.evaluate.estimate` takes. A label column must then be empty.
        chosen: The candidate whose verdict is the review's; the first by default.
        confidence: Two-sided confidence of every interval, in (0, 1).
        metric: Of runs: the metric, or the column of grades, that says whether an item is right.
        answer: Of runs: the column of answers, which are compared with the label.
        attempt: Of runs: the column that numbers repeated attempts at an item.
        by: The column that says which model a row belongs to, in a table with a row per item and
            model.
        format: The runs' format, where it is not found by content; the names are those of
            ``--from``.
        changed: Items whose question or label is not the same in all runs are refused,
            ``"keep"`` compares them all the same, ``"drop"`` leaves them out.
        progress: Called with a line of text before each step.

    Returns:
        The review.

    Raises:
        ArgumentError: An argument is out of range or not one of the allowed values, or a check
            needs what is not there.
        TableError: The table cannot be read or trusted; see `supersede.read`.

    Example:
        >>> import supersede
        >>> rows = {
        ...     "y": [1] * 500 + [0] * 500,
        ...     "a": [1] * 400 + [0] * 600,
        ...     "b": [1] * 450 + [0] * 550,
        ... }
        >>> review = supersede.compare(rows, old="a", new="b", label="y")
        >>> review.verdict
        'pass'

    Assumes: items are independent draws from what the models will meet (or come in the clusters
    named), and labels are right.
    """
    if checks is not None and hasattr(checks, "judge"):
        checks = [checks]
    if checks is not None and not checks:
        msg = "checks=[] would pass anything; name a check, or leave it out for the default ones"
        raise ArgumentError(msg)
    several: list[Any] = list(new) if isinstance(new, list | tuple) else [new]
    if not several:
        msg = "no candidate: pass new='<model>' or new=['<model>', …]"
        raise ArgumentError(msg)
    groups, cross = as_names(groups, "groups"), _crossed(cross)
    if isinstance(table, Table) and models is not None:
        msg = "models= says how a source is read, and this table has been read; leave models= out"
        raise ArgumentError(msg)
    if table is not None:
        _check_names(old, several, chosen or several[0], confidence)
    if progress and not isinstance(table, Table):
        progress("reading the table")
    split = [*groups, *(name for names in cross for name in names)]
    weighed = [labels] if isinstance(labels, str) and labels != "random" else []
    if returned is not None and (table is None or labels is None or isinstance(labels, str)):
        msg = "returned= holds the labels of a plan for a table: pass both, and labels=<plan>"
        raise ArgumentError(msg)
    table, old, candidates = reviewed(
        table, old, several, columns=RunColumns(item, label, answer, metric, attempt, by),
        format=format, changed=changed, models=models or {}, groups=groups, weight=weight,
        cost=cost, cluster=cluster, missing=missing, same=same, where=where,
        keep=[*split, *weighed], labelled=returned is None,
    )  # fmt: skip
    chosen = candidates[0] if chosen is None else chosen
    _check_names(old, candidates, chosen, confidence)
    for column in dict.fromkeys([*table.groups, *split]):
        _check_group(table, column)
    planned = labels is not None and not isinstance(labels, str)
    if labels is None or isinstance(labels, str):
        inclusion = _inclusion(table, labels)
    else:
        if returned is not None:
            table = with_returned(table, labels, returned)
        table = planned_table(table, labels, old, candidates)
        inclusion = INCLUSION
    slices = list(dict.fromkeys([*((g,) for g in (*table.groups, *groups)), *map(tuple, cross)]))
    judged = []
    for candidate in candidates:
        if progress:
            progress(f"counting flips from {old} to {candidate}")
        evidence = collect_evidence(
            table, old, candidate, slices=slices, columns=used_columns(checks or ()), inclusion=inclusion, planned=planned,
            labels_declared=labels is not None, confidence=confidence,
        )  # fmt: skip
        if not evidence.labelled:
            msg = f"no item is labelled for both {old!r} and {candidate!r}; label some first"
            raise ArgumentError(msg)
        refuse_a_guessed_label(evidence)
        doubtful = doubts(evidence)
        if progress:
            progress(f"judging {candidate}")
        judged_only = table.judged(old, candidate)
        if judged_only and checks is not None:
            refuse_flip_checks(checks)
        if checks is not None:
            asked = tuple(checks)
        elif judged_only:
            asked = judged_checks(table, old, candidate, slices=bool(evidence.margins))
        else:
            asked = DEFAULT_CHECKS[: 2 if evidence.margins else 1]
        findings = tuple(counted(evidence.counting, *(judging(c, evidence) for c in asked)))
        judged.append(
            CandidateReview(
                name=candidate,
                evidence=evidence,
                findings=findings,
                verdict=_verdict(evidence, findings, doubtful),
                worst=tuple(worst_flips(table, old, candidate)),
                notes=(
                    *doubtful,
                    *_of_runs(table),
                    *table.notes,
                    *([judged_note(evidence)] if judged_only else []),
                    *_notes(evidence),
                ),
                doubts=doubtful,
            )
        )
    return Review(
        table=table, old=old, candidates=tuple(judged), chosen=chosen or candidates[0],
        confidence=confidence, labels=_words(labels),
    )  # fmt: skip


def _check_names(
    old: object, candidates: Sequence[object], chosen: object, confidence: float
) -> None:
    if old in candidates or len(set(candidates)) < len(candidates):
        msg = f"old={old!r} and new={list(candidates)!r} must all be different models"
        raise ArgumentError(msg)
    if chosen not in candidates:
        msg = f"chosen={chosen!r} is none of the candidates {list(candidates)!r}"
        raise ArgumentError(msg)
    checked_confidence(confidence)


def _crossed(cross: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Combinations of columns; a single name is not a combination."""
    found = [] if isinstance(cross, str) else list(cross)
    if isinstance(cross, str) or any(isinstance(names, str) for names in found):
        names = (cross,) if isinstance(cross, str) else tuple(found)
        msg = (
            f"cross={cross!r} takes combinations of columns, as in cross=[{names!r}];"
            f" single columns go to groups={list(names)!r}"
        )
        raise ArgumentError(msg)
    crossed = [tuple(dict.fromkeys(as_names(names, "cross"))) for names in found]
    if any(len(names) < 2 for names in crossed):
        msg = (
            f"cross={cross!r}: each combination needs two columns or more, as in [('sex', 'site')]"
        )
        raise ArgumentError(msg)
    return crossed


def _check_group(table: Table, column: str) -> None:
    """Refuse columns that are not there, and those whose values are nested."""
    if column not in table.rows.columns:
        raise MissingColumnError.of(column, table.rows.columns, "a group")
    kind = table.rows[column].type()
    if kind.is_nested():
        msg = (
            f"group column {column!r} holds {kind}, so its values are not slices; add a column with one"
            " plain value per item, such as a field of it, and name that"
        )
        raise ColumnTypeError(msg)


def _inclusion(table: Table, labels: str | None) -> str | None:
    if labels is None or labels == "random":
        return None
    rows = table.rows
    if labels not in rows.columns:
        raise MissingColumnError.of(
            labels, rows.columns, "the labels' inclusion probabilities", "or labels='random'"
        )
    p, truth = plain(rows[labels]), table.truth()
    wrong = p.isnull() | (p <= 0) | (p > 1)
    wrong = wrong if truth is None else wrong & truth.notnull()
    bad = collect(rows.aggregate(bad=wrong.sum()))["bad"][0].as_py()
    if bad:
        msg = (
            f"{count(bad)} labelled items have no probability in (0, 1] in column {labels!r}; each"
            " labelled item needs the probability with which it was chosen"
        )
        raise TableError(msg)
    return labels


def _words(labels: "str | Plan | None") -> str | None:
    """How the labelled items were chosen, for the report."""
    match labels:
        case None:
            return None
        case "random":
            return "a random sample"
        case str():
            return f"chosen with the probabilities in column {labels!r}"
        case plan:
            return f"chosen by the plan {plan.design} ({plan.method})"


def _verdict(evidence: Evidence, findings: Sequence[Finding], doubtful: Sequence[str]) -> Verdict:
    verdict = combined(finding.verdict for finding in findings)
    unsure = doubtful or not evidence.sampled
    return "undecided" if verdict == "pass" and unsure else verdict


def _of_runs(table: Table) -> tuple[str, ...]:
    return () if table.joined is None else table.joined.notes


def _notes(evidence: Evidence) -> tuple[str, ...]:
    """What a reader must know that no check asks for."""
    table, whole = evidence.table, evidence.whole
    notes = []
    if not evidence.sampled:
        notes.append(
            f"Only {count(evidence.labelled)} of {count(table.size)} items are labelled, and it is"
            " not said how they were chosen: all this holds for the labelled items only and cannot"
            " pass. If they are a random sample, say labels='random'."
        )
    perfect = whole.old.mean[0] == 1 and table.label is not None
    if perfect and evidence.labelled >= _SUSPICIOUS:
        notes.append(
            f"Column {table.label!r} equals the predictions of {evidence.old!r} on all"
            f" {count(evidence.labelled)} labelled items: is it that model's prediction under"
            " another name?"
        )
    if evidence.changed.mean[0] == 0:
        notes.append(
            f"{evidence.old} and {evidence.new} give the same answer on every item: are they two models?"
        )
    classes = evidence.classes
    if classes is not None:
        notes += [
            f"{words}: {_listed(found)}."
            for words, found in [
                (f"Classes that only {evidence.old} predicts", classes.only_old),
                (f"Classes that only {evidence.new} predicts", classes.only_new),
                ("Labels that neither model ever predicts", classes.never_predicted),
            ]
            if found
        ]
        if classes.inside is not None and len(classes.inside):
            rate = share(float(classes.inside.nfr[0]))
            notes.append(
                f"On the {count(classes.inside.n[0])} items whose label {evidence.old} knows,"
                f" negative flips are {rate}."
            )
    return tuple(notes)


def _listed(classes: Sequence[object]) -> str:
    shown = ", ".join(map(str, classes[:_NAMED]))
    return shown + (f", … ({count(len(classes))} in all)" if len(classes) > _NAMED else "")
