"""A replayed or running search as one page: best value, remaining gain, and the stop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from supersede.look import environment
from supersede.look.placing import Anchor, Text, place, thinned
from supersede.search.stopping import Decision, Replay

__all__ = ["replay_page"]

_TOP, _HEIGHT = 22, 200  # of a panel in pixels: above the curves, and the curves themselves
_ROWS = 20
_AT_STOP: tuple[tuple[float, float, Anchor], ...] = ((6, 0, "start"), (-6, 0, "end"))
_AT_END: tuple[tuple[float, float, Anchor], ...] = tuple(
    (0, dy, "end") for dy in (-7, 16, -22, 31, -37, 46)
)


@dataclass(frozen=True)
class _Line:
    """A curve of a panel, its name, and where it ends, in pixels from the top."""

    tone: str
    path: str
    name: str
    end: float


@dataclass(frozen=True)
class _Panel:
    """One figure; x in per cent of the width, y in pixels from the top."""

    key: str
    title: str
    description: str
    caption: str
    rows: list[Text]
    columns: list[Text]
    areas: list[str]
    lines: list[_Line]
    names: list[tuple[str, Text]]
    stop: float | None
    top: int = _TOP
    height: int = _HEIGHT


@dataclass(frozen=True)
class _Page:
    title: str
    headline: str
    word: str
    tone: str
    reason: str
    facts: list[str]
    value: _Panel
    left: _Panel | None
    rows: list[list[str]]


def replay_page(
    replay: Replay, title: str = "A search, replayed", *, refresh: float | None = None
) -> str:
    """The self-contained page: styles and figures are inline, nothing is loaded.

    Args:
        replay: Replay of a finished search, or of a running one so far.
        title: Title of the page.
        refresh: Seconds after which a browser reloads the page, for a running search.

    Returns:
        HTML.

    Example:
        >>> from supersede.search.stopping import Float, History, ParameterSpace, Trial, replay
        >>> trials = [Trial({"x": i / 30}, (i / 30 - 0.3) ** 2) for i in range(30)]
        >>> replay_page(replay(History(ParameterSpace({"x": Float(0, 1)}), trials))).count("<svg class")
        2
    """
    steps = [s for s in replay.steps if s.best is not None]
    stopped = replay.stop is not None
    headline = (
        f"The search could have stopped after {replay.stop} of {replay.trials} trials"
        if stopped
        else f"Further search was still worthwhile at each of {replay.trials} trials"
    )
    page = _Page(
        title=title,
        headline=headline,
        word="✔ Stop" if stopped else "▸ Continue",
        tone="pass" if stopped else "undecided",
        reason=replay.reason[0].upper() + replay.reason[1:] + ".",
        facts=_facts(replay),
        value=_value_panel(replay, steps),
        left=_left_panel(replay, steps),
        rows=_table(replay),
    )
    return environment().get_template("search/replay.html").render(page=page, refresh=refresh)


def _facts(replay: Replay) -> list[str]:
    facts = []
    if replay.stop is not None:
        seconds = replay.seconds_saved
        spared = "" if seconds is None else f" and {seconds:.4g} seconds"
        facts.append(
            f"That saves {replay.trials_saved:.0%} of the trials{spared}. The best value would be "
            f"{_number(replay.best_at_stop)} instead of {_number(replay.best_at_end)}."
        )
    unseen = replay.steps[-1].unseen
    if unseen is not None:
        facts.append(f"{unseen:.0%} of the space has no trial within a tenth of every range.")
    return facts


def _value_panel(replay: Replay, steps: Sequence[Decision]) -> _Panel:
    best = [s.best for s in steps if s.best is not None]
    down = -1.0 if len(best) < 2 or best[-1] <= best[0] else 1.0  # the direction of improvement
    reach = [b + down * (s.improvement or 0) for b, s in zip(best, steps, strict=True)]
    settled = best[len(best) // 10 :] or [0.0]
    span = max(settled) - min(settled) or abs(settled[-1]) or 1.0
    low = max(min([*settled, *reach]), min(settled) - 0.6 * span)
    high = min(max([*settled, *reach]), max(settled) + 0.6 * span)
    x = [_across(s.trials, replay.trials) for s in steps]
    at = [_down(b, low, high) for b in best]
    to = [_down(r, low, high) for r in reach]
    outline = [*zip(x, at, strict=True), *reversed(list(zip(x, to, strict=True)))]
    lines = [_named("new", x, at, "best")] if x else []
    return _panel(
        replay,
        key="value",
        title="Best value after each trial",
        caption="Shaded: the best value that the bound on the remaining gain allows.",
        rows=[_row(_number(v), _down(v, low, high)) for v in _round_values(low, high)],
        areas=[_path(outline) + "Z"] if outline else [],
        lines=lines,
    )


def _left_panel(replay: Replay, steps: Sequence[Decision]) -> _Panel | None:
    left = [(s.trials, s.improvement) for s in steps if s.improvement]
    worth = [(s.trials, s.error) for s in steps if s.error]
    logs = [math.log10(v) for _, v in (*left, *worth) if v]
    if not left or not logs:
        return None
    low, high = math.floor(min(logs)), math.ceil(max(logs) + 1e-9)
    low = max(low, high - 6)
    lines = []
    for tone, name, points in (("new", "left to gain", left), ("worth", "threshold", worth)):
        if points:
            x = [_across(t, replay.trials) for t, _ in points]
            y = [_down(math.log10(v), low, high) for _, v in points if v]
            lines.append(_named(tone, x, y, name))
    return _panel(
        replay,
        key="left",
        title="Remaining gain after each trial, and the threshold to stop",
        caption="Units of the objective, on a logarithmic scale.",
        rows=[_row(f"{10.0**e:g}", _down(e, low, high)) for e in range(low, high + 1)],
        areas=[],
        lines=lines,
    )


def _panel(
    replay: Replay,
    *,
    key: str,
    title: str,
    caption: str,
    rows: list[Text],
    areas: list[str],
    lines: list[_Line],
) -> _Panel:
    stop = None if replay.stop is None else _across(replay.stop, replay.trials)
    taken = list(rows)
    if stop is not None:
        label = (stop, 12, f"stop, {replay.stop} trials")
        taken += [text for text in place([label], [], _TOP, _AT_STOP) if text]
    ends = [(100, line.end, line.name) for line in lines]
    placed = place(ends, taken, _TOP + _HEIGHT, _AT_END)
    names = [(line.tone, text) for line, text in zip(lines, placed, strict=True) if text]
    names += [("stop", text) for text in taken[len(rows) :]]
    numbers = [v for v in _round_values(0, replay.trials) if 0 <= v <= replay.trials]
    columns = [(_across(v, replay.trials), f"{v:g}") for v in numbers]
    return _Panel(
        key=key,
        title=title,
        description=str(replay),
        caption=caption,
        rows=rows,
        columns=thinned(columns, _TOP + _HEIGHT + 18),
        areas=areas,
        lines=lines,
        names=names,
        stop=stop,
    )


def _table(replay: Replay) -> list[list[str]]:
    steps = replay.steps
    stride = max(1, math.ceil(len(steps) / _ROWS))
    chosen = {*range(len(steps) - 1, -1, -stride)}
    chosen |= {i for i, s in enumerate(steps) if s.trials == replay.stop}
    return [
        [
            str(steps[i].trials),
            _number(steps[i].best),
            _number(steps[i].improvement),
            _number(steps[i].error),
            ("stop: " if steps[i].stop else "continue: ") + steps[i].reason,
        ]
        for i in sorted(chosen)
    ]


def _named(tone: str, x: Sequence[float], y: Sequence[float], name: str) -> _Line:
    return _Line(tone, _path(list(zip(x, y, strict=True))), name, _TOP + y[-1])


def _row(words: str, down: float) -> Text:
    """The label of a horizontal grid line, just above it."""
    return Text(words, 0, _TOP + down - 4)


def _across(trials: float, total: int) -> float:
    return round(100 * trials / max(total, 1), 2)


def _down(value: float, low: float, high: float) -> float:
    share = (value - low) / ((high - low) or 1.0)
    return round(_HEIGHT * (1 - min(max(share, 0.0), 1.0)), 2)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in points)


def _round_values(low: float, high: float) -> list[float]:
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    step: float = 10.0 ** math.floor(math.log10(span / 3))
    step *= next(m for m in (1, 2, 5, 10) if span / (step * m) <= 5)
    first = math.ceil(low / step)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
