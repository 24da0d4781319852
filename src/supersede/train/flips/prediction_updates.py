"""Which stored predictions to renew when a better model appears, and which of them to change.

A large set of unlabelled items has stored answers of a model in service. A new model is better on
average, but running it on everything is expensive, and accepting all its answers brings negative
flips. Instead, a posterior over each item's label is stored. With y the label and a_1, …, a_t the
answers so far,

    P(y | a_1, …, a_t)  ∝  P(y) · P(a_1 | y) · … · P(a_t | y),

where P(a | y) is the confusion matrix of each model, estimated on labelled items. The posterior
shows which items are worth a further answer, and whether that answer justifies a change of the
stored one.

References:
    Träuble et al. (2021), Backward-compatible prediction updates: a probabilistic approach, NeurIPS,
    arXiv 2107.01057: the posterior, the choice by entropy, and the rules. The choice by gain is the
    expected value of one more answer, in closed form.

Assumes: given the label, the models err independently, and on these items as on the labelled ones.
Models of one kind make the same errors, so posteriors become overconfident there; check on labelled
items before relying on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from supersede.errors import ArgumentError, TooFewLabelsError

__all__ = ["ClassEvidence", "ConfusionMatrix", "Predictions", "evidence_of_probabilities"]

Floats = npt.NDArray[np.float64]
Items = npt.NDArray[np.intp]
By = Literal["gain", "entropy", "margin", "random"]
Rule = Literal["cost ratio", "less entropy", "replace"]
_SMALLEST = 1e-12  # a probability of exactly 0 could never become positive again


@dataclass(frozen=True)
class ClassEvidence:
    """One model's answers on m items, and their likelihood under each label.

    Attributes:
        classes: Names of the C classes.
        said: Indices of its answers, ``(m,)``.
        likelihood: Proportional to P(answer | label), ``(m, C)``.
        shares: Shares of the classes where the likelihoods were estimated, ``(C,)``.
    """

    classes: tuple[Any, ...]
    said: Items
    likelihood: Floats
    shares: Floats


@dataclass(frozen=True)
class ConfusionMatrix:
    """A model's confusion matrix.

    Attributes:
        classes: Names of the C classes.
        given_label: P(answer | label), labels in rows and answers in columns, ``(C, C)``.
        shares: Shares of the classes among the labels, ``(C,)``; equal, if None.

    Example:
        >>> known = ConfusionMatrix.of(["a", "a", "b", "b"], ["a", "a", "b", "a"], smoothing=0)
        >>> known.given_label.tolist()
        [[1.0, 0.0], [0.5, 0.5]]
    """

    classes: tuple[Any, ...]
    given_label: Floats
    shares: Floats | None = None

    @classmethod
    def of(
        cls,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        *,
        classes: Sequence[Any] | None = None,
        smoothing: float = 1.0,
    ) -> "ConfusionMatrix":
        """Count a model's answers on labelled items on which it was not trained.

        Args:
            y_true: Labels, ``(n,)``.
            y_pred: Its answers, ``(n,)``.
            classes: All classes; those that occur, if None.
            smoothing: Added to each count, so that unseen answers do not get probability 0.

        Raises:
            ArgumentError: Shapes differ, a class is not among `classes`, or smoothing is negative.
            TooFewLabelsError: A class has no label and there is no smoothing.
        """
        truth, said = np.asarray(y_true), np.asarray(y_pred)
        if truth.ndim != 1 or truth.shape != said.shape:
            msg = f"labels have shape {truth.shape}, answers {said.shape}; both must be (n,)"
            raise ArgumentError(msg)
        if not (np.isfinite(smoothing) and smoothing >= 0):
            msg = f"smoothing={smoothing!r} must be a finite number, 0 or more"
            raise ArgumentError(msg)
        names = np.unique(np.concatenate([truth, said])) if classes is None else np.asarray(classes)
        known = tuple(names.tolist())
        counts = np.full((len(known), len(known)), float(smoothing))
        np.add.at(counts, (_places(truth, known), _places(said, known)), 1.0)
        total = counts.sum(axis=1, keepdims=True)
        if not total.all():
            lacking = known[int(np.flatnonzero(total[:, 0] == 0)[0])]
            msg = f"no labelled item of class {lacking!r}; pass smoothing above 0, or more labels"
            raise TooFewLabelsError(msg)
        return cls(known, counts / total, total[:, 0] / total.sum())

    def evidence(self, y_pred: npt.ArrayLike) -> ClassEvidence:
        """The evidence from answers on further items.

        Args:
            y_pred: The model's answers, ``(m,)``.

        Raises:
            ArgumentError: An answer is not one of the classes, or has probability 0 in this matrix.
        """
        said = _places(np.asarray(y_pred), self.classes)
        likelihood = self.given_label.T[said]
        if not likelihood.any(axis=1).all():
            never = self.classes[int(said[np.flatnonzero(~likelihood.any(axis=1))[0]])]
            msg = f"the model never answered {never!r} on labelled items; count with smoothing above 0"
            raise ArgumentError(msg)
        return ClassEvidence(
            self.classes, said, likelihood, _shares(self.shares, len(self.classes))
        )


def evidence_of_probabilities(
    probabilities: npt.ArrayLike,
    classes: Sequence[Any],
    *,
    prior: npt.ArrayLike,
) -> ClassEvidence:
    """The evidence from calibrated probabilities, which is more informative than answers alone.

    Args:
        probabilities: P(label | item) by the model, ``(m, C)``.
        classes: Names of the columns.
        prior: Shares of the classes where the model was trained, ``(C,)``.

    Returns:
        The evidence, with likelihoods ``probabilities / prior``.

    Raises:
        ArgumentError: The values are not probabilities of these classes.

    Example:
        >>> evidence_of_probabilities([[0.9, 0.1]], ["a", "b"], prior=[0.5, 0.5]).said.tolist()
        [0]
    """
    values, known = np.asarray(probabilities, float), tuple(classes)
    shares = _shares(prior, len(known))
    if values.ndim != 2 or values.shape[1] != len(known):
        msg = f"probabilities have shape {values.shape}; expected (items, {len(known)} classes)"
        raise ArgumentError(msg)
    fine = np.isfinite(values) & (values >= 0)
    if not fine.all() or (values.sum(axis=1) <= 0).any():
        msg = "probabilities must be finite, 0 or more, and not all 0 on any item"
        raise ArgumentError(msg)
    return ClassEvidence(
        known, values.argmax(axis=1), np.maximum(values, _SMALLEST) / shares, shares
    )


@dataclass(frozen=True)
class Predictions:
    """Stored answers on n items, and the posterior over the label of each.

    Attributes:
        classes: Names of the C classes.
        belief: P(label | answers so far), ``(n, C)``.
        stored: Indices of the stored answers, ``(n,)``.
        doubt: Entropy of the posterior when the stored answer was last set, in nats, ``(n,)``.

    Example:
        >>> old = ConfusionMatrix(("a", "b"), np.array([[0.8, 0.2], [0.2, 0.8]]))
        >>> new = ConfusionMatrix(("a", "b"), np.array([[0.9, 0.1], [0.1, 0.9]]))
        >>> kept = Predictions.first(old.evidence(["a", "b", "b"]))
        >>> items = kept.worth_renewing(1, by="gain", new=new)
        >>> kept.renewed(items, new.evidence(["b"]))
        Predictions of 3 items, mean entropy 0.38
    """

    classes: tuple[Any, ...]
    belief: Floats
    stored: Items
    doubt: Floats

    @classmethod
    def first(cls, evidence: ClassEvidence, *, prior: npt.ArrayLike | None = None) -> "Predictions":
        """Store a first model's answers on all items.

        Args:
            evidence: The evidence from its answers.
            prior: Shares of the classes among these items, ``(C,)``; if None, those of the labels
                of the model's confusion matrix, or of its training.

        Raises:
            ArgumentError: The prior does not consist of shares of the classes.
        """
        shares = evidence.shares if prior is None else _shares(prior, len(evidence.classes))
        belief = _normalised(evidence.likelihood * shares)
        return cls(evidence.classes, belief, evidence.said, _entropy(belief))

    def __len__(self) -> int:
        return len(self.stored)

    def __repr__(self) -> str:
        doubt = float(_entropy(self.belief).mean()) if len(self) else 0.0
        return f"Predictions of {len(self)} items, mean entropy {doubt:.2f}"

    @property
    def answers(self) -> npt.NDArray[Any]:
        """The stored answers by name, ``(n,)``."""
        named: npt.NDArray[Any] = np.asarray(self.classes)[self.stored]
        return named

    def worth_renewing(
        self,
        budget: int,
        *,
        by: By = "gain",
        new: ConfusionMatrix | None = None,
        seed: int = 0,
    ) -> Items:
        """The items on which a new model's answer is most valuable.

        Args:
            budget: Number of items that can be predicted again.
            by: ``"gain"``: expected increase in the probability of the most probable class, over
                the new model's possible answers; ``"entropy"`` of the posterior; ``"margin"``
                between its two most probable classes; ``"random"``.
            new: The new model's confusion matrix, needed for the gain.
            seed: Seed for ties and for the random choice.

        Returns:
            Indices of items, ascending.

        Raises:
            ArgumentError: The budget is not between 0 and the number of items, or the gain is
                requested without the new model's confusion matrix.
        """
        if not isinstance(budget, int | np.integer) or not 0 <= budget <= len(self):
            msg = f"budget={budget!r} must be a number of items from 0 to {len(self)}"
            raise ArgumentError(msg)
        shuffled = np.random.default_rng(seed).permutation(len(self))
        worth = self._worth(by, new)[shuffled]
        best = shuffled[np.argsort(-worth, kind="stable")[:budget]]
        return np.sort(best)

    def _worth(self, by: By, new: ConfusionMatrix | None) -> Floats:
        if by not in get_args(By):
            msg = f"by={by!r} must be one of {', '.join(map(repr, get_args(By)))}"
            raise ArgumentError(msg)
        if by == "random":
            return np.zeros(len(self))
        if by == "entropy":
            return _entropy(self.belief)
        if by == "margin":
            top = np.sort(self.belief, axis=1)[:, -2:]
            margin: Floats = top[:, 0] - top[:, -1]
            return margin
        if new is None:
            msg = "by='gain' needs the new model's confusion matrix: pass new=ConfusionMatrix.of(…)"
            raise ArgumentError(msg)
        self._same(new.classes)
        best = np.zeros(len(self))
        for said in range(len(self.classes)):  # one answer at a time: (n, C), never (n, C, C)
            best += (self.belief * new.given_label[:, said]).max(axis=1)
        gain: Floats = best - self.belief.max(axis=1)
        return gain

    def renewed(
        self,
        items: npt.ArrayLike,
        evidence: ClassEvidence,
        *,
        rule: Rule = "cost ratio",
        flip_cost: float = 1.0,
    ) -> "Predictions":
        """Update with a new model's answers on some items.

        Args:
            items: Indices of the items that were predicted again, each once, ``(m,)``.
            evidence: The evidence from the new model's answers on them, in the same order.
            rule: ``"cost ratio"`` changes an answer where another class is more than `flip_cost`
                times as probable as the stored one; ``"less entropy"`` takes the most probable class
                if the posterior entropy is also lower than when the answer was last set;
                ``"replace"`` takes the new model's answer, as is usually done.
            flip_cost: How many gained answers it takes to outweigh one lost answer. At 1, the most
                probable class is stored.

        Returns:
            The predictions afterwards.

        Raises:
            ArgumentError: Items do not match the evidence, or a value is out of range or not one of
                the allowed values.
        """
        rows = np.asarray(items)
        self._same(evidence.classes)
        if rows.shape != (len(evidence.said),) or rows.dtype.kind not in "iu":
            msg = (
                f"items have shape {rows.shape} and type {rows.dtype}; expected integers, one for"
                f" each of {len(evidence.said)} answers"
            )
            raise ArgumentError(msg)
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self)):
            msg = f"items range from {rows.min()} to {rows.max()}, but there are {len(self)} items"
            raise ArgumentError(msg)
        if len(np.unique(rows)) < len(rows):
            msg = "an item occurs twice; each item takes one answer per model"
            raise ArgumentError(msg)
        belief, stored, doubt = self.belief.copy(), self.stored.copy(), self.doubt.copy()
        belief[rows] = after = _normalised(self.belief[rows] * evidence.likelihood)
        entropy = _entropy(after)
        likely, before = after.argmax(axis=1), self.stored[rows]
        each = np.arange(len(rows))
        if rule == "replace":
            now, change = evidence.said, np.ones(len(rows), bool)
        elif rule == "less entropy":
            now, change = likely, entropy < self.doubt[rows]
        elif rule == "cost ratio":
            if not (np.isfinite(flip_cost) and flip_cost >= 1):
                msg = f"flip_cost={flip_cost!r} must be a finite number, 1 or more"
                raise ArgumentError(msg)
            now, change = likely, after[each, likely] > flip_cost * after[each, before]
        else:
            msg = f"rule={rule!r} must be one of {', '.join(map(repr, get_args(Rule)))}"
            raise ArgumentError(msg)
        stored[rows] = np.where(change, now, before)
        doubt[rows] = np.where(change, entropy, doubt[rows])
        return Predictions(self.classes, belief, stored, doubt)

    def _same(self, classes: tuple[Any, ...]) -> None:
        if classes != self.classes:
            msg = f"the new model's classes are {classes}, the stored ones {self.classes}; they must agree"
            raise ArgumentError(msg)


def _places(names: npt.NDArray[Any], classes: tuple[Any, ...]) -> Items:
    place = {name: index for index, name in enumerate(classes)}
    unknown = sorted({repr(name) for name in np.unique(names).tolist() if name not in place})
    if unknown:
        msg = (
            f"{', '.join(unknown[:5])} is not one of the classes {classes}; pass classes=<all of"
            " them>"
        )
        raise ArgumentError(msg)
    found, inverse = np.unique(names, return_inverse=True)
    return np.array([place[name] for name in found.tolist()], np.intp)[inverse]


def _shares(prior: npt.ArrayLike | None, classes: int) -> Floats:
    if prior is None:
        return np.full(classes, 1 / classes)
    shares = np.asarray(prior, float)
    if shares.shape != (classes,) or not np.isfinite(shares).all() or (shares <= 0).any():
        msg = f"prior={prior!r} must have one share above 0 for each of {classes} classes"
        raise ArgumentError(msg)
    normalised: Floats = shares / shares.sum()
    return normalised


def _normalised(mass: Floats) -> Floats:
    raised = np.maximum(mass, _SMALLEST * mass.max(axis=1, keepdims=True))
    belief: Floats = raised / raised.sum(axis=1, keepdims=True)
    return belief


def _entropy(belief: Floats) -> Floats:
    entropy: Floats = -(belief * np.log(belief)).sum(axis=1)
    return entropy
