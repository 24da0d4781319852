"""Plan which items to label: one label set for many models and many metrics."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.evaluate.belief import Calibration, Prior, expect
from supersede.evaluate.counting import count_patterns
from supersede.evaluate.design import Expectation, Method, Mix, Plan
from supersede.evaluate.draw import item_column
from supersede.evaluate.earlier import refuse_other
from supersede.evaluate.estimands import Estimand, checked, models_of
from supersede.evaluate.for_review import open_questions
from supersede.evaluate.hypergeometric import check_confidence
from supersede.evaluate.methods import Chosen, Methods, optimal_strata
from supersede.evaluate.patterns import Patterns
from supersede.evaluate.problem import Problem, margins
from supersede.metrics.intervals import z
from supersede.table.coerce import as_table
from supersede.table.table import Table

if TYPE_CHECKING:
    from supersede.evaluate.estimates import Estimates

__all__ = ["plan"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FACTORS = 24  # of the margins, tried for a budget
_HALVINGS = 16  # between the last factor that needs too many labels and the first that does not
_DEAR = (
    0.2  # an estimand that needs this share of the items of a large table is called unaffordable
)
_LARGE = 20_000


def plan(
    table: object,
    estimands: Estimand | Iterable[Estimand] = (),
    *,
    margin: float = 0.05,
    confidence: float = 0.95,
    method: Method = "allocated",
    parent: str | None = None,
    mix: Mix = "reshuffle",
    budget: int | None = None,
    prior: Prior = "votes",
    judge: str | Sequence[str] = (),
    after: "Plan | Estimates | None" = None,
    classes: Sequence[Any] | None = None,
    item: str | None = None,
    seed: int = 0,
    for_review: "str | Path | Mapping[str, Any] | None" = None,
    progress: Callable[[str], None] | None = None,
) -> Plan:
    """Choose the items whose labels serve all estimands at once.

    Args:
        table: Predictions: a `Table`, read with ``labelled=False`` where there are no labels yet; or
            anything that `supersede.read` reads, which is then read so.
        estimands: What to estimate, such as ``[precision("a"), precision("b")]``.
        margin: Requested half-width of the intervals; 0 labels all items that matter.
        confidence: Two-sided confidence in (0, 1).
        method: ``"allocated"`` chooses inclusion probabilities that need the fewest labels and uses
            the models' answers (and scores) in the estimate; ``"coordinated"`` gives every
            estimand an exact simple random sample of its own, overlapping as much as possible;
            ``"parent_child"`` is the article's; ``"independent"`` the baseline.
        parent: For ``"parent_child"``, the model whose sample the others reuse.
        mix: For ``"parent_child"``, how its parts are mixed.
        budget: How many labels can be afforded: all margins are then scaled by one factor until the
            plan needs that number. Not for ``"parent_child"``.
        prior: Expected labels: ``"votes"`` follows the models' majority (or mean score) as far as
            it is clear, ``"worst"`` guarantees the margins for any labels.
        judge: A column with an opinion about every item's label, such as a language model's: a class
            that labels can have, or the probability of class 1; no value where it has none. Or
            several. It saves labels as far as it is right, which the labels show; it is never
            taken for a label. For ``"allocated"``. (Where models are graded, their grades are the
            judge.)
        after: An earlier plan, whose labels then count for this one; or its estimates, from which
            this plan also learns (the second phase of two).
        classes: All classes that labels may have, if the models do not predict them all.
        item: The column of item ids, if the table was read without ids.
        seed: Key of the permanent random numbers. Keep it to reuse labels.
        for_review: In place of `estimands`, the result of an undecided review, as ``review.to_dict()``
            or the path of its JSON: its undecided checks become estimands, with margins that decide
            them (`open_questions`). Margins are then those of the review's intervals, which are about
            the population that the items were drawn from.
        progress: Function that is called with a line of text before each step.

    Returns:
        The plan; it depends on nothing but these arguments, not on the order of rows or the
        engine.

    Raises:
        ArgumentError: An argument is out of range or not one of the allowed values, the method
            cannot serve an estimand, the table has weights or clusters that the method cannot
            heed, or only one cluster, or `after` is a plan of another table or seed.
        ItemError: An item id occurs twice.
        MissingColumnError: A model or column is not in the table.
        TooFewLabelsError: There is nothing to label for any estimand.

    Example:
        >>> import supersede
        >>> from supersede.evaluate import accuracy, plan
        >>> table = supersede.read(
        ...     {"id": list(range(1000)), "a": [0, 1] * 500, "b": [0, 1, 1, 1] * 250},
        ...     models=["a", "b"], labelled=False,
        ... )
        >>> chosen = plan(table, accuracy("b") - accuracy("a"), margin=0.05)
        >>> chosen.size  # only items on which the two disagree
        70

    Assumes: see the method's file; ``"allocated"`` does not need any model to be right, only labels
    for the planned items.
    """
    say = progress or (lambda _: None)
    if for_review is not None:
        estimands = _asked_by(for_review, estimands)
    named = (estimands,) if isinstance(estimands, Estimand) else tuple(estimands)
    models = models_of(named)
    judges = (judge,) if isinstance(judge, str) else tuple(judge)
    _refuse_judges(judges, models, method)
    # a table may have been read without the ids that a plan needs
    ids = None if isinstance(table, Table) else item
    # without a model, the share of a class is estimated with the judge alone
    table = as_table(table, models or judges or None, labelled=False, item=ids, keep=judges)
    asked = checked(named, table)
    _refuse_uses(table, method)
    check_confidence(confidence)
    column = item_column(table, item)
    if budget is not None and not _is_count(budget):
        msg = f"budget={budget!r} must be a whole number of labels, 1 or more"
        raise ArgumentError(msg)
    say("counting the models' answers")
    patterns = count_patterns(table, asked, classes, judges)
    earlier, calibration, least = _learnt(after, patterns)
    if after is not None:
        refuse_other(
            after if isinstance(after, Plan) else after.plan, table, column, patterns, seed
        )
    belief = expect(patterns, prior)
    if calibration != Calibration():
        belief = calibration.apply(belief, patterns)
    problem = Problem(
        asked, patterns, belief, margins(asked, margin), confidence, for_review is not None
    )
    if not any(problem.items):
        msg = (
            f"no label affects {asked[0].name!r}: the model predicts the class for no item, or"
            " the models agree everywhere; nothing needs to be labelled"
        )
        raise TooFewLabelsError(msg)
    say("choosing items")
    make = Methods(table, column, seed, least)
    methods: dict[str, Callable[[Problem], Chosen]] = {
        "allocated": make.allocated,
        "coordinated": make.coordinated,
        "independent": make.independent,
        "parent_child": lambda p: make.parent_child(p, parent, mix),
    }
    if method not in methods:
        msg = f"method={method!r} must be one of {', '.join(map(repr, methods))}"
        raise ArgumentError(msg)
    if budget is not None:
        problem = _afford(problem, budget, method, make)
    chosen = methods[method](problem)
    return Plan(
        method=chosen.method,
        estimands=asked,
        confidence=confidence,
        seed=seed,
        patterns=patterns,
        belief=belief,
        items=chosen.items,
        samples=chosen.samples,
        stratum=chosen.stratum,
        expectations=_expectations(problem, chosen.expected),
        independent=sum(problem.alone),
        parent=parent if method == "parent_child" else None,
        mix=mix if method == "parent_child" else None,
        calibration=calibration,
        earlier=earlier,
        notes=_notes(problem, chosen, method, mix),
    )


def _asked_by(
    result: "str | Path | Mapping[str, Any]", named: Estimand | Iterable[Estimand]
) -> Sequence[Estimand]:
    """The estimands of an undecided review.

    Raises:
        ArgumentError: Estimands are named too.
    """
    if isinstance(named, Estimand) or tuple(named):
        msg = "for_review= takes the estimands from the review; leave out the others"
        raise ArgumentError(msg)
    return open_questions(result)


def _refuse_judges(judges: Sequence[str], models: Sequence[str], method: str) -> None:
    """Refuse judges that are models, named twice, or useless to the method.

    Raises:
        ArgumentError: One is.
    """
    twice = next((j for at, j in enumerate(judges) if j in judges[:at]), None)
    if twice is not None:
        msg = f"judge {twice!r} is named twice; name it once"
        raise ArgumentError(msg)
    model = next((j for j in judges if j in models), None)
    if model is not None:
        msg = (
            f"judge {model!r} is a model whose quality is estimated, so its answers count as that"
            " model's already; leave it out of judge="
        )
        raise ArgumentError(msg)
    if judges and method != "allocated":
        msg = f"method={method!r} makes no use of a judge; use method='allocated', or leave out judge="
        raise ArgumentError(msg)


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 1


def _refuse_uses(table: Table, method: str) -> None:
    """Refuse a method that cannot heed the table's weights or clusters.

    Raises:
        ArgumentError: It cannot.
    """
    uses = {"weight": "item weights", "cluster": "clusters"}
    used = next((use for use in uses if getattr(table, use) is not None), None)
    if method == "parent_child" and used is not None:
        msg = (
            f"the table has {uses[used]} ({used}={getattr(table, used)!r}), and the parent/child method"
            " is for items that are independent and count once; use method='allocated'"
        )
        raise ArgumentError(msg)


def _learnt(
    after: "Plan | Estimates | None", patterns: Patterns
) -> tuple[tuple[str, ...], Calibration, Floats | float]:
    """Designs whose labels count, their recalibration, and the items already labelled for them."""
    if after is None:
        return (), Calibration(), 0.0
    before = after if isinstance(after, Plan) else after.plan
    calibration = before.calibration if isinstance(after, Plan) else after.calibration
    earlier = (*before.earlier, before.design)
    known = before.patterns
    if known.judges != patterns.judges:  # weights of other judges say nothing of these
        calibration = Calibration(calibration.slope, calibration.shift)
    same = known.keys == patterns.keys and np.array_equal(known.codes, patterns.codes)
    if not same or before.method != "allocated":
        return earlier, calibration, 0.0
    share = np.array([s.take / s.of for s in before.samples])
    return earlier, calibration, np.where(before.stratum >= 0, share[before.stratum], 0.0)


def _afford(problem: Problem, budget: int, method: Method, make: Methods) -> Problem:
    """The problem with all margins scaled so that a plan uses up the budget."""
    if method == "parent_child":
        msg = "a budget is for 'allocated', 'coordinated' or 'independent', not 'parent_child'"
        raise ArgumentError(msg)

    def cost(factor: float) -> float:
        scaled = problem.scaled(factor)
        if method == "independent":
            return float(sum(scaled.alone))
        shared = float(scaled.patterns.count @ scaled.share())
        if method == "coordinated":
            return shared
        strata = float(optimal_strata(scaled, make.least).take.sum())
        # as `Methods.allocated` chooses
        return strata if np.ndim(make.least) else min(strata, shared)

    high = 1.0 / max(float(problem.margin.min()), 1e-3)
    # many small strata can cost more at wider margins, so one end does not speak for all between
    tried = np.geomspace(1e-3, high, _FACTORS)
    fits = next((at for at, factor in enumerate(tried) if cost(float(factor)) <= budget), None)
    if fits is None:
        msg = (
            f"budget={budget} labels cannot support {len(problem.estimands)} estimands: even"
            f" margins of 1 need {cost(high):.0f}; name fewer estimands, or raise the budget"
        )
        raise TooFewLabelsError(msg)
    low, high = float(tried[max(fits - 1, 0)]), float(tried[fits])
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        if cost(middle) > budget:
            low = middle
        else:
            high = middle
    return problem.scaled(high)


def _expectations(problem: Problem, expected: list[float]) -> tuple[Expectation, ...]:
    return tuple(
        Expectation(e.name, float(m), float(w), n, alone)
        for e, m, w, n, alone in zip(
            problem.estimands,
            problem.margin,
            expected,
            problem.items,
            problem.alone,
            strict=True,
        )
    )


def _notes(problem: Problem, chosen: Chosen, asked: Method, mix: Mix) -> tuple[str, ...]:
    """Caveats before labels are bought."""
    notes = []
    if chosen.method != asked:
        unused = ", without the judge" if problem.patterns.judges else ""
        notes.append(
            f"coordinated random samples do not need more labels here, so they are used{unused}"
        )
    if asked == "parent_child" and mix == "resample":
        notes.append(
            "resampling repeats labels: its usual 95 % interval covers about 82 %, so intervals"
            " count every label once and are wider"
        )
    for k, estimand in enumerate(problem.estimands):
        if not problem.items[k]:
            notes.append(
                f"{estimand.name}: no label affects it (no such items, or the models agree on all"
                " of them)"
            )
            continue
        # a small class may well need most of its items, which are few
        dear = problem.patterns.size > _LARGE and problem.alone[k] > _DEAR * problem.patterns.size
        if dear:
            notes.append(
                f"{estimand.name} is unaffordable by random sampling: {problem.alone[k]:,} of"
                f" {problem.items[k]:,} items; {_cheaper(estimand)} would help"
            )
    if problem.patterns.clusters is not None:
        notes += _of_clusters(problem)
    elif problem.population:
        notes += _of_items(problem)
    return tuple(notes)


def _of_clusters(problem: Problem) -> list[str]:
    """What clusters leave unknown however many labels there are."""
    clusters = problem.patterns.clusters
    assert clusters is not None  # noqa: S101  # the caller has them
    notes = [
        f"intervals are about clusters like these {clusters.size:,}, and wider than expected where mistakes"
        " come together in clusters, which only labels show"
    ]
    least = z(problem.confidence) * problem.between**0.5
    for estimand, margin, half in zip(problem.estimands, problem.margin, least, strict=True):
        if 0 < margin < half:
            notes.append(
                f"{estimand.name}: {clusters.size:,} clusters leave ± {half:.3g} if all items are labelled,"
                f" so that no number of labels gives ± {margin:.3g}; more clusters would"
            )
    return notes


def _of_items(problem: Problem) -> list[str]:
    """Which questions of a review the items of the table are too few for."""
    notes = []
    least = z(problem.confidence) * problem.between**0.5
    for estimand, margin, half in zip(problem.estimands, problem.margin, least, strict=True):
        if margin < half:
            notes.append(
                f"{estimand.name}: a review of these items has an interval of ± {half:.3g} even if all"
                f" are labelled, and needs ± {margin:.3g} to decide if the estimate does not move; review"
                f" a table with about {math.ceil((half / margin) ** 2 * 10) / 10:g} times as many such items"
            )
    return notes


def _cheaper(estimand: Estimand) -> str:
    """What makes an estimand affordable."""
    if all(term.metric in {"recall", "f1"} for term in estimand.terms):
        return (
            "rare positives that no model finds must be searched for. Scores in the table, a wider"
            " margin, or precision instead"
        )
    return "a wider margin"
