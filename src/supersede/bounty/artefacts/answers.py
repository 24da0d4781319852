"""What a model may answer: the code of a class, a number, or a probability for each class."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from supersede.errors import AnswerError, ArgumentError

__all__ = ["Answers", "Codes", "Numbers", "Probabilities"]


class Answers(Protocol):
    """What a model may answer."""

    @property
    def width(self) -> int:
        """Numbers a row."""
        ...

    def check(self, answers: np.ndarray, n: int) -> np.ndarray:
        """The answers in their own type, or a refusal.

        Raises:
            AnswerError: They are none for each row, or outside what they may be.
        """
        ...


@dataclass(frozen=True)
class Codes:
    """Classes, as codes 0 … count - 1 of the owner's list of classes.

    Attributes:
        count: How many classes there are.

    Example:
        >>> import numpy as np
        >>> Codes(2).check(np.array([0.0, 1.0, 1.0]), n=3)
        array([0, 1, 1])
    """

    count: int

    def __post_init__(self) -> None:
        if self.count < 2:
            msg = f"count={self.count}: a choice needs at least two classes"
            raise ArgumentError(msg)

    @property
    def width(self) -> int:
        """One number a row."""
        return 1

    def check(self, answers: np.ndarray, n: int) -> np.ndarray:
        """Shape (n,), int64.

        Raises:
            AnswerError: They are not one whole number in 0 … count - 1 a row.
        """
        found = _one_a_row(answers, n)
        wrong = (found != np.floor(found)) | (found < 0) | (found >= self.count)
        if wrong.any():
            row = int(wrong.argmax())
            msg = (
                f"row {row} is answered with {found[row]:g}; classes are codes from 0 to"
                f" {self.count - 1} ({wrong.sum()} of {n} rows are none)"
            )
            raise AnswerError(msg)
        return found.astype(np.int64)


@dataclass(frozen=True)
class Numbers:
    """One number a row, within a range.

    Attributes:
        low: The smallest that is allowed.
        high: The largest.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            msg = f"the range from {self.low} to {self.high} is empty; give low < high"
            raise ArgumentError(msg)

    @property
    def width(self) -> int:
        """One number a row."""
        return 1

    def check(self, answers: np.ndarray, n: int) -> np.ndarray:
        """Shape (n,), float.

        Raises:
            AnswerError: They are not one number within the range a row.
        """
        found = _one_a_row(answers, n)
        wrong = (found < self.low) | (found > self.high)
        if wrong.any():
            row = int(wrong.argmax())
            msg = (
                f"row {row} is answered with {found[row]:g}, outside {self.low:g} … {self.high:g}"
                f" ({wrong.sum()} of {n} rows are); clip the model's answers"
            )
            raise AnswerError(msg)
        return found


@dataclass(frozen=True)
class Probabilities:
    """A probability for each class, in the order of the owner's list of classes.

    Attributes:
        count: How many classes there are.
    """

    count: int

    def __post_init__(self) -> None:
        if self.count < 2:
            msg = f"count={self.count}: a choice needs at least two classes"
            raise ArgumentError(msg)

    @property
    def width(self) -> int:
        """One number a class."""
        return self.count

    def check(self, answers: np.ndarray, n: int) -> np.ndarray:
        """Shape (n, count), float; each row sums to one.

        Raises:
            AnswerError: They do not.
        """
        found = _finite(answers, (n, self.count))
        wrong = (found < 0).any(axis=1) | (np.abs(found.sum(axis=1) - 1) > 1e-4)
        if wrong.any():
            row = int(wrong.argmax())
            msg = (
                f"row {row} is answered with {found[row].tolist()}; probabilities are at least 0"
                f" and sum to 1 ({wrong.sum()} of {n} rows do not)"
            )
            raise AnswerError(msg)
        normalised: np.ndarray = found / found.sum(axis=1, keepdims=True)
        return normalised


def _one_a_row(answers: np.ndarray, n: int) -> np.ndarray:
    if answers.shape == (n, 1):
        answers = answers[:, 0]
    return _finite(answers, (n,))


def _finite(answers: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if answers.shape != shape:
        msg = f"the answers have the shape {answers.shape}, not {shape}; answer each row, in order"
        raise AnswerError(msg)
    if answers.dtype.kind not in "biuf":
        msg = f"the answers are of type {answers.dtype}, not numbers; classes are answered as codes"
        raise AnswerError(msg)
    found = answers.astype(float)
    bad = ~np.isfinite(found)
    if bad.any():
        row = int(bad.reshape(len(found), -1).any(axis=1).argmax())
        msg = f"row {row} is answered with {answers[row]}; every answer is finite, whatever the row"
        raise AnswerError(msg)
    return found
