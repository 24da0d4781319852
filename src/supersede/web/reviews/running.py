"""Run a review or an audit of a kept table, and say what it found in a few fields."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from supersede.errors import InputError
from supersede.evaluate import Labels, Plan, labelled_part, latest_look
from supersede.evaluate.labels import settle
from supersede.look.numbers import level, points
from supersede.review import MinGain, NoSliceWorse, compare
from supersede.review.finding import combined
from supersede.table.read import read
from supersede.web.bounties.tables import kept_table, path_on_server
from supersede.web.site import Site

if TYPE_CHECKING:
    from supersede.audit import Audit
    from supersede.review import Review

__all__ = ["CONFIDENCE", "WORST_SLICE", "Outcome", "run", "source_of"]

CONFIDENCE = 0.95
WORST_SLICE = 0.05  # the largest fall of accuracy in a group


@dataclass(frozen=True)
class Outcome:
    """What a review or an audit found.

    Attributes:
        state: The verdict; ``audited`` for an audit.
        result: What its page shows.
        page: The report.
        labels: Labels that it rests on.
    """

    state: str
    result: dict[str, Any]
    page: str
    labels: int


def source_of(site: Site, source: Mapping[str, Any]) -> str:
    """The path of a review's table: a kept file, or a path on the server.

    Raises:
        NotFoundError: The kept file is gone or was changed.
        AccessError: The path is not open any more.
        InputError: There is no file at the path.
    """
    if "path" in source:
        return str(path_on_server(site.settings, source["path"]))
    return kept_table(site.files, source["file"])


def run(
    site: Site,
    kind: str,
    source: Mapping[str, Any],
    settings: Mapping[str, Any],
    report: Callable[[str], None],
    labelled: tuple[Plan, Labels] | None = None,
) -> Outcome:
    """Run a review or an audit.

    Args:
        site: The installation.
        kind: ``review`` or ``audit``.
        source: Where the table is.
        settings: Its columns, limits and groups.
        report: Called with a line of text before each step.
        labelled: The plan and the labels of a task, in place of the table's own labels.

    Raises:
        SupersedeError: The table does not fit.
    """
    table = source_of(site, source)
    groups = list(settings["groups"])
    if kind == "audit":
        return _audit(table, settings, groups, report)
    if labelled is not None and len(labelled[0].estimands) > 1:
        return _decided_by(*labelled, settings["limit"])
    given: dict[str, Any] = {"label": settings["label"] or None}
    if labelled is None:
        given["labels"] = settings["labels"] or None
    else:
        plan, labels = labelled
        part = labelled_part(plan, labels, disagreement="majority")
        given = {"labels": part, "returned": _returned(plan, labels)}
    checks: list[Any] = [MinGain(settings["limit"])]
    checks += [NoSliceWorse(WORST_SLICE)] if groups else []
    found = compare(
        table, old=settings["old"], new=settings["new"], checks=checks,
        item=settings["item"] or None, groups=groups, progress=report, **given,
    )  # fmt: skip
    report("drawing the report")
    return Outcome(found.verdict, _told(found), found.to_html(), found.candidate.evidence.labelled)


def _decided_by(plan: Plan, labels: Labels, limit: float) -> Outcome:
    """The verdict of a task that asked about groups too: each gain is compared with its limit.

    The plan's intervals hold together and at any number of labels, so no correction is needed here.
    """
    seen = latest_look(plan, labels, disagreement="majority")
    if seen is None:
        return Outcome("undecided", {"verdict": "undecided", "notes": ["No label came."]}, "", 0)
    found: list[dict[str, Any]] = []
    for at, estimate in enumerate(seen.estimates):
        bound = limit if at == 0 else -WORST_SLICE
        low, high = (math.nan if end is None else end for end in (estimate.low, estimate.high))
        verdict = "pass" if low >= bound else "fail" if high < bound else "undecided"
        value = "none yet" if estimate.value is None else points(estimate.value, low, high)
        found.append(
            {
                "check": "no_slice_worse" if at else "min_gain", "verdict": verdict,
                "question": estimate.name, "estimate": estimate.value, "low": estimate.low,
                "high": estimate.high, "limit": bound, "more": None, "more_random": None,
                "reason": f"{estimate.name}: {value}; the limit is at least {points(bound, exact=True)}",
            }
        )  # fmt: skip
    verdict = combined(one["verdict"] for one in found)
    found.sort(key=lambda one: one["verdict"] != verdict)  # the page shows the first one's reason
    gain = next(one for one in found if one["check"] == "min_gain")
    told = {
        "verdict": verdict, "findings": found, "measure": "gain in accuracy", "next_steps": [],
        "value": gain["estimate"], "low": gain["low"], "high": gain["high"], "limit": limit,
        "notes": [f"All intervals hold together, {level(CONFIDENCE)} sure, at any number of labels."],
    }  # fmt: skip
    return Outcome(verdict, told, seen.estimates.to_html(), seen.labels)


def _returned(plan: Plan, labels: Labels) -> dict[str, list[Any]]:
    """The label of each item on which most annotators agree."""
    settled = settle(plan, labels, "majority")
    ids = plan.items["item"].to_pylist()
    at = settled.labelled.nonzero()[0].tolist()
    classes = plan.patterns.classes
    return {"item": [ids[i] for i in at], "label": [classes[settled.state[i]] for i in at]}


def _told(found: "Review") -> dict[str, Any]:
    candidate = found.candidate
    first = candidate.findings[0]
    return {
        "verdict": found.verdict,
        "findings": [
            {
                "check": f.check, "question": f.question, "verdict": f.verdict, "reason": f.reason,
                "estimate": f.estimate, "low": f.low, "high": f.high, "limit": f.limit,
                "more": f.more_labels, "more_random": f.more_labels_random,
            }
            for f in candidate.findings
        ],
        "value": first.estimate, "low": first.low, "high": first.high, "limit": first.limit,
        "measure": "gain in accuracy", "notes": list(candidate.notes),
        "next_steps": candidate.next_steps,
    }  # fmt: skip


def _audit(
    table: Any, settings: Mapping[str, Any], groups: list[str], report: Callable[[str], None]
) -> Outcome:
    from supersede.audit import audit_groups

    if not groups:
        msg = "an audit needs columns of groups"
        raise InputError.of(msg, "groups")
    models = [name for name in (settings["old"], settings["new"]) if name]
    opened = read(table, models=models, label=settings["label"], item=settings["item"] or None)
    found: Audit = audit_groups(
        opened, settings["new"], old=settings["old"] or None, groups=groups,
        labels=settings["labels"] or None, progress=report,
    )  # fmt: skip
    whole = found.overall
    return Outcome(
        "audited",
        {
            "headline": str(found), "value": whole.value, "low": whole.low, "high": whole.high,
            "measure": found.loss, "stand_out": [row.group for row in found.rows if row.stands_out],
        },
        found.to_html(),
        whole.n,
    )  # fmt: skip
