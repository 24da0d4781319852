"""Pages that show plans and estimates: a figure, and its numbers behind a disclosure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from supersede.evaluate.costs import costs
from supersede.evaluate.sharing import labels_by_method, shared_labels
from supersede.look import Cell, Dot, amount, count, dot_plot, environment, heat_map

if TYPE_CHECKING:
    from supersede.evaluate.design import Method, Plan
    from supersede.evaluate.estimates import Estimate, Estimates
    from supersede.evaluate.following import Following

__all__ = ["estimates_picture", "following_picture", "plan_picture", "time_picture"]

_SHOWN = 20  # rows of a figure
_DEAREST = 6  # estimands whose own sample size is drawn; the table has all
_MAPPED = 12  # rows and columns of a map
_METHODS: "dict[Method, str]" = {
    "allocated": "allocated instead",
    "coordinated": "coordinated random samples",
    "independent": "a random sample for each",
}


def plan_picture(plan: "Plan") -> str:
    """Labels that each method needs, that each estimand needs alone, and that estimands share."""
    dear = sorted(plan.expectations, key=lambda e: -e.alone)[:_DEAREST]
    by_method = labels_by_method(plan)
    bars: list[tuple[str, int]] = [(f"{plan.method}, this plan", by_method.pop(plan.method))]
    bars += [(_METHODS[method], labels) for method, labels in by_method.items()]
    bars += [(f"{e.name} alone", e.alone) for e in dear]
    dots = [
        Dot(
            name,
            labels,
            0,
            labels,
            labels,
            "pass" if at == 0 else "quiet",
            f"{count(labels)} labels",
        )
        for at, (name, labels) in enumerate(bars)
    ]
    return _page(
        title=f"{count(plan.size)} labels serve {len(plan.estimands)} estimands",
        dots=dots,
        caption="Labels by method, then of a simple random sample for the most expensive estimands.",
        head=["estimand", "expected", "requested", "items that matter", "labels alone"],
        rows=[
            [e.name, f"± {e.expected:.3g}", f"± {e.margin:.3g}", count(e.items), count(e.alone)]
            for e in plan.expectations
        ],
        notes=plan.notes,
        drivers=[
            (cost.name, "" if cost.saved is None else count(cost.saved), cost.why)
            for cost in sorted(costs(plan), key=lambda cost: -(cost.saved or 0))[:_SHOWN]
        ],
        shared=_shared_map(plan) if len(plan.estimands) > 1 else None,
    )


def _shared_map(plan: "Plan") -> Markup:
    """Number of labels of one estimand that also serve another; the shade is their share."""
    shared = shared_labels(plan)
    shown = sorted(range(len(shared.names)), key=lambda k: -shared.labels[k, k])[:_MAPPED]
    names = [f"{n} {shared.names[k]}" for n, k in enumerate(shown, 1)]

    def cell(a: int, b: int) -> Cell:
        own, both = int(shared.labels[a, a]), int(shared.labels[a, b])
        return Cell(count(both), level=both / own) if own else Cell("")

    return heat_map(
        names,
        [str(n) for n in range(1, len(shown) + 1)],
        [[cell(a, b) for b in shown] for a in shown],
        title=(
            f"Labels that serve two estimands at once; each serves {shared.each:.1f} of"
            f" {len(shared.names)} on average"
        ),
        corner="labels for",
    )


def estimates_picture(estimates: "Estimates") -> str:
    """A dot and an interval per estimate, the widest interval first."""
    known = [e for e in estimates if e.value is not None]
    shown = sorted(known, key=lambda e: -e.half_width)[:_SHOWN]
    title = f"{len(known)} estimates from {count(estimates.labels)} labels"
    refused = len(estimates.each) - len(known)
    if refused:
        title += f"; {refused} refused"
    return _page(
        title=title,
        dots=[_dot(e.name, e) for e in shown],
        caption="Lines are intervals; the widest come first.",
        head=["estimand", "estimate", "n", ""],
        rows=[[e.name, _words(e), count(e.labels), e.note] for e in estimates],
    )


def following_picture(following: "Following", name: str | None = None) -> str:
    """One estimate and its interval as labels came in; the first estimand unless named."""
    points = []
    for look in following.looks:
        found = [e for e in look.estimates if e.value is not None and name in {None, e.name}]
        points += [(f"{count(look.labels)} labels", e) for e in found[:1]]
    what = points[0][1].name if points else "nothing yet"
    return _over(f"{what}, as labels came in: {following.reason}", "labels", points)


def time_picture(points: "Sequence[tuple[str, Estimates]]", name: str) -> str:
    """An estimand over time: one interval per evaluation.

    Args:
        points: Evaluations in order, each with its name (a date).
        name: The estimand.
    """
    found = [(when, e) for when, each in points for e in each if e.name == name]
    known = [(when, e) for when, e in found if e.value is not None]
    return _over(f"{name} over time", "evaluation", known)


def _over(title: str, what: str, points: "Sequence[tuple[str, Estimate]]") -> str:
    every = -(-len(points) // _SHOWN) or 1
    return _page(
        title=title,
        dots=[_dot(when, e) for when, e in points[::every]],
        caption="Lines are intervals; time runs downwards.",
        head=[what, "estimate"],
        rows=[[when, _words(e)] for when, e in points],
    )


def _dot(label: str, e: "Estimate") -> Dot:
    value, low, high = (float("nan") if v is None else v for v in (e.value, e.low, e.high))
    return Dot(label, value, low, high, e.labels)


def _words(e: "Estimate") -> str:
    return "refused" if e.value is None else amount(e.value, e.low, e.high)


def _page(
    *,
    title: str,
    dots: Sequence[Dot],
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    notes: Sequence[str] = (),
    shared: Markup | None = None,
    drivers: Sequence[tuple[str, str, str]] = (),
) -> str:
    figure = dot_plot(dots, title=title, description=caption, form=amount)
    template = environment().get_template("evaluate/figure.html")
    return template.render(
        title=title,
        figure=figure,
        caption=caption,
        head=head,
        rows=rows,
        notes=notes,
        shared=shared,
        drivers=drivers,
    )
