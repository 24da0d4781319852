"""The compatibility report as text for a terminal and as a page."""

from typing import TYPE_CHECKING

from supersede.look.figures import Dot, dot_plot
from supersede.look.numbers import count, points, share
from supersede.look.page import environment

if TYPE_CHECKING:
    from supersede.embeddings.report.paired import PairedEstimate
    from supersede.embeddings.report.result import Compatibility, Test

__all__ = ["headline", "page", "text"]

WORDS = {"map": "mean average precision", "mrr": "mean reciprocal rank"}
TONES = {"met": "pass", "not met": "fail", "undecided": "undecided"}
SHOWN = 20  # slices and searches


def headline(found: "Compatibility") -> str:
    """The finding in one sentence."""
    old = found.test("old")
    cross = found.test("cross")
    if cross is None or found.criterion is None or old is None:
        new = found.test("self")
        if new is None or old is None:
            return "Only the old test was run"
        apart = _apart(found.self_differences[found.measure])
        return f"A full re-index changes {word(found.measure)} by {apart}; new queries were not tried on the old gallery"
    apart = _apart(found.differences[found.measure])
    return {
        "met": f"New queries may search the old gallery: {word(found.measure)} changes by {apart}",
        "not met": f"New queries must not search the old gallery: {word(found.measure)} changes by {apart}",
        "undecided": f"Too few queries to decide: {word(found.measure)} changes by {apart}",
    }[found.criterion]


def word(measure: str) -> str:
    """A measure's name in a sentence."""
    return WORDS.get(measure, measure)


def text(found: "Compatibility") -> str:
    """The report as lines."""
    lines = [
        f"{headline(found)}.",
        f"{count(found.tests[0].mrr.n)} searches in a gallery of {count(found.gallery)}",
    ]
    if found.skipped:
        lines.append(
            f"{count(found.skipped)} queries have no right answer in the gallery and are left out"
        )
    for test in found.tests:
        values = ", ".join(f"{name} {_share(test.measure(name))}" for name in _measures(test))
        lines.append(f"  {test.name:8} {test.queries} → {test.gallery}: {values}")
    for name, value in found.gain.items():
        if value.value == value.value:  # not NaN
            lines.append(f"  update gain in {word(name)}: {_share(value)}")
    for what, searches in (("cross test", found.searches), ("re-index", found.reindexed)):
        if searches is not None:
            lines.append(
                f"{what}: {_share(searches.lost)} of searches no longer find among the first {searches.k},"
                f" {_share(searches.found)} newly do"
            )
    lines += [
        f"old {part.name}: right for {_share(part.old)} → {_share(part.new)}"
        for part in (found.centroids, found.head)
        if part is not None
    ]
    if found.threshold is not None:
        at = found.threshold
        lines.append(
            f"old threshold {at.old.threshold:.4f}: true accepts {_share(at.old.tar)} → {_share(at.new.tar)},"
            f" false accepts {_share(at.old.far)} → {_share(at.new.far)}"
        )
    return "\n".join([*lines, *found.notes])


def page(found: "Compatibility") -> str:
    """The page."""
    return (
        environment()
        .get_template("embeddings/compatibility.html")
        .render(
            found=found,
            headline=headline(found),
            tone=TONES.get(found.criterion or "", "undecided"),
            figures=[_bars(found, name) for name in _measures(found.tests[0])],
            measures=_measures(found.tests[0]),
            word=word,
            form=_share,
            apart=_apart,
            slices=_slices(found),
            shown=SHOWN,
        )
    )


def _measures(test: "Test") -> list[str]:
    return [*(f"recall@{k}" for k in test.recall), "mrr", "map"]


def _share(value: "PairedEstimate") -> str:
    return share(value.value, value.low, value.high)


def _apart(value: "PairedEstimate") -> str:
    return points(value.value, value.low, value.high)


def _bars(found: "Compatibility", measure: str) -> str:
    """Old, cross and self test, and the old test as the limit that the cross test must exceed."""
    rows = []
    for test in found.tests:
        value = test.measure(measure)
        tone = TONES.get(found.criterion or "", "quiet") if test.name == "cross" else "quiet"
        label = f"{test.name} ({test.queries} → {test.gallery})"
        rows.append(Dot(label, value.value, value.low, value.high, value.n, tone))
    old = found.tests[0].measure(measure).value
    return dot_plot(
        rows,
        title=f"{word(measure)[0].upper()}{word(measure)[1:]}",
        description=f"{word(measure)} of each test with its interval; the rule is the old test.",
        limit=old,
        limit_word="old test",
    )


def _slices(found: "Compatibility") -> str | None:
    searches = found.searches or found.reindexed
    if searches is None or not searches.slices:
        return None
    rows = [
        Dot(f"{part.by} {part.value}", part.lost.value, part.lost.low, part.lost.high, part.n)
        for part in searches.slices[:SHOWN]
    ]
    return dot_plot(
        rows,
        title="Share of searches lost, by class and group",
        description="The largest share first; the rule is the share over all searches.",
        limit=searches.lost.value,
        limit_word="all",
    )
