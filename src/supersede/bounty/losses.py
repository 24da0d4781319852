"""What a row loses under an answer, between nothing and a known most.

A bounty compares sums of losses, so a loss says how much each row adds above the line, and what the sum is
divided by. That must not depend on the model: rows count one, or their words. Bounds on what a row can
lose are what statements about other rows rest on, so each loss has one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import log
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from supersede.bounty.artefacts.answers import Answers, Codes, Probabilities
from supersede.errors import ArgumentError

__all__ = [
    "Bounded",
    "LogLoss",
    "Loss",
    "PooledErrors",
    "SquaredError",
    "ZeroOne",
    "check_labels",
    "losses_of",
]

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]


class Loss(Protocol):
    """A bounded loss of a row."""

    @property
    def name(self) -> str:
        """The loss in words, such as ``error rate``."""

    @property
    def most(self) -> float:
        """The most that a row can lose."""

    def lost(self, labels: Array, answers: Array, /) -> Floats:
        """What each row loses, in ``[0, most]``, shape ``(n,)``."""

    def out_of(self, labels: Array, /) -> Floats:
        """What each row adds to the sum that losses are divided by, shape ``(n,)``."""


@dataclass(frozen=True)
class ZeroOne:
    """One where the answer is not the label.

    Example:
        >>> ZeroOne().lost(np.array([1, 0, 1]), np.array([1, 1, 0])).tolist()
        [0.0, 1.0, 1.0]
    """

    name: str = "error rate"
    most: float = 1.0

    def lost(self, labels: Array, answers: Array, /) -> Floats:
        """Whether each answer is wrong.

        Raises:
            ArgumentError: Answers are not one a row, such as probabilities.
        """
        if answers.shape != labels.shape:
            msg = f"the {self.name} is of one class a row, not of answers of shape {answers.shape}; use LogLoss()"
            raise ArgumentError(msg)
        return np.asarray(labels != answers, dtype=float)

    def out_of(self, labels: Array, /) -> Floats:
        """One a row."""
        return np.ones(len(labels))


@dataclass(frozen=True)
class SquaredError:
    """The squared difference of answer and label, both of which lie in `span`.

    Attributes:
        span: The least and the largest value that labels and answers may have. Answers beyond are
            moved to its ends: a loss without a bound would leave nothing to say of rows not seen.
    """

    span: tuple[float, float] = (0.0, 1.0)
    name: str = "squared error"

    def __post_init__(self) -> None:
        if not self.span[0] < self.span[1]:
            msg = f"SquaredError(span={self.span}): the first end must lie below the second"
            raise ArgumentError(msg)

    @property
    def most(self) -> float:
        """The square of the span."""
        return (self.span[1] - self.span[0]) ** 2

    def lost(self, labels: Array, answers: Array, /) -> Floats:
        """The squared difference."""
        given = np.clip(np.asarray(answers, float), *self.span)
        return np.asarray((np.asarray(labels, float) - given) ** 2)

    def out_of(self, labels: Array, /) -> Floats:
        """One a row."""
        return np.ones(len(labels))


@dataclass(frozen=True)
class LogLoss:
    """Minus the logarithm of the probability that was given to what happened.

    Attributes:
        floor: Probabilities count as at least this, so that a row loses at most
            ``-log(floor)``. The nearer to 0, the more rows it takes to prove anything.
    """

    floor: float = 0.01
    name: str = "log loss"

    def __post_init__(self) -> None:
        if not 0 < self.floor < 0.5:
            msg = f"LogLoss(floor={self.floor}): expected a number in (0, 0.5)"
            raise ArgumentError(msg)

    @property
    def most(self) -> float:
        """The loss of a row whose label was given the least probability."""
        return -log(self.floor)

    def lost(self, labels: Array, answers: Array, /) -> Floats:
        """The log loss; labels are codes of classes, answers a probability a class, or of class 1.

        Raises:
            ArgumentError: A label is no code of a class.
        """
        score, truth = np.asarray(answers, float), np.asarray(labels)
        check_labels(self, truth, Codes(score.shape[1] if score.ndim == 2 else 2))
        if score.ndim == 2:
            given = np.take_along_axis(score, truth.astype(np.int64)[:, None], axis=1)[:, 0]
        else:
            given = np.where(truth == 1, score, 1 - score)
        return np.asarray(-np.log(np.clip(given, self.floor, 1)))

    def out_of(self, labels: Array, /) -> Floats:
        """One a row."""
        return np.ones(len(labels))


@dataclass(frozen=True)
class PooledErrors:
    """Errors counted over something else than rows, pooled: word errors over words (WER).

    The label of a row is what its errors are counted over (words of the reference), its answer the
    number of errors. Sums are divided, never single rows.

    Attributes:
        most: The most errors of a row that count; more are counted as this many, so that one
            utterance cannot decide everything.

    Example:
        >>> wer = PooledErrors(most=20)
        >>> words, errors = np.array([10, 5]), np.array([2, 1])
        >>> float(wer.lost(words, errors).sum() / wer.out_of(words).sum())
        0.2
    """

    most: float
    name: str = "word error rate"

    def __post_init__(self) -> None:
        if not 0 < self.most < np.inf:
            msg = f"PooledErrors(most={self.most}): expected a positive number"
            raise ArgumentError(msg)

    def lost(self, labels: Array, answers: Array, /) -> Floats:
        """Errors, as far as they count."""
        return np.asarray(np.minimum(np.asarray(answers, float), self.most))

    def out_of(self, labels: Array, /) -> Floats:
        """What errors are counted over."""
        return np.asarray(labels, float)


@dataclass(frozen=True)
class Bounded:
    """Any loss of a row that has a bound.

    Attributes:
        function: From labels and answers to losses, all of shape ``(n,)``.
        most: The most that a row can lose.
        name: The loss in words.
    """

    function: Callable[[Array, Array], npt.ArrayLike] = field(repr=False)
    most: float
    name: str

    def lost(self, labels: Array, answers: Array, /) -> Floats:
        """What the function says."""
        lost: Floats = np.asarray(self.function(labels, answers), dtype=float)
        return lost

    def out_of(self, labels: Array, /) -> Floats:
        """One a row."""
        return np.ones(len(labels))


def check_labels(loss: Loss, labels: Array, answers: Answers) -> None:
    """Refuse labels that no answer can match.

    Raises:
        ArgumentError: Answers are classes or their probabilities, but a label is no code of one.

    Example:
        >>> check_labels(ZeroOne(), np.array(["no", "yes"]), Codes(2))
        Traceback (most recent call last):
        ...
        supersede.errors.ArgumentError: label 'no' of row 0 is no class; labels are codes from 0 to 1, as answers are
    """
    if not isinstance(loss, ZeroOne | LogLoss) or not isinstance(answers, Codes | Probabilities):
        return
    codes = labels.tolist()
    known = set(range(answers.count))
    strange = set(codes) - known  # True and 1.0 are 1
    if strange:
        row = next(i for i, label in enumerate(codes) if label in strange)
        msg = (
            f"label {codes[row]!r} of row {row} is no class; labels are codes from 0 to"
            f" {answers.count - 1}, as answers are"
        )
        raise ArgumentError(msg)


def losses_of(loss: Loss, labels: Array, answers: Array) -> Floats:
    """What each row loses; refuses answers that cannot be graded.

    Raises:
        ArgumentError: Answers do not have the labels' shape or kind, or a loss lies outside its bounds.
    """
    labels, answers = np.asarray(labels), np.asarray(answers)
    if answers.shape[:1] != labels.shape:
        msg = f"answers have shape {answers.shape}; expected one a row: {labels.shape}"
        raise ArgumentError(msg)
    lost: Floats = np.asarray(loss.lost(labels, answers))
    most = loss.most * (1 + 1e-12)
    if lost.shape != labels.shape or not bool(np.all((lost >= 0) & (lost <= most))):
        msg = f"the {loss.name} must have one value a row, in [0, {loss.most:g}]; labels or answers do not fit"
        raise ArgumentError(msg)
    return lost
