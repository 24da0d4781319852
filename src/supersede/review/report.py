"""The review as a page, a notebook fragment, and a pull request's comment."""

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from supersede.look import figures, numbers
from supersede.look.page import environment, framed
from supersede.review.evidence import CLASS
from supersede.review.finding import Finding
from supersede.review.review import CandidateReview, Review

__all__ = ["fragment", "markdown", "page"]

_ROWS = 20  # slices in a figure; the table behind it has more
_FORMS = {
    "share": numbers.share,
    "points": numbers.points,
    "cost": numbers.amount,
    "items": numbers.amount,
    "amount": numbers.amount,
}


def page(review: Review) -> str:
    """The whole report, self-contained."""
    return environment().get_template("review/report.html").render(_context(review))


def fragment(review: Review) -> str:
    """The report for a notebook, in a frame of its own so that no style leaks either way."""
    return framed(page(review), "review")


def markdown(review: Review) -> str:
    """Verdict, checks and slices, for a comment."""
    return environment().get_template("review/comment.md").render(_context(review))


def _context(review: Review) -> dict[str, Any]:
    chosen = review.candidate
    return {
        "review": review,
        "chosen": chosen,
        "whole": {k: v[0] for k, v in chosen.evidence.whole.to_dict(review.confidence).items()},
        "matrix": _matrix(chosen),
        "sections": [_section(finding) for finding in chosen.findings],
        "accuracy": _accuracy(chosen),
        "classes": _classes(chosen, review.confidence),
        "headline": _headline(review),
        "side_by_side": _side_by_side(review),
        "worst_columns": list(dict.fromkeys(k for row in chosen.worst for k in row)),
        "forms": _FORMS,
    }


def _headline(review: Review) -> str:
    chosen = review.candidate
    by = {verdict: [f for f in chosen.findings if f.verdict == verdict] for verdict in _WORDS}
    total = len(chosen.findings)
    if chosen.verdict == "fail":
        return f"{chosen.name} must not replace {review.old}: {len(by['fail'])} of {total} checks fail."
    if chosen.verdict == "pass":
        return f"{chosen.name} can replace {review.old}: all {total} checks pass."
    if chosen.doubts:
        return "Not yet: it is in doubt whether the answers were compared with the right label."
    if not by["undecided"]:
        return f"{chosen.name} keeps every limit on the labelled items, but these are possibly not typical."
    return f"Not yet: {len(by['undecided'])} of {total} checks need more labels."


def _side_by_side(review: Review) -> list[dict[str, Any]]:
    """What candidates are compared by: a row per measure, a cell per candidate."""
    found = [c.evidence.whole for c in review.candidates]
    level = review.confidence
    rows = {
        "Accuracy": [numbers.share(float(w.new.mean[0]), resolution=0.005) for w in found],
        "Gain": [_interval(numbers.points, w.gain.mean, w.gain_interval(level)) for w in found],
        "Negative flips": [_interval(numbers.share, w.nfr, w.nfr_interval(level)) for w in found],
        "Positive flips": [_interval(numbers.share, w.pfr, w.pfr_interval(level)) for w in found],
    }
    return [{"name": name, "cells": cells} for name, cells in rows.items()]


def _interval(form: Callable[..., str], value: Any, ends: tuple[Any, Any]) -> str:
    low, high = ends
    return form(float(value[0]), float(low[0]), float(high[0]))


_WORDS = ("pass", "fail", "undecided")


def _matrix(chosen: CandidateReview) -> Markup | None:
    flips = chosen.evidence.whole
    negative, positive = float(flips.nfr[0]), float(flips.pfr[0])
    both_right = float(flips.old.mean[0]) - negative
    if both_right != both_right:  # NaN: a plan labelled no items of agreement
        return None
    both_wrong = 1 - both_right - negative - positive
    # with weights, shares of the items' weight are not numbers of items
    n = None if chosen.evidence.weighted else flips.n[0]
    return figures.flip_matrix(both_right, negative, positive, max(both_wrong, 0.0), n)


def _section(finding: Finding) -> dict[str, Any]:
    """One check: its figure, and the table behind it."""
    rows = [
        figures.Dot(
            label=s.slice,
            value=s.estimate,
            low=s.low,
            high=s.high,
            n=s.n,
            tone=s.verdict or "quiet",
            note="" if s.verdict else f"{numbers.items(s.n)}: too few to judge",
        )
        for s in finding.slices[:_ROWS]
    ]
    figure = figures.dot_plot(
        rows,
        title=finding.question,
        description=finding.reason,
        limit=finding.limit,
        form=_FORMS[finding.unit],
    )
    return {
        "finding": finding,
        "figure": figure if rows else None,
        "more": finding.slice_count - len(rows),
        "listed": len(finding.slices),
    }


def _classes(chosen: CandidateReview, confidence: float) -> list[dict[str, Any]]:
    """Recall and precision of each class, those whose recall falls most first."""
    if chosen.evidence.by_class is None:
        return []
    old, new = chosen.evidence.by_class
    place = {c: i for i, c in enumerate(old.keys["class"].to_pylist())}
    before = {name: old.metric(name, confidence).value for name in ("recall", "precision")}
    after = {name: new.metric(name, confidence) for name in ("recall", "precision")}
    rows = []
    for i, c in enumerate(new.keys["class"].to_pylist()):
        row: dict[str, Any] = {"class": c, "n": new.n[i]}
        for name, share in after.items():
            row[f"{name}_old"] = before[name][place[c]] if c in place else float("nan")
            row[name] = (share.value[i], share.low[i], share.high[i])
        rows.append(row)
    fall = [r["recall"][0] - r["recall_old"] for r in rows]
    order = sorted(range(len(rows)), key=lambda i: (fall[i] != fall[i], fall[i]))
    return [rows[i] for i in order[:_ROWS]]


def _accuracy(chosen: CandidateReview) -> Markup | None:
    """Accuracy by group, old and new joined; classes have their own recall, so they stay out."""
    pairs = []
    for margin in chosen.evidence.margins:
        if margin.columns != (CLASS,):
            flips = margin.flips
            pairs += [
                figures.Pair(name, float(old), float(new), float(n))
                for name, old, new, n in zip(
                    margin.names, flips.old.mean, flips.new.mean, flips.n, strict=True
                )
                if old == old  # not NaN
            ]
    if not pairs:
        return None
    pairs.sort(key=lambda pair: pair.new - pair.old)
    return figures.dumbbell(
        pairs[:_ROWS],
        title="Accuracy of the old and the new model by group",
        description="Grey is the old model, the accent the new one; the largest falls come first.",
    )
