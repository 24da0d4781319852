"""`supersede estimate`: values and intervals from labels."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from supersede.cli.progress import Progress

__all__ = ["estimate"]


def estimate(
    plan: Path,
    labels: str,
    *,
    disagreement: Literal["refuse", "majority"] = "refuse",
    anytime: bool = False,
    same: Annotated[list[str] | None, Parameter(negative=())] = None,
    classes: Annotated[list[str] | None, Parameter(negative=())] = None,
    out: Path | None = None,
    picture: Path | None = None,
) -> None:
    """Estimate a plan's estimands from the labels received.

    Args:
        plan: The file that `supersede plan` wrote.
        labels: A CSV, JSONL or Parquet file with columns item and label, and optionally annotator,
            skipped and design.
        disagreement: Refuse labels that contradict each other, or decide by majority.
        anytime: Labels are still arriving: show the looks so far, with intervals that hold at all
            of them together, and whether labelling can stop.
        same: Words of labels and models that are the same, such as 1=yes,y; or folded, to compare
            without case, space and - or _; or a JSON or TOML file of them.
        classes: A class that labels may have although no model predicts it; repeatable.
        out: File for the estimates, as JSON.
        picture: File for a picture of the intervals, as HTML.
    """
    from supersede.evaluate import estimate as compute
    from supersede.evaluate import follow, read_plan
    from supersede.evaluate.pictures import estimates_picture, following_picture
    from supersede.look import write_whole

    with Progress() as progress:
        progress(f"reading {plan}")
        design = read_plan(plan)
        if anytime:
            progress("replaying the labels in the order received")
            following = follow(
                design, labels, disagreement=disagreement, classes=classes or (), same=same
            )
            found, shown, image = following.last, repr(following), following_picture(following)
            if found is not None:
                shown += f"\n{found!r}"
        else:
            found = compute(
                design, labels, disagreement=disagreement, classes=classes or (), same=same,
                progress=progress,
            )  # fmt: skip
            shown, image = repr(found), estimates_picture(found)
    if out is not None and found is not None:
        write_whole(out, json.dumps(found.to_dict(), indent=1))
    if picture is not None:
        write_whole(picture, image)
    sys.stdout.write(shown + "\n")
