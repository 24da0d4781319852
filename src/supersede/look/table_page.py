"""A page for a result that is a table: its message, and the first rows."""

from typing import TYPE_CHECKING, Any

from supersede.look.numbers import MINUS
from supersede.look.page import environment

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["table_page"]

ROWS = 50


def table_page(title: str, lead: str, frame: "pa.Table", note: str = "", figure: str = "") -> str:
    """The page.

    Args:
        title: The message, as the heading.
        lead: A sentence below it.
        frame: The table.
        note: What it assumes, in small print.
        figure: A figure or maps above the table, as markup.
    """
    shown = frame.slice(0, ROWS)
    return (
        environment()
        .get_template("look/table.html")
        .render(
            title=title,
            lead=lead,
            note=note,
            names=frame.column_names,
            figure=figure,
            rows=[[_text(value) for value in row.values()] for row in shown.to_pylist()],
            hidden=max(0, frame.num_rows - ROWS),
        )
    )


def _text(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case float():
            return "–" if value != value else f"{value:.4g}".replace("-", MINUS)
        case list():
            return ", ".join(map(str, value)) or "none"
        case _:
            return str(value)
