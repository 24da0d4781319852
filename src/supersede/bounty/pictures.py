"""Three figures of a patched model: errors by patch, teams by feature, and the list itself."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from supersede.bounty.decision_list import DecisionList
from supersede.bounty.losses import RowLoss, ZeroOne
from supersede.bounty.routing import Group
from supersede.bounty.sample import Sample
from supersede.bounty.tracking import Track, track
from supersede.look import maps, numbers
from supersede.look.page import environment

__all__ = ["brief", "error_steps", "list_diagram", "team_map"]

_ROWS = 16  # of a figure; the table behind it has all
_HEIGHT = 30  # of one group's line
_COLUMNS = 24  # of a map
_BRIEF = 44  # characters of a group's text


@dataclass(frozen=True)
class _Line:
    """One group's error, patch by patch.

    Attributes:
        label: The group.
        rows: Its rows.
        path: The line, in a box of 100 × 30.
        errors: The error of the first model, then after each patch and its repairs.
        tone: ``pass`` if it fell, ``fail`` if it rose, otherwise ``quiet``.
    """

    label: str
    rows: int
    path: str
    errors: tuple[float, ...]
    tone: str


@dataclass(frozen=True)
class _Step:
    """One node of the list, for the figure."""

    version: int
    group: str
    brief: str
    answer: str
    team: str
    share: float


def error_steps(
    model: DecisionList,
    sample: Sample,
    *,
    loss: RowLoss | None = None,
    watch: Mapping[str, Group] | None = None,
) -> Markup:
    """The overall error and that of each protected group, from patch to patch.

    Args:
        model: The patched model.
        sample: The rows of the errors.
        loss: The loss of a row.
        watch: Groups to show besides those of the patches.

    Returns:
        A figure, with its numbers.
    """
    loss = ZeroOne() if loss is None else loss
    kept = track(model, sample, loss, watch=dict(watch or {}))
    after = [0, *(end for _, end in model.patches)]
    named = [None, *sorted(kept.groups, key=lambda name: -int(kept.members(name).sum()))]
    top = max((float(np.nanmax(kept.errors(n), initial=0.0)) for n in named), default=1.0) or 1.0
    lines = [
        _line(kept, name, "all" if name is None else brief(model, kept.label(name)), after, top)
        for name in named
    ]
    return _render(
        "error_steps",
        lines=lines[:_ROWS],
        all_lines=lines,
        patches=len(after) - 1,
        loss=loss.name,
        sample=sample.name,
        more=max(len(lines) - _ROWS, 0),
        height=_HEIGHT,
        form=numbers.share if loss.most == 1 else numbers.amount,
    )


def team_map(model: DecisionList) -> Markup:
    """The features in the groups of each team's accepted patches.

    Args:
        model: The patched model.

    Returns:
        A map of teams by features; each cell counts patches.
    """
    used: dict[str, dict[str, int]] = {}
    total: dict[str, int] = {}
    for node in model.nodes:
        if not isinstance(node.answer, int):
            for column in node.group.columns:
                own = used.setdefault(node.team, {})
                own[column] = own.get(column, 0) + 1
                total[column] = total.get(column, 0) + 1
    columns = sorted(total, key=lambda column: (-total[column], column))[:_COLUMNS]
    most = max((n for own in used.values() for n in own.values()), default=1)
    teams = sorted(used)
    return maps.heat_map(
        teams,
        columns,
        [[_counted(used[team].get(column, 0), most) for column in columns] for team in teams],
        title="Accepted patches by the features of their groups",
        corner="team ↓ feature →",
    )


def list_diagram(model: DecisionList, sample: Sample) -> Markup:
    """The list in order of evaluation: the last patch first, with the share of rows of each node.

    Args:
        model: The patched model.
        sample: Rows whose shares are shown.

    Returns:
        An ordered list, to be read from the top.
    """
    counts = np.bincount(model.route(sample.columns), minlength=len(model) + 1) / len(sample)
    steps = []
    for version in range(len(model), 0, -1):
        node = model.nodes[version - 1]
        if isinstance(node.answer, int):
            back = "the first model" if node.answer == 0 else f"version {node.answer}"
            answer = f"{'withdrawn: ' * node.withdrawn}go back to {back}"
        else:
            form = str(node.answer.to_dict()["form"])
            answer = f"answer with this {form}"
        group = str(node.group)
        steps.append(
            _Step(version, group, brief(model, group), answer, node.team, float(counts[version]))
        )
    return _render("list_diagram", steps=steps, rest=float(counts[0]), sample=sample.name)


def brief(model: DecisionList, group: str) -> str:
    """A group's text; if that is long, the number of its patch and the beginning of the text."""
    if len(group) <= _BRIEF:
        return group
    patched = [str(model.nodes[start].group) for start, _ in model.patches]
    number = f"patch {patched.index(group) + 1}: " if group in patched else ""
    return f"{number}{group[: _BRIEF - len(number)]}…"


def _line(kept: Track, name: str | None, label: str, after: list[int], top: float) -> _Line:
    errors = kept.errors(name)[after]
    width = 100 / max(len(errors) - 1, 1)
    points = []
    for i, error in enumerate(np.nan_to_num(errors)):
        y = round(_HEIGHT * (1 - error / top), 2)
        points.append(
            f"{'M' if i == 0 else 'H'}{round(i * width, 2)}" + (f" {y}" if i == 0 else f"V{y}")
        )
    rows = len(kept.sample) if name is None else int(kept.members(name).sum())
    change = float(errors[-1] - errors[0])
    tone = "pass" if change < 0 else "fail" if change > 0 else "quiet"
    return _Line(label, rows, "".join(points), tuple(errors.tolist()), tone)


def _counted(n: int, most: int) -> maps.Cell:
    return maps.Cell(numbers.count(n) if n else "", level=n / most)


def _render(picture: str, **values: object) -> Markup:
    module = environment().get_template("bounty/pictures.html").module
    return Markup(getattr(module, picture)(**values))  # noqa: S704  # escaped by the template
