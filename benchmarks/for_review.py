"""Does one round of ``plan(for_review=…)`` decide an undecided review?

A first review of a random sample of labels is undecided, most often for a small group; the plan for it
is labelled and reviewed again. If the true values were the first estimates, 80 % would be decided; they
are not, since undecided reviews are those whose estimates came near the limit by chance, too.
Run with ``python -m benchmarks.for_review [seeds]``; it prints a table.
"""

import sys
from collections import Counter

import numpy as np
import pandas as pd

import supersede
from supersede.errors import TooFewLabelsError
from supersede.evaluate import open_questions, plan
from supersede.review.checks import MinGain
from supersede.review.slice_checks import NoSliceWorse

ITEMS = 6000
GROUPS = (150, 300, 1000)


def made(seed: int, small: int):
    """Predictions of two models, and labels; the small group gains less."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, ITEMS)
    inside = np.arange(ITEMS) < small
    a = np.where(rng.random(ITEMS) < 0.85, y, 1 - y)
    luck, up = rng.random(ITEMS), np.where(inside, 0.03, 0.07)
    right = a == y
    b = np.where(
        right, np.where(luck < 0.02 / 0.85, 1 - y, y), np.where(luck < up / 0.15, y, 1 - y)
    )
    ward = np.where(inside, "small", "large")
    return pd.DataFrame({"id": np.arange(ITEMS), "a": a, "b": b, "ward": ward}), y


def round_of(seed: int, small: int) -> dict[str, tuple[str, int]]:
    """The verdict of a second review, and its labels, for margins of the population and of the table."""
    rows, y = made(seed, small)
    known = np.random.default_rng((seed, 1)).random(ITEMS) < 0.15
    asked = {"old": "a", "new": "b", "item": "id", "groups": ["ward"],
             "checks": [MinGain(0.0), NoSliceWorse(0.03)]}  # fmt: skip
    first = supersede.compare(
        rows.assign(y=np.where(known, y, np.nan)), label="y", labels="random", **asked
    )
    if first.verdict != "undecided":
        return {}
    result = first.to_dict()
    found = {}
    for name, of in (
        ("population", {"for_review": result}),
        ("table", {"estimands": open_questions(result)}),
    ):
        try:
            design = plan(rows, item="id", **of)
        except TooFewLabelsError:
            found[name] = ("nothing to label", 0)
            continue
        wanted = design.items.filter(np.logical_not(design.items["reserve"].to_numpy()))
        ids = wanted["item"].to_pylist()
        returned = {"item": ids, "label": y[ids].tolist()}
        found[name] = (
            supersede.compare(rows, labels=design, returned=returned, **asked).verdict,
            len(ids),
        )
    return found


def main(seeds: int) -> None:
    print(
        f"*Printed by `python -m benchmarks.for_review {seeds}`.*\n\n# Plans for an undecided review\n"
    )
    print(" ".join((__doc__ or "").split("\n\n")[1].split("Run with")[0].split()) + "\n")
    print(
        "A margin of the table takes the items for all there are, as `plan` does without `for_review`.\n"
    )
    print(
        "| items in the group | margins of | undecided first | decided after one round | mean labels |"
    )
    print("|---|---|---|---|---|")
    for small in GROUPS:
        rounds = [found for seed in range(seeds) if (found := round_of(seed, small))]
        for name in ("population", "table"):
            verdicts = Counter(found[name][0] for found in rounds)
            decided = verdicts["pass"] + verdicts["fail"]
            mean = np.mean([found[name][1] for found in rounds])
            print(
                f"| {small} | the {name} | {len(rounds)} of {seeds} | {decided / len(rounds):.0%} | {mean:.0f} |"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
