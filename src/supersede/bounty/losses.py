"""Losses of a row under an answer, between 0 and a known bound.

A bounty compares sums of losses, so a loss defines each row's numerator and denominator. The
denominator must not depend on the model: rows count one, or their words. Statements about other
rows need a bound on a row's loss, so each loss has one.
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
    "BoundedLogLoss",
    "PooledErrors",
    "RowLoss",
    "SquaredError",
    "ZeroOne",
    "check_labels",
    "losses_of",
]

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]


class RowLoss(Protocol):
    """A bounded loss of a row."""

    @property
    def name(self) -> str:
        """Name of the loss, such as ``error rate``."""

    @property
    def most(self) -> float:
        """The largest possible loss of a row."""

    def lost(self, labels: Array, answers: Array, /) -> Floats:
        """Each row's loss, in ``[0, most]``, shape ``(n,)``."""

    def out_of(self, labels: Array, /) -> Floats:
        """Each row's denominator, shape ``(n,)``."""


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
            ArgumentError: Answers are not one per row, such as probabilities.
        """
        if answers.shape != labels.shape:
            msg = (
                f"the {self.name} needs one class per row, not answers of shape {answers.shape};"
                " use BoundedLogLoss()"
            )
            raise ArgumentError(msg)
        return np.asarray(labels != answers, dtype=float)

    def out_of(self, labels: Array, /) -> Floats:
        """One per row."""
        return np.ones(len(labels))


@dataclass(frozen=True)
class SquaredError:
    """The squared difference of answer and label, both of which lie in `span`.

    Attributes:
        span: The smallest and the largest value of labels and answers. Answers outside are clipped:
            without a bound on the loss, nothing could be stated about unseen rows.
    """

    span: tuple[float, float] = (0.0, 1.0)
    name: str = "squared error"

    def __post_init__(self) -> None:
        if not self.span[0] < self.span[1]:
            msg = f"SquaredError(span={self.span}): the first value must be below the second"
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
        """One per row."""
        return np.ones(len(labels))


@dataclass(frozen=True)
class BoundedLogLoss:
    """Minus the logarithm of the probability given to the observed outcome.

    Attributes:
        floor: Probabilities are raised to at least this value, so that a row's loss is at most
            ``-log(floor)``. The closer to 0, the more rows a proof needs.
    """

    floor: float = 0.01
    name: str = "log loss"

    def __post_init__(self) -> None:
        if not 0 < self.floor < 0.5:
            msg = f"BoundedLogLoss(floor={self.floor}): expected a number in (0, 0.5)"
            raise ArgumentError(msg)

    @property
    def most(self) -> float:
        """The loss of a row whose label has the smallest probability."""
        return -log(self.floor)

    def lost(self, labels: Array, answers: Array, /) -> Floats:
        """The log loss, of class codes and of one probability per class, or that of class 1.

        Raises:
            ArgumentError: A label is not the code of a class.
        """
        score, truth = np.asarray(answers, float), np.asarray(labels)
        check_labels(self, truth, Codes(score.shape[1] if score.ndim == 2 else 2))
        if score.ndim == 2:
            given = np.take_along_axis(score, truth.astype(np.int64)[:, None], axis=1)[:, 0]
        else:
            given = np.where(truth == 1, score, 1 - score)
        return np.asarray(-np.log(np.clip(given, self.floor, 1)))

    def out_of(self, labels: Array, /) -> Floats:
        """One per row."""
        return np.ones(len(labels))


@dataclass(frozen=True)
class PooledErrors:
    """Error counts out of units other than rows, pooled: word errors over words (WER).

    The label of a row is its number of units (words of the reference), its answer the number of
    errors. Sums are divided, never single rows.

    Attributes:
        most: Largest number of errors per row; larger numbers are clipped to it, so that one
            utterance cannot dominate.

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
        """Error counts, clipped."""
        return np.asarray(np.minimum(np.asarray(answers, float), self.most))

    def out_of(self, labels: Array, /) -> Floats:
        """Numbers of units."""
        return np.asarray(labels, float)


@dataclass(frozen=True)
class Bounded:
    """Any bounded loss of a row.

    Attributes:
        function: From labels and answers to losses, all of shape ``(n,)``.
        most: The largest possible loss of a row.
        name: Name of the loss.
    """

    function: Callable[[Array, Array], npt.ArrayLike] = field(repr=False)
    most: float
    name: str

    def lost(self, labels: Array, answers: Array, /) -> Floats:
        """The function's values."""
        lost: Floats = np.asarray(self.function(labels, answers), dtype=float)
        return lost

    def out_of(self, labels: Array, /) -> Floats:
        """One per row."""
        return np.ones(len(labels))


def check_labels(loss: RowLoss, labels: Array, answers: Answers) -> None:
    """Refuse labels that do not match any answer.

    Raises:
        ArgumentError: Answers are classes or their probabilities, but a label is not the code of
            one.

    Example:
        >>> check_labels(ZeroOne(), np.array(["no", "yes"]), Codes(2))
        Traceback (most recent call last):
        ...
        supersede.errors.ArgumentError: label 'no' of row 0 is not a class; labels must be codes
        from 0 to 1, like answers
    """
    if not isinstance(loss, ZeroOne | BoundedLogLoss) or not isinstance(
        answers, Codes | Probabilities
    ):
        return
    codes = labels.tolist()
    known = set(range(answers.count))
    strange = set(codes) - known  # True and 1.0 are equal to 1
    if strange:
        row = next(i for i, label in enumerate(codes) if label in strange)
        msg = (
            f"label {codes[row]!r} of row {row} is not a class; labels must be codes from 0 to"
            f" {answers.count - 1}, like answers"
        )
        raise ArgumentError(msg)


def losses_of(loss: RowLoss, labels: Array, answers: Array) -> Floats:
    """Each row's loss; refuses answers that cannot be graded.

    Raises:
        ArgumentError: Answers do not have the labels' shape or type, or a loss lies outside its
            bounds.
    """
    labels, answers = np.asarray(labels), np.asarray(answers)
    if answers.shape[:1] != labels.shape:
        msg = f"answers have shape {answers.shape}; expected one per row: {labels.shape}"
        raise ArgumentError(msg)
    lost: Floats = np.asarray(loss.lost(labels, answers))
    most = loss.most * (1 + 1e-12)
    if lost.shape != labels.shape or not bool(np.all((lost >= 0) & (lost <= most))):
        msg = (
            f"the {loss.name} must have one value per row, in [0, {loss.most:g}]; check labels and"
            " answers"
        )
        raise ArgumentError(msg)
    return lost
