"""Measure treatments on validation rows, and detect an old model that was trained on them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import KFold, StratifiedKFold, check_cv

from supersede.errors import ArgumentError, TooFewLabelsError
from supersede.look import count, share
from supersede.train.flips.answers import decided
from supersede.train.flips.deployed import deployed
from supersede.train.flips.front import Front, choose, measure
from supersede.train.flips.remembered import aligned
from supersede.train.flips.rows import Rows
from supersede.train.flips.treatment import Treatment, blended, fit_treated

__all__ = ["Fold", "folds", "refuse_if_seen", "try_all"]

Fold = tuple[Rows, Rows]
_MANY = 30  # on fewer items, being right everywhere is not suspicious
_SIGMAS = 4.0  # one false alarm in 30 000 searches whose old model is as good as the new one


def folds(rows: Rows, cv: Any, seed: int) -> Iterator[Fold]:
    """Training and validation rows of each fold.

    Args:
        rows: All rows.
        cv: Number of folds, a scikit-learn splitter, or pairs of training and validation rows.
        seed: Seed of the shuffle, for a number of folds.

    Yields:
        Training rows and validation rows.

    Raises:
        TooFewLabelsError: There are fewer than two rows per fold.
    """
    if isinstance(cv, int):
        if len(rows) < 2 * cv:
            msg = f"{len(rows)} rows are too few for {cv} folds; pass a strength, or more rows"
            raise TooFewLabelsError(msg)
        smallest = int(np.unique(rows.y, return_counts=True)[1].min())
        kind = StratifiedKFold if smallest >= cv else KFold  # a rare class cannot be in every fold
        cv = kind(cv, shuffle=True, random_state=seed)
    for train, test in check_cv(cv).split(np.zeros(len(rows)), rows.y, rows.groups):
        yield rows.take(train), rows.take(test)


def try_all(
    treatments: Sequence[Treatment],
    estimator: Any,
    classes: npt.NDArray[Any],
    parts: Iterable[Fold],
    *,
    tolerance: float,
    confidence: float | None = None,
    suspicious: bool = False,
    threshold: float | None = None,
) -> tuple[Front, Treatment]:
    """Measure the untreated model and each treatment on validation rows, and choose.

    Args:
        treatments: The treatments to try.
        estimator: The classifier to be trained.
        classes: The classes, sorted.
        parts: Training and validation rows, once or by fold.
        tolerance: Allowed increase in error over the untreated model.
        confidence: See `choose`.
        suspicious: Whether to refuse an old model that seems to have been trained on the
            validation rows.
        threshold: See `decided`.

    Returns:
        The front, and the chosen treatment; one of strength 0 if none qualifies.

    Raises:
        TooFewLabelsError: No row with a known old answer is left on which to measure flips.
    """
    tried = [Treatment(treatments[0].mode, 0.0), *(t for t in treatments if t.strength > 0)]
    tested, predictions, overlap = _predictions(tried, estimator, classes, parts, threshold)
    y = np.concatenate([part.y for part in tested])
    right = np.concatenate([part.right() for part in tested])
    known = np.concatenate([part.known() for part in tested])
    if suspicious:
        refuse_if_seen(right[known], (predictions[0] == y)[known])
    if not known.any():
        msg = (
            "the old model was trained on every validation row, so no negative flip can be measured;"
            " pass shared='refit', or validation rows that it has not seen"
        )
        raise TooFewLabelsError(msg)
    weighing = {
        name: np.concatenate([getattr(part, name) for part in tested])[known]
        for name in ("sample_weight", "flip_cost")
        if getattr(tested[0], name) is not None
    }
    points = [
        measure(
            y[known],
            prediction[known],
            right[known],
            strength=treatment.strength,
            treatment=treatment.name if treatment.strength else "none",
            untreated=predictions[0][known],
            inflation=overlap,
            **weighing,
        )
        for treatment, prediction in zip(tried, predictions, strict=True)
    ]
    front = choose(points, tolerance=tolerance, items=int(known.sum()), confidence=confidence)
    return front, tried[next(i for i, point in enumerate(points) if point is front.chosen)]


def _predictions(
    tried: Sequence[Treatment],
    estimator: Any,
    classes: npt.NDArray[Any],
    parts: Iterable[Fold],
    threshold: float | None,
) -> tuple[list[Rows], list[npt.NDArray[Any]], float]:
    """All validation rows, the answers of each treatment on them, and the inflation by overlap.

    The first treatment is the untreated model. The variance of a mean over k folds is
    ``(1/k + n_test / n_train)`` times that of one fold (Nadeau & Bengio, 2003), where independent items
    would give ``1/k``.
    """
    tested: list[Rows] = []
    ratios: list[float] = []
    said: list[list[npt.NDArray[Any]]] = [[] for _ in tried]
    for train, test in parts:
        tested.append(test)
        ratios.append(len(test) / len(train))
        untreated = fit_treated(tried[0], estimator, train, classes)
        for number, treatment in enumerate(tried):
            alike = treatment.mode == "blend" or treatment.strength == 0
            model = untreated if alike else fit_treated(treatment, estimator, train, classes)
            said[number].append(_predict(treatment, model, test, classes, threshold))
    return tested, [np.concatenate(answers_) for answers_ in said], 1 + sum(ratios)


def refuse_if_seen(
    old_right: npt.NDArray[np.float64], untreated_right: npt.NDArray[np.bool_] | None = None
) -> None:
    """Refuse old models that are implausibly good on these rows.

    An old model is suspicious if it is right on all rows, or better than the untreated new model,
    which is evaluated out of sample, by four standard errors (McNemar).

    Args:
        old_right: Grade of each old model's answers on the rows, ``(n, k)``.
        untreated_right: Whether the untreated new model is right, out of sample, ``(n,)``, if
            known.

    Raises:
        ArgumentError: An old model looks as if it had been trained on these rows.
    """
    for right in old_right.T > 0.5:
        why = ""
        if len(right) >= _MANY and right.all():
            why = f"it is right on all {count(len(right))} of them"
        elif untreated_right is not None:
            lost, won = (right & ~untreated_right).sum(), (~right & untreated_right).sum()
            if lost - won > _SIGMAS * np.sqrt(max(lost + won, 1)):
                why = (
                    f"it is right on {share(float(right.mean()))} of them, and a new model, out of"
                    f" sample, on {share(float(untreated_right.mean()))}"
                )
        if why:
            msg = (
                f"the old model seems to have been trained on these rows: {why}. Its answers on its"
                " own training rows are not representative; pass seen_by_old=<mask of these rows>"
                " to predict them out of sample, or seen_by_old=False if it has seen none"
            )
            raise ArgumentError(msg)


def _predict(
    treatment: Treatment,
    model: Any,
    rows: Rows,
    classes: npt.NDArray[Any],
    threshold: float | None,
) -> npt.NDArray[Any]:
    blending = treatment.mode == "blend" and treatment.strength > 0
    if not blending and threshold is None:
        return np.asarray(model.predict(rows.X)).reshape(-1)
    new, _ = aligned(*deployed(model).answers(rows.X), classes)
    if blending:
        new = blended(treatment, new, [old.probabilities for old in rows.remembered])
    return decided(new, classes, threshold)
