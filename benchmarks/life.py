"""The decision of the demonstration: with few labels, against the one with all labels.

    python -m benchmarks.life [FOLDER] [SEEDS]      writes docs/benchmarks/life.md

FOLDER is that of a finished ``supersede demo``; its models' answers and sealed labels are used. Each
seed plans other items. Two decisions are repeated: that of the demonstration, whose answer is yes,
and one whose answer is no. Random samples of everybody are reviewed at growing sizes, by the same
limits and the same confidence, until they decide; this favours them, since each look uses the whole
confidence again.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import supersede
from supersede.evaluate import Plan, accuracy, estimate, negative_flips, open_questions, plan
from supersede.review import Check, MaxNFR, MaxSliceNFR, MinGain, NoSliceWorse, Review

GROUPS = ["sex", "race", "age_band"]
LARGE = 5000  # items of a group that holds up the verdict, as in the demonstration
SLICES: tuple[Check, ...] = (
    MaxSliceNFR(0.05, min_items=LARGE),
    NoSliceWorse(0.05, min_items=LARGE),
)
ROUNDS = 3  # looks at most
LOOKS = 0.984  # confidence of each
GROWTH, RANDOM_SEEDS = 1.25, 20
DOC = Path("docs/benchmarks/life.md")


@dataclass(frozen=True)
class Question:
    """A decision: may this candidate replace the old model, by these limits?

    The margin is that of the first plan.
    """

    name: str
    new: str
    checks: tuple[Check, ...]
    old: str = "deployed"
    margin: float = 0.004


QUESTIONS = (
    Question(
        "the demonstration's first: right answers lost ≤ 2.5 %, accuracy ≥ −1 pp, each group ≤ 5 %",
        "congruent", (MinGain(-0.01), MaxNFR(0.025), *SLICES),
    ),
    Question(
        "its second, the patched model: right answers lost ≤ 0.5 %, accuracy ≥ 0, each group ≥ −5 pp",
        "patched", (MinGain(0.0), MaxNFR(0.005), SLICES[1]), old="congruent", margin=0.001,
    ),
    Question("stricter, for usual training: right answers lost ≤ 1.5 %", "new", (MaxNFR(0.015),)),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How one seed decided, with how many labels; what separate samples need for the margins."""

    verdict: str
    labels: int
    separate: int
    rounds: int


class Life:
    """Today's items, their sealed labels, and reviews with any part of them."""

    def __init__(self, folder: Path) -> None:
        self.today = pq.read_table(folder / "today.parquet").drop_columns(["employed"])
        sealed = pq.read_table(folder / "sealed.parquet")
        known = dict(zip(sealed["id"].to_pylist(), sealed["employed"].to_pylist(), strict=True))
        self.today = self.today.sort_by("id")
        self.ids = self.today["id"].to_numpy()
        self.truth = np.array([known[item] for item in self.ids.tolist()], np.int8)

    def review(self, question: Question, asked: np.ndarray, labels: Plan | str | None) -> Review:
        """The review with the labels of the items asked for."""
        column = pa.array(self.truth, mask=~np.isin(self.ids, asked))
        return supersede.compare(
            self.today.append_column("employed", column), old=question.old, new=question.new,
            label="employed", item="id", groups=GROUPS, checks=question.checks, labels=labels,
            confidence=LOOKS,
        )  # fmt: skip

    def planned(self, question: Question, seed: int) -> Outcome:
        """Three rounds at most, as in the demonstration."""
        table = supersede.read(
            self.today,
            models=[question.old, question.new],
            item="id",
            groups=GROUPS,
            labelled=False,
        )
        asked = [
            negative_flips(question.old, question.new),
            accuracy(question.new) - accuracy(question.old),
        ]
        options: dict[str, object] = {"margin": question.margin}
        separate = 0
        for number in range(1, ROUNDS + 1):
            made = plan(table, asked, seed=seed, confidence=LOOKS, **options)
            separate = max(separate, made.independent)
            items = made.items.filter(pc.invert(made.items["reserve"]))["item"].to_numpy()
            review = self.review(question, items, made)
            if review.verdict != "undecided" or number == ROUNDS:
                break
            asked = list(open_questions(review.to_dict()))
            known = self.truth[np.searchsorted(self.ids, items)]
            options = {"after": estimate(made, {"item": items, "label": known})}
        return Outcome(review.verdict, len(items), separate, number)

    def random(self, question: Question, seed: int) -> int:
        """Labels of a random sample that decides."""
        order = np.random.default_rng(seed).permutation(self.ids)
        size = 200
        while size < len(order):
            if self.review(question, order[:size], "random").verdict != "undecided":
                return size
            size = round(size * GROWTH)
        return len(order)


def main(folder: Path, seeds: int) -> None:
    """Measure, and write the table."""
    if not (folder / "sealed.parquet").exists():
        print(f"skipped: {folder} is not the folder of a demonstration; run make demo first")
        return
    life, rows = Life(folder), []
    for question in QUESTIONS:
        begin = time.process_time()
        truth = life.review(question, life.ids, None).verdict
        found = [life.planned(question, seed) for seed in range(seeds)]
        spent = (time.process_time() - begin) / seeds
        random = [life.random(question, seed) for seed in range(min(seeds, RANDOM_SEEDS))]
        labels = np.array([outcome.labels for outcome in found])
        agreed = np.mean([outcome.verdict == truth for outcome in found])
        opposite = sum(outcome.verdict not in {truth, "undecided"} for outcome in found)
        separate = np.mean([outcome.labels / outcome.separate for outcome in found])
        second = np.mean([outcome.rounds > 1 for outcome in found])
        rows.append(
            f"| {question.name} | {truth} | {agreed:.0%} | {opposite} | {labels.mean():,.0f}"
            f" ({labels.min():,} to {labels.max():,}) | {second:.0%} | {np.mean(random):,.0f} |"
            f" {labels.mean() / np.mean(random):.1%} | {separate:.0%} | {spent:.1f} |"
        )
        print(rows[-1], flush=True)
    DOC.write_text(_page(rows, len(life.ids), seeds), encoding="utf-8")


def _page(rows: list[str], items: int, seeds: int) -> str:
    head = (
        "| decision | with all labels | seeds that agree | that say the opposite | labels"
        " (least to most) | more than one round | labels of a random sample | share of these |"
        " share of separate samples where the models differ | CPU s per seed |\n"
        "|---|---|---|---|---|---|---|---|---|---|"
    )
    listed = "\n".join(rows)
    return f"""# The demonstration's decision

`python -m benchmarks.life out`, after `make demo`. {items:,} people of 2018, {seeds} seeds of the
plan, {min(seeds, RANDOM_SEEDS)} random samples.

Each seed plans labels for the loss of right answers and the change in accuracy, to ±0.4 points
(±0.1 for the patched model), and reviews; groups of fewer than {LARGE:,} people hold up no verdict.
If that is undecided, the next round plans the labels that the open checks lack, and keeps those of the
round before. Each of at most three reviews is at 98.4 %. Aimed at: at most 15 % of the labels of
random samples, and the decision of all labels in at least 95 % of the seeds; the third decision misses
the first aim, since a model that is far beyond a limit shows it to a random sample as well.

{head}
{listed}

A random sample of all people is reviewed at growing sizes, by the same limits at 98.4 %, until it
decides; it grows by a quarter each time, and is not charged for looking often. *Separate samples
where the models differ* is a stricter rival: one sample for each of the two estimands, with the
same margins, taken only from the items on which the two models disagree, which is most of what a
plan saves.
"""


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"), int((sys.argv[2:] or ["100"])[0]))
