"""Evaluate, repair, evaluate on fresh rows: until the target is met, or an honest end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from supersede.bounty import Passport, Sample
from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.lastmile.loop.evaluation import Evaluation, GapTarget, evaluate_gap
from supersede.lastmile.loop.repairs import ModelRepair, Predictor, Targeted, seen
from supersede.lastmile.loop.risk import planned_risks
from supersede.lastmile.loop.stacked import stacked
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
        evaluation: The model on rows that nothing about it was chosen by.
        tried: Gap on validation rows of each candidate of the repair.
        look: Which look at this model it is; above 1 where samples left it undecided, and it was judged
            again on these and the next one.
    """

    repair: str
    evaluation: Evaluation
    tried: dict[str, float] = field(default_factory=dict)
    look: int = 1

    @property
    def model(self) -> str:
        """The model in words."""
        again = f", look {self.look}" if self.look > 1 else ""
        return f"{self.repair or 'first model'}{again}"


@dataclass(frozen=True)
class RepairRun(ResultMixin, named="a repair run"):
    """All rounds, and how the run ended.

    Attributes:
        target: What had to hold.
        rounds: The evaluations in order; several of one model where a sample left it undecided.
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
        lines = [f"{'SYNTHETIC rows: ' if self.synthetic else ''}{self.end} after {items(len(self.rounds), 'evaluation')}: gap of the {self.target.metric} by {self.target.group} at most {points(self.target.gap, exact=True)}"]  # fmt: skip
        lines += [f"  {r.model}: {r.evaluation}" for r in self.rounds]
        return "\n".join([*lines, *(f"  → {text}" for text in self.needed)])

    def to_dict(self) -> dict[str, Any]:
        """Target, rounds and end as JSON values."""
        from supersede.look.json_values import json_values

        found: dict[str, Any] = json_values(
            {
                "target": vars(self.target),
                "rounds": [{"repair": r.repair, "tried": r.tried, "look": r.look, **vars(r.evaluation), "watched": [vars(w) for w in r.evaluation.watched]} for r in self.rounds],
                "end": self.end, "needed": list(self.needed), "synthetic": self.synthetic,
                "spent": self.spent.to_dict(),
            }
        )  # fmt: skip
        return found

    def to_frame(self) -> "pa.Table":
        """One record per round."""
        names = (
            "rows",
            "confidence",
            "gap",
            "low",
            "high",
            "accuracy",
            "accuracy_change",
            "verdict",
        )
        return frame_of(
            {
                "round": i,
                "repair": r.repair,
                "look": r.look,
                **{n: getattr(r.evaluation, n) for n in names},
            }
            for i, r in enumerate(self.rounds)
        )

    def to_html(self) -> str:
        """One page: the end, the gap round by round, and what would be needed."""
        from supersede.look.figures import Dot, dot_plot
        from supersede.look.page import environment

        figure = dot_plot(
            [
                Dot(f"{i}: {r.model}"[:48], e.gap, e.low, e.high, e.rows,
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
    choose: float = 0.25,
    synthetic: bool = False,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> RepairRun:
    """Repair a model until it meets a target on fresh rows, or until there is nothing left to try.

    Some of the training rows are held out to choose among candidates. Every evaluation spends a
    fresh sample. What happens next depends on the verdict:

    - Undecided, with estimates within the limits, and the next sample is large enough to show it if
      they stay where they are: the same model is judged again, on all rows that have judged it and
      the next sample. Rows are spent to show a pass, not to be sure of a failure.
    - Otherwise the model is repaired. Rows that have judged never judge a repaired model, which the
      passport enforces; half of them join the training rows, half the validation rows.
    - Undecided, with nothing left to try: it is judged again likewise.

    Whatever model a sample judges was chosen without it. The risk that the target's confidence leaves is
    divided among models and looks (`planned_risks`): a model that misses the target on validation rows
    gets a tenth of what is left, another three quarters, and one that no repair can follow all of it. A
    pass needs the ends of intervals on one side only, and all of them at once, so each end may be wrong
    with all of a look's risk (Berger 1982). So over a whole run the chance that a model passes although
    it misses the target is at most ``1 - confidence``.

    Args:
        model: The model in service: columns in, answers out.
        train: Rows to train and to choose on.
        fresh: Labelled samples, one per evaluation; the first judges the model as it is. A small one
            is enough to see a large gap; to show that a gap is small takes a large one.
        target: What has to hold.
        repairs: What to try, the cheapest first; each is used in one round at most.
        rounds: The most repairs to apply.
        protected: Columns that no model may read at prediction; by default those of the target.
        allow: Protected columns that it may read after all, on your decision.
        spent: Passport of rows that are not fresh any more, from earlier runs.
        choose: Share of the training rows that is held out to choose among candidates, in (0, 1). Where
            groups are small, a larger one finds candidates with a small gap more often.
        synthetic: Whether rows were made up; the result is then marked.
        seed: Seed of the split into training and validation rows.
        progress: Called with a line of text before each step.

    Raises:
        ArgumentError: There is no repair or no fresh sample, a sample is not fresh, a protected column
            does not exist, or ``choose`` is not a share.

    References:
        Berger (1982), Multiparameter hypothesis testing and acceptance sampling, Technometrics 24.

    Assumes: fresh samples are independent draws from what the model will meet. Other columns may
    stand in for a protected one (a spouse's role for sex): they are read.
    """
    if not repairs or not fresh or rounds < 1:
        msg = f"{len(repairs)} repairs, {len(fresh)} fresh samples, {rounds} rounds; expected at least one of each"
        raise ArgumentError(msg)
    if not 0 < choose < 1:
        msg = f"choose={choose}: expected a share of the training rows, between 0 and 1"
        raise ArgumentError(msg)
    blind = _blind(train, target, protected, allow)
    passport = (spent or Passport()).with_sample(train)
    for repair in repairs:
        if isinstance(repair, Targeted):
            passport = passport.with_sample(repair.reserve)
    _refuse_spent(fresh, passport)
    say = progress or (lambda _: None)
    choosing, learning = _parted(train, choose, seed)

    def answers(predict: Predictor, rows: Sample) -> Array:
        return np.asarray(predict(seen(rows.columns, blind)), object)

    current, applied, tried = model, "", {}  # type: Predictor, str, dict[str, float]
    found: list[Round] = []
    left, judges = list(repairs), []  # type: list[ModelRepair], list[Sample]
    repaired_times, look = 0, 1
    unspent, risks = 1 - target.confidence, []  # type: float, list[float]
    for number, sample in enumerate(fresh):
        passport = passport.with_sample(sample)
        judges.append(sample)
        rows = stacked(judges, sample.name) if len(judges) > 1 else sample
        say(f"judging on {count(len(rows))} rows, {count(len(sample))} of them fresh")
        more = number + 1 < len(fresh) and repaired_times < rounds and bool(left)
        if not risks:  # a model that was not judged before
            promising = _promising(answers(current, choosing), choosing, target)
            risks = list(planned_risks(unspent, [len(s) for s in fresh[number:]], promising=promising, last=not more))  # fmt: skip
            unspent -= sum(risks)
        both = answers(current, rows), answers(model, rows)
        judged = evaluate_gap(*both, rows, target, confidence=1 - 2 * risks.pop(0))
        found.append(Round(applied, judged, tried, look))
        if judged.verdict == "pass" or number + 1 == len(fresh):
            break
        again = evaluate_gap(*both, rows, target, confidence=1 - 2 * risks[0])
        better = None
        if more and not _passes_with(len(fresh[number + 1]), again, target):
            say(f"repairing, round {repaired_times + 1} of {rounds}")
            parts = [_parted(s, 1 / 2, seed + 1 + number) for s in judges]
            to_choose = stacked([choosing, *(part[0] for part in parts)], "validation")
            to_learn = stacked([learning, *(part[1] for part in parts)], "train")
            better = _repaired(current, model, to_learn, to_choose, target, left, blind, answers)
        if better is not None:
            current, applied, tried, left = better.model, better.name, better.tried, better.left
            choosing, learning, judges, risks = to_choose, to_learn, [], []
            repaired_times, look = repaired_times + 1, 1
        elif judged.verdict == "fail":
            break
        else:
            look += 1
    passed = found[-1].evaluation.verdict == "pass"
    return RepairRun(
        target, tuple(found), "passed" if passed else "did not pass",
        () if passed else _needed(found, left, len(fresh)), current, passport, synthetic,
    )  # fmt: skip


def _blind(
    train: Sample, target: GapTarget, protected: Sequence[str] | None, allow: Sequence[str]
) -> frozenset[str]:
    """The columns that no model reads; a name that is not a column would leave one readable."""
    guarded = (target.group, *target.watch) if protected is None else protected
    for flag, names, known in (("protected", guarded, train.columns), ("allow", allow, guarded)):
        wrong = next((name for name in names if name not in known), None)
        if isinstance(names, str) or wrong is not None:
            msg = f"{flag}={names!r}: expected a list of {'columns' if flag == 'protected' else 'protected columns'}, some of {', '.join(map(repr, known))}"
            raise ArgumentError(msg)
    return frozenset(guarded) - set(allow)


def _refuse_spent(fresh: Sequence[Sample], passport: Passport) -> None:
    """Refuse samples that overlap with training rows or with each other before anything is trained."""
    for sample in fresh:
        if passport.knows(sample):
            msg = f"sample {sample.name!r} is not fresh: its rows were used for training, in another sample or in an earlier round; bring rows that were never used"
            raise ArgumentError(msg)
        passport = passport.with_sample(sample)


@dataclass(frozen=True)
class _Better:
    name: str
    model: Predictor
    tried: dict[str, float]
    left: list[ModelRepair]


def _parted(rows: Sample, part: float, seed: int) -> tuple[Sample, Sample]:
    """A random part of the rows, and the others."""
    order = np.random.default_rng(seed).permutation(len(rows))
    cut = int(part * len(rows))
    return rows.take(np.sort(order[:cut]), "validation"), rows.take(np.sort(order[cut:]), "train")


def _promising(answers: Array, choosing: Sample, target: GapTarget) -> bool:
    """Whether a model meets the target on validation rows; not if these are too few to say."""
    try:
        return evaluate_gap(answers, answers, choosing, target).gap <= target.gap
    except TooFewLabelsError:
        return False


def _passes_with(following: int, judged: Evaluation, target: GapTarget) -> bool:
    """Whether an undecided model would pass with so many more rows, if its estimates stay."""
    within = judged.gap <= target.gap and -judged.accuracy_change <= target.accuracy_loss
    undecided = judged.verdict == "undecided" and judged.needed is not None
    return within and undecided and judged.rows + following >= (judged.needed or 0)


def _repaired(
    current: Predictor, first: Predictor, learning: Sample, choosing: Sample, target: GapTarget,
    left: list[ModelRepair], blind: frozenset[str], answers: Callable[[Predictor, Sample], Array],
) -> _Better | None:  # fmt: skip
    """The candidate closest to the target on validation rows; None if none is closer than now."""
    as_first = answers(first, choosing)

    def cost(judged: Evaluation) -> float:
        """The gap, and by how much accuracy and watched groups exceed their limits, in shares.

        Fresh samples are larger: what is likely here, a change beyond half its interval, is shown there.
        """
        lost = max(-judged.accuracy_change - target.accuracy_loss, 0.0)
        hurt = max(((w.change + w.low) / 2 - w.allowed for w in judged.watched), default=0.0)
        return judged.gap + 2 * (lost + max(hurt, 0.0))

    best: tuple[float, int, str, Predictor] | None = None
    tried: dict[str, float] = {}
    for place, repair in enumerate(left):
        for name, candidate in repair.candidates(current, learning, target, blind):
            judged = evaluate_gap(answers(candidate, choosing), as_first, choosing, target)
            tried[name] = judged.gap
            if best is None or cost(judged) < best[0]:
                best = cost(judged), place, name, candidate
    now = evaluate_gap(answers(current, choosing), as_first, choosing, target)
    if best is None or best[0] >= cost(now):
        return None
    _, place, name, chosen = best
    return _Better(name, chosen, tried, [r for i, r in enumerate(left) if i != place])


def _needed(found: Sequence[Round], left: Sequence[ModelRepair], samples: int) -> tuple[str, ...]:
    last = found[-1].evaluation
    texts = [f"not passed: {reason}" for reason in last.reasons]
    if last.verdict == "undecided" and last.needed is not None:
        texts.append(
            f"if the estimates stay where they are, about {count(last.needed)} fresh rows decide it ({count(last.rows)} were used)"
        )
    elif last.verdict == "fail" and len(found) < samples:
        texts.append(
            "no repair brings the validation rows closer to the target: other features, better labels or more rows of the worse group are needed"
        )
    if not left:
        texts.append("every repair was used; add others")
    if len(found) == samples:
        texts.append("no fresh sample is left: bring rows that were never used")
    return tuple(texts)
