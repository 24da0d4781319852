"""`supersede plan --detect`: how many items a run needs, and what so many can show."""

from typing import TYPE_CHECKING, Any

from supersede.cli.metric_limits import share_limit
from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.evaluate import RunSizes
    from supersede.table import Table

__all__ = ["size_run"]


def size_run(
    table: "str | Table | None",
    *,
    models: list[str],
    detect: str | None,
    items: int | None,
    discordant: str | None,
    power: list[str] | None,
    max_nfr: str | None,
    group: list[str] | None,
    label: str | None,
    item: str | None,
    cluster: str | None,
    weight: str | None,
    confidence: float,
) -> "RunSizes":
    """The sizes that the flags ask for.

    Raises:
        ArgumentError: The flags do not fit together.
    """
    from supersede.evaluate import detectable

    if table is not None and len(models) != 2:
        msg = f"--detect compares two models of {table}: --model OLD --model NEW, not {len(models)}"
        raise ArgumentError(msg)
    if table is None and (models or group or label or cluster or weight):
        msg = "--model, --group and the like are columns of a table; name its file first"
        raise ArgumentError(msg)
    old, new = models or (None, None)
    columns: dict[str, Any] = {} if table is None else {
        "label": label, "item": item, "cluster": cluster, "weight": weight,
    }  # fmt: skip
    return detectable(
        table,
        old=old,
        new=new,
        disagreement=None if discordant is None else share_limit("--discordant", discordant),
        regression=None if detect is None else share_limit("--detect", detect),
        items=items,
        check="min_gain" if max_nfr is None else "max_nfr",
        limit=0.0 if max_nfr is None else share_limit("--max-nfr", max_nfr),
        groups=group or (),
        power=[share_limit("--power", text, bare=True) for text in power or ["80%", "90%"]],
        confidence=confidence,
        **columns,
    )
