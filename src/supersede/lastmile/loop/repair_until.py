"""Evaluate, repair, evaluate on fresh rows: until the target is met, or an honest end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from supersede.bounty import Passport, Sample
from supersede.errors import ArgumentError
from supersede.lastmile.loop.evaluation import Evaluation, GapTarget, evaluate_gap
from supersede.lastmile.loop.repairs import ModelRepair, Predictor, seen
from supersede.look.numbers import count, items, points
from supersede.look.result import ResultMixin, frame_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RepairRun", "Round", "repair_until"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Round:
    """One evaluation on fresh rows.

    Attributes:
        repair: The repair that was applied before it; empty for the first model.
        evaluation: The model on rows that nothing was chosen by.
        tried: Gap on validation rows of each candidate of the round.
    """

    repair: str
    evaluation: Evaluation
    tried: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RepairRun(ResultMixin, named="a repair run"):
    """All rounds, and how the run ended.

    Attributes:
        target: What had to hold.
        rounds: The evaluations in order.
        end: ``passed`` or ``did not pass``.
        needed: What a pass would need; empty after a pass.
        model: The last model, which reads no protected column.
        spent: The rows that were used for evaluation or training: they are not fresh any more.
        synthetic: Whether rows were made up.
    """

    target: GapTarget
    rounds: tuple[Round, ...]
    end: Literal["passed", "did not pass"]
    needed: tuple[str, ...]
    model: Predictor = field(repr=False)
    spent: Passport = field(repr=False)
    synthetic: bool = False

    @property
    def passed(self) -> bool:
        """Whether the target was met, with its intervals, on fresh rows."""
        return self.end == "passed"

    def __str__(self) -> str:
        lines = [f"{'SYNTHETIC rows: ' if self.synthetic else ''}{self.end} after {items(len(self.rounds), 'round')}: gap of the {self.target.metric} by {self.target.group} at most {points(self.target.gap, exact=True)}"]  # fmt: skip
        lines += [f"  {r.repair or 'first model'}: {r.evaluation}" for r in self.rounds]
        return "\n".join([*lines, *(f"  → {text}" for text in self.needed)])

    def to_dict(self) -> dict[str, Any]:
        """Target, rounds and end as JSON values."""
        from supersede.look.json_values import json_values

        found: dict[str, Any] = json_values(
            {
                "target": vars(self.target),
                "rounds": [{"repair": r.repair, "tried": r.tried, **vars(r.evaluation)} for r in self.rounds],
                "end": self.end, "needed": list(self.needed), "synthetic": self.synthetic,
                "spent": self.spent.to_dict(),
            }
        )  # fmt: skip
        return found

    def to_frame(self) -> "pa.Table":
        """One record per round."""
        names = ("rows", "gap", "low", "high", "accuracy", "accuracy_change", "verdict")
        return frame_of(
            {"round": i, "repair": r.repair, **{n: getattr(r.evaluation, n) for n in names}}
            for i, r in enumerate(self.rounds)
        )

    def to_html(self) -> str:
        """One page: the end, the gap round by round, and what would be needed."""
        from supersede.look.figures import Dot, dot_plot
        from supersede.look.page import environment

        figure = dot_plot(
            [
                Dot(f"{i}: {r.repair or 'first model'}"[:48], e.gap, e.low, e.high, e.rows,
                    {"pass": "pass", "fail": "fail"}.get(e.verdict, "undecided"))
                for i, r in enumerate(self.rounds) for e in [r.evaluation]
            ],
            title=f"Gap of the {self.target.metric} by {self.target.group}, round by round",
            description="Dots are gaps on fresh rows, lines their intervals.",
            limit=self.target.gap, form=points,
        )  # fmt: skip
        return environment().get_template("lastmile/loop.html").render(run=self, figure=figure)


def repair_until(
    model: Predictor,
    train: Sample,
    fresh: Sequence[Sample],
    target: GapTarget,
    repairs: Sequence[ModelRepair],
    *,
    rounds: int = 3,
    protected: Sequence[str] | None = None,
    allow: Sequence[str] = (),
    spent: Passport | None = None,
    synthetic: bool = False,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> RepairRun:
    """Repair a model until it meets a target on fresh rows, or until there is nothing left to try.

    A quarter of the training rows is held out to choose among candidates. Every evaluation spends a
    fresh sample: rows that have judged are never used to judge again, which the passport enforces.

    Args:
        model: The model in service: columns in, answers out.
        train: Rows to train and to choose on.
        fresh: Labelled samples, one per evaluation; the first judges the model as it is.
        target: What has to hold.
        repairs: What to try, the cheapest first; each is used in one round at most.
        rounds: The most repairs to apply.
        protected: Columns that no model may read at prediction; by default those of the target.
        allow: Protected columns that it may read after all, on your decision.
        spent: Passport of rows that are not fresh any more, from earlier runs.
        synthetic: Whether rows were made up; the result is then marked.
        seed: Seed of the split into training and validation rows.
        progress: Called with a line of text before each step.

    Raises:
        ArgumentError: There is no repair or no fresh sample, or a sample is not fresh.

    Assumes: fresh samples are independent draws from what the model will meet. Other columns may
    stand in for a protected one (a spouse's role for sex): they are read.
    """
    if not repairs or not fresh or rounds < 1:
        msg = f"{len(repairs)} repairs, {len(fresh)} fresh samples, {rounds} rounds; expected at least one of each"
        raise ArgumentError(msg)
    guarded = (target.group, *target.watch) if protected is None else protected
    blind = frozenset(guarded) - set(allow)
    passport = (spent or Passport()).with_sample(train)
    say = progress or (lambda _: None)
    order = np.random.default_rng(seed).permutation(len(train))
    cut = len(train) // 4
    choosing, learning = (
        train.take(np.sort(order[:cut]), "validation"),
        train.take(np.sort(order[cut:])),
    )

    def answers(predict: Predictor, rows: Sample) -> Array:
        said = np.asarray(predict(seen(rows.columns, blind)), object)
        if said.shape != (len(rows),):
            msg = f"a model answered with shape {said.shape} for {len(rows)} rows; expected one answer per row"
            raise ArgumentError(msg)
        return said

    first, current = model, model
    found: list[Round] = []
    left = list(repairs)
    applied, tried = "", {}  # type: tuple[str, dict[str, float]]
    for number, sample in enumerate(fresh[: rounds + 1]):
        if passport.knows(sample):
            msg = f"sample {sample.name!r} is not fresh: its rows were used for training or in an earlier round; bring rows that were never used"
            raise ArgumentError(msg)
        say(f"judging on {count(len(sample))} fresh rows")
        judged = evaluate_gap(answers(current, sample), answers(first, sample), sample, target)
        passport = passport.with_sample(sample)
        found.append(Round(applied, judged, tried))
        if judged.verdict == "pass" or number == rounds or not left:
            break
        say(f"repairing, round {number + 1} of {rounds}")
        applied, current, tried, left = _repaired(current, first, learning, choosing, target, left, blind, answers)  # fmt: skip
        if not applied:
            break
    passed = found[-1].evaluation.verdict == "pass"
    return RepairRun(
        target, tuple(found), "passed" if passed else "did not pass",
        () if passed else _needed(found, left, applied, len(fresh)), current, passport, synthetic,
    )  # fmt: skip


def _repaired(
    current: Predictor, first: Predictor, learning: Sample, choosing: Sample, target: GapTarget,
    left: list[ModelRepair], blind: frozenset[str], answers: Callable[[Predictor, Sample], Array],
) -> tuple[str, Predictor, dict[str, float], list[ModelRepair]]:  # fmt: skip
    """The candidate that comes closest to the target on validation rows, and what is left to try."""
    as_first = answers(first, choosing)
    scored: list[tuple[float, int, str, Predictor]] = []
    tried: dict[str, float] = {}
    for place, repair in enumerate(left):
        for name, candidate in repair.candidates(current, learning, target, blind):
            judged = evaluate_gap(answers(candidate, choosing), as_first, choosing, target)
            tried[name] = judged.gap
            # excess over the limits; accuracy and watched groups weigh as the gap does
            cost = max(-judged.accuracy_change - target.accuracy_loss, 0.0)
            scored.append((judged.gap + 2 * cost + len(judged.worse), place, name, candidate))
    now = evaluate_gap(answers(current, choosing), as_first, choosing, target)
    if not scored:
        return "", current, tried, left
    score, place, name, chosen = min(scored, key=lambda s: (s[0], s[1]))
    if score >= now.gap:
        return "", current, tried, left
    return name, chosen, tried, [r for i, r in enumerate(left) if i != place]


def _needed(found: Sequence[Round], left: Sequence[ModelRepair], applied: str, samples: int) -> tuple[str, ...]:  # fmt: skip
    last = found[-1].evaluation
    texts = [f"not passed: {reason}" for reason in last.reasons]
    if last.needed is not None:
        texts.append(
            f"if the gap stays where it is, about {count(last.needed)} fresh rows decide it ({count(last.rows)} were used)"
        )
    elif last.verdict == "fail" and not applied and len(found) < samples:
        texts.append(
            "no repair brings the validation rows closer to the target: other features, better labels or more rows of the worse group are needed"
        )
    elif not left:
        texts.append("every repair was used; add others")
    if len(found) == samples and last.verdict != "pass":
        texts.append("no fresh sample is left: bring rows that were never used")
    return tuple(texts)
