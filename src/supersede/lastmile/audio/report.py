"""A repair of recordings as a page: what was found, the spectrum, before and after."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from markupsafe import Markup

from supersede.lastmile.audio.repair_clips import AudioRepair, ChangeRow
from supersede.look import figures, numbers
from supersede.look.page import environment

__all__ = ["page", "summary"]

_POINTS = 60


def page(made: AudioRepair) -> str:
    """The whole result as a self-contained page."""
    return environment().get_template("lastmile/recordings.html").render(**_context(made))


def summary(made: AudioRepair) -> str:
    """What was found, what was chosen, and the change by group."""
    lines = [headline(made), f"  recogniser: {made.recogniser}"]
    lines += [f"  found: {text}" for text in made.site.conditions] or ["  found: nothing unusual"]
    lines += [f"  {_line(row)}" for row in made.rows[:12]]
    lines += [f"  on clean clips, {_line(row)}" for row in made.clean[:1]]
    return "\n".join(lines)


def headline(made: AudioRepair) -> str:
    """The result in a sentence."""
    mark = "SYNTHETIC clips: " if made.synthetic else ""
    whole = made.rows[0]
    if made.repair is None:
        tried = "no repair applies to what was found" if not made.tried else "no repair that was tried lowers the errors"  # fmt: skip
        return f"{mark}The word error rate is {numbers.rate(whole.before)}, and {tried}."
    did = "falls" if made.helps else "is not shown to fall, going"
    return (
        f"{mark}With the repair “{made.repair.name}” the word error rate {did} from"
        f" {numbers.rate(whole.before)} to {numbers.rate(whole.after)} on held-out clips."
    )


def _line(row: ChangeRow) -> str:
    change = numbers.points(row.change, row.low, row.high) if not math.isnan(row.low) else f"{numbers.points(row.change)} (no interval)"  # fmt: skip
    return f"{row.group}: {numbers.rate(row.before)} → {numbers.rate(row.after)}, change {change}, {numbers.items(row.words, 'word')}"


def _context(made: AudioRepair) -> dict[str, Any]:
    return {
        "made": made,
        "headline": headline(made),
        "tone": "pass" if made.helps else "quiet",
        "rate": numbers.rate,
        "before_after": _dumbbell(made.rows) if made.repair else None,
        "spectrum": _spectrum(made),
    }


def _dumbbell(rows: Sequence[ChangeRow]) -> Markup:
    return figures.dumbbell(
        [figures.Pair(row.group, row.before, row.after, row.words) for row in rows],
        title="Word error rate before and after the repair",
        description="Two dots per group, as recorded and repaired, on held-out clips; n counts words.",
    )


def _spectrum(made: AudioRepair) -> Markup | None:
    """Mean level in narrow bands, before and after, with the tones that were found named."""
    if made.spectrum is None:
        return None
    f, before, after = made.spectrum
    edges = np.geomspace(100, f[-1], _POINTS + 1)
    bands = [(low, high) for low, high in pairwise(edges) if ((f >= low) & (f < high)).any()]  # fmt: skip

    def levels(level: Any) -> list[float | None]:
        return [float(level[(f >= low) & (f < high)].max()) for low, high in bands]

    named = {f"{tone.frequency:.0f} Hz": tone.frequency for tone in made.site.tones}

    def step(low: float, high: float) -> str:
        here = [name for name, hz in named.items() if low <= hz < high]
        return here[0] if here else ""

    steps = [step(low, high) for low, high in bands]
    if not any(steps):
        steps[0], steps[-1] = f"{bands[0][0]:.0f} Hz", f"{bands[-1][1]:.0f} Hz"
    lines = [figures.Line("as recorded", levels(before), "baseline")]
    if made.repair is not None:
        lines.append(figures.Line("repaired", levels(after)))
    return figures.line_plot(
        lines, steps=steps, title="Mean spectrum of the site, and the tones that were found",
        y_name="dB", form=lambda v, *_, **__: f"{v:.0f}", zero=False,
    )  # fmt: skip
