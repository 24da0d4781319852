"""`supersede estimate`: values and intervals from labels."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from supersede.cli.common import Quiet, Strings, outputs
from supersede.cli.progress import Progress

__all__ = ["estimate"]


def estimate(
    plan: Path,
    labels: str,
    *,
    disagreement: Literal["refuse", "majority"] = "refuse",
    anytime: Annotated[bool, Parameter(negative="")] = False,
    same: Strings = None,
    classes: Strings = None,
    out: Path | None = None,
    json: Path | None = None,
    quiet: Quiet = False,
) -> None:
    """Estimate a plan's estimands from the labels received.

    Args:
        plan: The file that `supersede plan` wrote.
        labels: A CSV, JSONL or Parquet file with columns item and label, and optionally annotator,
            skipped and design.
        disagreement: Refuse labels that contradict each other, or decide by majority.
        anytime: Labels are still arriving: show the looks so far, with intervals that hold at all
            of them together, and whether labelling can stop.
        same: Words that count as equal, as in 'c-or-cpp=c,cpp' (the label's word and the answers it
            stands for); folded, to ignore case, surrounding space, and - or _; or a JSON or TOML
            file of such pairs. Repeat it for several.
        classes: A class that labels may have although no model predicts it; repeat it for several.
        out: Write the page here, as HTML in one file.
        json: Write the result here, as JSON.
        quiet: Do not show progress.
    """
    from supersede.evaluate import estimate as compute
    from supersede.evaluate import follow, load_plan

    written = outputs(out=out, json=json)
    with Progress(quiet=quiet) as progress:
        progress(f"reading {plan}")
        design = load_plan(plan)
        if anytime:
            progress("replaying the labels in the order received")
            following = follow(
                design, labels, disagreement=disagreement, classes=classes or (), same=same
            )
            written.write(following)
            shown = [following, *([] if following.last is None else [following.last])]
        else:
            found = compute(
                design, labels, disagreement=disagreement, classes=classes or (), same=same,
                progress=progress,
            )  # fmt: skip
            written.write(found)
            shown = [found]
    print(*shown, sep="\n")
