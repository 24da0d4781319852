"""A repair of rows as a page."""

import math

from supersede.lastmile.tables.repair_rows import ErrorChange, RowsRepair
from supersede.look import figures, numbers
from supersede.look.page import environment

__all__ = ["page", "summary"]


def page(made: RowsRepair) -> str:
    """The whole result as a self-contained page."""
    drawn = None
    if made.rows and made.undone:
        drawn = figures.dumbbell(
            [figures.Pair(row.group, row.before, row.after, row.rows) for row in made.rows],
            title="Error rate before and after the repair",
            description="Two dots per group, as the rows came and repaired, on held-out rows.",
        )
    return environment().get_template("lastmile/rows.html").render(
        made=made, headline=headline(made), tone="pass" if made.helps else "quiet",
        drawn=drawn, undone={s.column for s in made.undone},
    )  # fmt: skip


def headline(made: RowsRepair) -> str:
    """The result in a sentence."""
    mark = "SYNTHETIC rows: " if made.synthetic else ""
    if not made.suspects:
        return f"{mark}No column differs from the reference beyond what chance explains."
    first = made.suspects[0]
    found = f"{mark}Column {first.column!r} is the first suspect: {first.explanation}."
    if not made.undone:
        return f"{found} Nothing was undone."
    if not made.rows:
        return f"{found} Undone in {numbers.items(len(made.undone), 'column')}; without labels the effect is unknown."
    whole = made.rows[0]
    did = "fall" if made.helps else "are not shown to fall, going"
    return f"{found} With {numbers.items(len(made.undone), 'column')} undone, errors {did} from {numbers.share(whole.before)} to {numbers.share(whole.after)} on held-out rows."


def summary(made: RowsRepair) -> str:
    """Suspects, what was undone, and the change by group."""
    undone = {s.column for s in made.undone}
    lines = [headline(made)]
    lines += [f"  {'✓ undone' if s.column in undone else '?'} {s.column}: {s.explanation}" for s in made.suspects[:12]]  # fmt: skip
    return "\n".join([*lines, *(f"  {_line(row)}" for row in made.rows[:12])])


def _line(row: ErrorChange) -> str:
    change = numbers.points(row.change) if math.isnan(row.low) else numbers.points(row.change, row.low, row.high)  # fmt: skip
    return f"{row.group}: {numbers.share(row.before)} → {numbers.share(row.after)}, change {change}, {numbers.items(row.rows, 'row')}"
