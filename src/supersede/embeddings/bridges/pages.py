"""Forecasts of paths as text for a terminal and as a page."""

from typing import TYPE_CHECKING

from supersede.look.figures import Dot, dot_plot
from supersede.look.numbers import amount, count, points, share
from supersede.look.page import environment

if TYPE_CHECKING:
    from supersede.embeddings.bridges.forecast import Forecast, Forecasts
    from supersede.embeddings.report.paired import PairedEstimate

__all__ = ["headline", "page", "text"]


def headline(found: "Forecasts") -> str:
    """The finding in one sentence."""
    advice = found.recommendation
    if advice is None:
        best = max(found.paths, key=lambda path: path.recall.value)
        return f"The largest recall@{found.k} is forecast for {best.name}: {_share(best.recall)}"
    return f"Recommended: {advice.name}"


def needs(path: "Forecast") -> str:
    """What a path takes, in words."""
    models = path.path.query_models
    words = [{1: f"{next(iter(models))} model per query", 2: "both models per query"}[len(models)]]
    if path.path.embeds_gallery:
        words.append("gallery embedded again")
    if path.path.rewrites_gallery:
        words.append("stored vectors mapped")
    return ", ".join(words)


def text(found: "Forecasts") -> str:
    """The forecasts as lines."""
    lines = [
        f"{headline(found)}.",
        f"from {count(found.pairs)} pairs; a gallery of {count(found.gallery)}; recall@{found.k},"
        " searches lost, against the old model with a head",
    ]
    advice = found.recommendation
    for path in found.paths:
        price = "" if advice is None else f"; costs {amount(advice.costs[path.name])}"
        lines.append(
            f"  {path.name:23} {_share(path.recall)}, lost {_share(path.lost)},"
            f" {_points(path.against_old_head)} ({needs(path)}{price})"
        )
    if advice is not None:
        lines += [*advice.reasons]
        if advice.close:
            lines.append(f"Within the forecast's error: {', '.join(advice.close)}.")
    return "\n".join(lines)


def page(found: "Forecasts") -> str:
    """The page."""
    advice = found.recommendation
    rows = [
        Dot(
            path.name,
            path.recall.value,
            path.recall.low,
            path.recall.high,
            path.recall.n,
            "pass" if advice is not None and path.name == advice.name else "quiet",
        )
        for path in found.paths
    ]
    lost = [
        Dot(path.name, path.lost.value, path.lost.low, path.lost.high, path.lost.n, "quiet")
        for path in found.paths[1:]
    ]
    stay = found["stay"].recall.value
    return (
        environment()
        .get_template("embeddings/paths.html")
        .render(
            found=found,
            headline=headline(found),
            advice=advice,
            needs=needs,
            form=_share,
            apart=_points,
            recall=dot_plot(
                rows,
                title=f"Recall@{found.k} by path",
                limit=stay,
                limit_word="stay",
                description="Forecast recall of each path with its interval; the rule is the old model as it is.",
            ),
            lost=dot_plot(
                lost,
                title="Searches lost by path",
                description="Forecast share of searches that find today and no longer would.",
            ),
        )
    )


def _share(value: "PairedEstimate") -> str:
    return share(value.value, value.low, value.high)


def _points(value: "PairedEstimate") -> str:
    return points(value.value, value.low, value.high)
