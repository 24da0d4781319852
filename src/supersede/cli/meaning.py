"""Flags that say what a model's column holds, where its values do not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from supersede.errors import ArgumentError

if TYPE_CHECKING:
    from supersede.table import Outcome

__all__ = ["outcomes"]


def outcomes(
    columns: Sequence[str],
    *,
    grades: bool,
    judge: bool,
    threshold: float | None,
    runs: Sequence[str],
    within: float | None,
    loss: float | None,
    overlap: float | None,
) -> "dict[str, Outcome]":
    """How to grade each model, as the flags say; empty where they say nothing.

    Args:
        columns: The models' columns.
        grades: ``--grades``.
        judge: ``--judge``.
        threshold: ``--threshold``.
        runs: ``--runs``: a number or a column for all models, or one for each.
        within: ``--within``.
        loss: ``--loss``.
        overlap: ``--overlap``.

    Raises:
        ArgumentError: The flags contradict each other.
    """
    from supersede.table import Judge, Labels, Loss, Right, Scores, Within

    given = {
        "--grades": grades,
        "--judge": judge,
        "--runs": bool(runs),
        "--within": within is not None,
        "--loss": loss is not None,
        "--overlap": overlap is not None,
    }
    said = [flag for flag, value in given.items() if value]
    if threshold is not None and said != ["--judge"]:
        said.append("--threshold")
    if len(said) > 1:
        msg = f"{' and '.join(said)} say different things of the same columns; keep one of them"
        raise ArgumentError(msg)
    if grades:
        return {column: Right(column) for column in columns}
    if judge:
        return {column: Judge(column, threshold) for column in columns}
    if threshold is not None:
        return {column: Scores(column, threshold) for column in columns}
    if within is not None:
        return {column: Within(column, within) for column in columns}
    if loss is not None:
        return {column: Loss(column, loss) for column in columns}
    if overlap is not None:
        return {column: Labels(column, overlap) for column in columns}
    return _over_runs(columns, runs) if runs else {}


def _over_runs(columns: Sequence[str], runs: Sequence[str]) -> "dict[str, Outcome]":
    from supersede.table import Runs

    if len(runs) not in {1, len(columns)}:
        msg = (
            f"--runs is given {len(runs)} times for {len(columns)} models; give one number or column"
            " for all of them, or one for each in the order of --old and --new"
        )
        raise ArgumentError(msg)
    each = list(runs) * len(columns) if len(runs) == 1 else runs
    return {
        column: Runs(column, int(number) if number.isdigit() else number)
        for column, number in zip(columns, each, strict=True)
    }
