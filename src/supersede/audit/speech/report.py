"""An audit of speech as a page: rates, interactions, a heat map, and the numbers."""

import math
from typing import Any

from markupsafe import Markup

from supersede.audit.speech.interaction import Interaction
from supersede.audit.speech.result import SpeechAudit, SpeechCell
from supersede.look import figures, maps, numbers
from supersede.look.page import environment

__all__ = ["page", "summary"]

_ROWS = 20  # rows of a figure; the table has all
_SIDE = 24  # rows or columns of a map


def page(audit: SpeechAudit) -> str:
    """The whole audit as a self-contained page."""
    parts = [_part(audit)] + ([_part(audit.synthetic)] if audit.synthetic else [])
    return environment().get_template("audit/speech.html").render(
        audit=audit, headline=headline(audit), parts=parts, rate=numbers.rate,
        tone="fail" if any(found.stands_out for found in audit.interactions) else "quiet",
    )  # fmt: skip


def summary(audit: SpeechAudit) -> str:
    """Headline, then the overall rate, the worst cells and the interactions that stand out."""
    lines = [headline(audit), f"  {_line(audit.overall)} ({audit.normaliser})"]
    worst = [cell for cell in audit.cells[1:] if cell.enough and not math.isnan(cell.wer)]
    worst.sort(key=lambda cell: -cell.wer)
    lines += [f"  {_line(cell)}" for cell in worst[:10]]
    lines += [f"  ▲ {_sentence(found)}" for found in _ranked(audit) if found.stands_out][:5]
    lines += [f"  → {note}" for note in audit.notes[:5]]
    if audit.synthetic is not None:
        lines.append(f"  SYNTHETIC utterances, apart: {_line(audit.synthetic.overall)}")
    return "\n".join(lines)


def headline(audit: SpeechAudit) -> str:
    """What the audit found, in a sentence or two."""
    made = "SYNTHETIC utterances: " if audit.made_up else ""
    whole = audit.overall
    rate = numbers.rate(whole.wer, whole.low, whole.high)
    out = [found for found in _ranked(audit) if found.stands_out]
    judged = [found for found in audit.interactions if not math.isnan(found.low)]
    first = f"{made}The word error rate of {audit.model} is {rate}."
    if out:
        return f"{first} {_sentence(out[0])}{' and others' if len(out) > 1 else ''}."
    if judged:
        missed = max((found.detectable for found in judged), default=math.nan)
        power = (
            "" if math.isnan(missed) else f"; a ratio below {missed:.2g} may well be missed here"
        )
        return f"{first} No condition hurts one group more than the others, beyond what chance explains{power}."
    if audit.interactions:
        return f"{first} Whether a condition hurts one group more than others cannot be determined: {audit.interactions[0].reason}."
    return first


def _sentence(found: Interaction) -> str:
    ratio = numbers.amount(found.ratio, found.joint_low, found.joint_high)
    return f"{found.condition} hurts {found.group} {ratio} times as much as {found.against_group}"


def _line(cell: SpeechCell) -> str:
    rate = numbers.rate(cell.wer, cell.low, cell.high)
    return f"{cell.name}: WER {rate}, {numbers.items(cell.words, 'word')}, {numbers.items(cell.speakers, 'speaker')}"


def _ranked(audit: SpeechAudit) -> list[Interaction]:
    known = [found for found in audit.interactions if not math.isnan(found.low)]
    return sorted(known, key=lambda found: -found.joint_low)


def _part(audit: SpeechAudit) -> dict[str, Any]:
    """The figures of real or of synthetic utterances."""
    single = [cell for cell in audit.cells[1:] if not (cell.group and cell.condition)]
    return {
        "audit": audit,
        "rates": _dots(audit, single) if single else None,
        "interactions": _interaction_dots(audit),
        "lines": _lines(audit),
        "maps": _maps(audit),
        "unjudged": [found for found in audit.interactions if math.isnan(found.low)],
    }


def _dots(audit: SpeechAudit, cells: list[SpeechCell]) -> Markup:
    shown = sorted(cells, key=lambda c: (not c.enough, -c.wer if c.wer == c.wer else 0))[:_ROWS]
    return figures.dot_plot(
        [
            figures.Dot(
                _short(cell.name), _drawn(cell.wer), _drawn(cell.low, cell.wer), _drawn(cell.high, cell.wer),
                cell.words, "quiet", _note(cell),
            )
            for cell in shown
        ],
        title=f"Word error rate of {audit.model} by group and condition",
        description="Dots are pooled rates, lines their intervals; n counts words.",
        limit=None if math.isnan(audit.overall.wer) else audit.overall.wer,
        limit_word="all",
        form=numbers.rate,
    )  # fmt: skip


def _note(cell: SpeechCell) -> str:
    if not cell.words:
        return "no words"
    if not cell.enough:
        return f"{numbers.items(cell.utterances, 'utterance')}: too few to judge"
    return "" if not math.isnan(cell.low) else f"{numbers.rate(cell.wer)}, no interval"


def _interaction_dots(audit: SpeechAudit) -> Markup | None:
    shown = _ranked(audit)[:_ROWS]
    if not shown:
        return None
    return figures.dot_plot(
        [
            figures.Dot(
                _short(f"{found.group} × {found.condition}"), found.ratio, found.joint_low, found.joint_high,
                found.speakers, "fail" if found.stands_out else "quiet",
            )
            for found in shown
            if not math.isnan(found.joint_low)
        ],
        title="How many times more a condition hurts a group than the others",
        description="Ratios of ratios of word error rates; at 1 a condition hurts everybody alike.",
        limit=1.0,
        limit_word="alike",
        form=numbers.amount,
    ) if any(not math.isnan(found.joint_low) for found in shown) else None  # fmt: skip


def _lines(audit: SpeechAudit) -> list[Markup]:
    """One line per group over the conditions: parallel lines mean no interaction."""
    found = []
    for groups, conditions in _grids(audit):
        if len(conditions) < 2 or len(groups) < 2 or len(groups) > 8:
            continue
        by = {(cell.group, cell.condition): cell for cell in audit.cells}
        lines = [
            figures.Line(
                _short(group.split(" = ", 1)[1]),
                [_log(by[group, condition].wer) for condition in conditions],
                "baseline" if i == 0 else "quiet",
            )
            for i, group in enumerate(groups)
        ]
        if any(all(v is None for v in line.values) for line in lines):
            continue
        found.append(
            figures.line_plot(
                lines,
                steps=[condition.split(" = ", 1)[1] for condition in conditions],
                title=f"Word error rate by {conditions[0].split(' = ')[0]}, one line per {groups[0].split(' = ')[0]}",
                y_name="word error rate, powers of ten",
                form=lambda v, *_, **__: numbers.rate(10**v),
                zero=False,
            )
        )  # fmt: skip
    return found


def _log(value: float) -> float | None:
    return math.log10(value) if value > 0 else None


def _grids(audit: SpeechAudit) -> list[tuple[list[str], list[str]]]:
    """Groups and conditions of each combination, as they are named."""
    pairs: dict[tuple[str, str], tuple[dict[str, None], dict[str, None]]] = {}
    for cell in audit.cells:
        if cell.group and cell.condition:
            key = cell.group.split(" = ")[0], cell.condition.split(" = ")[0]
            down, across = pairs.setdefault(key, ({}, {}))
            down[cell.group], across[cell.condition] = None, None
    return [(list(down), list(across)) for down, across in pairs.values()]


def _maps(audit: SpeechAudit) -> list[Markup]:
    by = {(cell.group, cell.condition): cell for cell in audit.cells}
    drawn = []
    for groups, conditions in _grids(audit):
        down, across = groups[:_SIDE], conditions[:_SIDE]
        rates = [by[g, c].wer for g in down for c in across if by[g, c].enough and by[g, c].words]
        low, high = min(rates, default=0.0), max(rates, default=1.0)

        def cell(found: SpeechCell, low: float = low, high: float = high) -> maps.Cell:
            if not found.words:
                return maps.Cell("none" if not found.utterances else "no words", kind="missing")
            detail = (
                f"{numbers.items(found.speakers, 'speaker')}, {numbers.items(found.words, 'word')}"
            )
            if not found.enough:
                return maps.Cell(numbers.rate(found.wer), detail, kind="thin")
            return maps.Cell(numbers.rate(found.wer), detail, maps.shade(found.wer, low, high))

        kinds = groups[0].split(" = ")[0], conditions[0].split(" = ")[0]
        drawn.append(
            maps.heat_map(
                [g.split(" = ", 1)[1] for g in down],
                [c.split(" = ", 1)[1] for c in across],
                [[cell(by[g, c]) for c in across] for g in down],
                title=f"Word error rate by {kinds[0]} and {kinds[1]}; dashed: too few utterances",
                corner=f"{kinds[0]} ↓ {kinds[1]} →",
            )
        )
    return drawn


def _short(name: str) -> str:
    return name if len(name) <= 36 else name[:35] + "…"


def _drawn(value: float, instead: float = 0.0) -> float:
    return value if math.isfinite(value) else instead if math.isfinite(instead) else 0.0
