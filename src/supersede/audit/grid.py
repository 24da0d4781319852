"""Scenario × metric × model: each loss of each model in each scenario, gaps included."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from supersede.audit.attributes import Attribute, label_of
from supersede.audit.counting import Counting
from supersede.audit.losses import Loss
from supersede.errors import ArgumentError, SupersedeError
from supersede.look import maps, numbers
from supersede.look.result import ResultMixin, frame_of
from supersede.metrics.ratio_intervals import Unit, interval
from supersede.table.table import Table

if TYPE_CHECKING:
    import pyarrow as pa
    from markupsafe import Markup

__all__ = ["Grid", "GridCell", "grid"]


@dataclass(frozen=True)
class GridCell:
    """One loss of one model in one scenario.

    Attributes:
        scenario: The scenario.
        loss: Name of the loss.
        unit: Whether it is a share or an amount.
        model: The model.
        value: The loss; NaN where it is missing.
        low: Lower end of its interval.
        high: Upper end.
        n: Graded items.
        missing: Why there is no value; empty where there is one.
    """

    scenario: str
    loss: str
    unit: Unit
    model: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    missing: str = ""


@dataclass(frozen=True)
class Grid(ResultMixin, named="a grid"):
    """All cells, scenario by scenario.

    Attributes:
        scenarios: The scenarios.
        losses: Names of the losses.
        models: The models.
        cells: One cell per scenario, loss and model.
        confidence: Two-sided confidence of every interval.
    """

    scenarios: tuple[str, ...]
    losses: tuple[str, ...]
    models: tuple[str, ...]
    cells: tuple[GridCell, ...]
    confidence: float

    def cell(self, scenario: str, loss: str, model: str) -> GridCell:
        """One cell.

        Raises:
            ArgumentError: There is no such cell.
        """
        for found in self.cells:
            if (found.scenario, found.loss, found.model) == (scenario, loss, model):
                return found
        msg = f"no cell {scenario!r} × {loss!r} × {model!r} in this grid"
        raise ArgumentError(msg)

    @property
    def missing(self) -> list[GridCell]:
        """Cells without a value."""
        return [cell for cell in self.cells if cell.missing]

    def __str__(self) -> str:
        size = f"{len(self.scenarios)} scenarios × {len(self.losses)} losses × {len(self.models)} models"
        return (
            f"{size}: {len(self.cells) - len(self.missing)} measured, {len(self.missing)} missing"
        )

    def to_frame(self) -> "pa.Table":
        """One row per cell."""
        return frame_of(asdict(cell) for cell in self.cells)

    def to_html(self) -> str:
        """A page with a map per loss, and the cells."""
        from markupsafe import Markup

        from supersede.look.table_page import table_page

        maps = Markup("").join(self.maps())
        return table_page("Models by scenario", f"{self}.", self.to_frame(), figure=maps)

    def maps(self) -> "list[Markup]":
        """One map per loss: scenarios in rows, models in columns."""
        return [self._map(loss) for loss in self.losses]

    def _map(self, loss: str) -> "Markup":
        values = [c.value for c in self.cells if c.loss == loss and not c.missing]
        low, high = min(values, default=0.0), max(values, default=1.0)

        def cell(scenario: str, model: str) -> maps.Cell:
            found = self.cell(scenario, loss, model)
            if found.missing:
                return maps.Cell("missing", found.missing, kind="missing")
            form = numbers.share if found.unit == "share" else numbers.amount
            text = form(found.value, found.low, found.high)
            return maps.Cell(
                text, f"n {numbers.count(found.n)}", maps.shade(found.value, low, high)
            )

        return maps.heat_map(
            self.scenarios,
            self.models,
            [[cell(scenario, model) for model in self.models] for scenario in self.scenarios],
            title=f"{loss} by scenario and model",
            corner="scenario",
        )


def grid(
    scenarios: Table | Mapping[str, Table],
    models: Sequence[str],
    losses: Sequence[Loss],
    *,
    groups: str | Attribute | None = None,
    confidence: float = 0.95,
) -> Grid:
    """Measure several losses of several models in several scenarios.

    Args:
        scenarios: One table per scenario; or one table, split by a column.
        models: The models. A model that is not in a scenario's table is missing there.
        losses: The losses. A loss that cannot be measured for a model is missing there.
        groups: The column whose values are the scenarios of a single table.
        confidence: Two-sided confidence of every interval.

    Returns:
        The grid; each model is measured on all items that are graded for it.

    Raises:
        ArgumentError: No cell of the grid can be measured.

    Example:
        >>> import supersede
        >>> from supersede.audit import ZeroOne
        >>> table = supersede.read(
        ...     {"y": [1, 1, 0], "a": [1, 0, 0], "noise": ["no", "yes", "yes"]}, models=["a"]
        ... )
        >>> found = grid(table, ["a", "b"], [ZeroOne()], groups="noise")
        >>> found.cell("noise = yes", "error rate", "a").value, len(found.missing)
        (0.5, 2)
    """
    if (
        not models
        or not losses
        or isinstance(scenarios, Table) == (groups is None)
        or not scenarios
    ):
        msg = (
            "a grid needs models, losses, and scenarios: several tables by name, or one table and"
            " groups=<column>"
        )
        raise ArgumentError(msg)
    split = Attribute(groups) if isinstance(groups, str) else groups
    tables = {"": scenarios} if isinstance(scenarios, Table) else scenarios
    cells: dict[tuple[str, str, str], GridCell] = {}
    reasons: dict[tuple[str, str, str], str] = {}
    for name, table in tables.items():
        for loss in losses:
            for model in models:
                if model not in table.models:
                    reasons[name, loss.name, model] = "not run"
                    continue
                try:
                    found = _measured(table, name, split, model, loss, confidence)
                except SupersedeError as error:
                    reasons[name, loss.name, model] = str(error).split(";")[0]
                else:
                    cells |= {(cell.scenario, loss.name, model): cell for cell in found}
    named = list(dict.fromkeys(scenario for scenario, _, _ in cells)) if split else list(tables)
    if not cells:
        msg = f"nothing can be measured: {'; '.join(dict.fromkeys(reasons.values()))}"
        raise ArgumentError(msg)

    def cell(scenario: str, loss: Loss, model: str) -> GridCell:
        key = (scenario, loss.name, model)
        why = reasons.get(("" if split else scenario, loss.name, model), "no graded item")
        return cells.get(key) or GridCell(scenario, loss.name, loss.unit, model, missing=why)

    every = tuple(cell(s, loss, model) for s in named for loss in losses for model in models)
    return Grid(tuple(named), tuple(m.name for m in losses), tuple(models), every, confidence)


def _measured(
    table: Table,
    name: str,
    split: Attribute | None,
    model: str,
    loss: Loss,
    confidence: float,
) -> list[GridCell]:
    """One loss of one model, in every scenario of a table."""
    (found,) = Counting.of(table, loss, [model]).margins([() if split is None else (split,)])
    low, high = interval(found, 0, loss.unit, confidence)
    if split is None:
        names = [name]
    else:
        keys = found.keys[split.column].to_pylist()
        names = [label_of([split.name], [key]) for key in keys]
    columns = (names, found.moments().mean.tolist(), low.tolist(), high.tolist(), found.n.tolist())
    cells = [
        GridCell(scenario, loss.name, loss.unit, model, value, below, above, int(n))
        for scenario, value, below, above, n in zip(*columns, strict=True)
        if n > 0
    ]
    return sorted(cells, key=lambda cell: cell.scenario)
